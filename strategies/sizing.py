"""How much: walks of book depth, and one quantity that fits both legs; what does not fit is said, not averaged."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from math import lcm

import msgspec

from messages import Side

ZERO = Decimal(0)
BPS = Decimal("0.0001")

type Level = tuple[Decimal, Decimal]  # price in USD, size in base units; the best level comes first


class Walk(msgspec.Struct, frozen=True):
    """A quantity that a book takes: its worst and its average price in USD."""

    worst_price_usd: Decimal
    average_price_usd: Decimal


class Insufficient(msgspec.Struct, frozen=True):
    """A book does not hold the quantity asked for, only `available` base units."""

    available: Decimal


class LegRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue accepts: sizes in base units, prices in USD."""

    size_step: Decimal
    min_quantity: Decimal
    min_notional_usd: Decimal
    price_step: Decimal

    def is_too_small(self, quantity: Decimal, price_usd: Decimal) -> bool:
        """Return whether the venue would not open an order of this size."""
        return not self.is_sendable(quantity) or quantity * price_usd < self.min_notional_usd

    def is_sendable(self, quantity: Decimal) -> bool:
        """Return whether a quantity reaches the step and the minimum; a reduction needs no minimum notional."""
        return quantity >= max(self.size_step, self.min_quantity)


class PairQuantity(msgspec.Struct, frozen=True):
    """One base quantity for both legs, a multiple of both venues' steps."""

    quantity: Decimal


class TooSmall(msgspec.Struct, frozen=True):
    """Nothing that both venues accept fits; `detail` says why."""

    detail: str


def walk(levels: Sequence[Level], quantity: Decimal) -> Walk | Insufficient:
    """Return what taking `quantity` from a book's side costs, or how much of it there is."""
    if quantity <= 0:
        raise ValueError(f"a quantity to take must be positive, was {quantity}")
    left, paid_usd = quantity, ZERO
    for price, size in levels:
        taken = min(left, size)
        left -= taken
        paid_usd += taken * price
        if left == 0:
            return Walk(price, paid_usd / quantity)
    return Insufficient(quantity - left)


def absorbable_usd(levels: Sequence[Level], slippage_bps: Decimal) -> Decimal:
    """Return the notional of a book's side whose prices lie within `slippage_bps` of its best; 0 when it is empty."""
    if not levels:
        return ZERO
    best, total = levels[0][0], ZERO
    within = best * slippage_bps * BPS
    for price, size in levels:
        if abs(price - best) > within:
            break
        total += price * size
    return total


def limit_price_usd(best_usd: Decimal, side: Side, slippage_bps: Decimal, price_step: Decimal) -> Decimal:
    """Return the worst price an order may get: `best_usd` moved against us, on the step, never beyond the slippage.

    A limit that the step would push through `best_usd` stays at it, so that the order can still trade.
    """
    moved = best_usd * (1 + side.sign * slippage_bps * BPS)
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    limit = (moved / price_step).to_integral_value(rounding=rounding) * price_step
    return max(limit, best_usd) if side is Side.BUY else min(limit, best_usd)


def round_down(quantity: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` not above a non-negative quantity."""
    return (quantity / step).to_integral_value(rounding=ROUND_DOWN) * step


def common_step(first: Decimal, second: Decimal) -> Decimal:
    """Return the smallest size that is a multiple of both steps."""
    places = max(-int(step.normalize().as_tuple().exponent) for step in (first, second))
    scale = Decimal(1).scaleb(max(places, 0))
    return Decimal(lcm(int(first * scale), int(second * scale))) / scale


def pair_quantity(notional_usd: Decimal, price_usd: Decimal, first: LegRules, second: LegRules) -> PairQuantity | TooSmall:
    """Return the largest equal quantity of at most `notional_usd` at `price_usd` that both venues accept."""
    if price_usd <= 0:
        return TooSmall(f"no price: {price_usd}")
    quantity = round_down(max(notional_usd, ZERO) / price_usd, common_step(first.size_step, second.size_step))
    if any(rules.is_too_small(quantity, price_usd) for rules in (first, second)):
        return TooSmall(f"{quantity} at {price_usd} USD is below a venue's minimum; {notional_usd:.2f} USD fit")
    return PairQuantity(quantity)


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """How large a pair may be, in USD per leg.

    `target_usd` is what every bound allows, `bound` names the one that binds. `ceiling_usd` is what may stay
    open: bounds that only keep from adding (depth, free margin, limits on new positions) have no say in it.
    """

    target_usd: Decimal
    bound: str
    ceiling_usd: Decimal
    ceiling: str


def sized(adding: Mapping[str, Decimal], standing: Mapping[str, Decimal]) -> Sized:
    """Return the size that the named bounds allow: those of `adding` for what is added, those of `standing` always."""
    ceiling = min(standing, key=lambda name: standing[name])
    bounds = {**adding, ceiling: standing[ceiling]}
    bound = min(bounds, key=lambda name: bounds[name])
    return Sized(target_usd=max(ZERO, bounds[bound]), bound=bound, ceiling_usd=max(ZERO, standing[ceiling]), ceiling=ceiling)


def survival_rate(maintenance_rate: Decimal, adverse_move: Decimal) -> Decimal:
    """Return the equity that a dollar of notional needs today so that its account outlives the move, as a fraction.

    A leg that moves against us by the fraction m has lost m of its notional N and is at most (1 + m) N large;
    what is left has to cover the maintenance margin r of that: E - m N >= (1 + m) r N.
    """
    if adverse_move <= 0:
        raise ValueError(f"an adverse move is a positive fraction, was {adverse_move}")
    return adverse_move + (1 + adverse_move) * maintenance_rate
