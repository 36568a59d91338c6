"""The only I/O of the adapters: one HTTP call and one socket, behind two Protocols.

`http` and `stream` modules of the venues are written against these Protocols; only factories (and
`operations`) build the real ones, so tests can hand in their own.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec


class HttpResponse(msgspec.Struct, frozen=True):
    """An answer to judge: any status, lower-case header names, the body as bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpTransport(Protocol):
    """One HTTP exchange."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        timeout_secs: float | None = None,
    ) -> HttpResponse:
        """Send one request and return the answer, whatever its status.

        Raises `Connectivity` where no answer came. For an action the caller must treat that as an
        unknown outcome; nothing is retried here.
        """
        ...


class Socket(Protocol):
    """A WebSocket that reopens itself and says so, but never replays a message by itself."""

    @property
    def is_open(self) -> bool:
        """Whether a message can be sent now."""
        ...

    @property
    def last_frame_ns(self) -> int:
        """When the last frame arrived (Unix nanoseconds), 0 before the first."""
        ...

    async def open(self) -> None:
        """Connect for the first time; raises `Connectivity` where that fails."""
        ...

    def send(self, message: bytes) -> None:
        """Send one text message; raises `Connectivity` when the socket is not open."""
        ...

    def reopen(self, reason: str) -> None:
        """Drop the connection, if any, and connect again."""
        ...

    async def close(self) -> None:
        """Close for good."""
        ...


class SocketListener(Protocol):
    """What a socket tells its owner, always on the event loop."""

    async def on_open(self) -> None:
        """The socket has (re)connected: log in and subscribe. An exception makes it reopen."""
        ...

    def on_frame(self, frame: bytes, is_text: bool) -> None:
        """One whole message arrived."""
        ...

    def on_close(self, reason: str) -> None:
        """The connection is gone; the socket is already trying to come back."""
        ...


type UrlFactory = Callable[[], Awaitable[str]]
"""Where to connect, asked before every attempt (a url may depend on the negotiated version)."""
