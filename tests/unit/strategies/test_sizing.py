from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Side
from strategies.sizing import (
    Insufficient,
    LegRules,
    PairQuantity,
    TooSmall,
    Walk,
    absorbable_usd,
    common_step,
    limit_price_usd,
    pair_quantity,
    walk,
)

D = Decimal
ASKS = [(D(101), D(1)), (D(102), D(1)), (D(103), D(1))]
steps = st.sampled_from([D("1"), D("0.1"), D("0.01"), D("0.003"), D("0.00001"), D("5"), D("0.25")])


def rules(step: str | Decimal = "0.01", minimum: str = "0", notional: str = "10") -> LegRules:
    return LegRules(size_step=D(step), min_quantity=D(minimum), min_notional_usd=D(notional), price_step=D("0.1"))


def test_a_walk_takes_the_levels_in_turn() -> None:
    assert walk(ASKS, D("0.5")) == Walk(D(101), D(101))
    assert walk(ASKS, D("2.5")) == Walk(D(103), D("101.8"))


@pytest.mark.parametrize("levels", [ASKS, []])
def test_too_little_depth_is_said_and_not_averaged(levels: list[tuple[Decimal, Decimal]]) -> None:
    assert walk(levels, D(7)) == Insufficient(D(len(levels)))


def test_a_walk_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        walk(ASKS, D(0))


def test_what_a_book_absorbs_ends_at_the_slippage() -> None:
    assert absorbable_usd(ASKS, D(0)) == 101
    assert absorbable_usd(ASKS, D(100)) == 203
    bids = [(D(100), D(2)), (D("99.9"), D(1)), (D("99.8"), D(9))]
    assert absorbable_usd(bids, D(10)) == D("299.9")
    assert absorbable_usd([], D(10)) == 0


@given(slippage=st.decimals(0, 500, places=2), extra=st.decimals(0, 100, places=2))
def test_more_slippage_never_absorbs_less(slippage: Decimal, extra: Decimal) -> None:
    assert absorbable_usd(ASKS, slippage + extra) >= absorbable_usd(ASKS, slippage)


@given(
    best=st.decimals(1, 100_000, places=1),
    side=st.sampled_from(Side),
    slippage=st.decimals(0, 200, places=1),
    step=st.sampled_from([D("0.1"), D("0.01"), D("1")]),
)
def test_a_limit_is_never_beyond_the_slippage_and_never_short_of_the_market(
    best: Decimal, side: Side, slippage: Decimal, step: Decimal
) -> None:
    limit = limit_price_usd(best, side, slippage, step)
    if side is Side.BUY:
        assert best <= limit <= best * (1 + slippage / 10_000)
    else:
        assert best * (1 - slippage / 10_000) <= limit <= best


@given(first=steps, second=steps)
def test_the_common_step_is_a_multiple_of_both(first: Decimal, second: Decimal) -> None:
    step = common_step(first, second)
    assert step % first == 0
    assert step % second == 0
    assert step <= first * second / min(D("0.00001"), first * second)


def test_the_common_step_is_the_smallest_one() -> None:
    assert common_step(D("0.01"), D("0.003")) == D("0.03")
    assert common_step(D("0.01"), D("0.01000")) == D("0.01")
    assert common_step(D("10"), D("4")) == 20


@given(notional=st.decimals(0, 20_000, places=2), price=st.decimals(D("0.5"), 100_000, places=2), first=steps, second=steps)
def test_a_pair_quantity_fits_both_venues_and_the_cap(notional: Decimal, price: Decimal, first: Decimal, second: Decimal) -> None:
    size = pair_quantity(notional, price, rules(first), rules(second))
    if isinstance(size, PairQuantity):
        assert size.quantity % first == 0
        assert size.quantity % second == 0
        assert 10 <= size.quantity * price <= notional
    else:
        # Nothing larger would have fitted either.
        assert max(common_step(first, second) * price, D(10)) > notional or notional < 10 + common_step(first, second) * price


@pytest.mark.parametrize(("notional", "price"), [("9.99", "1"), ("0", "1"), ("-5", "1"), ("100", "0")])
def test_what_does_not_fit_is_said(notional: str, price: str) -> None:
    assert isinstance(pair_quantity(D(notional), D(price), rules(), rules()), TooSmall)


def test_the_stricter_minimum_rules() -> None:
    size = pair_quantity(D(100), D(10), rules(minimum="1"), rules(minimum="11"))
    assert isinstance(size, TooSmall)
    assert pair_quantity(D(110), D(10), rules(minimum="1"), rules(minimum="11")) == PairQuantity(D(11))
