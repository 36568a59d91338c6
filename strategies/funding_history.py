"""Remembers what venues published of one asset, hour by hour, and answers with nowcasts and forecasts; bounded, no I/O."""

from collections.abc import Iterator
from decimal import Decimal

from messages import FundingClock
from strategies.forecast import CANDIDATES, Candidates, Forecast, Forecaster
from strategies.funding import Direction, Publication, Published, nowcast

HOURS_KEPT = 24 * 90
HOURS_SILENT_MAX = 24  # a pair of which nothing has been known for longer is not forecast
HOURS_EXPECTED = 24
PHASE_MIN = Decimal("0.9")  # a running average that covered less of its hour when the hour ended stands for nothing


class VenueHours:
    """One venue's mean annual rate of each funding hour, as far as it is known."""

    def __init__(self, clock: FundingClock) -> None:
        self._clock = clock
        self._hours: dict[int, float] = {}
        self._latest: Published | None = None
        self.oldest = self.newest = -1  # of the hours that are known; -1 before the first
        self._samples = (0, 0.0, 0)  # the running hour, the sum and the number of the rates in force in it
        self._nowcast: Decimal | None = None  # worked out once for what is known
        self.corrections = 0  # how often an hour was learnt out of turn

    def observe(self, published: Published) -> None:
        """Take what the venue published, in any order; only what is news moves the running hour."""
        if published.kind is Publication.SETTLED:
            end = self._hour(published.ts_ns)
            for hour in range(end - max(1, int(published.rate.period_hours)), end):
                self._learn(hour, float(published.rate.apr))
        elif published.kind is Publication.IN_FORCE:
            self._sample(self._hour(published.ts_ns), float(published.rate.apr))
        if self._latest is None or published.ts_ns >= self._latest.ts_ns:
            self.close(published.ts_ns)
            self._latest, self._nowcast = published, None

    def close(self, now_ns: int) -> None:
        """Enter the hours that have ended by `now_ns`."""
        now_hour = self._hour(now_ns)
        hour, total, number = self._samples
        if number and hour < now_hour:
            self._learn(hour, total / number)
            self._samples = (now_hour, 0.0, 0)
        latest = self._latest
        if latest is None or latest.kind is not Publication.RUNNING_AVERAGE or latest.phase(self._clock) < PHASE_MIN:
            return
        if self._hour(latest.ts_ns) < now_hour and self._hour(latest.ts_ns) not in self._hours:
            self._learn(self._hour(latest.ts_ns), float(latest.rate.apr))

    def _sample(self, hour: int, apr: float) -> None:
        running, total, number = self._samples
        if hour < running:  # from the venue's memory: one sample an hour, which its smoothing makes nearly the hour's mean
            if hour not in self._hours:
                self._learn(hour, apr)
        elif hour == running:
            self._samples = (hour, total + apr, number + 1)
        else:
            if number:
                self._learn(running, total / number)
            self._samples = (hour, apr, 1)

    def _learn(self, hour: int, apr: float) -> None:
        if self._hours.get(hour) == apr:
            return
        self._nowcast = None
        self.corrections += hour <= self.newest
        self._hours[hour] = apr
        self.newest = max(self.newest, hour)
        self.oldest = hour if self.oldest < 0 else min(self.oldest, hour)
        if len(self._hours) > HOURS_KEPT:
            del self._hours[self.oldest]
            self.oldest = next(later for later in range(self.oldest + 1, self.newest + 1) if later in self._hours)

    def apr(self, hour: int) -> float | None:
        """Return an hour's mean annual rate, None where it is not known."""
        return self._hours.get(hour)

    def nowcast(self) -> Decimal | None:
        """Return the annual rate at which the running hour is going to be charged, None before the first publication."""
        if self._nowcast is None and self._latest is not None:
            expected_apr = self._expected_apr(self._hour(self._latest.ts_ns))
            self._nowcast = nowcast(self._latest, expected_apr, self._clock)
        return self._nowcast

    def _expected_apr(self, hour: int) -> Decimal | None:
        """Return the middle between the last hour and the mean of a day: either alone is off by more, one hour ahead."""
        day = [apr for back in range(1, HOURS_EXPECTED + 1) if (apr := self._hours.get(hour - back)) is not None]
        if not day:
            return None
        return Decimal(f"{(day[0] + sum(day) / len(day)) / 2:.8f}")

    def _hour(self, ts_ns: int) -> int:
        return ts_ns // self._clock.hour_ns


