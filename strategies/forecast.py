"""What a pair's funding is going to be over the holding horizon: a combination of simple forecasts, each as good as it was.

The candidates are the last hour, the means of the last 24 hours, 7 days and 30 days, and nothing at all (both
venues are pulled to the same resting rate). Each is weighted by the inverse square of the mean squared error
it has had so far at this very horizon (Bates and Granger, The combination of forecasts, 1969; the power is that
of Stock and Watson, 1998), old errors counting less. Nothing is known of a forecast's error before
its whole horizon has passed, so no future leaks in.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

WINDOWS_HOURS = (1, 24, 168, 720)  # the candidates' means; one more candidate says zero
CANDIDATES = len(WINDOWS_HOURS) + 1
COVERAGE_MIN = 0.5  # a mean needs this share of its hours; missing ones stay missing
ERROR_HALF_LIFE_HOURS = 720.0
PRIOR_ERROR_APR = 0.08  # what a forecast is off by before any has been scored: the usual size on recorded pairs
PRIOR_HORIZONS = 2.0  # how many horizons' worth of errors that counts as
POWER = 2
GAIN_MAX = 1e9

type Candidates = tuple[float | None, ...]


class Forecast(msgspec.Struct, frozen=True):
    """The expected mean annual rate over the horizon and its standard error, both fractions."""

    apr_mean: Decimal
    apr_error: Decimal


class Forecaster:
    """Forecasts one hourly series of annual rates over one horizon; fed hour by hour, bounded memory."""

    def __init__(self, horizon_hours: int) -> None:
        if horizon_hours < 1:
            raise ValueError(f"a horizon has at least one hour, was {horizon_hours}")
        self.horizon_hours = horizon_hours
        kept = max(*WINDOWS_HOURS, horizon_hours) + 1
        self._sums = deque([0.0], maxlen=kept)
        self._counts = deque([0], maxlen=kept)
        self._made: deque[Candidates] = deque(maxlen=horizon_hours)  # forecasts whose horizon is still running
        self._products = [[0.0] * CANDIDATES for _ in range(CANDIDATES)]  # sums of error products, each times its gain
        self._numbers = [[0.0] * CANDIDATES for _ in range(CANDIDATES)]  # sums of the gains
        self._gain = 1.0  # of the next errors: it grows instead of the old sums being made smaller
        self._shares: dict[int, float] | None = None
        self._error = _decimal(PRIOR_ERROR_APR)

    def advance(self, apr: float | None) -> None:
        """Take the next hour's annual rate, None where it is not known, and score the forecast whose horizon ends with it."""
        self._sums.append(self._sums[-1] + (apr or 0.0))
        self._counts.append(self._counts[-1] + (apr is not None))
        realized = self._mean(self.horizon_hours)
        if realized is not None and len(self._made) == self.horizon_hours:
            self._score([None if value is None else value - realized for value in self._made[0]])
        self._made.append(self.candidates())
        self._shares = None
        self._gain *= 2 ** (1 / ERROR_HALF_LIFE_HOURS)
        if self._gain > GAIN_MAX:
            self._rescale()

    def _score(self, errors: Sequence[float | None]) -> None:
        known = [(index, error) for index, error in enumerate(errors) if error is not None]
        for i, first in known:
            products, numbers, weighted = self._products[i], self._numbers[i], first * self._gain
            for j, second in known:
                products[j] += weighted * second
                numbers[j] += self._gain

    def _rescale(self) -> None:
        for table in (self._products, self._numbers):
            for row in table:
                row[:] = [value / self._gain for value in row]
        self._gain = 1.0

    def _mean(self, hours: int) -> float | None:
        """Return the mean of the last `hours` hours, None where too few of them are known."""
        if len(self._sums) <= hours * COVERAGE_MIN:
            return None
        back = min(hours, len(self._sums) - 1)
        known = self._counts[-1] - self._counts[-1 - back]
        return (self._sums[-1] - self._sums[-1 - back]) / known if known >= hours * COVERAGE_MIN else None

    def candidates(self) -> Candidates:
        """Return what each candidate says now: the means by rising window (None: not enough known), and zero."""
        return (*(self._mean(hours) for hours in WINDOWS_HOURS), 0.0)

    def forecast(self, latest_apr: float | None = None) -> Forecast | None:
        """Return the combination, None before any hour is known; `latest_apr` speaks for the last hour where it is newer."""
        candidates = self.candidates()
        if latest_apr is not None:
            candidates = (latest_apr, *candidates[1:])
        if not self._counts[-1]:
            return None
        shares = self._combination([index for index, value in enumerate(candidates) if value is not None])
        mean = sum(share * (candidates[index] or 0.0) for index, share in shares.items())
        return Forecast(_decimal(mean), self._error)

    def _combination(self, usable: list[int]) -> dict[int, float]:
        """Return the candidates' shares, which sum to 1; without any evidence all are equal."""
        if self._shares is None or list(self._shares) != usable:
            inverse = [self._moment(index, index) ** -POWER for index in usable]
            self._shares = {index: value / sum(inverse) for index, value in zip(usable, inverse, strict=True)}
            self._error = _decimal(self._error_variance(self._shares) ** 0.5)
        return self._shares

    def _moment(self, first: int, second: int) -> float:
        """Return the mean product of two candidates' errors, drawn to the prior while few horizons have passed."""
        horizons = self._numbers[first][second] / self._gain / self.horizon_hours
        known = self._products[first][second] / self._gain / self.horizon_hours
        return (known + PRIOR_HORIZONS * PRIOR_ERROR_APR**2) / (horizons + PRIOR_HORIZONS)

    def _error_variance(self, shares: Mapping[int, float]) -> float:
        """Return the variance of the combination's error: w' S w, S the candidates' joint second moments."""
        return max(0.0, sum(a * b * self._moment(i, j) for i, a in shares.items() for j, b in shares.items()))


def forecast(history: Mapping[int, float], now_hour: int, horizon_hours: int) -> Forecast | None:
    """Return the forecast made when `now_hour` begins; `history` holds annual rates by funding hour, later ones are not read."""
    known = sorted(hour for hour in history if hour < now_hour)
    if not known:
        return None
    forecaster = Forecaster(horizon_hours)
    for hour in range(known[0], now_hour):
        forecaster.advance(history.get(hour))
    return forecaster.forecast()


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.8f}")
