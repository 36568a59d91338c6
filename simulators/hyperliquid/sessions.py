"""Open WebSocket connections: requests in, frames out, and the venue's way of ending them."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from simulators.faults import FaultBoard, FaultKind
from simulators.hyperliquid.connection import Delivery, Session, dumps, loads
from simulators.hyperliquid.events import Event
from simulators.hyperliquid.limits import MinuteCount, SocketLimits
from simulators.hyperliquid.posts import Post, Posts
from simulators.hyperliquid.streams import FatalSubscription, InvalidSubscription, Streams, Subscription

LOG = logging.getLogger("simulators.hyperliquid")
IDLE_SECS = 60.0


class Sessions:
    """All connections of the venue."""

    def __init__(
        self,
        streams: Streams,
        faults: FaultBoard,
        post: Post,
        shape: Callable[[Any], dict[str, Any]],
        *,
        limits: SocketLimits,
    ) -> None:
        self.limits = limits
        self._streams, self._faults, self._shape = streams, faults, shape
        self._posts, self._delivery = Posts(faults, post, limits), Delivery(faults)
        self._open: set[Session] = set()
        self._connections: dict[str, MinuteCount] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends; turn away a peer that opens too many."""
        peer = request.remote or ""
        recent = self._connections.setdefault(peer, MinuteCount())
        if len(self._of(peer)) >= self.limits.connections or not recent.add(
            self.limits.connections_per_minute * self.limits.speed
        ):
            return web.Response(status=429, text="Too Many Requests")
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
        self._go_mute()
        for session in list(self._open):
            for item in session.subscriptions.values():
                if not self._faults.is_frozen(item.kind, now_ns):
                    self._delivery.send(session, item.kind, self._streams.polled(item, now_ns))
            if session.is_idle(IDLE_SECS):
                session.abort()

    def tell(self, events: list[Event], now_ns: int) -> None:
        """Push what happened to users; a frozen stream loses it."""
        self._go_mute()
        by_user: dict[str, list[Event]] = {}
        for event in events:
            by_user.setdefault(event.user, []).append(event)
        for session in list(self._open):
            for item in session.subscriptions.values():
                mine = by_user.get(item.user or "")
                if mine and not self._faults.is_frozen(item.kind, now_ns):
                    self._delivery.send(session, item.kind, self._streams.events(item, mine, now_ns))

    def abort_all(self) -> None:
        """Cut every connection."""
        for session in list(self._open):
            session.abort()

    def _of(self, peer: str) -> list[Session]:
        return [session for session in self._open if session.peer == peer]

    def _go_mute(self) -> None:
        if self._faults.take(FaultKind.HALF_OPEN):
            for session in self._open:
                session.is_mute = True

    def _receive(self, session: Session, text: str) -> None:
        self._go_mute()
        if session.is_mute:
            return
        if not session.messages.add(self.limits.messages_per_minute * self.limits.speed):
            _error(session, f"Cannot send more than {self.limits.messages_per_minute} messages per minute.")
            return
        try:
            message = loads(text)
            method = message["method"]
            if method == "ping":
                session.send({"channel": "pong"})
            elif method == "post":
                self._posts.receive(session, message)
            elif method in ("subscribe", "unsubscribe"):
                self._subscribe(session, method, message["subscription"])
            else:
                raise KeyError(method)
        except (ValueError, KeyError, TypeError):
            _error(session, f"Error parsing JSON into valid websocket request: {text}")

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
        if method == "subscribe" and (text := self._too_many(session, shape)):
            _error(session, text)
            return
        session.send({"channel": "subscriptionResponse", "data": {"method": method, "subscription": shape}})
        if method == "unsubscribe":
            del session.subscriptions[key]
            return
        item = session.subscriptions[key] = Subscription(shape)
        self._delivery.send(session, item.kind, self._streams.first(item, time.time_ns()))

    def _too_many(self, session: Session, shape: dict[str, Any]) -> str | None:
        """Return why a peer may not subscribe to more, counted over its connections."""
        held = [item for other in self._of(session.peer) for item in other.subscriptions.values()]
        if len(held) >= self.limits.subscriptions:
            return f"Cannot subscribe to more than {self.limits.subscriptions} channels."
        users = {item.user for item in held if item.user}
        if shape.get("user") and len(users | {shape["user"]}) > self.limits.users:
            return f"Cannot track more than {self.limits.users} total users."
        return None


def _error(session: Session, text: str) -> None:
    session.send({"channel": "error", "data": text})
