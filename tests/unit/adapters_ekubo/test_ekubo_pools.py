"""Ekubo's pool mathematics against its own published vectors, and the largest swap an impact limit allows."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.ekubo.pools import (
    MAX_SQRT_RATIO,
    MIN_SQRT_RATIO,
    Q128,
    PoolKey,
    PoolState,
    amount0_delta,
    amount1_delta,
    before_fee,
    execution_impact,
    human_price,
    is_liquidity_certain,
    largest_input,
    spot_move,
    sqrt_ratio_at,
    step,
)

HALF = 1 << 127
MOST = (1 << 128) - 1
ONE_PERCENT_DOWN, TWO_PERCENT_UP = 333476719582519694194107115283132847226, Q128 + 0x51EB851EB851EB851EB851EB851EB85

# EkuboProtocol/starknet-contracts, src/tests/math/swap_test.cairo, and EkuboProtocol/typescript-sdk, src/math/swap.test.ts:
# (root, liquidity, limit, amount, is token1, fee) -> (consumed, root after, calculated, fee)
VECTORS = {
    "nothing of token0": ((Q128, 100000, MIN_SQRT_RATIO, 0, False, 0), (0, Q128, 0, 0)),
    "nothing of token1": ((Q128, 100000, 2 << 128, 0, True, 0), (0, Q128, 0, 0)),
    "at the limit, token0": ((Q128, 100000, Q128, 10000, False, 0), (0, Q128, 0, 0)),
    "at the limit, token1": ((Q128, 100000, Q128, 10000, True, 0), (0, Q128, 0, 0)),
    "token0 in": (
        (Q128, 100000, MIN_SQRT_RATIO, 10000, False, HALF),
        (10000, 324078444686608060441309149935017344244, 4761, 5000),
    ),
    "one token0 in": ((Q128, 100000, MIN_SQRT_RATIO, 1, False, HALF), (1, Q128, 0, 1)),
    "token0 out": (
        (Q128, 100000, MAX_SQRT_RATIO, -10000, False, HALF),
        (-10000, Q128 + 0x1C71C71C71C71C71C71C71C71C71C71D, 22224, 11112),
    ),
    "one token0 out": (
        (Q128, 100000, MAX_SQRT_RATIO, -1, False, HALF),
        (-1, Q128 + 0xA7C61A3AE2BDD0CEF9133BC4D7CB, 4, 2),
    ),
    "token1 in": (
        (Q128, 100000, MAX_SQRT_RATIO, 10000, True, HALF),
        (10000, Q128 + 17014118346046923173168730371588410572, 4761, 5000),
    ),
    "one token1 in": ((Q128, 100000, MAX_SQRT_RATIO, 1, True, HALF), (1, Q128, 0, 1)),
    "token1 out": (
        (Q128, 100000, MIN_SQRT_RATIO, -10000, True, HALF),
        (-10000, 0xE6666666666666666666666666666666, 22224, 11112),
    ),
    "one token1 out": ((Q128, 100000, MIN_SQRT_RATIO, -1, True, HALF), (-1, 0xFFFF583A53B8E4B87BDCF0307F23CC8D, 4, 2)),
    "token0 in to the limit": (
        (Q128, 100000, ONE_PERCENT_DOWN, 10000, False, HALF),
        (4082, ONE_PERCENT_DOWN, 2000, 2041),
    ),
    "token1 in to the limit": ((Q128, 100000, TWO_PERCENT_UP, 10000, True, HALF), (4000, TWO_PERCENT_UP, 1960, 2000)),
    "token0 out to the limit": (
        (Q128, 100000, TWO_PERCENT_UP, -10000, False, HALF),
        (-1960, TWO_PERCENT_UP, 4000, 2000),
    ),
    "token1 out to the limit": (
        (Q128, 100000, ONE_PERCENT_DOWN, -10000, True, HALF),
        (-2000, ONE_PERCENT_DOWN, 4082, 2041),
    ),
    "token0 out to another limit": (
        (Q128, 100000, 359186942860990600322450974511310889870, -10000, False, HALF),
        (-5263, 359186942860990600322450974511310889870, 11112, 5556),
    ),
    "token1 out to another limit": (
        (Q128, 100000, 323268248574891540290205877060179800883, -10000, True, HALF),
        (-5000, 323268248574891540290205877060179800883, 10528, 5264),
    ),
    "all token0 there is": (
        (Q128, 100000, MIN_SQRT_RATIO, MOST, False, 0),
        (0x1869FF9F1CBA5E3895631, 0x1000003F7F1380B75, 0x1869F, 0),
    ),
    "one token0 without a fee": (
        (Q128, 100000, MIN_SQRT_RATIO, 1, False, 0),
        (1, 0xFFFF583AC1AC1C114B9160DDEB4791B8, 0, 0),
    ),
    "one token0 at the highest price": (
        (MAX_SQRT_RATIO, 100000, MIN_SQRT_RATIO, 1, False, 0),
        (1, 0x186A0 << 128, 0x1869FF9F1CBA38F7EF8D0, 0),
    ),
    "all token1 there is": (
        (Q128, 100000, MAX_SQRT_RATIO, MOST, True, 0),
        (0x1869FF9F1CBA5E3895631, (0xFFFFFC080ED7B455 << 128) + 0x6F3528FE26840249F4B191EF6DFF7928, 0x1869F, 0),
    ),
    "one token1 without a fee": (
        (Q128, 100000, MAX_SQRT_RATIO, 1, True, 0),
        (1, Q128 + 0xA7C5AC471B4784230FCF80DC3372, 0, 0),
    ),
    "one token1 at the lowest price": (
        (MIN_SQRT_RATIO, 100000, MAX_SQRT_RATIO, 1, True, 0),
        (1, 0xA7C5AC471B48842313C772143EE7, 0x1869FF9F1CBA38F7EF8D0, 0),
    ),
    "the highest fee": ((Q128, 100000, MIN_SQRT_RATIO, 1000, False, MOST), (1000, Q128, 0, 1000)),
    "the lowest fee": (
        (Q128, 100000, MIN_SQRT_RATIO, 1000, False, 1),
        (1000, 0xFD77C56B2369787351572278168739A1, 989, 1),
    ),
    "everything at its most": (
        (MAX_SQRT_RATIO, MOST, MIN_SQRT_RATIO, MOST, False, MOST),
        (MOST, MAX_SQRT_RATIO, 0, MOST),
    ),
    "USDC for WBTC": (
        (
            21175949444679574865522613902772161611,
            717193642384,
            MIN_SQRT_RATIO,
            9995000000,
            False,
            1020847100762815411640772995208708096,
        ),
        (9995000000, 0xFEAD0F195A1008A61A0A6A34C2B5410, 38557555, 29985001),
    ),
}

FEE_5_BPS = 170141183460469235273462165868118016
SQRT_ETH_USDC = 0x029895C9CBFCA44F2C46E6E9B5459B


@pytest.mark.parametrize("name", VECTORS)
def test_a_step_equals_the_published_vector_to_the_unit(name):
    (root, liquidity, limit, amount, is_token1, fee), expected = VECTORS[name]
    made = step(sqrt_ratio=root, liquidity=liquidity, amount=amount, is_token1=is_token1, fee=fee, sqrt_ratio_limit=limit)
    assert (made.consumed, made.sqrt_ratio_after, made.calculated, made.fee) == expected


@pytest.mark.parametrize(("amount", "is_token1", "limit"), [(1, False, 3), (-1, False, 1), (1, True, 1), (-1, True, 3)])
def test_a_limit_on_the_wrong_side_is_refused(amount, is_token1, limit):
    with pytest.raises(ValueError, match="other side"):
        step(
            sqrt_ratio=2 * Q128,
            liquidity=10**5,
            amount=amount,
            is_token1=is_token1,
            fee=0,
            sqrt_ratio_limit=limit * Q128,
        )


def test_a_range_without_liquidity_is_crossed_for_nothing():
    made = step(sqrt_ratio=Q128, liquidity=0, amount=5, is_token1=True, fee=0, sqrt_ratio_limit=2 * Q128)
    assert (made.consumed, made.calculated, made.sqrt_ratio_after) == (0, 0, 2 * Q128)


def test_what_does_not_move_the_price_is_all_fee():
    made = step(sqrt_ratio=Q128 >> 40, liquidity=MOST, amount=5, is_token1=False, fee=0)
    assert (made.consumed, made.calculated, made.fee, made.sqrt_ratio_after) == (5, 0, 5, Q128 >> 40)


def test_published_deltas():
    root = 339942424496442021441932674757011200255
    assert amount0_delta(root, Q128, 1000000, round_up=False) == amount0_delta(Q128, root, 1000000, round_up=False) == 1000
    upper = 34028236692093846346337460743176821145 + Q128
    assert [amount0_delta(Q128, upper, 10**18, round_up=up) for up in (False, True)] == [90909090909090909, 90909090909090910]
    assert [amount1_delta(root, Q128, 1000000, round_up=up) for up in (False, True)] == [999, 1000]
    assert amount1_delta(340622989910849312776150758189957120 + Q128, Q128, 1000000, round_up=False) == 1001
    lower = 309347606291762239512158734028880192232
    assert [amount1_delta(Q128, lower, 10**18, round_up=up) for up in (False, True)] == [90909090909090909, 90909090909090910]
    assert amount1_delta(Q128, MAX_SQRT_RATIO, (1 << 64) - 1, round_up=False) == 340282286429718909724583623827301092853


def test_published_fees_prices_and_ticks():
    assert before_fee(105, Q128 // 100) == 107
    assert round(human_price(SQRT_ETH_USDC, 18, 6), 3) == Decimal("1569.139")
    for tick, root in (
        (10**6, 561030636129153856592777659729523183729),
        (-(10**6), 206391740095027370700312310531588921767),
        (10**7, 50502254805927926084427918474025309948677),
        (-(10**7), 2292810285051363400276741638672651165),
    ):
        assert abs(sqrt_ratio_at(tick) - root) <= root // 10**37 + 1
    assert abs(sqrt_ratio_at(88_722_883) - MAX_SQRT_RATIO) <= MAX_SQRT_RATIO // 10**19
    with pytest.raises(ValueError, match="beyond"):
        sqrt_ratio_at(88_722_884)


@pytest.mark.parametrize(
    ("eth", "total_bps", "impact_bps", "move_bps"),
    [(1, "6.98", "1.98", "3.96"), (10, "24.7", "19.8", "39.5"), (50, "103", "98", "195")],
)
def test_worked_impacts_of_an_eth_usdc_pool(eth, total_bps, impact_bps, move_bps):
    sold = eth * 10**18
    made = step(sqrt_ratio=SQRT_ETH_USDC, liquidity=2 * 10**17, amount=sold, is_token1=False, fee=FEE_5_BPS)
    spot = (Decimal(SQRT_ETH_USDC) / Q128) ** 2
    total = (1 - made.calculated / (sold * spot)) * 10_000
    for value, expected in (
        (total, total_bps),
        (execution_impact(SQRT_ETH_USDC, made.sqrt_ratio_after) * 10_000, impact_bps),
        (spot_move(SQRT_ETH_USDC, made.sqrt_ratio_after) * 10_000, move_bps),
    ):
        assert abs(value - Decimal(expected)) < Decimal(expected) * Decimal("0.005")


def pool(root: int, liquidity: int, fee: int = FEE_5_BPS, tick: int = 0, spacing: int = 1000) -> PoolState:
    return PoolState(PoolKey(1, 2, fee, spacing, 0), root, tick, liquidity)


def impact_bps(of: PoolState, amount: int, is_token1: bool) -> Fraction:
    """Return the impact of a step as an exact fraction."""
    after = step(sqrt_ratio=of.sqrt_ratio, liquidity=of.liquidity, amount=amount, is_token1=is_token1, fee=of.key.fee)
    low, high = sorted((of.sqrt_ratio, after.sqrt_ratio_after))
    return 10_000 * (1 - Fraction(low, high))


roots = st.integers(min_value=Q128 >> 40, max_value=Q128 << 40)
liquidities = st.integers(min_value=10**9, max_value=10**30) | st.integers(min_value=1 << 120, max_value=MOST)
fees = st.integers(min_value=0, max_value=Q128 // 10)
bps = st.decimals(min_value=Decimal("0.1"), max_value=Decimal(2000), places=1)
amounts = st.integers(min_value=1, max_value=10**30)
sides = st.booleans()


@example(root=Q128 + 12345, liquidity=MOST, fee=0, limit_bps=Decimal(1), is_token1=True)
@given(root=roots, liquidity=liquidities, fee=fees, limit_bps=bps, is_token1=sides)
def test_the_largest_input_keeps_the_limit_and_one_unit_more_does_not(root, liquidity, fee, limit_bps, is_token1):
    of = pool(root, liquidity, fee)
    size = largest_input(of, is_token1=is_token1, max_impact_bps=limit_bps)
    assert impact_bps(of, size, is_token1) <= Fraction(limit_bps)
    one_more = size + 1 if size else before_fee(1, fee)  # a smaller first unit would all be fee
    assert impact_bps(of, one_more, is_token1) > Fraction(limit_bps)


@pytest.mark.parametrize("impact", [Decimal(0), Decimal(-1), Decimal(10_000)])
def test_an_impact_limit_that_is_none_is_refused(impact):
    with pytest.raises(ValueError, match="impact limit"):
        largest_input(pool(Q128, 10**18), is_token1=True, max_impact_bps=impact)


def test_the_largest_input_is_what_the_notes_of_the_formula_say():
    of = pool(SQRT_ETH_USDC, 2 * 10**17)
    size = largest_input(of, is_token1=False, max_impact_bps=Decimal("1.98"))
    assert abs(size - 10**18) < 2 * 10**15


@given(roots, liquidities, fees, amounts, amounts, sides)
def test_more_in_never_gives_less_and_never_a_better_price(root, liquidity, fee, first, more, is_token1):
    def out(amount: int) -> int:
        return step(sqrt_ratio=root, liquidity=liquidity, amount=amount, is_token1=is_token1, fee=fee).calculated

    of = pool(root, liquidity, fee)
    assert out(first + more) >= out(first)
    assert impact_bps(of, first + more, is_token1) >= impact_bps(of, first, is_token1)


@given(roots, liquidities, fees, amounts, sides)
def test_a_round_trip_never_creates_value(root, liquidity, fee, amount, is_token1):
    there = step(sqrt_ratio=root, liquidity=liquidity, amount=amount, is_token1=is_token1, fee=fee)
    back = step(
        sqrt_ratio=there.sqrt_ratio_after,
        liquidity=liquidity,
        amount=there.calculated,
        is_token1=not is_token1,
        fee=fee,
    )
    assert back.calculated <= there.consumed


@given(roots, liquidities, fees, amounts, sides)
def test_an_exact_output_sold_back_never_creates_value(root, liquidity, fee, amount, is_token1):
    there = step(sqrt_ratio=root, liquidity=liquidity, amount=-amount, is_token1=is_token1, fee=fee)
    back = step(
        sqrt_ratio=there.sqrt_ratio_after,
        liquidity=liquidity,
        amount=-there.consumed,
        is_token1=is_token1,
        fee=fee,
    )
    assert back.calculated <= there.calculated


def test_liquidity_is_certain_only_between_multiples_of_the_spacing():
    of = pool(sqrt_ratio_at(1500), 10**18, tick=1500, spacing=1000)
    assert is_liquidity_certain(of, sqrt_ratio_at(1999))
    assert is_liquidity_certain(of, sqrt_ratio_at(1001))
    assert not is_liquidity_certain(of, sqrt_ratio_at(2001))
    assert not is_liquidity_certain(of, sqrt_ratio_at(999))
    below = pool(sqrt_ratio_at(-500), 10**18, tick=-500, spacing=1000)
    assert is_liquidity_certain(below, sqrt_ratio_at(-1))
    assert not is_liquidity_certain(below, sqrt_ratio_at(1))


def test_a_pool_tells_its_fee_in_basis_points():
    assert round(pool(Q128, 1).key.fee_bps, 9) == 5
