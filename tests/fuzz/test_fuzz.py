"""A slice of the fuzz campaign for every change; `python -m tests.fuzz` runs the million."""

import pytest

from adapters.errors import Protocol
from tests.fuzz import campaign, hyperliquid_target, paradex_target
from tests.fuzz.__main__ import TARGETS, run
from tests.fuzz.mutate import Mutator

FRAMES = 30_000
GOOD = [(b'{"x":"good"}', True)]


@pytest.mark.parametrize("venue", TARGETS)
def test_broken_frames_are_refused_in_our_own_words_and_leave_no_trace(venue):
    report = run(venue, FRAMES, seed=20261125, is_quiet=True)
    assert report.frames == FRAMES
    assert report.accepted > FRAMES / 10  # many get past the decoder, into parsing and the order books
    assert report.refused.total() > FRAMES / 3
    assert report.checks > 10


@pytest.mark.parametrize(
    ("module", "make"),
    [(hyperliquid_target, hyperliquid_target.HyperliquidTarget), (paradex_target, paradex_target.ParadexTarget)],
)
def test_every_frame_of_the_corpus_is_good_and_means_something(module, make, shared_data):
    target = make()
    taken = [target.feed(frame, is_text) for frame, is_text in module.frames(shared_data)]
    assert len(taken) > 200
    assert sum(taken) > 0.9 * len(taken)


def test_the_same_seed_breaks_frames_the_same_way():
    corpus = hyperliquid_target.frames(None) + paradex_target.frames(None)
    one, other, third = (Mutator(seed, corpus) for seed in (5, 5, 6))
    first = [one.next() for _ in range(500)]
    assert first == [other.next() for _ in range(500)]
    assert first != [third.next() for _ in range(500)]


class Toy:
    """A target with a fault of the test's choice."""

    def __init__(self, fault: str = "") -> None:
        self.told, self.fault, self.value = [], fault, 0

    def feed(self, frame: bytes, is_text: bool) -> bool:
        if frame == GOOD[0][0]:
            self.told.append("good" if self.fault != "forgetful" or self.value == 0 else "bad")
            return True
        if self.fault == "crash":
            raise KeyError(frame)
        if self.fault in ("half applied", "forgetful"):
            self.value += 1
        if self.fault == "talkative":
            self.told.append("too early")
        raise Protocol("no")

    def state(self):
        return self.value if self.fault == "half applied" else None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("crash", "KeyError"),
        ("half applied", "half applied"),
        ("talkative", "told"),
        ("forgetful", "good frames mean something else"),
    ],
)
def test_a_fault_is_found(fault, words):
    with pytest.raises(campaign.Broken, match=words):
        campaign.run(lambda: Toy(fault), GOOD, GOOD, frames=3000, seed=1)


def test_a_sound_target_passes():
    report = campaign.run(Toy, GOOD, GOOD, frames=3000, seed=1)
    assert report.checks > 5
    assert report.refused["Protocol"] > 2000
