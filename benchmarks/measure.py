"""Time candidates side by side: absolute times drift with the machine, their ratios do not.

Thread CPU time, garbage collector off. Every round runs each candidate for some milliseconds, in an
order that changes from round to round; a ratio is the median of the rounds' own ratios.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import msgspec

ROUNDS = 21
SLICE_NS = 4_000_000


class Timings(msgspec.Struct, frozen=True):
    """CPU nanoseconds per call of every candidate, one figure a round."""

    rounds_ns: Mapping[str, Sequence[float]]

    def call_us(self, name: str) -> float:
        """Return the median microseconds of a call."""
        return median(self.rounds_ns[name]) / 1000

    def ratio(self, of: str, to: str) -> float:
        """Return how many times as long `of` takes as `to`, as the median over the rounds."""
        return median(one / other for one, other in zip(self.rounds_ns[of], self.rounds_ns[to], strict=True))


def interleaved[Input](
    candidates: Mapping[str, Callable[[Input], object]],
    inputs: Sequence[Input],
    *,
    rounds: int = ROUNDS,
    slice_ns: int = SLICE_NS,
) -> Timings:
    """Return the timings of `candidates`, each called with every one of `inputs` again and again."""
    names = list(candidates)
    repeats = {name: max(1, round(slice_ns / max(1, _run(candidates[name], inputs, 2) * len(inputs)))) for name in names}
    seen: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                seen[name].append(_run(candidates[name], inputs, repeats[name]))
    finally:
        gc.enable()
    return Timings(seen)


def _run[Input](call: Callable[[Input], object], inputs: Sequence[Input], repeats: int) -> float:
    """Return the nanoseconds of one call, on average."""
    started = time.thread_time_ns()
    for _ in range(repeats):
        for value in inputs:
            call(value)
    return (time.thread_time_ns() - started) / (repeats * len(inputs))
