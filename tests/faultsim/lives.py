"""`python -m tests.faultsim.lives --seeds 0..19999`: live through episodes and print what came of them.

Ends with code 1 at the first broken rule, naming its seed; `--seeds 4711..4711` replays that one, and `--show`
prints all that happened in it.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from statistics import quantiles

from tests.faultsim.episode import Episode, Report, Violation, run_episode

_CHUNK = 250


def seeds_of(text: str) -> range:
    """Read `a..b`, both included, or one number."""
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def _run_chunk(seeds: range) -> list[Report]:
    return [run_episode(seed) for seed in seeds]


def run_all(seeds: range, workers: int | None = None) -> list[Report]:
    """Run every seed, on all cores; raises `Violation` with its seed where a rule is broken."""
    chunks = [seeds[i : i + _CHUNK] for i in range(0, len(seeds), _CHUNK)]
    if len(chunks) == 1:
        return _run_chunk(chunks[0])
    with ProcessPoolExecutor(workers or min(4, os.cpu_count() or 1)) as pool:
        return [report for chunk in pool.map(_run_chunk, chunks) for report in chunk]


def table(reports: list[Report], secs: float) -> str:
    """Return the figures of a campaign as lines."""
    ended = Counter(report.ended for report in reports)
    lines = [
        f"episodes            {len(reports):,} in {secs:.0f} s, none broke a rule",
        f"ended               {', '.join(f'{name} {count:,}' for name, count in sorted(ended.items()))}",
        f"crashed             {sum(r.crashes > 0 for r in reports):,} episodes, {sum(r.crashes for r in reports):,} times",
        f"orders, commits     {sum(r.orders for r in reports):,}, {sum(r.commits for r in reports):,}",
        spread("naked, USD x s", (r.naked_usd_secs for r in reports)),
        spread("naked at most, USD", (r.naked_usd_max for r in reports)),
        spread("length, s", (r.secs for r in reports)),
    ]
    return "\n".join(lines)


def spread(name: str, values: Iterable[float]) -> str:
    """Return a line of median, 99th percentile and maximum."""
    found = sorted(values)
    steps = quantiles(found, n=100, method="inclusive") if len(found) > 1 else found * 99
    p50, p99 = steps[49], steps[98]
    return f"{name:<20}p50 {p50:,.1f}   p99 {p99:,.1f}   max {found[-1]:,.1f}"


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="tests.faultsim.lives", description="Simulate faults of the pair executor.")
    parser.add_argument("--seeds", type=seeds_of, default=range(2_000), metavar="A..B", help="default 0..1999")
    parser.add_argument("--show", action="store_true", help="print the transcript of the first seed and its hash")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        if options.show:
            episode = Episode(options.seeds[0])
            try:
                episode.run()
            finally:
                print("\n".join([f"{episode.plan}", *episode.world.transcript, episode.world.digest()]))
            return 0
        print(table(run_all(options.seeds), time.monotonic() - started))
    except Violation as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
