"""Watches the limits file: what replaces it whole and valid comes into force between two decisions, all else is told."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from actors.limits_audit import audit
from messages import Alert, Severity, topics
from messages.loop import on_loop
from risk.in_force import LimitsInForce, LoosenedError
from risk.limits import Limits

type Signature = tuple[int, int, int]  # inode, size in bytes, time of the last write


class LimitsReload(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Poll one file; `read` returns the limits in it and raises ValueError with words for a person.

    Replace the file by renaming another onto it. One that is written in place is seen half at times: it is read
    only when it has not changed from one poll to the next, and has to name every limit. Looking is one system call
    a second; reading and checking take well below a millisecond, on the loop and so never beside a decision.
    """

    def __init__(self, path: Path, read: Callable[[Path], Limits], limits: LimitsInForce, *, poll_secs: float = 1.0) -> None:
        super().__init__(ActorConfig(component_id="LIMITS-RELOAD"))
        self._path, self._read, self._limits, self._poll_secs = path, read, limits, poll_secs
        self._judged: Signature | None = (0, 0, 0)  # none yet: what is in force may have been read some time ago
        self._looked = _signature(path)
        self._digest: bytes | None = None

    def on_start(self) -> None:
        """Look at the file once per poll."""
        self.clock.set_timer("limits", timedelta(seconds=self._poll_secs), callback=on_loop(self._on_timer))

    def _on_timer(self, _event: object) -> None:
        self.poll()

    def poll(self) -> None:
        """Judge the file if it is another than the last one judged, and has rested since the poll before."""
        looked, self._looked = self._looked, _signature(self._path)
        if self._looked != looked or self._looked == self._judged:
            return
        self._judged = self._looked
        digest = _digest(self._path)
        if digest is not None and digest == self._digest:
            return  # written again with the same words
        self._digest = digest
        try:
            swap = self._limits.replace(self._read(self._path))
        except LoosenedError as e:
            self._keep("LimitsNeedRestart", str(e))
        except ValueError as e:
            self._keep("LimitsInvalid", str(e))
        else:
            audit(self, swap, f"read from {self._path.name}")

    def _keep(self, name: str, reason: str) -> None:
        detail = f"the limits in force stay as they are ({self._limits.hash}): {reason}"
        self.log.error(detail)
        alert = Alert(severity=Severity.WARNING, name=name, detail=detail, ts_ns=self.clock.timestamp_ns())
        self.msgbus.publish(topic=topics.ALERT, msg=alert)


def _signature(path: Path) -> Signature | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _digest(path: Path) -> bytes | None:
    try:
        return sha256(path.read_bytes()).digest()
    except OSError:
        return None
