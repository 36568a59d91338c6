"""Feed broken frames to a target and see that it complains in its own words, or not at all, and keeps its wits.

Two objects are fed. The `victim` sees every broken frame. The `steady` one sees those that were
refused: each must leave it exactly as it was, and the good snapshots it gets now and then must mean
to it what they mean to a fresh object.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from adapters.errors import VenueError
from tests.fuzz.mutate import Frame, Mutator

VICTIM_LIFE = 500  # frames
_ADDRESS = re.compile(" at 0x[0-9a-f]+")
CHECK_EVERY = 200  # refused frames


class Target(Protocol):
    """What is fuzzed."""

    told: list[Any]

    def feed(self, frame: bytes, is_text: bool) -> bool:
        """Take in a frame; return whether it was one of ours."""
        ...

    def state(self) -> Any:
        """Return all that a frame may have changed."""
        ...


class Broken(AssertionError):
    """A frame did what no frame may do; the message holds it."""


@dataclass
class Report:
    """What became of the frames."""

    frames: int = 0
    accepted: int = 0
    ignored: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    secs: float = 0.0


def run(
    make: Callable[[], Target],
    corpus: list[Frame],
    closing: list[Frame],
    *,
    frames: int,
    seed: int,
    say: Callable[[int, Report], None] | None = None,
) -> Report:
    """Feed `frames` broken frames and return what became of them; raises `Broken` at the first fault."""
    mutator, report, started = Mutator(seed, corpus), Report(), time.monotonic()
    expected = _closing(make(), closing)
    victim, steady, before = make(), make(), make().state()
    for number in range(1, frames + 1):
        frame, is_text = mutator.next()
        report.frames += 1
        if number % VICTIM_LIFE == 0:
            victim = make()
        error = _feed(victim, frame, is_text, report)
        if error is not None:
            _feed_refused(steady, frame, is_text, before)
            if report.refused.total() % CHECK_EVERY == 0:
                report.checks += 1
                if _closing(steady, closing) != expected:
                    raise Broken(f"good frames mean something else after refused ones, the last of which was {frame!r}")
                steady = make()
        if say is not None and number % 20_000 == 0:
            report.secs = time.monotonic() - started
            say(number, report)
    report.secs = time.monotonic() - started
    return report


def contents(thing: Any) -> Any:
    """Return all that an object holds, but for its callbacks, in a form that can be compared."""
    if isinstance(thing, dict):
        return {repr(key): contents(value) for key, value in thing.items() if not callable(value)}
    if isinstance(thing, list | tuple):
        return [contents(value) for value in thing]
    if isinstance(thing, set | frozenset):
        return sorted(map(repr, thing))
    if hasattr(thing, "__dict__") and not callable(thing):
        return contents(vars(thing))
    return _ADDRESS.sub("", repr(thing))


def _feed(victim: Target, frame: bytes, is_text: bool, report: Report) -> VenueError | None:
    victim.told.clear()
    try:
        if victim.feed(frame, is_text):
            report.accepted += 1
        else:
            report.ignored += 1
    except VenueError as e:
        report.refused[type(e).__name__] += 1
        return e
    except Exception as e:
        raise Broken(f"{type(e).__name__}: {e} - from {frame!r} ({'text' if is_text else 'binary'})") from e
    return None


def _feed_refused(steady: Target, frame: bytes, is_text: bool, before: Any) -> None:
    """A refused frame must be refused by anyone, and change nothing."""
    steady.told.clear()
    try:
        steady.feed(frame, is_text)
    except VenueError:
        if steady.state() != before:
            raise Broken(f"half applied: {frame!r}") from None
        if steady.told:
            raise Broken(f"told {steady.told} of a refused frame: {frame!r}") from None
    else:
        raise Broken(f"refused by one object and taken by another: {frame!r}")


def _closing(target: Target, closing: list[Frame]) -> tuple[Any, Any]:
    """Return state and words of a target after good frames."""
    target.told.clear()
    for frame, is_text in closing:
        target.feed(frame, is_text)
    return target.state(), contents(target.told)
