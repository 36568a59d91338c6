"""Ekubo's pool arithmetic, exact in integers: ticks of 0.0001 %, 64.128 square-root prices, 0.128 fees.

Token amounts are raw units, price is token1 per token0 and a square-root ratio is sqrt(price) * 2^128.
Rounding always favours the pool.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

ONE = 1 << 128
MAX_TICK = 88_722_883
MIN_SQRT_RATIO = 18446748437148339061
MAX_SQRT_RATIO = 6277100250585753475930931601400621808602321654880405518632
BITS = 27


def _tick_factors() -> list[int]:
    """Return 1.000001^(-2^i / 2) as 0.128 numbers, rounded to the nearest."""
    with localcontext() as context:
        context.prec = 120
        base = Decimal("1.000001").sqrt()
        return [int(ONE / base ** (1 << bit) + Decimal("0.5")) for bit in range(BITS)]


FACTORS = _tick_factors()


@lru_cache(maxsize=4096)
def sqrt_ratio_of(tick: int) -> int:
    """Return the square-root ratio at a tick. Raise ValueError outside the ticks' range."""
    if abs(tick) > MAX_TICK:
        raise ValueError(f"tick {tick}")
    ratio = ONE
    for bit, factor in enumerate(FACTORS):
        if abs(tick) >> bit & 1:
            ratio = ratio * factor >> 128
    return ((1 << 256) - 1) // ratio if tick > 0 else ratio


def tick_of(sqrt_ratio: int) -> int:
    """Return the greatest tick whose square-root ratio is not above `sqrt_ratio`."""
    low, high = -MAX_TICK, MAX_TICK
    if sqrt_ratio >= sqrt_ratio_of(high):
        return high
    with localcontext() as context:
        context.prec = 30
        guess = int(2 * (Decimal(sqrt_ratio) / ONE).ln() / Decimal("1.000001").ln())
    low, high = max(low, guess - 2), min(high, guess + 3)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if sqrt_ratio_of(middle) <= sqrt_ratio else (low, middle)
    return low


def ceil_div(numerator: int, denominator: int) -> int:
    """Return the quotient rounded up."""
    return -(-numerator // denominator)


def fee_of(amount: int, fee: int) -> int:
    """Return the fee on an amount paid in, rounded up; `fee` is 0.128."""
    return ceil_div(amount * fee, ONE)


def before_fee(amount: int, fee: int) -> int:
    """Return what must be paid in for `amount` to remain after the fee."""
    return ceil_div(amount << 128, ONE - fee)


def amount0_between(first: int, second: int, liquidity: int, *, round_up: bool) -> int:
    """Return the token0 between two square-root ratios."""
    lower, upper = min(first, second), max(first, second)
    scaled = (liquidity << 128) * (upper - lower)
    return ceil_div(ceil_div(scaled, upper), lower) if round_up else scaled // upper // lower


def amount1_between(first: int, second: int, liquidity: int, *, round_up: bool) -> int:
    """Return the token1 between two square-root ratios."""
    scaled = liquidity * abs(first - second)
    return ceil_div(scaled, ONE) if round_up else scaled >> 128


@dataclass(frozen=True, slots=True)
class Step:
    """A swap inside one tick range: amounts are positive for what is paid in, negative for what is asked for.

    `calculated` is the magnitude of the other side; `fee` belongs to the side paid in.
    """

    consumed: int
    calculated: int
    sqrt_ratio: int
    fee: int


def is_increasing(amount: int, *, is_token1: bool) -> bool:
    """Tell whether a swap raises the price: token1 paid in, or token0 asked for."""
    return (amount < 0) != is_token1


def next_sqrt_ratio(sqrt_ratio: int, liquidity: int, amount: int, *, is_token1: bool) -> int | None:
    """Return where a net amount moves the price; None when the range cannot pay it."""
    if amount == 0:
        return sqrt_ratio
    if is_token1:
        moved = (amount << 128) // liquidity  # towards minus infinity: an amount asked for rounds its move up
        return sqrt_ratio + moved if sqrt_ratio + moved > 0 else None
    shifted = liquidity << 128
    denominator = shifted // sqrt_ratio + amount
    return ceil_div(shifted, denominator) if denominator > 0 else None


def swap_step(sqrt_ratio: int, liquidity: int, limit: int, amount: int, *, is_token1: bool, fee: int) -> Step:
    """Swap as much of `amount` as moves the price to `limit` at most; `amount` is of token1 if `is_token1`."""
    increasing = is_increasing(amount, is_token1=is_token1)
    if amount == 0 or sqrt_ratio == limit:
        return Step(0, 0, sqrt_ratio, 0)
    if liquidity == 0:
        return Step(0, 0, limit, 0)
    net = amount if amount < 0 else amount - fee_of(amount, fee)
    reached = next_sqrt_ratio(sqrt_ratio, liquidity, net, is_token1=is_token1)
    if reached is None or (reached > limit if increasing else reached < limit):
        return _to_limit(sqrt_ratio, liquidity, limit, amount, is_token1=is_token1, fee=fee)
    if reached == sqrt_ratio:
        return Step(amount, 0, sqrt_ratio, amount) if amount > 0 else Step(0, 0, sqrt_ratio, 0)
    between = amount0_between if is_token1 else amount1_between
    other = between(reached, sqrt_ratio, liquidity, round_up=amount < 0)
    if amount > 0:
        return Step(amount, other, reached, amount - net)
    paid = before_fee(other, fee)
    return Step(amount, paid, reached, paid - other)


def _to_limit(sqrt_ratio: int, liquidity: int, limit: int, amount: int, *, is_token1: bool, fee: int) -> Step:
    same, other = (amount1_between, amount0_between) if is_token1 else (amount0_between, amount1_between)
    specified = same(limit, sqrt_ratio, liquidity, round_up=amount > 0)
    calculated = other(limit, sqrt_ratio, liquidity, round_up=amount < 0)
    if amount > 0:
        paid = before_fee(specified, fee)
        return Step(paid, calculated, limit, paid - specified)
    paid = before_fee(calculated, fee)
    return Step(-specified, paid, limit, paid - calculated)
