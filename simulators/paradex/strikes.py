"""Faults that strike the whole venue at a moment, and end by themselves where they last."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from simulators.faults import Fault, FaultKind
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import ZERO

if TYPE_CHECKING:
    from simulators.paradex.exchange import Exchange

MAINTENANCE_WINDOW = "window"


class Strikes:
    """Takes due faults off the board and applies them to an exchange."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._ends: list[tuple[int, Callable[[], None]]] = []
        self._states: list[tuple[int, str]] = []
        self._strikes: dict[FaultKind, Callable[[Fault, int], None]] = {
            FaultKind.SYSTEM_STATE: self._system_state,
            FaultKind.REVOKE_TOKENS: lambda _fault, _now: exchange.registry.revoke_all(),
            FaultKind.EXHAUST_LIMIT: lambda fault, now: exchange.limiter.exhaust(fault.path, now / 1e9 + fault.secs),
            FaultKind.CLOCK_OFFSET: self._clock_offset,
            FaultKind.RESET_INDEX: self._reset_index,
            FaultKind.ROLLBACK: self._rollback,
            FaultKind.PRICE_SHOCK: self._price_shock,
            FaultKind.WIDE_BBO: self._wide_bbo,
            FaultKind.ACCOUNT_STATUS: self._account_status,
        }

    def step(self, now_ns: int) -> None:
        """Strike with what is due at `now_ns` and end what is over."""
        over = [end for until_ns, end in self._ends if now_ns >= until_ns]
        self._ends = [item for item in self._ends if now_ns < item[0]]
        for end in over:
            end()
        while self._states and now_ns >= self._states[0][0]:
            self._exchange.engine.system_state = self._states.pop(0)[1]
        everything = " ".join((*self._exchange.markets, *self._exchange.limiter.scopes))
        for kind, strike in self._strikes.items():
            if fault := self._exchange.faults.take(kind, everything):
                strike(fault, now_ns)

    def forget_states(self) -> None:
        """Let the system state stay as it is."""
        self._states.clear()

    def _system_state(self, fault: Fault, now_ns: int) -> None:
        if fault.reason == MAINTENANCE_WINDOW:
            self._exchange.set_system_state("cancel_only")
            self._states = [(_after(now_ns, fault.secs), "post_only"), (_after(now_ns, 2 * fault.secs), "ok")]
            return
        self._exchange.set_system_state(fault.reason or "maintenance")
        if fault.secs:
            self._states = [(_after(now_ns, fault.secs), "ok")]

    def _rollback(self, fault: Fault, now_ns: int) -> None:
        self._exchange.rollback(fault.secs, now_ns)

    def _clock_offset(self, fault: Fault, _now_ns: int) -> None:
        self._exchange.settings.clock_offset_secs = fault.secs

    def _reset_index(self, fault: Fault, now_ns: int) -> None:
        for market in self._named(fault):
            was = market.reset_index()
            for account in self._exchange.registry.accounts.values():
                account.rebase_funding(market.symbol, was)
            self._exchange.engine.feed.funding(market, market.take_sample(now_ns))

    def _price_shock(self, fault: Fault, now_ns: int) -> None:
        def move(fraction: Decimal) -> None:
            for market in self._named(fault):
                market.price_shock = fraction

        move(Decimal(fault.reason))
        self._end_later(fault, now_ns, lambda: move(ZERO))

    def _wide_bbo(self, fault: Fault, now_ns: int) -> None:
        def widen(fraction: Decimal) -> None:
            for market in self._named(fault):
                market.bbo_widening = fraction

        widen(Decimal(fault.reason))
        self._end_later(fault, now_ns, lambda: widen(ZERO))

    def _account_status(self, fault: Fault, now_ns: int) -> None:
        self._set_status(fault.reason or "RESYNC")
        self._end_later(fault, now_ns, lambda: self._set_status("ACTIVE"))

    def _set_status(self, status: str) -> None:
        for account in self._exchange.registry.accounts.values():
            account.status = status
            self._exchange.engine.feed.account(account)

    def _named(self, fault: Fault) -> Iterable[ParadexMarket]:
        return [market for market in self._exchange.markets.values() if fault.path in market.symbol]

    def _end_later(self, fault: Fault, now_ns: int, end: Callable[[], None]) -> None:
        if fault.secs:
            self._ends.append((_after(now_ns, fault.secs), end))


def _after(now_ns: int, secs: float) -> int:
    return now_ns + round(secs * 1e9)
