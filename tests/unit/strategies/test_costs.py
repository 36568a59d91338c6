"""What a pair costs and brings: every part against numbers worked out by hand, and which way each must move."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import Edge, Side
from strategies.costs import (
    LegMarket,
    Resting,
    RoundTrip,
    Starknet,
    TooThin,
    basis_fraction,
    break_even_hours,
    edge,
    expected_basis_usd,
    round_trip,
)
from strategies.forecast import Forecast
from strategies.prospect import EdgeTerms, Prospect

D = Decimal
DUST = D("1e-20")  # what 28 digits round away
BASE_FEES = {"HYPERLIQUID": (D("0.00015"), D("0.00045")), "PARADEX": (D("0.00003"), D("0.00045"))}


def market(
    venue: str, mid: str = "100", half_spread: str = "0.01", size: str = "50", levels: int = 5, **changes: Any
) -> LegMarket:
    """A book of even levels, each a spread further away than the one before."""
    middle, half = D(mid), D(half_spread)
    maker, taker = BASE_FEES[venue]
    usual = LegMarket(
        venue=venue,
        bids=[(middle - half * (1 + 2 * i), D(size)) for i in range(levels)],
        asks=[(middle + half * (1 + 2 * i), D(size)) for i in range(levels)],
        maker_fee_rate=maker,
        taker_fee_rate=taker,
    )
    return msgspec.structs.replace(usual, **changes)


HL, PDX = market("HYPERLIQUID"), market("PARADEX")
FREE = {"maker_fee_rate": D(0), "taker_fee_rate": D(0)}


def trip(long: LegMarket, short: LegMarket, quantity: str | Decimal = "50", hours: str = "1", is_open: bool = False) -> RoundTrip:
    found = round_trip(long, short, D(quantity), impact_hours=D(hours), is_open=is_open)
    assert isinstance(found, RoundTrip)
    return found


def test_four_taker_fills_at_base_fees_cost_eighteen_basis_points() -> None:
    assert trip(HL, PDX).notional_usd == 5_000
    assert trip(HL, PDX).fees_usd == -4 * 5_000 * D("0.00045") == -9


def test_the_account_s_own_fees_count_and_not_a_table() -> None:
    cheaper = msgspec.structs.replace(PDX, taker_fee_rate=D(0))
    assert trip(HL, cheaper).fees_usd == -2 * 5_000 * D("0.00045")


def test_each_fill_pays_half_a_spread_at_the_best_level() -> None:
    assert trip(HL, PDX).slippage_usd == -4 * 50 * D("0.01")


def test_larger_fills_walk_the_book() -> None:
    # 100 units: 50 at 0.01 and 50 at 0.03 from the middle, on each of four sides.
    assert trip(HL, PDX, 100).slippage_usd == -4 * (50 * D("0.01") + 50 * D("0.03"))


@pytest.mark.parametrize(
    ("long", "short", "venue", "side"),
    [
        (market("HYPERLIQUID", levels=1), PDX, "HYPERLIQUID", Side.BUY),
        (HL, market("PARADEX", levels=1), "PARADEX", Side.BUY),
        (HL, market("PARADEX", bids=[(D("99.99"), D(60))]), "PARADEX", Side.SELL),
    ],
)
def test_too_little_depth_is_said_with_its_place_and_never_averaged(
    long: LegMarket, short: LegMarket, venue: str, side: Side
) -> None:
    found = round_trip(long, short, D(70), impact_hours=D(1))
    assert isinstance(found, TooThin)
    assert (found.venue, found.side, found.available < 70) == (venue, side, True)


def test_own_impact_moves_the_premium_against_us_and_less_where_the_venue_hears_others() -> None:
    # 100 units move each book by 0.02; an hour at that premium is an eighth of the 8-hour rate it makes.
    on_both = -(D(1) + D("3.5") / D("9.5")) * D("0.02") * 100 / 8
    assert trip(HL, PDX, 100).impact_usd == pytest.approx(on_both)
    assert trip(HL, PDX, 100, hours="0").impact_usd == 0
    assert trip(HL, PDX, 100, is_open=True).impact_usd == 0, "a pair that is open has had its impact"
    assert trip(HL, PDX, 50).impact_usd == 0, "what the best level holds moves nothing"


def test_gas_and_swaps_count_where_a_starknet_leg_is_involved() -> None:
    assert Starknet().cost_usd(D(10_000)) == 0
    assert Starknet(swaps=2, gas_usd=D("0.05"), swap_bps=D(5)).cost_usd(D(10_000)) == -2 * (D("0.05") + 5)


def test_the_basis_pays_what_it_is_above_its_mean() -> None:
    long, short = market("HYPERLIQUID", mid="99.9"), market("PARADEX", mid="100.1")
    basis = basis_fraction(long, short)
    assert basis == D("0.002")
    assert expected_basis_usd(basis, D("0.0005"), D(10_000)) == 15
    assert expected_basis_usd(basis, D("0.0030"), D(10_000)) == -10
    assert expected_basis_usd(basis, None, D(10_000)) == 0


BREAK_EVEN = [  # basis points of the round trip, spread, days: the published table at base fees
    ("18.0", "0.04", "16.4"),
    ("18.0", "0.08", "8.2"),
    ("18.0", "0.20", "3.3"),
    ("3.6", "0.04", "3.3"),
    ("22.0", "0.04", "20.1"),
]


@pytest.mark.parametrize(("bps", "spread", "days"), BREAK_EVEN)
def test_break_even_is_costs_over_carry(bps: str, spread: str, days: str) -> None:
    hours = break_even_hours(-D(bps), D(10_000) * D(spread) / 8_760)
    assert hours is not None
    assert round(hours / 24, 1) == D(days)


def test_what_is_never_earned_back_has_no_break_even() -> None:
    assert break_even_hours(D(-5), D(0)) is None
    assert break_even_hours(D(-5), D(-1)) is None
    assert break_even_hours(D(0), D(-1)) == 0


def test_four_percent_does_not_pay_for_takers_within_sixteen_days() -> None:
    deep = {"half_spread": "0", "size": "1000"}
    pair = trip(market("HYPERLIQUID", **deep), market("PARADEX", **deep), 100)
    for days, pays in ((7, False), (16, False), (17, True)):
        found = edge(pair, Forecast(D("0.04"), D(0)), horizon_hours=D(24 * days), basis_usd=D(0), gas_usd=D(0))
        assert (found.net_usd > 0) == pays
        assert found.break_even_hours is not None
        assert round(found.break_even_hours / 24, 1) == D("16.4")


def test_an_edge_is_the_sum_of_its_parts() -> None:
    found = edge(trip(HL, PDX, 100), Forecast(D("0.2"), D("0.05")), horizon_hours=D(168), basis_usd=D(3), gas_usd=D(-1))
    assert found.funding_usd == pytest.approx(found.notional_usd * D("0.2") * 168 / 8_760)
    assert found.funding_error_usd == pytest.approx(found.notional_usd * D("0.05") * 168 / 8_760)
    parts = found.fees_usd + found.slippage_usd + found.impact_usd + found.basis_usd + found.gas_usd
    assert found.net_usd == pytest.approx(found.funding_usd + parts)
    assert max(found.fees_usd, found.slippage_usd, found.impact_usd, found.gas_usd) < 0
    assert found.break_even_hours == pytest.approx(-parts / (found.funding_usd / 168))


def rest(chance: str = "1", markout: str = "0", wait: str = "0") -> Resting:
    return Resting(venue="PARADEX", fill_chance=D(chance), markout_bps=D(markout), wait_bps=D(wait))


def test_a_leg_that_rests_pays_the_maker_fee_and_earns_its_markout_on_its_venue_alone() -> None:
    taken = trip(HL, PDX)
    rested = round_trip(HL, PDX, D(50), impact_hours=D(1), resting=rest(markout="0.5"))
    assert isinstance(rested, RoundTrip)
    assert rested.fees_usd == -2 * 5_000 * (D("0.00045") + D("0.00003"))
    assert rested.slippage_usd == -2 * 50 * D("0.01") + 2 * 5_000 * D("0.00005")
    assert rested.fees_usd + rested.slippage_usd > taken.fees_usd + taken.slippage_usd


@pytest.mark.parametrize(("chance", "markout", "wait"), [("0", "9", "0"), ("1", "-6", "0"), ("1", "0", "6")])
def test_a_leg_that_never_fills_or_is_picked_off_or_waits_too_long_is_no_cheaper_than_taking(
    chance: str, markout: str, wait: str
) -> None:
    taken, rested = trip(HL, PDX), round_trip(HL, PDX, D(50), impact_hours=D(1), resting=rest(chance, markout, wait))
    assert isinstance(rested, RoundTrip)
    assert rested.fees_usd + rested.slippage_usd <= taken.fees_usd + taken.slippage_usd + DUST


def test_a_leg_that_rests_in_a_book_too_thin_to_be_taken_has_no_cost() -> None:
    thin = market("PARADEX", levels=1)
    assert isinstance(round_trip(HL, thin, D(70), impact_hours=D(1), resting=rest()), TooThin)


# Which way things must move.

prices = st.decimals(10, 1_000, places=2)
rates = st.decimals(0, D("0.01"), places=5)
sizes = st.decimals(1, 200, places=1)


def priced(first: LegMarket, second: LegMarket, notional: str, apr: str = "0.2", mean: Decimal | None = None) -> Edge | TooThin:
    prospect = Prospect(long=first, short=second, forecast=Forecast(D(apr), D("0.01")), basis_mean=mean)
    return prospect.edge(D(notional), EdgeTerms(horizon_hours=D(168), impact_hours=D(1)))


@given(quantity=sizes, more=sizes)
def test_a_larger_order_never_costs_less_per_unit(quantity: Decimal, more: Decimal) -> None:
    small = round_trip(HL, PDX, quantity, impact_hours=D(1))
    large = round_trip(HL, PDX, quantity + more, impact_hours=D(1))
    if isinstance(large, RoundTrip):
        assert isinstance(small, RoundTrip)
        for part in ("slippage_usd", "impact_usd"):
            assert getattr(large, part) / large.quantity <= getattr(small, part) / small.quantity + DUST


@given(quantity=sizes, size=st.integers(10, 100), deeper=st.integers(0, 100))
def test_a_deeper_book_never_costs_more(quantity: Decimal, size: int, deeper: int) -> None:
    shallow, deep = (
        round_trip(market("HYPERLIQUID", size=str(s)), market("PARADEX", size=str(s)), quantity, impact_hours=D(1))
        for s in (size, size + deeper)
    )
    if isinstance(shallow, RoundTrip):
        assert isinstance(deep, RoundTrip)
        assert deep.slippage_usd >= shallow.slippage_usd - DUST
        assert deep.impact_usd >= shallow.impact_usd - DUST


@given(fee=rates, more=rates)
def test_higher_fees_never_make_a_better_edge(fee: Decimal, more: Decimal) -> None:
    cheap, dear = (priced(HL, msgspec.structs.replace(PDX, taker_fee_rate=f), "5000") for f in (fee, fee + more))
    assert isinstance(cheap, Edge)
    assert isinstance(dear, Edge)
    assert dear.net_usd <= cheap.net_usd


@given(
    first=prices,
    shift=st.decimals(-1, 1, places=2),
    apr=st.decimals(-1, 1, places=3),
    mean=st.decimals(D("-0.01"), D("0.01"), places=4),
)
def test_the_other_direction_has_the_opposite_funding_and_basis_and_the_same_costs(
    first: Decimal, shift: Decimal, apr: Decimal, mean: Decimal
) -> None:
    one, other = market("HYPERLIQUID", mid=str(first), **FREE), market("PARADEX", mid=str(first + shift), **FREE)
    there, back = priced(one, other, "500", str(apr), mean), priced(other, one, "500", str(-apr), -mean)
    assert isinstance(there, Edge)
    assert isinstance(back, Edge)
    assert there.funding_usd == -back.funding_usd
    assert there.basis_usd == -back.basis_usd
    assert there.slippage_usd == pytest.approx(back.slippage_usd)
    assert there.impact_usd == pytest.approx(back.impact_usd)
