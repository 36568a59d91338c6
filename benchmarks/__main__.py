"""`python -m benchmarks`: measure the hot paths and print their ratios; it reports, so it always ends with code 0."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.status import Status
from rich.table import Table

from benchmarks.outcome import Outcome

ROUNDS, TICK_ROUNDS, LEG_ROUNDS = 31, 250, 100
NOTES = (
    "Ratios are medians over interleaved rounds of this run; absolute times drift with the machine.",
    "Baselines: how many times faster ours is. Floors: how many times as long ours takes.",
    "Full books never stand on the decision path: a strategy decides on the best bid and offer.",
    "Tick to order is measured without the journal; in the gap between legs the shipped journal is on a file.",
)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure the hot paths against baselines and floors.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the outcomes to a file")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of the CPU benchmarks (default {ROUNDS})")
    parser.add_argument("--tick-rounds", type=int, default=TICK_ROUNDS, help=f"rounds of tick to order (default {TICK_ROUNDS})")
    parser.add_argument("--leg-rounds", type=int, default=LEG_ROUNDS, help=f"rounds of the leg gap (default {LEG_ROUNDS})")
    parser.add_argument("--no-ticks", action="store_true", help="leave out tick to order, which starts processes")
    return parser.parse_args(argv)


def measure(options: argparse.Namespace, say: Callable[[str], None], complain: Callable[[str], None]) -> list[Outcome]:
    """Run every benchmark; one that fails is told of and left out."""
    say("loading the vendors' libraries ...")
    # Seconds, after the arguments are read.
    from benchmarks import decoding, journal, signing_hyperliquid, signing_paradex  # noqa: PLC0415
    from benchmarks.legs.run import run as legs  # noqa: PLC0415
    from benchmarks.ticks.run import TicksError, run  # noqa: PLC0415

    outcomes = []
    for module in (signing_hyperliquid, signing_paradex, decoding):
        say(f"{module.__name__.removeprefix('benchmarks.')} ...")
        outcomes += module.run(options.rounds)
    if not options.no_ticks:
        say("tick to order: starting the measuring venue ...")
        try:
            outcomes += run(options.tick_rounds, say)
        except TicksError as e:
            complain(f"tick to order was not measured: {e}")
        say("leg gap: starting the measuring venue ...")
        try:
            outcomes += legs(options.leg_rounds, say)
        except TicksError as e:
            complain(f"the gap between legs was not measured: {e}")
    say("journal ...")
    outcomes += journal.run(options.leg_rounds)
    return outcomes


def table(outcomes: list[Outcome]) -> Table:
    """Return the outcomes as a table, times in microseconds."""
    made = Table(title="hot paths, microseconds")
    for name in ("path", "against"):
        made.add_column(name)
    for name in ("ours", "baseline", "floor", "ratio", "goal"):
        made.add_column(name, justify="right")
    made.add_column("met")
    for outcome in outcomes:
        against = f"{outcome.against_us:.1f}"
        sign = "≤" if outcome.is_floor else "≥"
        made.add_row(
            outcome.path,
            outcome.against,
            f"{outcome.ours_us:.1f}",
            "" if outcome.is_floor else against,
            against if outcome.is_floor else "",
            f"{outcome.ratio:.2f}x",
            "" if outcome.goal is None else f"{sign} {outcome.goal:g}x",
            verdict(outcome),
        )
    return made


def verdict(outcome: Outcome) -> str:
    """Return the last column: met, not met, or a remark where there is no goal."""
    if outcome.is_met is None:
        return outcome.note or "reported"
    words = "[green]met[/]" if outcome.is_met else "[red]not met[/]"
    return f"{words} ({outcome.note})" if outcome.note else words


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write."""
    options, console, started = parse(argv), Console(), time.monotonic()
    if not console.is_terminal:
        console.width = 150  # a file or pipe has no width of its own
    with Status("starting", console=console) as status:

        def say(text: str) -> None:
            if console.is_terminal:
                status.update(text)
            else:
                print(text, flush=True)

        outcomes = measure(options, say, lambda text: console.print(f"[yellow]{text}[/]"))
    console.print(table(outcomes))
    for note in NOTES:
        console.print(f"  {note}", style="dim")
    console.print(f"  {time.monotonic() - started:.0f} s in all", style="dim")
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode([_row(outcome) for outcome in outcomes])) + b"\n")
        console.print(f"  written to {options.json}", style="dim")
    return 0


def _row(outcome: Outcome) -> dict[str, object]:
    return {**msgspec.to_builtins(outcome), "is_met": outcome.is_met}


if __name__ == "__main__":
    sys.exit(main())
