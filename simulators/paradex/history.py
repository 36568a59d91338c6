"""Funding samples for queries: those of this run, and before it a past that the tape implies.

Before the start the rate of each funding hour is taken from the tape at the middle of the hour and
the index runs backwards from where the market began, so index differences are exact at any two samples.
"""

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice

from simulators.paradex.funding import INDEX_QUANTUM, PREMIUM_QUANTUM, FundingTerms, raw_rate
from simulators.paradex.records import FundingSample
from simulators.tape import Tape, TapeClock

KEPT_SAMPLES = 50_000
PAST_HOURS = 30 * 24


class FundingHistory:
    """The samples of one market, newest first when asked."""

    def __init__(self, market: str, asset: str, tape: Tape, clock: TapeClock, sample_ms: int) -> None:
        self.samples: deque[FundingSample] = deque(maxlen=KEPT_SAMPLES)
        self._market, self._asset = market, asset
        self._tape, self._clock, self._sample_ms = tape, clock, sample_ms
        self._begin: FundingSample | None = None
        self._terms = FundingTerms()
        self._hours: dict[int, tuple[Decimal, Decimal, Decimal]] = {}
        self._sums: list[Decimal] = []

    def begin(self, first: FundingSample, terms: FundingTerms) -> None:
        """Fix where the past ends; called with the first sample of the run."""
        self._begin, self._terms = first, terms

    def newest_first(self, start_ms: int | None, before_ms: int | None, limit: int) -> list[FundingSample]:
        """Return up to `limit` samples with start_ms <= time < before_ms."""
        return list(islice(self._walk(start_ms or 0, before_ms if before_ms is not None else 2**62), limit))

    def _walk(self, start_ms: int, before_ms: int) -> Iterator[FundingSample]:
        live = list(self.samples)
        times = [sample.time_ms for sample in live]
        low, high = bisect_left(times, start_ms), bisect_right(times, before_ms - 1)
        yield from reversed(live[low:high])
        if self._begin is None or (live and live[0] is not self._begin):
            return
        yield from self._past(start_ms, min(before_ms, self._begin.time_ms))

    def _past(self, start_ms: int, before_ms: int) -> Iterator[FundingSample]:
        assert self._begin is not None
        oldest_ms = max(start_ms, self._begin.time_ms - round(PAST_HOURS * self._clock.funding.hour_secs * 1000))
        steps = max((self._begin.time_ms - before_ms) // self._sample_ms + 1, 1)
        time_ms = self._begin.time_ms - steps * self._sample_ms
        while time_ms >= oldest_ms:
            yield self._sample(time_ms)
            time_ms -= self._sample_ms

    def _sample(self, time_ms: int) -> FundingSample:
        assert self._begin is not None
        hours = self._clock.hours(time_ms * 1_000_000)
        rate, premium_usd, impact = self._hour(math.floor(hours))
        moved = self._until_zero(hours) - self._until_zero(self._clock.hours(self._begin.time_ms * 1_000_000))
        index = (self._begin.index - moved).quantize(INDEX_QUANTUM, ROUND_HALF_EVEN)
        return FundingSample(self._market, index, premium_usd, rate, self._terms.period_hours, impact, time_ms)

    def _until_zero(self, hours: float) -> Decimal:
        """Return how far the index moves from `hours` (not positive) to tape hour 0."""
        whole = math.floor(hours)
        part = Decimal(repr(whole + 1 - hours)) * self._per_hour(whole)
        return part + self._sum_from(whole + 1)

    def _sum_from(self, hour: int) -> Decimal:
        """Return the index move over the whole hours hour .. -1, each hour read from the tape once."""
        while -len(self._sums) > hour:
            self._sums.append((self._sums[-1] if self._sums else Decimal(0)) + self._per_hour(-len(self._sums) - 1))
        return self._sums[-hour - 1] if hour < 0 else Decimal(0)

    def _per_hour(self, hour: int) -> Decimal:
        return self._hour(hour)[1] / self._terms.period_hours

    def _hour(self, hour: int) -> tuple[Decimal, Decimal, Decimal]:
        """Return (rate per period, premium in USDC per period, impact premium rate) of a funding hour."""
        if hour not in self._hours:
            point = self._tape.at(hour + 0.5, self._asset)
            rate_8h = point.paradex_rate_8h
            if rate_8h is None:
                rate_8h = raw_rate(point.paradex_premium, self._terms)
            rate = (rate_8h * self._terms.period_hours / 8).quantize(INDEX_QUANTUM, ROUND_HALF_EVEN)
            premium_usd = (rate * point.oracle_usd).quantize(PREMIUM_QUANTUM, ROUND_HALF_EVEN)
            self._hours[hour] = (rate, premium_usd, point.paradex_premium)
        return self._hours[hour]
