"""The chain's state: who holds what, who may spend what, and the pools; forked for every execution."""

from dataclasses import dataclass, field

from simulators.starknet.pairs import Pair
from simulators.starknet.pools import Pool, PoolKey


class Reverted(Exception):
    """A contract refused: its message, and where."""

    def __init__(self, message: str, contract: int = 0, selector: int = 0) -> None:
        super().__init__(message)
        self.message, self.contract, self.selector = message, contract, selector


@dataclass(slots=True)
class State:
    """Everything a transaction may change; values are immutable, so a fork is a shallow copy."""

    balances: dict[tuple[int, int], int] = field(default_factory=dict)  # (token, holder) -> raw units
    allowances: dict[tuple[int, int, int], int] = field(default_factory=dict)  # (token, owner, spender) -> raw units
    pools: dict[PoolKey, Pool] = field(default_factory=dict)
    pairs: dict[int, Pair] = field(default_factory=dict)

    def fork(self) -> "State":
        """Return a copy whose changes do not reach this state."""
        return State(dict(self.balances), dict(self.allowances), dict(self.pools), dict(self.pairs))

    def balance(self, token: int, holder: int) -> int:
        """Return what `holder` has of `token`, raw units."""
        return self.balances.get((token, holder), 0)

    def move(self, token: int, sender: int, receiver: int, amount: int) -> None:
        """Move tokens. Raise Reverted when the sender has fewer."""
        if self.balance(token, sender) < amount:
            raise Reverted("ERC20: insufficient balance")
        self.balances[token, sender] = self.balance(token, sender) - amount
        self.balances[token, receiver] = self.balance(token, receiver) + amount

    def mint(self, token: int, holder: int, amount: int) -> None:
        """Give tokens from outside the chain (negative: take them)."""
        self.balances[token, holder] = self.balance(token, holder) + amount
