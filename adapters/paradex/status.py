"""Tells the bus how Paradex and our channels to it are, once per change."""

from collections.abc import Callable

from adapters.paradex.constants import PARADEX
from messages import VenueState, VenueStatus

_SYSTEM_STATES = {
    "ok": VenueState.OK,
    "maintenance": VenueState.MAINTENANCE,
    "cancel_only": VenueState.CANCEL_ONLY,
    "post_only": VenueState.POST_ONLY,
}


def system_state(status: str) -> VenueState:
    """Return the venue's own state; a word it does not define counts as maintenance."""
    return _SYSTEM_STATES.get(status, VenueState.MAINTENANCE)


def account_state(status: str | None) -> VenueState:
    """Return what an account's status means; one that is neither active nor being liquidated has terms of its own."""
    if status in (None, "ACTIVE"):
        return VenueState.OK
    return VenueState.LIQUIDATION if status == "LIQUIDATION" else VenueState.DEGRADED


class StatusBoard:
    """Remembers the last state of each channel and publishes changes."""

    def __init__(self, publish: Callable[[VenueStatus], None], now_ns: Callable[[], int]) -> None:
        self._publish, self._now_ns = publish, now_ns
        self._states: dict[str, VenueState] = {}

    def report(self, channel: str, state: VenueState, detail: str = "") -> None:
        """Publish the state of `channel` if it is not the one last published."""
        if self._states.get(channel) is not state:
            self._states[channel] = state
            self._publish(VenueStatus(venue=PARADEX, channel=channel, state=state, detail=detail, ts_ns=self._now_ns()))
