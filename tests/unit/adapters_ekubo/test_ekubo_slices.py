"""Slices stay under the impact limit by the pool's own mathematics, and pools get their time to refill."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ekubo import slices
from adapters.ekubo.slices import CoolDown, Cut, cut, largest

NS = 1_000_000_000
LIQUIDITY, ROOT = Decimal(2 * 10**17), Decimal(4)  # a pool in one range: price ROOT^2, token1 per token0


def sell_impact(amount: Decimal) -> Decimal:
    """Return the impact of selling token0 without a fee: 1 - S'/S with S' = L / (L/S + amount)."""
    return 1 - LIQUIDITY / (LIQUIDITY / ROOT + amount) / ROOT


def buy_impact(amount: Decimal) -> Decimal:
    """Return the impact of buying token0 with token1: 1 - S/S' with amount = L (1/S - 1/S')."""
    return 1 - ROOT / (1 / (1 / ROOT - amount / LIQUIDITY))


@given(st.integers(10**10, 10**16), st.decimals("0.0001", "0.02", places=4))
def test_the_largest_size_has_just_the_impact_allowed(size, limit):
    for impact_of, is_exact_out in ((sell_impact, False), (buy_impact, True)):
        most = largest(size, impact_of(Decimal(size)), limit, is_exact_out=is_exact_out)
        if is_exact_out and most >= LIQUIDITY / ROOT:
            continue
        without_margin = Decimal(most) / slices._MARGIN
        assert abs(impact_of(without_margin) / limit - 1) < Decimal("0.001")
        assert impact_of(Decimal(most)) <= limit


@pytest.mark.parametrize(("impact", "limit"), [("0", "0.1"), ("0.1", "0"), ("1", "0.1"), ("0.1", "1"), ("-0.1", "0.1")])
def test_what_is_no_impact_is_refused(impact, limit):
    with pytest.raises(ValueError, match="an impact of"):
        largest(100, Decimal(impact), Decimal(limit), is_exact_out=False)


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(1, 1000), st.integers(0, 10**6))
def test_slices_are_equal_within_the_limit_and_add_up(remaining, most, granule, least):
    remaining *= granule
    left, sizes = remaining, []
    while left and len(sizes) < 50:
        found = cut(left, most, least=least, granule=granule)
        if found is None:
            return
        assert found.size <= max(most, 0) or found == Cut(left, 1)
        assert found.size % granule == 0
        assert found.size >= least or found.count == 1
        sizes.append(found.size)
        left -= found.size
        if len(sizes) == 1:
            first = found
    if left == 0:
        assert sum(sizes) == remaining
        assert len(sizes) <= first.count
        assert max(sizes) - min(sizes) <= granule * first.count


def test_an_order_is_cut_into_the_fewest_slices_and_not_below_the_least():
    assert cut(100, 100, least=50, granule=1) == Cut(100, 1)
    assert cut(100, 99, least=50, granule=1) == Cut(50, 2)
    assert cut(100, 34, least=30, granule=1) == Cut(34, 3)
    assert cut(100, 34, least=35, granule=1) is None
    assert cut(100, 45, least=10, granule=20) == Cut(40, 3)
    assert cut(100, 15, least=10, granule=20) is None
    assert cut(20, 30, least=10**9, granule=1) == Cut(20, 1)  # an order that fits in whole is never too small


def test_a_pool_cools_down_in_the_direction_it_was_moved():
    cooling = CoolDown(30)
    assert cooling.wait_secs("ETH-USDC.EKUBO", True, 5 * NS) == 0
    cooling.note("ETH-USDC.EKUBO", True, 5 * NS)
    assert cooling.wait_secs("ETH-USDC.EKUBO", True, 6 * NS) == 29
    assert cooling.wait_secs("ETH-USDC.EKUBO", True, 35 * NS) == 0
    assert cooling.wait_secs("ETH-USDC.EKUBO", False, 6 * NS) == cooling.wait_secs("STRK-USDC.EKUBO", True, 6 * NS) == 0
