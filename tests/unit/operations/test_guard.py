"""The watchdog process beside the node: started again should it die first."""

import asyncio
import sys

from messages import Severity
from operations import guard as module
from operations.guard import Guard


async def test_a_watchdog_that_dies_first_is_told_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECS", 0.02)
    alerts, log = [], tmp_path / "watchdog.log"
    guard = Guard(tmp_path / "sim.toml", tmp_path / "ready.json", log)
    assert guard._command[1:] == [
        "-m",
        "operations",
        "watchdog",
        str(tmp_path / "sim.toml"),
        "--attach",
        str(tmp_path / "ready.json"),
    ]
    assert guard.ended() is None
    guard._command = [sys.executable, "-c", "print('barked', flush=True); raise SystemExit(3)"]
    guard.start()
    watching = asyncio.create_task(guard.watched(lambda *words: alerts.append(words)).run())
    async with asyncio.timeout(30):
        while len(alerts) < 2:  # noqa: ASYNC110 - a process that ends sets no event
            await asyncio.sleep(0.02)
    watching.cancel()
    guard._process.wait()
    severity, name, detail = alerts[0]
    assert (severity, name) == (Severity.CRITICAL, "WatchdogGone")
    assert detail == f"it ended with 3, see {log}; a new one runs"
    assert log.read_text().count("barked") >= 2
