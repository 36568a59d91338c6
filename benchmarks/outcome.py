"""What a benchmark found: a ratio, what it was measured against, and the goal it should meet."""

import msgspec

from benchmarks.measure import Timings


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One ratio.

    Against a baseline it says how many times faster ours is (goal: at least), against a floor how
    many times as long ours takes (goal: at most). Without a goal it is only reported.
    """

    path: str
    ours_us: float
    against: str
    is_floor: bool
    against_us: float
    ratio: float
    goal: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met, None where there is none."""
        if self.goal is None:
            return None
        return self.ratio <= self.goal if self.is_floor else self.ratio >= self.goal


def against_vendor_and_bare(
    found: Timings, path: str, *, vendor: str, vendor_goal: float, bare: str, bare_goal: float
) -> list[Outcome]:
    """Return how `ours` stands to the vendor's signer (`sdk`) and to the bare signature (`bare`) of one run."""
    return [
        Outcome(
            path=path,
            ours_us=found.call_us("ours"),
            against=vendor,
            is_floor=False,
            against_us=found.call_us("sdk"),
            ratio=found.ratio("sdk", "ours"),
            goal=vendor_goal,
        ),
        Outcome(
            path=path,
            ours_us=found.call_us("ours"),
            against=bare,
            is_floor=True,
            against_us=found.call_us("bare"),
            ratio=found.ratio("ours", "bare"),
            goal=bare_goal,
        ),
    ]
