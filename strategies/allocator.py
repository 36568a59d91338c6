"""Which pairs get the capital: the set of sizes with the highest value that the venues' collateral carries.

Exact, not greedy: every asset is given one of its options, or nothing, so that the sum of their values is the
highest possible. A few assets with a few sizes each are searched through by branch and bound.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from strategies.sizing import ZERO


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way to use capital on an asset: a pair in one direction at one size.

    `value_usd` is what it is expected to bring beyond having nothing in the asset, `binds_usd` the collateral it
    takes on each venue.
    """

    asset: str
    long_venue: str
    short_venue: str
    notional_usd: Decimal
    value_usd: Decimal
    binds_usd: Mapping[str, Decimal]


class Budget(msgspec.Struct, frozen=True):
    """The collateral that pairs may bind: on each venue, and on all venues together."""

    venues_usd: Mapping[str, Decimal]
    total_usd: Decimal

    def carries(self, options: Sequence[Option]) -> bool:
        """Return whether all these options fit at once."""
        bound = {venue: sum((o.binds_usd.get(venue, ZERO) for o in options), ZERO) for venue in self.venues_usd}
        return sum(bound.values(), ZERO) <= self.total_usd and all(bound[v] <= limit for v, limit in self.venues_usd.items())


def allocate(options: Sequence[Option], budget: Budget) -> dict[str, Option]:
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
    if budget.carries(best):  # the usual case: there is enough for everything
        return {option.asset: option for option in best}
    return {option.asset: option for option in _Search(choices, budget).best}


class _Search:
    """Depth first through the assets, the most valuable first; a branch that cannot win any more is cut."""

    def __init__(self, choices: Sequence[Sequence[Option]], budget: Budget) -> None:
        self._choices, self._budget = choices, budget
        self._venues = tuple(budget.venues_usd)
        self._hopes = [ZERO] * (len(choices) + 1)  # the most that the assets from here on can add
        for index in range(len(choices) - 1, -1, -1):
            self._hopes[index] = self._hopes[index + 1] + choices[index][0].value_usd
        self.best: tuple[Option, ...] = ()
        self._best_usd = ZERO
        self._descend(0, (), ZERO, dict(budget.venues_usd), budget.total_usd)

    def _descend(
        self, index: int, taken: tuple[Option, ...], value_usd: Decimal, left: Mapping[str, Decimal], total_left: Decimal
    ) -> None:
        if value_usd > self._best_usd:
            self.best, self._best_usd = taken, value_usd
        if index == len(self._choices) or value_usd + self._hopes[index] <= self._best_usd:
            return
        for option in self._choices[index]:
            rest = {venue: left[venue] - option.binds_usd.get(venue, ZERO) for venue in self._venues}
            rest_total = total_left - sum((option.binds_usd.get(venue, ZERO) for venue in self._venues), ZERO)
            if rest_total >= 0 and all(room >= 0 for room in rest.values()):
                self._descend(index + 1, (*taken, option), value_usd + option.value_usd, rest, rest_total)
        self._descend(index + 1, taken, value_usd, left, total_left)
