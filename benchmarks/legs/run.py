"""Start the measuring venue and a node, and turn gaps between legs into ratios to tick to order of the hedging venue."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

from benchmarks.legs import MAKER, SINGLE, TAKER
from benchmarks.outcome import Outcome
from benchmarks.ticks.run import ROOT, TicksError, _lines, _next

GOAL = 1.5
_PATHS = {
    TAKER: "leg gap as takers: first order to second order",
    MAKER: "leg gap as maker: fill to hedge",
}


def run(rounds: int, say: Callable[[str], None]) -> list[Outcome]:
    """Measure; raises `TicksError` with the reason where that fails."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        here = Path(folder)
        venue = stack.enter_context(_process(here, "venue", "--rounds", str(rounds)))
        lines = _lines(venue)
        start = _next(lines, "ready", say)
        ready = here / "ready.json"
        ready.write_text(json.dumps(start["ready"]))
        stack.enter_context(_process(here, "node", "--ready-file", str(ready), "--ws-url", start["ws_url"]))
        say("leg gap: waiting for a node to connect")
        try:
            found = _next(lines, "found", say)["found"]
        except TicksError as e:
            words = (here / "node.log").read_text(errors="replace").strip().splitlines()[-1:]
            raise TicksError(f"{e}; {' '.join(words)}") from None
    return outcomes(found)


def outcomes(found: dict[str, list[int | None]]) -> list[Outcome]:
    """Return the ratio of each kind of gap to tick to order; a round in which something never came counts for none."""
    rounds = [dict(zip(found, times, strict=True)) for times in zip(*found.values(), strict=True)]
    whole = [{kind: ns for kind, ns in times.items() if ns is not None} for times in rounds if None not in times.values()]
    if len(whole) < 2:
        raise TicksError("no two rounds in which every order came")
    made = []
    for kind, path in _PATHS.items():
        steps = quantiles([times[kind] / 1_000 for times in whole], n=100, method="inclusive")
        lost = len(rounds) - len(whole)
        made.append(
            Outcome(
                path=path,
                ours_us=steps[49],
                against="tick to order, Hyperliquid",
                is_floor=True,
                against_us=median(times[SINGLE] for times in whole) / 1_000,
                ratio=median(times[kind] / times[SINGLE] for times in whole),
                goal=GOAL,
                note=f"p50 {steps[49]:.0f}, p99 {steps[98]:.0f} us; {len(whole)} rounds" + (f", {lost} lost" if lost else ""),
            )
        )
    return made


@contextlib.contextmanager
def _process(folder: Path, module: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run a module of this package until the block ends."""
    with (folder / f"{module}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.legs.{module}", *arguments],
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
