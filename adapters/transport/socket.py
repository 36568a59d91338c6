"""A reconnecting WebSocket on picows, the cheapest of the libraries measured per message.

What a venue expects on a new connection (login, subscriptions) is the listener's business: it is
told of every open and close. A connection that stays open but silent is dropped and opened again.
"""

import asyncio
import random
import time
from collections.abc import Callable

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from adapters.errors import Connectivity
from adapters.transport import SocketListener, UrlFactory
from adapters.transport.backoff import delay_secs


class PicowsSocket:
    """`Socket` that keeps one connection alive until it is closed."""

    def __init__(
        self,
        url: UrlFactory,
        listener: SocketListener,
        *,
        name: str,
        log: Callable[[str], None],
        silence_secs: float = 60.0,
        keepalive_secs: float | None = None,
        keepalive_message: bytes | None = None,
        connect_timeout_secs: float = 5.0,
    ) -> None:
        self._url, self._listener, self._name, self._log = url, listener, name, log
        self._silence_secs = silence_secs
        self._keepalive_secs, self._keepalive_message = keepalive_secs, keepalive_message
        self._connect_timeout_secs = connect_timeout_secs
        self._transport: WSTransport | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._closed = False
        self.last_frame_ns = 0

    @property
    def is_open(self) -> bool:
        """See `Socket.is_open`."""
        return self._transport is not None

    async def open(self) -> None:
        """See `Socket.open`."""
        connection = await self._connect()
        self._supervisor = asyncio.create_task(self._supervise(connection), name=f"{self._name}-socket")

    def send(self, message: bytes) -> None:
        """See `Socket.send`."""
        if self._transport is None:
            raise Connectivity(f"{self._name} socket is not open")
        self._transport.send(WSMsgType.TEXT, message)

    def reopen(self, reason: str) -> None:
        """See `Socket.reopen`."""
        if self._transport is not None:
            self._log(f"{self._name} socket: reconnecting, {reason}")
            self._transport.disconnect(graceful=False)

    async def close(self) -> None:
        """See `Socket.close`."""
        self._closed = True
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        if self._transport is not None:
            self._transport.disconnect()
            self._transport = None

    async def _connect(self) -> "_Connection":
        url = await self._url()
        connection = _Connection(self)
        try:
            transport, _ = await ws_connect(lambda: connection, url, websocket_handshake_timeout=self._connect_timeout_secs)
        except (OSError, WSError, TimeoutError) as e:
            raise Connectivity(f"{self._name} socket could not connect to {url}: {e}") from e
        self._transport, self.last_frame_ns = transport, time.time_ns()
        try:
            await self._listener.on_open()
        except BaseException:
            self._transport = None
            transport.disconnect(graceful=False)
            raise
        return connection

    async def _supervise(self, connection: "_Connection | None") -> None:
        attempt = 0
        while not self._closed:
            if connection is not None:
                attempt = 0
                await self._watch(connection)
                self._transport = None
                self._listener.on_close(connection.reason)
                connection = None
            await asyncio.sleep(delay_secs(attempt, base_secs=0.25, cap_secs=10.0, jitter=random.random()))
            attempt += 1
            try:
                connection = await self._connect()
                self._log(f"{self._name} socket: connected again")
            except Exception as e:  # whatever on_open met, the remedy is another connection
                self._log(f"{self._name} socket: attempt {attempt} failed, {e}")

    async def _watch(self, connection: "_Connection") -> None:
        """Return when the connection is gone; drop it when it has been silent for too long."""
        step = min(self._silence_secs / 4, self._keepalive_secs or self._silence_secs)
        while True:
            try:
                await asyncio.wait_for(asyncio.shield(connection.gone), step)
                return
            except TimeoutError:
                pass
            if time.time_ns() - self.last_frame_ns > self._silence_secs * 1e9:
                self.reopen(f"silent for {self._silence_secs:.0f} s")
            elif self._keepalive_message is not None and self._transport is not None:
                self._transport.send(WSMsgType.TEXT, self._keepalive_message)


class _Connection(WSListener):
    """One connection's life: joins fragments, hands frames on, says when it is gone."""

    def __init__(self, owner: PicowsSocket) -> None:
        super().__init__()
        self._owner = owner
        self._parts: list[bytes] = []
        self._is_text = True
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reason = "closed"

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._owner.last_frame_ns = time.time_ns()
        kind = frame.msg_type
        if kind in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._is_text = kind == WSMsgType.TEXT
        elif kind == WSMsgType.CLOSE:
            self.reason = f"closed by the venue, code {frame.get_close_code()}"
            transport.disconnect()
            return
        elif kind != WSMsgType.CONTINUATION:
            return
        payload = frame.get_payload_as_bytes()
        if self._parts or not frame.fin:
            self._parts.append(payload)
            if not frame.fin:
                return
            payload, self._parts = b"".join(self._parts), []
        self._owner._listener.on_frame(payload, self._is_text)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
