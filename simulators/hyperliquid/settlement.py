"""The hourly settlement: every user with a position pays or is paid on the oracle's notional."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulators.faults import FaultBoard, FaultKind
from simulators.hyperliquid import frames
from simulators.hyperliquid.events import Event
from simulators.hyperliquid.funding import CoinFunding, SettledRate
from simulators.hyperliquid.users import FundingPaid, User
from simulators.market import Market
from simulators.tape import Tape, TapeClock

CASH_STEP_USD = Decimal("0.000001")
PAST_HOURS = 48  # settled rates from before the start
STAMP_LAG_MS = 33  # rows are stamped a little after the hour


class Settlement:
    """Settles each hour once; `funding` holds every coin's running hour and past."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        users: Mapping[str, User],
        outbox: list[Event],
        *,
        tape: Tape,
        clock: TapeClock,
        faults: FaultBoard,
    ) -> None:
        self.funding = {name: CoinFunding() for name in markets}
        self._markets, self._users, self._outbox, self._faults = markets, users, outbox, faults
        self._hour_ns = clock.funding.hour_start_ns(clock.start_ns)
        self._length_ns = clock.funding.hour_ns
        self._late: list[tuple[int, User, dict[str, Any]]] = []  # payments told later: due, whose, row
        self._recall(tape, clock)

    def until(self, now_ns: int) -> None:
        """Settle the hours that have ended and tell what a fault held back."""
        while now_ns >= self._hour_ns + self._length_ns:
            self._hour_ns += self._length_ns
            self._settle(self._hour_ns)
        due = [item for item in self._late if item[0] <= now_ns]
        self._late = [item for item in self._late if item[0] > now_ns]
        for _, user, row in due:
            self._tell(user, row)

    def _recall(self, tape: Tape, clock: TapeClock) -> None:
        """Enter the rates of the hours before the start, so that the venue has a past."""
        for past in range(PAST_HOURS, 0, -1):
            time_ns = self._hour_ns - (past - 1) * self._length_ns
            for name, funding in self.funding.items():
                point = tape.at(clock.hours(time_ns) - 0.5, name)
                funding.sample(point.hyperliquid_premium, point.hyperliquid_rate_per_hour)
                funding.settle(time_ns // 1_000_000)

    def _settle(self, boundary_ns: int) -> None:
        for name, funding in self.funding.items():
            settled = funding.settle(boundary_ns // 1_000_000 + STAMP_LAG_MS)
            for user in self._users.values():
                if user.account.size(name):
                    self._pay(user, name, settled, boundary_ns)

    def _pay(self, user: User, name: str, settled: SettledRate, boundary_ns: int) -> None:
        """Move one user's funding, -size * oracle price * rate, to a millionth of a USDC."""
        size = user.account.size(name)
        usdc = (-size * self._markets[name].oracle_usd * settled.rate_per_hour).quantize(CASH_STEP_USD)
        user.account.cash_usd += usdc
        if name in user.isolated_usd:
            user.isolated_usd[name] += usdc
        paid = user.funding_paid.setdefault(name, FundingPaid())
        paid.all_time -= usdc
        paid.since_open -= usdc
        paid.since_change -= usdc
        row = {
            "time": settled.time_ms,
            "coin": name,
            "usdc": frames.number(usdc),
            "szi": frames.number(size),
            "fundingRate": frames.number(settled.rate_per_hour),
            "nSamples": None,
        }
        if self._faults.take(FaultKind.OMIT_FUNDING, name):
            return
        if late := self._faults.take(FaultKind.DELAY_FUNDING, name):
            self._late.append((boundary_ns + round(late.secs * 1e9), user, row))
        else:
            self._tell(user, row)

    def _tell(self, user: User, row: dict[str, Any]) -> None:
        user.fundings.append(row)
        self._outbox.append(Event(user.address, "funding", row))
