"""Rate limits: token buckets that refill continuously, and the headers that report them."""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`limit` requests per `window_secs`."""

    limit: int
    window_secs: float
    level: float | None = None  # requests left; below zero while a fault holds it exhausted
    updated_secs: float = 0.0

    def take(self, now_secs: float) -> bool:
        """Spend one request; False when the bucket is empty."""
        full = float(self.limit)
        refill = (now_secs - self.updated_secs) * self.limit / self.window_secs
        self.level = full if self.level is None else min(full, self.level + refill)
        self.updated_secs = now_secs
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def exhaust(self, now_secs: float, until_secs: float) -> None:
        """Leave nothing to spend until a moment."""
        self.level = 1 - (until_secs - now_secs) * self.limit / self.window_secs
        self.updated_secs = now_secs

    def headers(self, now_secs: float) -> dict[str, str]:
        """Return the X-RateLimit headers of the moment."""
        missing = max(self.limit - self._left, 0.0)
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(int(self._left), 0)),
            "X-RateLimit-Reset": str(math.ceil(now_secs + missing * self.window_secs / self.limit)),
            "X-Ratelimit-Window": str(round(self.window_secs)),
        }

    def retry_after_secs(self) -> int:
        """Return the whole seconds until one request is allowed again."""
        return max(math.ceil((1 - self._left) * self.window_secs / self.limit), 1)

    @property
    def _left(self) -> float:
        return float(self.limit) if self.level is None else self.level


# (scope, requests, seconds); an account's orders share one scope over REST and WebSocket
LIMITS: dict[str, tuple[tuple[int, float], ...]] = {
    "public": ((1_500, 60.0),),
    "auth": ((600, 60.0),),
    "onboarding": ((600, 60.0),),
    "orders": ((800, 1.0), (17_250, 60.0)),
    "private": ((120, 1.0), (600, 60.0)),
    "private by address": ((1_500, 60.0),),
    "connections": ((20, 1.0), (600, 60.0)),
}


class RateLimiter:
    """The buckets of every IP address and account."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], list[Bucket]] = {}
        self._exhausted: dict[str, float] = {}  # until when, by scope

    @property
    def scopes(self) -> tuple[str, ...]:
        """The names of all limits."""
        return tuple(LIMITS)

    def is_exhausted(self, scope: str, now_secs: float) -> bool:
        """Whether a scope is held exhausted."""
        return self._exhausted.get(scope, 0.0) > now_secs

    def exhaust(self, scope_part: str, until_secs: float) -> None:
        """Refuse everybody until a moment in the scopes whose name holds `scope_part`."""
        self._exhausted.update({scope: until_secs for scope in LIMITS if scope_part in scope})

    def take(self, scope: str, who: str, now_secs: float) -> tuple[bool, Bucket]:
        """Spend one request of a scope; return whether it is allowed and the bucket that is tightest."""
        buckets = self._buckets.setdefault((scope, who), [Bucket(*limit) for limit in LIMITS[scope]])
        if self.is_exhausted(scope, now_secs):
            for bucket in buckets:
                bucket.exhaust(now_secs, self._exhausted[scope])
        refused = [bucket for bucket in buckets if not bucket.take(now_secs)]
        return not refused, (refused or buckets)[0]
