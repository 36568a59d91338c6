"""One WebSocket connection of the venue, and the order in which its frames go out."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from simulators.faults import FaultBoard, FaultKind
from simulators.hyperliquid.limits import MinuteCount
from simulators.hyperliquid.streams import Subscription

QUEUED_FRAMES = 10_000


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def loads(text: str | bytes) -> Any:
    """Return what JSON says; raise ValueError when it is none, too deep, or holds what JSON has no number for."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


class Session:
    """One connection; frames are queued and written by its own task, so a slow reader delays nobody.

    A mute one stays open and neither hears nor speaks: the line is dead and nobody knows.
    """

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.messages = MinuteCount()
        self.posts_in_flight = 0
        self.is_mute = False
        self.peer = request.remote or ""
        self._socket, self._request = socket, request
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUED_FRAMES)
        self._held: list[dict[str, Any]] = []
        self._sent_at = time.monotonic()

    def send(self, frame: dict[str, Any]) -> None:
        """Queue a frame and what was held back for it; a reader too far behind loses its connection."""
        frames, self._held = [frame, *self._held], []
        if self.is_mute:
            return
        try:
            for item in frames:
                self._queue.put_nowait(dumps(item))
        except asyncio.QueueFull:
            self.abort()

    def hold(self, frame: dict[str, Any]) -> None:
        """Keep a frame back until the next one has been sent."""
        self._held.append(frame)

    def abort(self) -> None:
        """Cut the connection without a close frame, as the venue does."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def is_idle(self, secs: float) -> bool:
        """Whether nothing was sent for so long that the venue hangs up; a dead line is not hung up on."""
        return not self.is_mute and time.monotonic() - self._sent_at > secs

    async def write(self) -> None:
        """Write queued frames until the connection ends."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                text = await self._queue.get()
                await self._socket.send_str(text)
                self._sent_at = time.monotonic()


class Delivery:
    """Sends the frames of a stream, unless a fault loses, delays, doubles or reorders them."""

    def __init__(self, faults: FaultBoard) -> None:
        self._faults = faults

    def send(self, session: Session, channel: str, frames: Iterable[dict[str, Any]]) -> None:
        """Send frames of a stream that was subscribed to as `channel`."""
        for frame in frames:
            if self._faults.take_frame(FaultKind.DROP_FRAME, channel):
                continue
            if late := self._faults.take_frame(FaultKind.DELAY_FRAME, channel):
                asyncio.get_running_loop().call_later(late.secs, session.send, frame)
            elif self._faults.take_frame(FaultKind.SWAP_FRAMES, channel):
                session.hold(frame)
            else:
                session.send(frame)
                if self._faults.take_frame(FaultKind.DUPLICATE_FRAME, channel):
                    session.send(frame)
