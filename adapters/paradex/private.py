"""The private socket's owner: login, cancel-on-disconnect, subscriptions and order requests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.errors import Auth, Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected, VenueError
from adapters.paradex import stream
from adapters.paradex.auth import Session
from adapters.paradex.schemas import Payload, RpcError
from adapters.paradex.stream import Push, Reply, Stream
from adapters.transport import Socket

_AUTH_CODES = (40110, 40111, 40112, 40300)
_RATE_LIMITED = 42901
_INTERNAL_ERROR = -32603
_SERVER_ERRORS = range(-32099, -31999)
KEEP_ALIVE_SECS = 15.0


class PrivateChannel:
    """A `SocketListener` that is usable once login, arming and subscriptions have succeeded.

    Orders that rest here are cancelled by the venue when the connection ends (cancel-on-disconnect),
    which has to be asked for on every connection. `on_ready` reads what was missed meanwhile.
    """

    def __init__(
        self,
        *,
        session: Session,
        markets: Callable[[], tuple[str, ...]],
        on_data: Callable[[Payload], None],
        on_ready: Callable[[], Awaitable[None]],
        on_lost: Callable[[str], None],
        log: Callable[[str], None],
        timeout_secs: float,
    ) -> None:
        self._session, self._markets, self._timeout_secs = session, markets, timeout_secs
        self._on_data, self._on_ready, self._on_lost, self._log = on_data, on_ready, on_lost, log
        self._stream = Stream()
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self.is_ready = False
        self.socket: Socket | None = None

    async def on_open(self) -> None:
        """See `SocketListener.on_open`; a failure of any step makes the socket reconnect."""
        self._fail_pending("reconnected")
        await self._authenticate()
        await self._call("order.cancel_on_disconnect", {"enabled": True})
        for channel in stream.private_channels(self._markets()):
            await self._call("subscribe", {"channel": channel})
        await self._on_ready()
        self.is_ready = True

    async def _authenticate(self) -> None:
        """Present a new token: a stale one means a silent loss of private data.

        A venue that refuses even that one gets another; raises `Auth` where it refuses both.
        """
        token = await self._session.renew()
        try:
            await self._call("auth", {"bearer": token})
        except Auth as e:
            self._log(f"the venue refused a new token, trying another: {e}")
            await self._call("auth", {"bearer": await self._session.renew(token)})

    def on_close(self, reason: str) -> None:
        """See `SocketListener.on_close`."""
        self.is_ready = False
        self._fail_pending(reason)
        self._on_lost(reason)

    def on_frame(self, frame: bytes, is_text: bool) -> None:
        """See `SocketListener.on_frame`."""
        try:
            messages = self._stream.feed(frame, is_text)
        except Protocol as e:
            self._log(f"private frame dropped: {e}")
            return
        for message in messages:
            if isinstance(message, Push):
                self._on_data(message.data)
                continue
            waiting = self._replies.pop(message.id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    async def keep_alive(self) -> None:
        """Prove for ever that the venue still hears us, and drop a connection on which it does not.

        The question is a harmless one: cancel-on-disconnect, which is armed anyway, is armed again. A
        quiet account gets no other frames, and a connection that is open at our end only looks the same.
        """
        while True:
            await asyncio.sleep(KEEP_ALIVE_SECS)
            if not self.is_ready or self.socket is None:
                continue
            try:
                await self._call("order.cancel_on_disconnect", {"enabled": True})
            except RateLimited:
                continue  # an answer, and all that was wanted
            except VenueError as e:
                if self.is_ready:
                    self.is_ready = False
                    self.socket.reopen(f"no sign of life: {e}")

    async def call(self, method: str, params: Any, timeout_secs: float | None = None) -> bytes:
        """Send one action and return its result, waiting for it at most `timeout_secs` and never longer than configured.

        Raises `Connectivity` where it was not sent, `OutcomeUnknown` where no final word came, and
        `Rejected`, `RateLimited` or `Auth` where the venue refused.
        """
        if not self.is_ready or self.socket is None:
            raise Connectivity("private socket is not ready")
        try:
            return await self._call(method, params, timeout_secs)
        except Auth:
            self.is_ready = False
            self.socket.reopen(f"{method} was refused for want of a login")
            raise

    async def _call(self, method: str, params: Any, timeout_secs: float | None = None) -> bytes:
        wait_secs = self._timeout_secs if timeout_secs is None else min(self._timeout_secs, timeout_secs)
        if self.socket is None:
            raise Connectivity("private socket is not ready")
        number, message = self._stream.request(method, params)
        waiting = asyncio.get_running_loop().create_future()
        self._replies[number] = waiting
        try:
            self.socket.send(message)
            reply: Reply = await asyncio.wait_for(waiting, wait_secs)
        except TimeoutError:
            raise OutcomeUnknown(f"{method}: no reply within {wait_secs:g} s") from None
        finally:
            self._replies.pop(number, None)
        if reply.error is not None:
            raise _refusal(method, reply.error)
        return reply.result or b"null"

    def _fail_pending(self, reason: str) -> None:
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(OutcomeUnknown(f"connection lost: {reason}"))
        self._replies.clear()


def _refusal(method: str, refused: RpcError) -> VenueError:
    detail = bytes(refused.data).decode(errors="replace").strip('"')
    words = " ".join(part for part in (refused.message, detail) if part and part != "null")
    if refused.code == _INTERNAL_ERROR or refused.code in _SERVER_ERRORS:
        return OutcomeUnknown(f"{method}: {refused.code} {words}")
    if refused.code in _AUTH_CODES:
        return Auth(f"{refused.code} {words}")
    if refused.code == _RATE_LIMITED:
        return RateLimited(f"{refused.code} {words}")
    return Rejected(words or method, str(refused.code))
