"""The venue's own dead man's switch: it cancels every order of the account when we stop asking it not to."""

from collections.abc import Callable

from adapters.errors import OutcomeUnknown, RateLimited, Rejected
from adapters.hyperliquid import signing
from adapters.hyperliquid.constants import SCHEDULE_CANCEL_VOLUME_USD
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.sender import ActionSender

_BEATS_PER_HORIZON = 12
_RETRY_MS = 3_600_000  # after the venue said that the account does not qualify


class DeadMansSwitch:
    """Armed only while orders of ours rest and none of anybody else's: the venue would cancel all of them.

    The venue grants it to accounts that have traded a million USD, and lets it strike ten times a
    day. `horizon_ms` is how long after our last word it strikes, at least 5 s. `is_alive` is asked
    before each word: for a node that has lost its heartbeat the switch is left to strike.
    """

    def __init__(
        self,
        http: HyperliquidHttp,
        sender: ActionSender,
        user: str,
        *,
        horizon_ms: int,
        has_own: Callable[[], bool],
        has_foreign: Callable[[], bool],
        is_alive: Callable[[], bool],
        now_ms: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._http, self._sender, self._user, self._horizon_ms = http, sender, user, horizon_ms
        self._has_own, self._has_foreign, self._is_alive = has_own, has_foreign, is_alive
        self._now_ms, self._log = now_ms, log
        self._strikes_ms = 0  # when it will, 0 while it is not armed
        self._ask_again_ms = 0
        self._qualifies = False

    @property
    def beat_secs(self) -> float:
        """How often to call `beat`."""
        return self._horizon_ms / 1000 / _BEATS_PER_HORIZON

    @property
    def is_armed(self) -> bool:
        """Whether the venue holds a moment of ours."""
        return self._strikes_ms > self._now_ms()

    async def beat(self) -> None:
        """Move the moment on where that is due; to be called several times within the horizon."""
        if not self._is_alive():
            return
        wanted = self._has_own() and not self._has_foreign()
        if not wanted:
            await self.disarm()
            return
        now_ms = self._now_ms()
        if now_ms + self._horizon_ms * 2 // 3 < self._strikes_ms or now_ms < self._ask_again_ms:
            return
        if not self._qualifies and not await self._has_volume():
            self._ask_again_ms = now_ms + _RETRY_MS
            self._log("the account has not traded enough for the venue's scheduled cancel: nothing cancels its orders if we die")
            return
        if await self._send(now_ms + self._horizon_ms):
            self._strikes_ms = now_ms + self._horizon_ms

    async def disarm(self) -> None:
        """Take the moment back, where one is set."""
        if self.is_armed and await self._send(None):
            self._strikes_ms = 0

    async def _has_volume(self) -> bool:
        self._qualifies = (await self._http.action_limits(self._user)).cum_vlm >= SCHEDULE_CANCEL_VOLUME_USD
        return self._qualifies

    async def _send(self, time_ms: int | None) -> bool:
        try:
            await self._sender.send(signing.schedule_cancel_action(time_ms), 0, self._sender.expiry_ms())
        except (Rejected, RateLimited) as e:
            self._log(f"scheduled cancel: {e}")
            self._qualifies, self._ask_again_ms = False, self._now_ms() + _RETRY_MS
            return False
        except OutcomeUnknown as e:
            self._log(f"scheduled cancel: {e}")
            return False
        return True
