"""The node's own ear for people: one JSON line in, one out, over a local socket only its owner may open."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from messages import Command, OperatorCommand

_LINE_SECS = 5.0


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person asks for."""

    command: Command
    reason: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the node has taken the command, and why not."""

    is_accepted: bool
    detail: str


class Deliver:
    """Puts commands on the node's bus, whichever way they came; `publish` hands one to all who listen."""

    def __init__(
        self, publish: Callable[[OperatorCommand], None], now_ns: Callable[[], int], tell: Callable[[str], None]
    ) -> None:
        self._publish, self._now_ns, self._tell = publish, now_ns, tell

    def __call__(self, request: Request, source: str) -> Answer:
        """Publish a command; a listener that fails on it is the answer, for then nobody knows what was done."""
        self._tell(f"{request.command.value} asked for by {source}" + (f": {request.reason}" if request.reason else ""))
        command = OperatorCommand(command=request.command, source=source, reason=request.reason, ts_ns=self._now_ns())
        try:
            self._publish(command)
        except Exception as e:  # whoever listens: the person at the other end has to know
            return Answer(is_accepted=False, detail=f"a listener failed: {e!r}")
        return Answer(is_accepted=True, detail=f"{request.command.value} is on the bus")


class ControlServer:
    """Listens at a path while the node runs."""

    def __init__(self, path: Path, deliver: Callable[[Request, str], Answer]) -> None:
        self._path, self._deliver = path, deliver
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen; the socket of a dead node is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)  # from the first moment on for its owner alone
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            line = await asyncio.wait_for(reader.readline(), _LINE_SECS)
            writer.write(msgspec.json.encode(self._answer(line)) + b"\n")
            await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> Answer:
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.MsgspecError, UnicodeDecodeError) as e:
            return Answer(is_accepted=False, detail=f"not understood: {e}")
        return self._deliver(request, "cli")


async def ask(path: Path, request: Request, timeout_secs: float) -> Answer:
    """Hand a command to the node that listens at `path`; an answer in time or the reason there is none."""
    try:
        async with asyncio.timeout(timeout_secs):
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(msgspec.json.encode(request) + b"\n")
            line = await reader.readline()
            writer.close()
        return msgspec.json.decode(line, type=Answer)
    except TimeoutError:
        return Answer(is_accepted=False, detail=f"no answer within {timeout_secs:.0f} s")
    except (OSError, msgspec.MsgspecError) as e:
        return Answer(is_accepted=False, detail=f"it cannot be asked: {e}")