class FundingHistory:
    """What both venues published of one asset."""

    def __init__(self, clock: FundingClock) -> None:
        self._clock = clock
        self._venues: dict[str, VenueHours] = {}
        self._forecasters: dict[tuple[str, str, int], _Fed] = {}

    def observe(self, published: Published) -> None:
        """Take a rate as a venue publishes it, or a row of its past."""
        self._venues.setdefault(published.venue, VenueHours(self._clock)).observe(published)

    def nowcast(self, venue: str) -> Decimal | None:
        """Return the annual rate (a fraction) of the running hour on a venue, None where it has published nothing."""
        return self._venues[venue].nowcast() if venue in self._venues else None

    def hours_known(self, direction: Direction) -> int:
        """Return of how many hours the rates of both venues are known."""
        return sum(1 for _, apr in self._differential(direction.long_venue, direction.short_venue) if apr is not None)

    def forecast(self, direction: Direction, now_ns: int, horizon_hours: int) -> Forecast | None:
        """Return what the pair is expected to earn per year over the horizon, a fraction of one leg; None if unknown.

        Before the first common hour has ended nothing is known; the first hours' forecasts are drawn to zero
        and say a large error. Reversed, the direction's forecast has the opposite sign and the same error.
        """
        low, high = sorted((direction.long_venue, direction.short_venue))
        fed = self._fed(low, high, now_ns, horizon_hours)
        made = None if fed is None else fed.forecaster.forecast(self._latest_apr(low, high))
        sign = 1 if direction.short_venue == high else -1
        return None if made is None else Forecast(sign * made.apr_mean, made.apr_error)

    def candidates(self, direction: Direction, now_ns: int, horizon_hours: int) -> Candidates:
        """Return what each plain forecast says (see `Forecaster.candidates`): the benchmarks of the combination."""
        low, high = sorted((direction.long_venue, direction.short_venue))
        fed = self._fed(low, high, now_ns, horizon_hours)
        sign = 1 if direction.short_venue == high else -1
        said = (None,) * CANDIDATES if fed is None else fed.forecaster.candidates()
        return tuple(None if value is None else sign * value for value in said)

    def _fed(self, low: str, high: str, now_ns: int, horizon_hours: int) -> "_Fed | None":
        """Return the forecaster of a pair, fed with all that is known by now; None where that is nothing or too old."""
        if low not in self._venues or high not in self._venues:
            return None
        for venue in (low, high):
            self._venues[venue].close(now_ns)
        key = (low, high, horizon_hours)
        fed = self._forecasters[key] = self._forecasters.get(key) or _Fed(horizon_hours)
        fed.feed(self._venues[low], self._venues[high])
        is_silent = fed.next_hour < now_ns // self._clock.hour_ns - HOURS_SILENT_MAX
        return None if is_silent else fed

    def _latest_apr(self, low: str, high: str) -> float | None:
        pays, receives = self.nowcast(low), self.nowcast(high)
        return None if pays is None or receives is None else float(receives - pays)

    def _differential(self, long_venue: str, short_venue: str) -> Iterator[tuple[int, float | None]]:
        if long_venue in self._venues and short_venue in self._venues:
            yield from _differential(self._venues[long_venue], self._venues[short_venue], 0)


class _Fed:
    """A forecaster and the hour it is fed up to."""

    def __init__(self, horizon_hours: int) -> None:
        self.forecaster = Forecaster(horizon_hours)
        self.next_hour = 0
        self._corrections = 0

    def feed(self, low: VenueHours, high: VenueHours) -> None:
        """Feed what is known by now; an hour learnt out of turn (a venue's past) begins all over."""
        corrections = low.corrections + high.corrections
        if corrections != self._corrections:
            self.forecaster, self.next_hour = Forecaster(self.forecaster.horizon_hours), 0
            self._corrections = corrections
        for hour, apr in _differential(low, high, self.next_hour):
            self.forecaster.advance(apr)
            self.next_hour = hour + 1


def _differential(low: VenueHours, high: VenueHours, first: int) -> Iterator[tuple[int, float | None]]:
    """Yield each hour from `first` on until the newest that both venues know, None where one of them does not."""
    end = min(low.newest, high.newest)
    if end < 0:
        return
    for hour in range(max(first, low.oldest, high.oldest), end + 1):
        pays, receives = low.apr(hour), high.apr(hour)
        yield hour, None if pays is None or receives is None else receives - pays
