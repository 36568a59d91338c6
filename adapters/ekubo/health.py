"""How the quoting of several pairs adds up to one state of the venue; pure, times are Unix nanoseconds."""

from messages import VenueState

_WORST_FIRST = (VenueState.DISCONNECTED, VenueState.STALE, VenueState.DEGRADED)


class QuoteHealth:
    """Knows of each watched pair when it last had a price and what is wrong with it now."""

    def __init__(self, stale_ns: int) -> None:
        self._stale_ns = stale_ns
        self._heard_ns: dict[str, int] = {}
        self._troubles: dict[str, tuple[VenueState, str]] = {}

    @property
    def watched(self) -> tuple[str, ...]:
        """The pairs that are watched."""
        return tuple(self._heard_ns)

    def watch(self, pair: str, now_ns: int) -> None:
        """Expect prices of a pair from now on."""
        self._heard_ns.setdefault(pair, now_ns)

    def forget(self, pair: str) -> None:
        """Expect none any more."""
        self._heard_ns.pop(pair, None)
        self._troubles.pop(pair, None)

    def heard(self, pair: str, now_ns: int) -> None:
        """A pair has a price."""
        if pair in self._heard_ns:
            self._heard_ns[pair] = now_ns
            self._troubles.pop(pair, None)

    def failed(self, pair: str, state: VenueState, words: str) -> None:
        """A pair has none, for this reason."""
        if pair in self._heard_ns:
            self._troubles[pair] = (state, words)

    def verdict(self, now_ns: int) -> tuple[VenueState, str]:
        """Return the worst that can be said, and of what."""
        troubles = dict(self._troubles)
        for pair, heard_ns in self._heard_ns.items():
            if heard_ns < now_ns - self._stale_ns and troubles.get(pair, (VenueState.DEGRADED,))[0] is VenueState.DEGRADED:
                words = troubles[pair][1] if pair in troubles else "no price"
                troubles[pair] = (VenueState.STALE, words)
        for state in _WORST_FIRST:
            if found := sorted(f"{pair}: {words}" for pair, (each, words) in troubles.items() if each is state):
                return state, "; ".join(found)
        return VenueState.OK, "quoting" if self._heard_ns else "connected"
