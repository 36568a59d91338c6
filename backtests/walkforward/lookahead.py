"""Catch a rule, or the data behind it, that knows what is not published yet: change the future and look for a changed past."""

from collections.abc import Callable, Sequence

import msgspec

from backtests.dataset import HOUR_NS
from backtests.walkforward.moments import Moment, moments
from backtests.walkforward.series import Leg, Pair
from backtests.walkforward.trading import Held, Rule
from strategies.funding import FundingRate

type MakeRule = Callable[[Pair], Rule]


def with_other_future(pair: Pair, cut: int) -> Pair:
    """Return the pair with every rate that is published or charged from the boundary `cut` on turned round and doubled."""
    return Pair(pair.asset, _with_other_future(pair.hyperliquid, cut), _with_other_future(pair.other, cut))


def _with_other_future(leg: Leg, cut: int) -> Leg:
    return Leg(
        leg.venue,
        tuple(
            row
            if row.ts_ns < cut * HOUR_NS
            else msgspec.structs.replace(row, rate=FundingRate(-2 * row.rate.rate, row.rate.period_hours))
            for row in leg.published
        ),
        {boundary: rate if boundary < cut else -2 * rate for boundary, rate in leg.charged.items()},
        leg.covered,
    )


def decisions(pair: Pair, make_rule: MakeRule, horizons: Sequence[int]) -> dict[int, int]:
    """Return the side a rule wants at every boundary, having held what it wanted before."""
    rule, wanted = make_rule(pair), dict[int, int]()
    side, since = 0, 0
    for moment in moments(pair, horizons):
        target = rule.target(moment, Held(side, moment.boundary - since) if side else None)
        if target != side:
            side, since = target, moment.boundary
        wanted[moment.boundary] = target
    return wanted


def first_leak(pair: Pair, make_rule: MakeRule, horizons: Sequence[int], cut: int) -> int | None:
    """Return the first boundary before `cut` at which another future changes the decision, None where there is none."""
    straight, other = (decisions(each, make_rule, horizons) for each in (pair, with_other_future(pair, cut)))
    return next((boundary for boundary in straight if boundary < cut and straight[boundary] != other.get(boundary)), None)


def until(pair: Pair, boundary: int) -> Pair:
    """Return the record of a pair up to a boundary."""
    return Pair(pair.asset, _until(pair.hyperliquid, boundary), _until(pair.other, boundary))


def _until(leg: Leg, boundary: int) -> Leg:
    """Keep what was published and paid before; hours paid later are not on record yet."""
    paid = sorted(hour for hour in leg.charged if hour < boundary)
    end = paid[-1] if paid else 0
    return Leg(
        leg.venue,
        tuple(row for row in leg.published if row.ts_ns < boundary * HOUR_NS),
        {hour: leg.charged[hour] for hour in paid},
        frozenset(hour for hour in leg.covered if hour < end),
    )


def seen_early(found: Sequence[Moment], hours: int) -> list[Moment]:
    """Return each moment with the knowledge of `hours` later: what a shifted series gives away."""
    later = {moment.boundary - hours: moment for moment in found}
    return [msgspec.structs.replace(later[m.boundary], boundary=m.boundary) for m in found if m.boundary in later]
