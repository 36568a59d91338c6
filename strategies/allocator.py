"""Which pairs get the capital: the set of sizes with the highest value that the room left carries.

Exact, not greedy: every asset is given one of its options, or nothing, so that the sum of their values is the
highest possible. A few assets with a few sizes each are searched through by branch and bound.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from strategies.sizing import ZERO


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way to use capital on an asset: a pair in one direction at one size.

    `value_usd` is what it is expected to bring beyond having nothing in the asset, `takes_usd` what it takes of
    each resource, by name.
    """

    asset: str
    long_venue: str
    short_venue: str
    notional_usd: Decimal
    value_usd: Decimal
    takes_usd: Mapping[str, Decimal]


type Resources = Mapping[str, Decimal]


def carries(left_usd: Resources, options: Sequence[Option]) -> bool:
    """Return whether all these options fit at once; an option that takes nothing of a resource does not mind its lack."""
    for name, left in left_usd.items():
        taken = sum((option.takes_usd.get(name, ZERO) for option in options), ZERO)
        if taken > 0 and taken > left:
            return False
    return True


def allocate(options: Sequence[Option], left_usd: Resources) -> dict[str, Option]:
    """Return by asset the options to take, at most one of each; an option without value is never taken.

    Among equals the one that comes first wins, so the same input always has the same answer.
    """
    by_asset: dict[str, list[Option]] = {}
    for option in options:
        if option.value_usd > 0:
            by_asset.setdefault(option.asset, []).append(option)
    choices = [sorted(found, key=lambda option: -option.value_usd) for found in by_asset.values()]
    choices.sort(key=lambda found: -found[0].value_usd)
    best = [found[0] for found in choices]
    if carries(left_usd, best):  # the usual case: there is enough for everything
        return {option.asset: option for option in best}
    return {option.asset: option for option in _Search(choices, left_usd).best}


class _Search:
    """Depth first through the assets, the most valuable first; a branch that cannot win any more is cut."""

    def __init__(self, choices: Sequence[Sequence[Option]], left_usd: Resources) -> None:
        self._choices = choices
        self._hopes = [ZERO] * (len(choices) + 1)  # the most that the assets from here on can add
        for index in range(len(choices) - 1, -1, -1):
            self._hopes[index] = self._hopes[index + 1] + choices[index][0].value_usd
        self.best: tuple[Option, ...] = ()
        self._best_usd = ZERO
        self._descend(0, (), ZERO, left_usd)

    def _descend(self, index: int, taken: tuple[Option, ...], value_usd: Decimal, left_usd: Resources) -> None:
        if value_usd > self._best_usd:
            self.best, self._best_usd = taken, value_usd
        if index == len(self._choices) or value_usd + self._hopes[index] <= self._best_usd:
            return
        for option in self._choices[index]:
            if carries(left_usd, (option,)):
                rest = {name: left - option.takes_usd.get(name, ZERO) for name, left in left_usd.items()}
                self._descend(index + 1, (*taken, option), value_usd + option.value_usd, rest)
        self._descend(index + 1, taken, value_usd, left_usd)
