"""Keeps a watchdog process beside the node: started with it, outliving it, started again should it die first."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from messages import Severity
from operations.venues import ROOT

POLL_SECS = 2.0


class Guard:
    """One watchdog for one node; `ready` is the simulators' ready file where the config is for those."""

    def __init__(self, config: Path, ready: Path | None, log: Path) -> None:
        self._command = [sys.executable, "-m", "operations", "watchdog", str(config.resolve())]
        self._command += [] if ready is None else ["--attach", str(ready.resolve())]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the watchdog; in a session of its own, so that what ends the node does not end it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def watched(self, alert: Callable[[Severity, str, str], None]) -> "Watched":
        """Return what starts it again whenever it has ended before the node."""
        return Watched(self, alert)

    def ended(self) -> str | None:
        """Return how it ended, None while it lives."""
        code = None if self._process is None else self._process.poll()
        return None if code is None else f"it ended with {code}, see {self._log}"


class Watched:
    """Looks after a guard for as long as the node runs."""

    def __init__(self, guard: Guard, alert: Callable[[Severity, str, str], None]) -> None:
        self._guard, self._alert = guard, alert

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(POLL_SECS)
            if (how := self._guard.ended()) is not None:
                self._alert(Severity.CRITICAL, "WatchdogGone", f"{how}; a new one runs")
                self._guard.start()
