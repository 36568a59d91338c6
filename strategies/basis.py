"""Remembers how far two venues' prices of an asset stood apart: the mean of a recent window, in bounded memory."""

from collections import deque
from decimal import Decimal

from messages import FundingClock

SAMPLES_PER_HOUR = 30
HOURS_KNOWN_MIN = 1  # less says nothing of a mean


class BasisHistory:
    """Samples of one asset's basis (a fraction), evenly spaced in funding hours; older ones than the window are dropped."""

    def __init__(self, clock: FundingClock, window_hours: int = 24) -> None:
        if window_hours < HOURS_KNOWN_MIN:
            raise ValueError(f"a window has at least {HOURS_KNOWN_MIN} hour, was {window_hours}")
        self._step_ns = max(1, clock.hour_ns // SAMPLES_PER_HOUR)
        self._window_ns = window_hours * clock.hour_ns
        self._enough_ns = HOURS_KNOWN_MIN * clock.hour_ns
        self._samples: deque[tuple[int, Decimal]] = deque(maxlen=window_hours * SAMPLES_PER_HOUR)
        self._sum = Decimal(0)

    def observe(self, now_ns: int, basis: Decimal) -> None:
        """Take a basis of this moment, unless one was taken a moment ago."""
        if self._samples and now_ns - self._samples[-1][0] < self._step_ns:
            return
        if len(self._samples) == self._samples.maxlen:
            self._drop()
        self._samples.append((now_ns, basis))
        self._sum += basis

    def mean(self, now_ns: int) -> Decimal | None:
        """Return the mean over the window, None until it reaches back an hour."""
        while self._samples and now_ns - self._samples[0][0] > self._window_ns:
            self._drop()
        if not self._samples or now_ns - self._samples[0][0] < self._enough_ns:
            return None
        return self._sum / len(self._samples)

    def _drop(self) -> None:
        self._sum -= self._samples.popleft()[1]
