"""What a benchmark found: a ratio, what it was measured against, and the goal it should meet."""

import msgspec


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
