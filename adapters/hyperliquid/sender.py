"""Send signed actions: one nonce source, an expiry on each, never the same order twice."""

from collections.abc import Callable, Sequence

from adapters.errors import Connectivity, OutcomeUnknown, Rejected, VenueError
from adapters.hyperliquid.budget import ActionBudget
from adapters.hyperliquid.connection import HyperliquidConnection
from adapters.hyperliquid.http import HyperliquidHttp, read_action_answer
from adapters.hyperliquid.refusals import Reason, reason_of
from adapters.hyperliquid.schemas import Item
from adapters.hyperliquid.signing import Action, L1Signer, NonceSource

_SHORTEST_WAIT_MS = 250


class ActionSender:
    """Sends over the socket while it is open, else over HTTP; the choice is made before sending.

    `vault` is the address of a vault or sub-account to act for, as 20 bytes.
    """

    def __init__(
        self,
        signer: L1Signer,
        connection: HyperliquidConnection,
        http: HyperliquidHttp,
        *,
        budget: ActionBudget,
        ttl_secs: float,
        now_ms: Callable[[], int],
        vault: bytes = b"",
    ) -> None:
        self._signer, self._connection, self._http = signer, connection, http
        self._budget, self._vault = budget, vault
        self._ttl_secs, self._now_ms = ttl_secs, now_ms
        self._nonces = NonceSource()

    def expiry_ms(self, ttl_secs: float | None = None) -> int:
        """Return until when an action sent now may be executed (Unix milliseconds), at most `ttl_secs` from now."""
        return self._now_ms() + round(min(self._ttl_secs, ttl_secs or self._ttl_secs) * 1000)

    async def send(self, action: Action, expected: int, expires_ms: int) -> Sequence[Item]:
        """Return the venue's `expected` items for `action`.

        Raises `Rejected` or `RateLimited` where the whole action was refused and `OutcomeUnknown`
        where it may or may not have been executed, which after `expires_ms` can be found out by asking.
        """
        self._budget.spend(max(1, expected))
        nonce_ms = self._nonces.next_ms(self._now_ms())
        body = self._signer.body(action, nonce_ms, self._vault, expires_ms)
        try:
            answer = await self._transmit(body, max(expires_ms - self._now_ms(), _SHORTEST_WAIT_MS) / 1000)
        except VenueError:
            raise
        except Exception as e:  # whatever a transport throws, the bytes may be on their way
            raise OutcomeUnknown(repr(e)) from e
        try:
            return read_action_answer(answer, expected)
        except Rejected as e:
            if reason_of(e.reason) is Reason.RATE_LIMITED:
                self._budget.exhaust()
            raise

    async def _transmit(self, body: bytes, timeout_secs: float) -> bytes:
        """Wait for an answer no longer than the action may live: after that it can be asked about."""
        if self._connection.is_open:
            try:
                return await self._connection.post_action(body, timeout_secs)
            except Connectivity:  # the socket closed before anything was sent
                pass
        return await self._http.exchange(body, timeout_secs)
