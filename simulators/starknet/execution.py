"""One transaction while it runs: the forked state, the events it emitted and the gas it used."""

from dataclasses import dataclass, field

from simulators.starknet import constants
from simulators.starknet.state import Reverted, State
from simulators.starknet.tokens import BY_ADDRESS
from simulators.starknet.words import halves

VALIDATION_GAS = 4_000_000
CALL_GAS = 1_500_000
SWAP_GAS = 9_000_000
HOP_GAS = 8_000_000
DATA_GAS = 192
DATA_GAS_PER_CALL = 576


@dataclass(frozen=True, slots=True)
class Event:
    """An event as receipts tell it."""

    contract: int
    keys: tuple[int, ...]
    data: tuple[int, ...]


@dataclass(slots=True)
class Execution:
    """What contracts act upon; `fees_bps` are the exchange's fees for one route and for more."""

    state: State
    fees_bps: tuple[int, int]
    events: list[Event] = field(default_factory=list)
    l2_gas: int = VALIDATION_GAS
    l1_data_gas: int = DATA_GAS

    def emit(self, contract: int, keys: tuple[int, ...], data: tuple[int, ...]) -> None:
        """Record an event."""
        self.events.append(Event(contract, keys, data))

    def transfer(self, token: int, sender: int, receiver: int, amount: int) -> None:
        """Move tokens and tell it the way the token's contract does. Raise Reverted when there are too few."""
        if self.state.balance(token, sender) < amount:
            raise Reverted(_lacking(token, "ERC20: insufficient balance"))
        self.state.move(token, sender, receiver, amount)
        self._tell(token, constants.TRANSFER_EVENT, sender, receiver, amount)

    def approve(self, token: int, owner: int, spender: int, amount: int) -> None:
        """Let `spender` move up to `amount`."""
        self.state.allowances[token, owner, spender] = amount
        self._tell(token, constants.APPROVAL_EVENT, owner, spender, amount)

    def transfer_from(self, token: int, spender: int, owner: int, amount: int) -> None:
        """Take tokens on an approval. Raise Reverted when approval or balance do not cover it."""
        allowed = self.state.allowances.get((token, owner, spender), 0)
        if allowed < amount:
            raise Reverted(_lacking(token, "ERC20: insufficient allowance"))
        self.transfer(token, owner, spender, amount)
        self.approve(token, owner, spender, allowed - amount)

    def _tell(self, token: int, event: int, first: int, second: int, amount: int) -> None:
        if BY_ADDRESS[token].keyed:
            self.emit(token, (event, first, second), halves(amount))
        else:
            self.emit(token, (event,), (first, second, *halves(amount)))


def _lacking(token: int, modern: str) -> str:
    """Return how a token's contract says no: the older ones know only arithmetic."""
    return modern if BY_ADDRESS[token].keyed else "u256_sub Overflow"
