"""How many requests AVNU takes in a while; pure, time is an argument."""

from collections import deque


class RequestWindow:
    """A sliding window over our requests; `reserved` of them are for those that cannot wait. Times are seconds of one clock."""

    def __init__(self, limit: int = 300, window_secs: float = 300.0, reserved: int = 100) -> None:
        if not 0 <= reserved < limit:
            raise ValueError(f"{reserved} reserved requests leave none of {limit}")
        self._limit, self._window_secs, self._reserved = limit, window_secs, reserved
        self._times: deque[float] = deque()
        self._blocked_until_secs = 0.0

    def wait_secs(self, now_secs: float, *, is_urgent: bool) -> float:
        """Return how long to wait before the next request, 0 where it may go now."""
        self._forget(now_secs)
        allowed = self._limit if is_urgent else self._limit - self._reserved
        until_free = 0.0
        if len(self._times) >= allowed:
            until_free = self._times[len(self._times) - allowed] + self._window_secs - now_secs
        return max(0.0, until_free, self._blocked_until_secs - now_secs)

    def count(self, now_secs: float) -> None:
        """Count one request."""
        self._times.append(now_secs)

    def block(self, until_secs: float) -> None:
        """Let nothing through before `until_secs`: the venue has said that it is too much."""
        self._blocked_until_secs = max(self._blocked_until_secs, until_secs)

    def _forget(self, now_secs: float) -> None:
        while self._times and self._times[0] <= now_secs - self._window_secs:
            self._times.popleft()
