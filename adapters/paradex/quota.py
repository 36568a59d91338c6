"""How many orders a retail token may send before the venue starts to charge fees; pure, time is an argument.

The venue does not refuse the order that is one too many: it silently makes the account a paying one.
So the quotas are kept here, with a margin, and everything that may count is counted.
"""

from collections import deque
from collections.abc import Iterable

LIMITS = ((3, 1.0), (30, 60.0), (300, 3600.0), (1000, 86_400.0))
"""The venue's quotas: orders, and the seconds in which they may be sent."""

SHARE = 0.8
"""How much of a quota new risk may use; the rest is for cancels and for closing what is open."""


class RetailQuota:
    """Sliding windows over the requests that count; times are Unix seconds."""

    def __init__(self, limits: tuple[tuple[int, float], ...] = LIMITS, share: float = SHARE) -> None:
        self._limits, self._share = limits, share
        self._longest_secs = max(secs for _, secs in limits)
        self._times: deque[float] = deque()

    def seed(self, times_secs: Iterable[float]) -> None:
        """Take what was sent before this process began."""
        self._times = deque(sorted([*self._times, *times_secs]))

    def count(self, now_secs: float) -> None:
        """Count one request."""
        self._times.append(now_secs)
        while self._times[0] <= now_secs - self._longest_secs:
            self._times.popleft()

    def objection(self, now_secs: float, orders: int = 1) -> str | None:
        """Return why `orders` more must not be sent now, None where they may."""
        for limit, secs in self._limits:
            allowed, used = int(limit * self._share), self._used(now_secs, secs)
            if used + orders > allowed:
                return f"RETAIL_QUOTA: {used} of {limit} orders in {secs:.0f} s are used, {allowed} are for new risk"
        return None

    def is_exceeded(self, now_secs: float) -> bool:
        """Whether the venue has by now reason to charge fees."""
        return any(self._used(now_secs, secs) > limit for limit, secs in self._limits)

    def _used(self, now_secs: float, secs: float) -> int:
        return sum(1 for at in self._times if at > now_secs - secs)
