"""Ekubo's concentrated liquidity: what a swap does to a pool, to the unit, and the largest one an impact limit allows; pure.

Amounts are base units. A square root of a price is a 64.128 fixed-point number; a price is token1 per token0 in base units,
1.000001 to the power of the tick. A fee is a fraction of 2^128. The steps are those of Ekubo's contracts (its published test
vectors are ours): inputs lose the fee first, rounding always favours the pool. From July 2026 its source rounds the price
after a sale of token0 more exactly, which differs by one unit in the last place of the root at most.
"""

from decimal import Decimal, localcontext

import msgspec

from adapters.ekubo.constants import BPS

Q128 = 1 << 128
MIN_SQRT_RATIO = 18446748437148339061
MAX_SQRT_RATIO = 6277100250585753475930931601400621808602321654880405518632
MAX_TICK = 88_722_883


class PoolKey(msgspec.Struct, frozen=True):
    """What names a pool; token0 is the lower address."""

    token0: int
    token1: int
    fee: int
    tick_spacing: int
    extension: int

    def words(self) -> tuple[int, int, int, int, int]:
        """Return it as calldata."""
        return self.token0, self.token1, self.fee, self.tick_spacing, self.extension

    @property
    def fee_bps(self) -> Decimal:
        """The fee in basis points of the input."""
        return Decimal(self.fee) / Q128 * BPS


class PoolState(msgspec.Struct, frozen=True):
    """A pool at one moment: its price and the liquidity at that price."""

    key: PoolKey
    sqrt_ratio: int
    tick: int
    liquidity: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A swap inside one range of liquidity: `consumed` is signed as the amount asked for, the others are not signed.

    `calculated` is the other side: what comes out for an exact input, what has to be put in (fee included) for an exact output.
    """

    consumed: int
    calculated: int
    fee: int
    sqrt_ratio_after: int


def step(*, sqrt_ratio: int, liquidity: int, amount: int, is_token1: bool, fee: int, sqrt_ratio_limit: int | None = None) -> Step:
    """Return a swap of `amount` (negative: exact output) in one range, stopped at the limit.

    Raises ValueError for a limit on the wrong side of the price.
    """
    is_exact_out = amount < 0
    is_increasing = is_exact_out != is_token1
    limit = sqrt_ratio_limit if sqrt_ratio_limit is not None else (MAX_SQRT_RATIO if is_increasing else MIN_SQRT_RATIO)
    if amount == 0 or sqrt_ratio == limit:
        return Step(consumed=0, calculated=0, fee=0, sqrt_ratio_after=sqrt_ratio)
    if (limit > sqrt_ratio) != is_increasing:
        raise ValueError("the limit lies on the other side of the price")
    if liquidity == 0:
        return Step(consumed=0, calculated=0, fee=0, sqrt_ratio_after=limit)
    net = amount if is_exact_out else after_fee(amount, fee)
    reached = _sqrt_after(sqrt_ratio, liquidity, net, is_token1=is_token1)
    if reached is None or (reached > limit if is_increasing else reached < limit):
        return _step_to_limit(sqrt_ratio, limit, liquidity, fee, is_token1=is_token1, is_exact_out=is_exact_out)
    if reached == sqrt_ratio and not is_exact_out:  # too little to move the price: all of it is fee
        return Step(consumed=amount, calculated=0, fee=amount, sqrt_ratio_after=sqrt_ratio)
    other = amount0_delta if is_token1 else amount1_delta
    calculated = other(reached, sqrt_ratio, liquidity, round_up=is_exact_out)
    if is_exact_out:
        whole = before_fee(calculated, fee)
        return Step(consumed=amount, calculated=whole, fee=whole - calculated, sqrt_ratio_after=reached)
    return Step(consumed=amount, calculated=calculated, fee=amount - net, sqrt_ratio_after=reached)


def largest_input(pool: PoolState, *, is_token1: bool, max_impact_bps: Decimal) -> int:
    """Return the largest exact input, fee included, whose execution is at most `max_impact_bps` worse than the price before it.

    Exact for as long as the liquidity stays what it is: one unit more exceeds the limit. See `is_liquidity_certain`.
    """
    if not 0 < max_impact_bps < BPS:
        raise ValueError(f"an impact limit of {max_impact_bps} bps")
    kept, whole = (1 - max_impact_bps / BPS).as_integer_ratio()
    if is_token1:  # 1 - S/S' <= I, with S' = S + floor(net 2^128 / L)
        highest = min(pool.sqrt_ratio * whole // kept, MAX_SQRT_RATIO)
        net = ((highest - pool.sqrt_ratio + 1) * pool.liquidity - 1) >> 128
    else:  # 1 - S'/S <= I, with S' = ceil(x / (floor(x / S) + net)) and x = 2^128 L
        lowest = max(_ceil_div(pool.sqrt_ratio * kept, whole), MIN_SQRT_RATIO)
        shifted = pool.liquidity << 128
        net = (shifted - 1) // (lowest - 1) - shifted // pool.sqrt_ratio
    if net <= 0:  # what does not even move the price is all fee
        return 0
    return ((net + 1) * Q128 - 1) // (Q128 - pool.key.fee)


def is_liquidity_certain(pool: PoolState, sqrt_ratio_after: int) -> bool:
    """Whether no position can begin or end between the pool's price and another: none does between multiples of the spacing."""
    lower = pool.tick // pool.key.tick_spacing * pool.key.tick_spacing
    upper = lower + pool.key.tick_spacing
    return sqrt_ratio_at(max(lower, -MAX_TICK)) <= sqrt_ratio_after <= sqrt_ratio_at(min(upper, MAX_TICK))


