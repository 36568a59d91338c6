"""Whole processes: a node run as a user runs it, against simulators on loopback ports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def eventually(condition, secs, what):
    """Wait until `condition()` is true and return its value."""
    deadline = time.monotonic() + secs
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {secs} s: {what}")


@dataclass
class Run:
    """One process with its output in files."""

    process: subprocess.Popen
    out: Path
    summary: Path | None = None

    def text(self) -> str:
        return self.out.read_text(errors="replace")

    def saw(self, words: str, secs: float) -> None:
        eventually(lambda: words in self.text() or self.process.poll() is not None, secs, words)
        assert words in self.text(), self.text()

    def end(self, secs: float) -> int:
        try:
            return self.process.wait(secs)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {secs} s\n{self.text()}") from None

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def document(self) -> dict:
        return json.loads(self.summary.read_text())


@dataclass
class Bench:
    """Starts processes in a folder of their own and ends those still running."""

    folder: Path
    runs: list[Run] = field(default_factory=list)
    venues: dict[str, Run] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, summary: Path | None = None, through_pipe: bool = False) -> Run:
        out = self.folder / f"{name}.out"
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with out.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if through_pipe else sink,
                stderr=subprocess.DEVNULL if through_pipe else subprocess.STDOUT,
            )
        self.runs.append(Run(process, out, summary))
        return self.runs[-1]

    def node(self, name: str, *arguments: str, config: Path | None = None, through_pipe: bool = False) -> Run:
        summary = self.folder / f"{name}.json"
        call = (str(ROOT / "run.py"), "--config", str(config or self.config()), "--summary", str(summary), *arguments)
        return self.start(name, *call, summary=summary, through_pipe=through_pipe)

    def config(self, mode: str = "threshold", **changes: str) -> Path:
        """Write the demo's config with a quicker funding clock, a free metrics port and the plain entry rule, or another."""
        text = (ROOT / "config/sim.toml").read_text()
        usual = {"hour_secs = 10.0": "hour_secs = 4.0", "port = 9464": "port = 0", 'mode = "economic"': f'mode = "{mode}"'}
        for before, after in (usual | changes).items():
            assert before in text, before
            text = text.replace(before, after)
        (self.folder / "limits.toml").write_text((ROOT / "config/limits.toml").read_text())
        path = self.folder / "sim.toml"
        path.write_text(text)
        return path

    def simulators(
        self,
        hour_secs: float = 4.0,
        wide_hours: int | None = None,
        again_hours: Sequence[int] = (),
        faults: Sequence[dict[str, Any]] = (),
    ) -> Path:
        """Start simulators that outlive any node; return their ready file.

        With `wide_hours` HYPE's funding is apart from the first moment and comes back after that many
        hours (and parts and comes back again at each of `again_hours`); without, they play the demo.
        `faults` are a schedule as `simulators/faults.py` reads it.
        """
        rates = zip((0, wide_hours, *again_hours), cycle(("0.0004", "0.0000125")), strict=False)
        return self._venues("both", hour_secs, () if wide_hours is None else rates, faults)

    def separate_simulators(self) -> Path:
        """Start each venue as a process of its own, HYPE's funding apart for good; return a ready file of both."""
        ready = {}
        for venue in ("hyperliquid", "paradex"):
            path = self._venues(venue, 4.0, [(0, "0.0004")], (), "--only", venue)
            ready |= json.loads(path.read_text())
        path = self.folder / "venues.json"
        path.write_text(json.dumps(ready))
        return path

    def _venues(
        self, name: str, hour_secs: float, rates: Iterable[tuple[int, str]], faults: Sequence[dict[str, Any]], *arguments: str
    ) -> Path:
        ready, tape, schedule = (self.folder / f"{name}.{kind}" for kind in ("ready", "csv", "faults"))
        call = ["-m", "simulators", "--hour-secs", str(hour_secs), "--ready-file", str(ready), *arguments]
        if lines := [f"{hour},HYPE,{rate},0.0001" for hour, rate in rates]:
            tape.write_text("\n".join(["hour,asset,hyperliquid_rate_per_hour,paradex_rate_8h", *lines]))
            call += ["--tape", str(tape)]
        if faults:
            schedule.write_text(json.dumps(faults))
            call += ["--faults", str(schedule)]
        self.venues[name] = self.start(f"{name}-simulators", *call)
        eventually(ready.exists, 30, "the simulators' ready file")
        return ready


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    for run in bench.runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
