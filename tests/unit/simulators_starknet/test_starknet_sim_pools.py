"""The pool arithmetic: Ekubo's published numbers to the unit, and what must hold for any swap."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.starknet.pool_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    ONE,
    before_fee,
    fee_of,
    sqrt_ratio_of,
    swap_step,
    tick_of,
)
from simulators.starknet.pools import Pool, PoolKey, Position, aligned, open_pool

# (tick, sqrt ratio) as Ekubo publishes them
TICKS = [
    (10**6, 561030636129153856592777659729523183729),
    (10**7, 50502254805927926084427918474025309948677),
    (-(10**6), 206391740095027370700312310531588921767),
    (-(10**7), 2292810285051363400276741638672651165),
    (MAX_TICK, 6277100250585753475930931601400621808602321654880405518632),
    (-MAX_TICK, 18446748437148339061),
    (0, ONE),
]
FEE = 170141183460469235273462165868118016  # 0.05 %
KEY = PoolKey(1, 2, FEE, 1000)
EDGE = aligned(MAX_TICK, 1000)


def pool_at(tick: int = 0, *positions: tuple[int, int, int], fee: int = FEE) -> Pool:
    key = PoolKey(1, 2, fee, 1000)
    return open_pool(key, sqrt_ratio_of(tick) + 12345, [Position(*each) for each in positions])


@pytest.mark.parametrize(("tick", "sqrt_ratio"), TICKS)
def test_ticks_equal_the_published_ones(tick: int, sqrt_ratio: int) -> None:
    assert sqrt_ratio_of(tick) == sqrt_ratio
    assert tick_of(sqrt_ratio) == tick
    if tick > -MAX_TICK:
        assert tick_of(sqrt_ratio - 1) == tick - 1
    if tick < MAX_TICK:
        assert tick_of(sqrt_ratio + 1) == tick
    with pytest.raises(ValueError, match="tick"):
        sqrt_ratio_of(MAX_TICK + 1)


@given(st.integers(-MAX_TICK, MAX_TICK - 1))
def test_ticks_grow_by_a_millionth_and_are_found_again(tick: int) -> None:
    ratio, following = sqrt_ratio_of(tick), sqrt_ratio_of(tick + 1)
    assert tick_of(ratio) == tick
    assert tick_of(following - 1) == tick
    assert float(Fraction(following, ratio)) ** 2 == pytest.approx(1.000001, abs=1e-12)


def test_a_step_equals_the_published_one() -> None:
    step = swap_step(ONE, 100_000, MIN_SQRT_RATIO, 10_000, is_token1=False, fee=1 << 127)
    assert (step.consumed, step.calculated, step.fee) == (10_000, 4_761, 5_000)
    assert step.sqrt_ratio == 324078444686608060441309149935017344244


def test_a_documented_price() -> None:
    root = Decimal(0x029895C9CBFCA44F2C46E6E9B5459B) / ONE
    assert root**2 * 10**12 == pytest.approx(Decimal("1569.139"), abs=Decimal("0.001"))


@pytest.mark.parametrize(("amount", "impact_bps"), [(10**18, 1.98), (10**19, 19.8), (5 * 10**19, 98.1)])
def test_worked_impacts(amount: int, impact_bps: float) -> None:
    root = 0x029895C9CBFCA44F2C46E6E9B5459B
    step = swap_step(root, 2 * 10**17, MIN_SQRT_RATIO, amount, is_token1=False, fee=FEE)
    assert (1 - step.sqrt_ratio / root) * 10_000 == pytest.approx(impact_bps, rel=0.01)
    executed, spot = step.calculated / (amount - step.fee), (root / ONE) ** 2
    assert (1 - executed / spot) * 10_000 == pytest.approx(impact_bps, rel=0.01)


def test_a_step_stops_at_its_limit_and_takes_no_more() -> None:
    limit = sqrt_ratio_of(-1000)
    step = swap_step(ONE, 10**18, limit, 10**30, is_token1=False, fee=FEE)
    assert step.sqrt_ratio == limit
    net = step.consumed - step.fee
    assert swap_step(ONE, 10**18, MIN_SQRT_RATIO, net, is_token1=False, fee=0).sqrt_ratio == pytest.approx(limit, rel=1e-15)
    up = swap_step(ONE, 10**18, sqrt_ratio_of(1000), -(10**30), is_token1=False, fee=FEE)
    assert up.sqrt_ratio == sqrt_ratio_of(1000)
    assert -(10**30) < up.consumed < 0


@given(st.integers(1, 10**30), st.integers(0, ONE - 1))
def test_fees_are_rounded_up_and_undone(amount: int, fee: int) -> None:
    assert 0 <= fee_of(amount, fee) - Fraction(amount * fee, ONE) < 1
    paid = before_fee(amount, fee)
    assert paid - fee_of(paid, fee) >= amount
    assert paid == 1 or (paid - 1) - Fraction((paid - 1) * fee, ONE) < amount


POSITIONS = st.lists(
    st.tuples(st.integers(-200, 200), st.integers(1, 100), st.integers(1, 10**24)).map(
        lambda each: (each[0] * 1000, (each[0] + each[1]) * 1000, each[2])
    ),
    max_size=5,
)
POOLS = st.builds(
    lambda tick, positions, base, fee: pool_at(tick, *positions, (-EDGE, EDGE, base), fee=fee),
    st.integers(-100_000, 100_000),
    POSITIONS,
    st.integers(10**6, 10**24),
    st.sampled_from([0, FEE, FEE * 6, ONE // 100]),
)
AMOUNTS = st.integers(1, 10**24)


@settings(max_examples=150, deadline=None)
@given(POOLS, AMOUNTS, st.booleans())
def test_a_round_trip_creates_no_value(pool: Pool, amount: int, is_token1: bool) -> None:
    there = pool.swap(amount, is_token1=is_token1)
    paid, got = there.paid_in(is_token1=is_token1), -there.paid_in(is_token1=not is_token1)
    assert 0 <= paid <= amount
    back = there.pool.swap(got, is_token1=not is_token1)
    assert -back.paid_in(is_token1=is_token1) <= paid


@settings(max_examples=150, deadline=None)
@given(POOLS, AMOUNTS, AMOUNTS, st.booleans())
def test_more_in_is_more_out_at_no_better_a_price(pool: Pool, first: int, second: int, is_token1: bool) -> None:
    small, large = sorted((first, second))
    few, many = pool.swap(small, is_token1=is_token1), pool.swap(large, is_token1=is_token1)
    out_few, out_many = -few.paid_in(is_token1=not is_token1), -many.paid_in(is_token1=not is_token1)
    assert out_few <= out_many
    if is_token1:
        assert pool.sqrt_ratio <= few.pool.sqrt_ratio <= many.pool.sqrt_ratio
    else:
        assert pool.sqrt_ratio >= few.pool.sqrt_ratio >= many.pool.sqrt_ratio
    # At most spot, never better than a smaller swap but for what rounding takes from the small one
    assert out_many * small <= (out_few + 10) * large
    spot = Fraction(pool.sqrt_ratio, ONE) ** 2
    assert out_many <= (large / spot if is_token1 else large * spot)


@settings(max_examples=150, deadline=None)
@given(POOLS, AMOUNTS, AMOUNTS, st.booleans())
def test_two_halves_pay_no_more_than_the_whole(pool: Pool, first: int, second: int, is_token1: bool) -> None:
    whole = -pool.swap(first + second, is_token1=is_token1).paid_in(is_token1=not is_token1)
    one = pool.swap(first, is_token1=is_token1)
    two = one.pool.swap(second, is_token1=is_token1)
    parts = -one.paid_in(is_token1=not is_token1) - two.paid_in(is_token1=not is_token1)
    # One more step rounds the fee and the outcome a unit each; a unit in may be worth many out
    unit = max(1, int(Fraction(pool.sqrt_ratio, ONE) ** (-2 if is_token1 else 2)) + 1)
    assert parts <= whole + 4 * unit + 4


@settings(max_examples=150, deadline=None)
@given(POOLS, AMOUNTS, st.booleans())
def test_what_is_asked_for_costs_no_less_than_it_sells_for(pool: Pool, wanted: int, is_token1: bool) -> None:
    bought = pool.swap(-wanted, is_token1=is_token1)
    got, cost = -bought.paid_in(is_token1=is_token1), bought.paid_in(is_token1=not is_token1)
    assert 0 <= got <= wanted
    if bought.pool.sqrt_ratio not in (MIN_SQRT_RATIO, MAX_SQRT_RATIO):
        assert got == wanted
    if cost:
        sold_for = -pool.swap(cost, is_token1=not is_token1).paid_in(is_token1=is_token1)
        assert sold_for >= got - 4  # roundings, at prices near one


@settings(max_examples=100, deadline=None)
@given(POOLS, AMOUNTS, st.booleans())
def test_liquidity_and_tick_always_fit_the_price(pool: Pool, amount: int, is_token1: bool) -> None:
    after = pool.swap(amount, is_token1=is_token1).pool
    assert after.liquidity == sum(net for tick, net in zip(after.ticks, after.nets, strict=True) if tick <= after.tick)
    assert sqrt_ratio_of(after.tick) <= after.sqrt_ratio <= sqrt_ratio_of(min(after.tick + 1, MAX_TICK))


def test_crossing_a_tick_changes_the_liquidity_at_the_tick() -> None:
    pool = pool_at(0, (-10_000, 10_000, 10**20), (-50_000, 50_000, 10**18))
    limit = sqrt_ratio_of(-10_000)
    to_tick = pool.swap(10**30, is_token1=False, limit=limit)
    assert (to_tick.pool.tick, to_tick.pool.liquidity) == (-10_001, 10**18)
    beyond = to_tick.pool.swap(10**15, is_token1=False)
    whole = pool.swap(to_tick.amount0 + 10**15, is_token1=False)
    assert whole.amount1 == pytest.approx(to_tick.amount1 + beyond.amount1, abs=3)
    again = to_tick.pool.swap(10**15, is_token1=True)
    assert again.pool.liquidity == 10**20 + 10**18


def test_a_pool_without_liquidity_left_takes_only_a_part() -> None:
    pool = pool_at(0, (-10_000, 10_000, 10**20))
    done = pool.swap(10**30, is_token1=True)
    assert 0 < done.amount1 < 10**30
    assert done.pool.sqrt_ratio == MAX_SQRT_RATIO


def test_a_limit_on_the_wrong_side_is_refused() -> None:
    pool = pool_at(0, (-10_000, 10_000, 10**20))
    with pytest.raises(ValueError, match="SQRT_RATIO_LIMIT"):
        pool.swap(1, is_token1=True, limit=pool.sqrt_ratio - 1)
    with pytest.raises(ValueError, match="spacing"):
        open_pool(KEY, ONE, [Position(-1500, 0, 1)])
