"""Start the measuring venue and its clients as processes, and turn their times into ratios."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.outcome import Outcome
from benchmarks.ticks import CLIENTS, FLOOR, GATED, NODE, PLANNED, VENUES

ROOT = Path(__file__).parents[2]
GOAL, GATE_SHARE_GOAL = 3.0, 0.05
MAX_SECS = 120.0
_TITLES = {"hyperliquid": "Hyperliquid", "paradex": "Paradex"}
_NODES = {NODE: "risk gate off", GATED: "risk gate on"}
_SHARES = {"risk gate": (NODE, GATED, GATE_SHARE_GOAL), "planner's own question to the rules": (GATED, PLANNED, None)}


class TicksError(RuntimeError):
    """The processes did not come together."""


def run(rounds: int, say: Callable[[str], None]) -> list[Outcome]:
    """Measure; raises `TicksError` with the reason where that fails."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        here = Path(folder)
        venue = stack.enter_context(_process("venue", here, "--rounds", str(rounds)))
        lines = _lines(venue)
        start = _next(lines, "ready", say)
        ready = here / "ready.json"
        ready.write_text(json.dumps(start["ready"]))
        for name in (NODE, GATED, PLANNED):
            stack.enter_context(_process("node", here, "--ready-file", str(ready), "--ws-url", start["ws_url"], "--name", name))
        stack.enter_context(_process("floor", here, "--ws-url", start["ws_url"]))
        say("tick to order: waiting for three nodes to connect")
        try:
            found = _next(lines, "found", say)["found"]
        except TicksError as e:
            raise TicksError(f"{e}; {_last_words(here)}") from None
    return [outcome for venue_name in VENUES for outcome in _outcomes(venue_name, found[venue_name])]


def _outcomes(venue: str, rounds: list[list[int | None]]) -> list[Outcome]:
    """Return the ratio of each node to the floor, and the shares of what one node has more than another.

    A round in which an order never came counts for none.
    """
    pairs = [[(name, ns) for name, ns in zip(CLIENTS, times, strict=True) if ns is not None] for times in rounds]
    whole = [dict(times) for times in pairs if len(times) == len(CLIENTS)]
    if not whole:
        raise TicksError(f"{venue}: no round in which every client ordered")
    lost = len(rounds) - len(whole)
    found = []
    for name, title in _NODES.items():
        ratios = [times[name] / times[FLOOR] for times in whole]
        found.append(
            Outcome(
                path=f"{_TITLES[venue]} tick to order, {title}",
                ours_us=median(times[name] for times in whole) / 1000,
                against="no Nautilus",
                is_floor=True,
                against_us=median(times[FLOOR] for times in whole) / 1000,
                ratio=median(ratios),
                goal=GOAL if name == GATED else None,
                note=f"{len(whole)} rounds" + (f", {lost} without an order" if lost else ""),
            )
        )
    return found + [
        Outcome(
            path=f"{_TITLES[venue]} tick to order, share of the {what}",
            ours_us=median(times[having] - times[lacking] for times in whole) / 1000,
            against="the whole way",
            is_floor=True,
            against_us=median(times[having] for times in whole) / 1000,
            ratio=median(1 - times[lacking] / times[having] for times in whole),
            goal=goal,
        )
        for what, (lacking, having, goal) in _SHARES.items()
    ]


@contextlib.contextmanager
def _process(module: str, folder: Path, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run a module of this package until the block ends."""
    with (folder / f"{module}{len(list(folder.iterdir()))}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.ticks.{module}", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if module == "venue" else log,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def _last_words(folder: Path) -> str:
    """Return the last line of every process's log."""
    logs = {log.stem: log.read_text(errors="replace").strip().splitlines()[-1:] for log in sorted(folder.glob("*.log"))}
    return "; ".join(f"{name}: {lines[0]}" for name, lines in logs.items() if lines)


def _lines(process: "subprocess.Popen[str]") -> "queue.Queue[str]":
    """Return a queue that receives what the process prints, an empty text at its end."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _next(lines: "queue.Queue[str]", key: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the next message that holds `key`, telling of progress on the way."""
    deadline = time.monotonic() + MAX_SECS
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TicksError(f"nothing heard of {key!r} within {MAX_SECS:.0f} s") from None
        message: dict[str, Any] = json.loads(line) if line else {"failed": "the measuring venue ended early"}
        if "failed" in message:
            raise TicksError(message["failed"])
        if key in message:
            return message
        if "progress" in message:
            say(message["progress"])
