"""A node's sign of life on this machine: a small file it keeps locked and writes a beat into.

The lock says whether the process lives (the kernel lifts it at any death), the beat whether its event
loop still turns. Read by the watchdog and by people's commands; one node per trader id and folder.
"""

import fcntl
import os
import time
from enum import StrEnum
from pathlib import Path

import msgspec

from operations.places import VAR

FOLDER = VAR / "run"
_WIDTH = 160  # a record is padded to it, so that no shorter one leaves a tail
_TAKE_SECS = 1.0  # who looks at the file holds it for an instant


class PresenceError(RuntimeError):
    """Another node of this trader id runs in this folder."""


class State(StrEnum):
    """How far a node has come."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"  # the trader has started; Nautilus' own word for it is "running" even where it never did
    STOPPED = "STOPPED"  # in order: nothing is under way


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself; `beats` only ever rises."""

    pid: int
    state: State
    beats: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What can be seen from outside."""

    record: Record | None
    is_alive: bool


def presence_path(trader_id: str) -> Path:
    """Return where a node of this name shows itself, below the folder it was started in."""
    return FOLDER / f"{trader_id}.node"


def socket_path(trader_id: str) -> Path:
    """Return where it takes commands."""
    return FOLDER / f"{trader_id}.sock"


class Presence:
    """Held by the node from its start to its end; raises `PresenceError` where another one holds it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._beats, self._state = 0, State.STARTING
        deadline = time.monotonic() + _TAKE_SECS
        while not _lock(self._file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(self._file)
                seen = look(path).record
                raise PresenceError(f"a node runs here already{'' if seen is None else f' (process {seen.pid})'}: {path}")
            time.sleep(0.02)
        self._write()

    def beat(self) -> None:
        """Show that the trader runs and the event loop turns."""
        self._beats, self._state = self._beats + 1, State.RUNNING
        self._write()

    def close(self, *, is_orderly: bool) -> None:
        """Let go; an end that was not orderly looks like a death, which is what a watchdog has to take it for."""
        if is_orderly:
            self._state = State.STOPPED
            self._write()
        os.close(self._file)

    def _write(self) -> None:
        record = msgspec.json.encode(Record(pid=os.getpid(), state=self._state, beats=self._beats))
        os.pwrite(self._file, record.ljust(_WIDTH), 0)


def look(path: Path) -> Seen:
    """Return what a node shows; nothing and not alive where there is no such file."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return Seen(record=None, is_alive=False)
    try:
        is_alive = not _lock(file, fcntl.LOCK_SH)
        text = os.pread(file, _WIDTH, 0)
    finally:
        os.close(file)  # and the lock with it
    try:
        return Seen(record=msgspec.json.decode(text, type=Record), is_alive=is_alive)
    except msgspec.MsgspecError:
        return Seen(record=None, is_alive=is_alive)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
