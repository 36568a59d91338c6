"""How far forecasts were off, out of sample: ours beside the plain ones it is made of."""

from collections.abc import Sequence

import msgspec

from backtests.walkforward.moments import Moment
from backtests.walkforward.series import Pair
from messages import HOURS_PER_YEAR

WARMUP_HOURS = 24 * 30
COVERAGE_MIN = 0.9  # of the horizon, by record


class ForecastErrors(msgspec.Struct, frozen=True):
    """Root mean squared errors of one pair and horizon, annual rates as fractions; None where too little is on record."""

    label: str
    horizon_hours: int
    forecasts: int
    last_apr: float
    day_apr: float
    week_apr: float
    zero_apr: float
    ours_apr: float
    stated_apr: float  # what ours said its error was, in the root mean square

    @property
    def best_benchmark_apr(self) -> float:
        """The smallest error of last value, 24 h mean and 7 d mean."""
        return min(self.last_apr, self.day_apr, self.week_apr)


def forecast_errors(pair: Pair, moments: Sequence[Moment], horizon_hours: int) -> ForecastErrors | None:
    """Return the errors of every forecast whose whole horizon is on record, after a warm-up; None without any."""
    squares: list[tuple[float, ...]] = []
    begin = pair.boundaries.start + WARMUP_HOURS
    for moment in moments:
        realized = _realized_apr(pair, moment.boundary, horizon_hours)
        last, day, week = moment.candidates[:3]
        if moment.boundary < begin or realized is None or last is None or day is None or week is None:
            continue
        made = moment.forecasts[horizon_hours]
        errors = (last - realized, day - realized, week - realized, realized, float(made.apr_mean) - realized)
        squares.append((*(error**2 for error in errors), float(made.apr_error) ** 2))
    if not squares:
        return None
    means = (sum(column) / len(squares) for column in zip(*squares, strict=True))
    return ForecastErrors(pair.label, horizon_hours, len(squares), *(mean**0.5 for mean in means))


def _realized_apr(pair: Pair, boundary: int, horizon_hours: int) -> float | None:
    """Return the mean annual rate a pair held over the horizon was charged at, by the hours that are on record."""
    hours = [hour for hour in range(boundary + 1, boundary + horizon_hours + 1) if pair.is_known(hour)]
    if len(hours) < COVERAGE_MIN * horizon_hours:
        return None
    return sum(pair.paid(hour) for hour in hours) / len(hours) * HOURS_PER_YEAR
