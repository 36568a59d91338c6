"""What could be known at each hour's beginning: the live history classes, fed with what had been published by then."""

from collections.abc import Callable, Sequence

import msgspec

from backtests.dataset import HOUR_NS
from backtests.walkforward.series import HYPERLIQUID, Pair
from messages import FundingClock
from strategies.forecast import Candidates, Forecast
from strategies.funding_history import FundingHistory

SEEN_NS = 5_000_000_000  # a decision falls this long after the hour: behind 99 % of all settlement stamps


class Moment(msgspec.Struct, frozen=True):
    """One hour's beginning; rates are annual, of the direction short on Hyperliquid."""

    boundary: int
    hyperliquid_apr: float  # the running hour's rate as it is known
    other_apr: float
    candidates: Candidates  # the plain forecasts: last hour, 24 h, 7 d, 30 d, zero
    forecasts: dict[int, Forecast]  # by horizon in hours

    @property
    def spread_apr(self) -> float:
        """The differential as it is published now."""
        return self.hyperliquid_apr - self.other_apr


def moments(pair: Pair, horizons: Sequence[int], on_hour: Callable[[int], None] = lambda _: None) -> list[Moment]:
    """Return every moment at which the hour before is on record and a forecast exists, in time order."""
    history, found = FundingHistory(FundingClock()), list[Moment]()
    rows = sorted((*pair.hyperliquid.published, *pair.other.published), key=lambda row: row.ts_ns)
    position = 0
    for boundary in pair.boundaries:
        now_ns = boundary * HOUR_NS + SEEN_NS
        while position < len(rows) and rows[position].ts_ns <= now_ns:
            history.observe(rows[position])
            position += 1
        on_hour(boundary)
        moment = _moment(pair, history, boundary, horizons) if pair.is_known(boundary) else None
        if moment is not None:
            found.append(moment)
    return found


def _moment(pair: Pair, history: FundingHistory, boundary: int, horizons: Sequence[int]) -> Moment | None:
    now_ns = boundary * HOUR_NS + SEEN_NS
    here, there = history.nowcast(HYPERLIQUID), history.nowcast(pair.other.venue)
    made = {horizon: history.forecast(pair.direction, now_ns, horizon) for horizon in horizons}
    known = {horizon: forecast for horizon, forecast in made.items() if forecast is not None}
    if here is None or there is None or len(known) < len(made):
        return None
    candidates = history.candidates(pair.direction, now_ns, horizons[0])
    return Moment(boundary, float(here), float(there), candidates, known)
