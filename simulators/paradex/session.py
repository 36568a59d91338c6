"""One WebSocket: its encoding, subscriptions, caller and the queue of what it is still to be sent."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from aiohttp import ClientConnectionError, web

from simulators.paradex import sbe
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.auth import Caller
from simulators.paradex.channels import Channel
from simulators.paradex.records import VenueOrder
from simulators.paradex.settings import Settings

Seq = Callable[[], int]


class Session:
    """A connected client; `version` is the negotiated SBE version, None on a JSON socket."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, version: int | None, settings: Settings) -> None:
        self.version = version
        self.caller: Caller | None = None
        self.channels: dict[str, Channel] = {}
        self.snapshot_ms: dict[str, int] = {}  # when each book channel last sent a whole book
        self.due_ms: dict[str, int] = {}  # when a channel with a refresh rate is due again
        self.cancel_on_disconnect = False
        self.orders: list[tuple[ParadexAccount, VenueOrder]] = []
        self.address = request.remote or ""
        self._socket, self._request, self._settings = socket, request, settings
        self._outbox: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._sent = asyncio.Event()
        self._closing: asyncio.Future[None] | None = None  # held, for the loop holds its tasks weakly

    @property
    def is_sbe(self) -> bool:
        """Whether public data is binary."""
        return self.version is not None

    def send(self, frame: str | bytes) -> None:
        """Queue a frame; a reader that lets too many pile up is cut off."""
        if self._outbox.qsize() >= self._settings.queue_limit:
            self.abort()
            return
        self._outbox.put_nowait(frame)

    def send_json(self, message: dict[str, Any]) -> None:
        """Queue a JSON object as newline-terminated text."""
        self.send(json.dumps(message, separators=(",", ":")) + "\n")

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def close(self, code: int = 1001, message: bytes = b"server shutdown") -> None:
        """Close the socket in good order."""
        with contextlib.suppress(ConnectionError, ClientConnectionError, TimeoutError):
            await asyncio.wait_for(self._socket.close(code=code, message=message), 1.0)

    def close_soon(self, code: int) -> None:
        """Begin to close the socket with a code of the venue's choice."""
        self._closing = asyncio.ensure_future(self.close(code, b"keepalive ping timeout"))

    async def write(self) -> None:
        """Send queued frames until cancelled or the connection is gone."""
        with contextlib.suppress(ConnectionError, ClientConnectionError):
            while True:
                frame = await self._outbox.get()
                self._sent.set()
                if isinstance(frame, str):
                    await self._socket.send_str(frame)
                else:
                    await self._socket.send_bytes(frame)

    async def beat(self, now_us: Callable[[], int], seq: Seq) -> None:
        """Send a binary heartbeat whenever nothing was sent for a while; JSON sockets get none."""
        while self.version is not None:
            self._sent.clear()
            try:
                await asyncio.wait_for(self._sent.wait(), self._settings.heartbeat_secs)
            except TimeoutError:
                self.send(sbe.heartbeat(now_us(), seq(), self.version))
                await asyncio.sleep(0)
