"""Open WebSocket connections: requests in, frames out, and the venue's way of ending them."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.hyperliquid.engine import Event
from simulators.hyperliquid.streams import FatalSubscription, InvalidSubscription, Streams, Subscription

LOG = logging.getLogger("simulators.hyperliquid")
IDLE_SECS = 60.0
QUEUED_FRAMES = 10_000
Post = Callable[[str, Any], dict[str, Any]]


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"))


class Session:
    """One connection; frames are queued and written by its own task, so a slow reader delays nobody."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self._socket, self._request = socket, request
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUED_FRAMES)
        self._sent_at = time.monotonic()

    def send(self, frame: dict[str, Any]) -> None:
        """Queue a frame; a reader that is too far behind loses its connection."""
        try:
            self._queue.put_nowait(dumps(frame))
        except asyncio.QueueFull:
            self.abort()

    def abort(self) -> None:
        """Cut the connection without a close frame, as the venue does."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def is_idle(self) -> bool:
        """Whether nothing was sent for so long that the venue hangs up."""
        return time.monotonic() - self._sent_at > IDLE_SECS

    async def write(self) -> None:
        """Write queued frames until the connection ends."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                text = await self._queue.get()
                await self._socket.send_str(text)
                self._sent_at = time.monotonic()


class Sessions:
    """All connections of the venue."""

    def __init__(self, streams: Streams, faults: FaultBoard, post: Post, shape: Callable[[Any], dict[str, Any]]) -> None:
        self._streams, self._faults, self._post, self._shape = streams, faults, post, shape
        self._open: set[Session] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it ends."""
        socket = web.WebSocketResponse(compress=False, autoping=True)
        await socket.prepare(request)
        session = Session(socket, request)
        self._open.add(session)
        writer = asyncio.create_task(session.write())
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(session, message.data)
        finally:
            self._open.discard(session)
            writer.cancel()
        return socket

    def step(self, now_ns: int) -> None:
        """Push the streams that are due and hang up on idle connections."""
        if self._faults.take(FaultKind.DROP_SOCKET):
            self.abort_all()
        for session in list(self._open):
            for item in session.subscriptions.values():
                if not self._faults.is_frozen(item.kind, now_ns):
                    for frame in self._streams.polled(item, now_ns):
                        session.send(frame)
            if session.is_idle():
                session.abort()

    def tell(self, events: list[Event], now_ns: int) -> None:
        """Push what happened to users; a frozen stream loses it."""
        by_user: dict[str, list[Event]] = {}
        for event in events:
            by_user.setdefault(event.user, []).append(event)
        for session in list(self._open):
            for item in session.subscriptions.values():
                mine = by_user.get(item.user or "")
                if mine and not self._faults.is_frozen(item.kind, now_ns):
                    for frame in self._streams.events(item, mine, now_ns):
                        session.send(frame)

    def abort_all(self) -> None:
        """Cut every connection."""
        for session in list(self._open):
            session.abort()

    def _receive(self, session: Session, text: str) -> None:
        try:
            message = json.loads(text)
            method = message["method"]
            if method == "ping":
                session.send({"channel": "pong"})
            elif method == "post":
                self._answer_post(session, message)
            elif method in ("subscribe", "unsubscribe"):
                self._subscribe(session, method, message["subscription"])
            else:
                raise KeyError(method)
        except (ValueError, KeyError, TypeError):
            _error(session, f"Error parsing JSON into valid websocket request: {text}")

    def _answer_post(self, session: Session, message: dict[str, Any]) -> None:
        """Answer a request by the socket, unless a fault of its name (`ws action:order`) forbids."""
        number, request = int(message["id"]), message["request"]
        kind, payload = request["type"], request["payload"]
        action = payload.get("action", payload) if isinstance(payload, dict) else {}
        name = f"ws {kind}:{action.get('type') if isinstance(action, dict) else ''}"
        if fault := self._faults.take(FaultKind.STATUS, name):
            session.send(_post_reply(number, _failure(fault)))
            return
        late, lost = self._faults.take(FaultKind.DELAY_REPLY, name), self._faults.take(FaultKind.LOSE_REPLY, name)
        response = self._post(kind, payload)
        if lost and not lost.status:
            session.abort()  # executed, but the client will never know
            return
        reply = _post_reply(number, _failure(lost) if lost else response)
        if late:
            asyncio.get_running_loop().call_later(late.secs, session.send, reply)
        else:
            session.send(reply)

    def _subscribe(self, session: Session, method: str, raw: Any) -> None:
        try:
            shape = self._shape(raw)
        except InvalidSubscription:
            _error(session, f"Invalid subscription {dumps(raw)}")
            return
        except FatalSubscription as fatal:
            LOG.info("cutting a connection for its subscription: %s", fatal)
            session.abort()
            return
        key = dumps(shape)
        if (method == "subscribe") == (key in session.subscriptions):
            _error(session, f"Already {method}d: {key}")
            return
        session.send({"channel": "subscriptionResponse", "data": {"method": method, "subscription": shape}})
        if method == "unsubscribe":
            del session.subscriptions[key]
            return
        item = session.subscriptions[key] = Subscription(shape)
        for frame in self._streams.first(item, time.time_ns()):
            session.send(frame)


def _post_reply(number: int, response: dict[str, Any]) -> dict[str, Any]:
    return {"channel": "post", "data": {"id": number, "response": response}}


def _failure(fault: Fault) -> dict[str, Any]:
    return {"type": "error", "payload": f"{fault.status or 503} {fault.reason or 'simulated'}"}


def _error(session: Session, text: str) -> None:
    session.send({"channel": "error", "data": text})
