from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.funding import Direction, FundingRate, best_direction

rates = st.decimals(min_value=-1, max_value=1, places=8)
NAMES = ("HYPERLIQUID", "PARADEX")


@given(per_hour=rates)
def test_one_economic_rate_has_one_apr_whatever_its_period(per_hour: Decimal) -> None:
    quoted = [FundingRate(per_hour * hours, Decimal(hours)) for hours in (1, 8, 24)]
    assert {rate.apr for rate in quoted} == {per_hour * 8_760}
    assert {rate.rate_per_hour for rate in quoted} == {per_hour}


def test_the_same_number_for_other_periods_is_another_rate() -> None:
    hourly, eight_hourly = FundingRate(Decimal("0.0001"), Decimal(1)), FundingRate(Decimal("0.0001"), Decimal(8))
    assert hourly.apr == Decimal("0.876")
    assert eight_hourly.apr == Decimal("0.1095")
    assert best_direction({"HYPERLIQUID": hourly.apr, "PARADEX": eight_hourly.apr}) == Direction("PARADEX", "HYPERLIQUID")


def test_a_period_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        _ = FundingRate(Decimal(1), Decimal(0)).apr


@given(first=rates, second=rates)
def test_the_long_leg_is_where_longs_pay_less_and_the_spread_is_never_negative(first: Decimal, second: Decimal) -> None:
    aprs = dict(zip(NAMES, (first, second), strict=True))
    direction = best_direction(aprs)
    if first == second:
        assert direction is None
    else:
        assert direction is not None
        assert aprs[direction.long_venue] < aprs[direction.short_venue]
        assert direction.spread_apr(aprs) == abs(first - second)


@given(first=rates, second=rates)
def test_swapping_the_rates_swaps_the_legs(first: Decimal, second: Decimal) -> None:
    one = best_direction(dict(zip(NAMES, (first, second), strict=True)))
    other = best_direction(dict(zip(NAMES, (second, first), strict=True)))
    if one is None:
        assert other is None
    else:
        assert other == Direction(one.short_venue, one.long_venue)


@given(first=rates, second=rates)
def test_changing_every_sign_swaps_the_legs_and_keeps_the_spread(first: Decimal, second: Decimal) -> None:
    aprs = dict(zip(NAMES, (first, second), strict=True))
    mirrored = {venue: -apr for venue, apr in aprs.items()}
    one, other = best_direction(aprs), best_direction(mirrored)
    if one is not None:
        assert other == Direction(one.short_venue, one.long_venue)
        assert one.spread_apr(aprs) == other.spread_apr(mirrored)


def test_one_known_rate_is_no_opportunity() -> None:
    assert best_direction({"PARADEX": Decimal(1)}) is None
    assert best_direction({}) is None
