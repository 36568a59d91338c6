"""The mempool: what is accepted, what is refused with which code, and what is executed next."""

from typing import TYPE_CHECKING

from simulators.faults import FaultKind
from simulators.starknet import constants
from simulators.starknet.blocks import Record
from simulators.starknet.execution import VALIDATION_GAS
from simulators.starknet.transactions import Invoke

if TYPE_CHECKING:
    from simulators.starknet.chain import Chain

VERSION = 3


class Refused(Exception):
    """A JSON-RPC error: its code, and data where the code has some."""

    def __init__(self, code: int, data: object = None) -> None:
        super().__init__(code, data)
        self.code, self.data = code, data


class Mempool:
    """Transactions waiting for execution, at most one for each nonce of an account."""

    def __init__(self, chain: "Chain") -> None:
        self._chain = chain
        self._waiting: dict[tuple[int, int], Record] = {}  # (sender, nonce)

    def add(self, invoke: Invoke, now_ns: int) -> Record:
        """Accept a transaction. Raise Refused with the node's code."""
        chain = self._chain
        account = chain.accounts.get(invoke.sender)
        if account is not None and chain.faults.take(FaultKind.NONCE_RACE):
            chain.foreign(invoke.sender, chain.nonces[invoke.sender], now_ns)
        if invoke.version != VERSION:
            raise Refused(61)
        self._check_bounds(invoke)
        if account is None:
            raise Refused(55, f"Contract {hex(invoke.sender)} is not deployed.")
        self._check_nonce(invoke)
        if chain.state.balance(constants.STRK, invoke.sender) < invoke.worst_fee:
            raise Refused(54)
        if not invoke.is_signed_by(account.public_key):
            raise Refused(55, "Account validation failed: invalid signature.")
        self._check_replacement(invoke)
        return self._enter(invoke, now_ns)

    def next_nonce(self, sender: int) -> int:
        """Return the first nonce of an account that is neither executed nor waiting."""
        nonce = self._chain.nonces[sender]
        while (sender, nonce) in self._waiting:
            nonce += 1
        return nonce

    def next_due(self, now_ns: int) -> Record | None:
        """Return the transaction to execute next: due, next in its account, and offering today's gas prices."""
        ready = [
            record
            for (sender, nonce), record in self._waiting.items()
            if nonce == self._chain.nonces[sender]
            and record.due_ns is not None
            and record.due_ns <= now_ns
            and record.invoke is not None
            and self._pays_todays_price(record.invoke)
        ]
        return min(ready, key=lambda record: (record.due_ns or 0, record.received_ns), default=None)

    def remove(self, record: Record) -> None:
        """Take a transaction out, because it is executed."""
        self._waiting.pop((record.sender, record.nonce), None)

    def forget(self, record: Record) -> None:
        """Take a transaction out and know nothing more of it."""
        self.remove(record)
        self._chain.records.pop(record.digest, None)

    def drop_lost(self, now_ns: int) -> None:
        """Forget the transactions whose time to be forgotten has come."""
        for record in [each for each in self._waiting.values() if each.drop_ns is not None and now_ns >= each.drop_ns]:
            self.forget(record)

    def release(self, now_ns: int) -> None:
        """Let every stuck transaction be executed."""
        for record in self._waiting.values():
            record.due_ns = record.due_ns or now_ns

    def _check_bounds(self, invoke: Invoke) -> None:
        if invoke.l2_gas.max_amount < VALIDATION_GAS:
            raise Refused(53)
        if not self._pays_todays_price(invoke):
            raise Refused(65, f"L2 gas price is at least {self._chain.gas_prices().l2_gas}.")

    def _pays_todays_price(self, invoke: Invoke) -> bool:
        prices = self._chain.gas_prices()
        return invoke.l2_gas.max_price >= prices.l2_gas and invoke.l1_data_gas.max_price >= prices.l1_data_gas

    def _check_nonce(self, invoke: Invoke) -> None:
        nonce, following = self._chain.nonces[invoke.sender], self.next_nonce(invoke.sender)
        if not nonce <= invoke.nonce <= following + self._chain.settings.max_nonce_gap:
            where, expected = hex(invoke.sender), hex(nonce)
            text = (
                f"Invalid transaction nonce of contract at address {where}. Account nonce: {expected}; got: {hex(invoke.nonce)}."
            )
            raise Refused(52, text)

    def _check_replacement(self, invoke: Invoke) -> None:
        waiting = self._waiting.get((invoke.sender, invoke.nonce))
        if waiting is None or waiting.invoke is None:
            return
        if waiting.digest == invoke.digest:
            raise Refused(59)
        bump = 100 + self._chain.settings.replacement_bump_percent
        old = waiting.invoke
        if invoke.l2_gas.max_price * 100 < old.l2_gas.max_price * bump or invoke.tip * 100 < old.tip * bump:
            raise Refused(64)
        self.forget(waiting)

    def _enter(self, invoke: Invoke, now_ns: int) -> Record:
        chain, faults = self._chain, self._chain.faults
        due_ns: int | None = now_ns + round(chain.settings.pre_confirmed_secs * 1e9)
        if stuck := faults.take(FaultKind.STUCK_TRANSACTION):
            due_ns = now_ns + round(stuck.secs * 1e9) if stuck.secs else None
        record = Record(invoke.digest, invoke.sender, invoke.nonce, now_ns, due_ns, invoke)
        if dropped := faults.take(FaultKind.DROP_TRANSACTION):
            record.due_ns, record.drop_ns = None, now_ns + round(dropped.secs * 1e9)
        chain.records[record.digest] = record
        self._waiting[invoke.sender, invoke.nonce] = record
        return record


def wrong_nonce(sender: int, expected: int, got: int) -> str:
    """Return how the node words error 52."""
    return f"Invalid transaction nonce of contract at address {hex(sender)}. Account nonce: {hex(expected)}; got: {hex(got)}."
