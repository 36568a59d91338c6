"""What a walk leaves behind: forecast errors, one line per rule, the parameters of every fold and the look-ahead checks."""

from collections.abc import Sequence

import msgspec

from backtests.walkforward.errors import ForecastErrors
from backtests.walkforward.trading import Trade
from messages import HOURS_PER_YEAR

BPS = 10_000


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One rule on one pair over all of its test windows; `_bps` are of one leg's notional, costs are negative."""

    label: str
    rule: str
    cost_scale: int
    trades: int
    won: int
    hours_known: int  # on record in the test windows
    hours_held: int
    funding_bps: float
    cost_bps: float
    worst_bps: float  # of a single trade

    @property
    def net_bps(self) -> float:
        """Funding less costs."""
        return self.funding_bps + self.cost_bps

    @property
    def net_apr(self) -> float:
        """The net per year of record, a fraction of one leg's notional."""
        return self.net_bps / BPS * HOURS_PER_YEAR / self.hours_known if self.hours_known else 0.0


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of one fold, chosen on its training window, and what they brought there and in its test window."""

    label: str
    cost_scale: int
    train_start_ns: int
    test_start_ns: int
    test_end_ns: int
    parameters: str
    train_net_bps: float
    test_net_bps: float
    test_trades: int


class LookAhead(msgspec.Struct, frozen=True, kw_only=True):
    """Whether another future changed an earlier decision, and what knowing an hour ahead would have been worth."""

    label: str
    cut_ns: int
    first_leak_ns: int | None
    net_bps: float
    early_net_bps: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One finished walk."""

    errors: tuple[ForecastErrors, ...]
    lines: tuple[Line, ...]
    chosen: tuple[Chosen, ...]
    looks: tuple[LookAhead, ...]
    sources: tuple[str, ...]
    limits: tuple[str, ...]
    wall_secs: float


def line(label: str, rule: str, cost_scale: int, trades: Sequence[Trade], hours_known: int) -> Line:
    """Return the sum of a rule's trades."""
    return Line(
        label=label,
        rule=rule,
        cost_scale=cost_scale,
        trades=len(trades),
        won=sum(trade.net > 0 for trade in trades),
        hours_known=hours_known,
        hours_held=sum(trade.hours for trade in trades),
        funding_bps=BPS * sum(trade.funding for trade in trades),
        cost_bps=BPS * sum(trade.cost for trade in trades),
        worst_bps=BPS * min((trade.net for trade in trades), default=0.0),
    )


def net_bps(trades: Sequence[Trade]) -> float:
    """Return what trades brought in all."""
    return BPS * sum(trade.net for trade in trades)
