"""Processes in a folder of their own, on the simulated venues of the test."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops_venues import ROOT


class Folder:
    """A node's folder: the demo's config for the venues' accounts from `number` on, changed, and with `more` at its end."""

    def __init__(
        self, path: Path, ready: dict[str, Any], number: int, more: str = "", replaced: dict[str, str] | None = None
    ) -> None:
        self.path, self.runs = path, []
        path.mkdir()
        chosen = {name: dict(ready[name], accounts=ready[name]["accounts"][number:]) for name in ("hyperliquid", "paradex")}
        (path / "ready.json").write_text(json.dumps(ready | chosen))
        for name in ("limits.toml", "limits-live.toml"):
            (path / name).write_text((ROOT / "config" / name).read_text())
        text = (ROOT / "config/sim.toml").read_text()
        for before, after in ({"port = 9464": "port = 0"} | (replaced or {})).items():
            assert before in text, before
            text = text.replace(before, after)
        (path / "sim.toml").write_text(text + more)

    def run(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a process of ours here."""
        everything = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | environment
        with (self.path / f"{len(self.runs)}.out").open("wb") as out:
            process = subprocess.Popen([sys.executable, *arguments], cwd=self.path, env=everything, stdout=out, stderr=out)
        self.runs.append(process)
        return process

    async def call(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run a command of `operations` to its end; return its exit code and its words."""
        process = self.run("-m", "operations", *arguments, **environment)
        await until(lambda: process.poll() is not None, 90, lambda: self.text(len(self.runs) - 1))
        return process.returncode, self.text(self.runs.index(process))

    def text(self, number: int) -> str:
        """Return what a process has printed so far."""
        return (self.path / f"{number}.out").read_text(errors="replace")

    def everything(self) -> str:
        """Return what all have printed, for a test that fails."""
        return "\n".join(f"{self.path.name}/{number}: {self.text(number)}" for number in range(len(self.runs)))

    def end(self) -> None:
        """End what still runs."""
        for process in self.runs:
            if process.poll() is None:
                process.kill()
            process.wait()


async def until(condition: Callable[[], Any], secs: float, what: Callable[[], str]) -> None:
    """Wait for a condition, which the venues in this loop go on to bring about."""
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.05)