def execution_impact(before: int, after: int) -> Decimal:
    """Return by what fraction a swap between two roots of the price is executed worse than at the first, without the fee.

    Sold is executed at S S' against S^2, so it is 1 - S'/S (or 1 - S/S' upwards).
    """
    return 1 - Decimal(min(before, after)) / Decimal(max(before, after))


def spot_move(before: int, after: int) -> Decimal:
    """Return |spot after - spot before| / spot before, Nautilus' price impact; about twice `execution_impact`.

    The price is that of the token sold, in the other: selling token1 moves 1/S^2 down as selling token0 moves S^2 down.
    """
    return 1 - (1 - execution_impact(before, after)) ** 2


def human_price(sqrt_ratio: int, decimals0: int, decimals1: int) -> Decimal:
    """Return the price of one whole token0 in whole tokens1."""
    with localcontext(prec=60):
        price = (Decimal(sqrt_ratio) / Q128) ** 2 * Decimal(10) ** (decimals0 - decimals1)
    return +price


def sqrt_ratio_at(tick: int) -> int:
    """Return the root of the price at a tick, 2^128 (sqrt 1.000001)^tick; the contracts' own differs by less than 1e-19 of it."""
    if abs(tick) > MAX_TICK:
        raise ValueError(f"tick {tick} is beyond {MAX_TICK}")
    with localcontext(prec=90):
        return int((Decimal("1.000001").sqrt() ** tick * Q128).to_integral_value())


def after_fee(amount: int, fee: int) -> int:
    """Return what is left of an input once the fee, rounded up, is taken."""
    return amount - _ceil_div(amount * fee, Q128)


def before_fee(amount: int, fee: int) -> int:
    """Return the least input of which `amount` is left."""
    return _ceil_div(amount << 128, Q128 - fee)


def amount0_delta(sqrt_a: int, sqrt_b: int, liquidity: int, *, round_up: bool) -> int:
    """Return the token0 between two roots of the price: L 2^128 (b - a) / (a b)."""
    lower, upper = sorted((sqrt_a, sqrt_b))
    divide = _ceil_div if round_up else _floor_div
    return divide(divide((liquidity << 128) * (upper - lower), upper), lower)


def amount1_delta(sqrt_a: int, sqrt_b: int, liquidity: int, *, round_up: bool) -> int:
    """Return the token1 between two roots of the price: L (b - a) / 2^128."""
    return (_ceil_div if round_up else _floor_div)(liquidity * abs(sqrt_a - sqrt_b), Q128)


def _sqrt_after(sqrt_ratio: int, liquidity: int, amount: int, *, is_token1: bool) -> int | None:
    """Return the root of the price after an amount (negative: taken out), None where there is not that much."""
    if is_token1:
        reached = sqrt_ratio + (amount << 128) // liquidity  # floor: towards the price going in, away from it going out
        return reached if reached > 0 else None
    shifted = liquidity << 128
    if amount > 0:
        return _ceil_div(shifted, shifted // sqrt_ratio + amount)
    denominator = shifted + amount * sqrt_ratio
    return _ceil_div(shifted * sqrt_ratio, denominator) if denominator > 0 else None


def _step_to_limit(sqrt_ratio: int, limit: int, liquidity: int, fee: int, *, is_token1: bool, is_exact_out: bool) -> Step:
    specified, other = (amount1_delta, amount0_delta) if is_token1 else (amount0_delta, amount1_delta)
    moved = specified(limit, sqrt_ratio, liquidity, round_up=not is_exact_out)
    opposite = other(limit, sqrt_ratio, liquidity, round_up=is_exact_out)
    if is_exact_out:
        whole = before_fee(opposite, fee)
        return Step(consumed=-moved, calculated=whole, fee=whole - opposite, sqrt_ratio_after=limit)
    whole = before_fee(moved, fee)
    return Step(consumed=whole, calculated=opposite, fee=whole - moved, sqrt_ratio_after=limit)


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def _floor_div(a: int, b: int) -> int:
    return a // b
