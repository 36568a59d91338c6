"""What a commit of the journal costs on this disk, against the same rows without a sync."""

import sqlite3
import tempfile
import time
from statistics import median, quantiles

from benchmarks.outcome import Outcome
from strategies.journal import Journal

_VALUE = b"x" * 250


def run(rounds: int) -> list[Outcome]:
    """Measure in wall time: a synced write waits for the disk and costs no CPU."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(f"{folder}/journal")
        bare = sqlite3.connect(f"{folder}/bare", isolation_level=None)
        bare.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE entries (key, value);")
        synced, unsynced = [], []
        for number in range(rounds):
            started_ns = time.perf_counter_ns()
            journal.intend("P", [(f"A{number}", _VALUE), (f"B{number}", _VALUE)], number)
            synced.append((time.perf_counter_ns() - started_ns) / 1_000)
            started_ns = time.perf_counter_ns()
            bare.execute("BEGIN")
            bare.executemany("INSERT INTO entries VALUES (?, ?)", [(f"A{number}", _VALUE), (f"B{number}", _VALUE)])
            bare.execute("COMMIT")
            unsynced.append((time.perf_counter_ns() - started_ns) / 1_000)
        journal.close()
        bare.close()
    steps = quantiles(synced, n=100, method="inclusive")
    return [
        Outcome(
            path="journal: commit of both legs' intents",
            ours_us=median(synced),
            against="SQLite without a sync",
            is_floor=True,
            against_us=median(unsynced),
            ratio=median(one / other for one, other in zip(synced, unsynced, strict=True)),
            note=f"p50 {steps[49]:.0f}, p99 {steps[98]:.0f} us",
        )
    ]
