"""Impact, slippage and cost of a swap, worked out from quotes, the pool and a mark."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ekubo import costs
from adapters.ekubo.impact import Amounts, execution_impact_bps, refuse_price, small_size, spot_move_bps, worse_bps
from adapters.ekubo.pools import Q128, execution_impact, spot_move, step
from adapters.ekubo.schemas import Quote, Route, convert
from adapters.ekubo.verification import Fault
from messages import Side, SwapCost

SQRT, LIQUIDITY, FEE = 0x029895C9CBFCA44F2C46E6E9B5459B, 2 * 10**17, 170141183460469235273462165868118016


def sale(size: int, fee: int = FEE) -> Amounts:
    return Amounts(size, step(sqrt_ratio=SQRT, liquidity=LIQUIDITY, amount=size, is_token1=False, fee=fee).calculated)


@pytest.mark.parametrize(("eth", "expected"), [(1, "1.98"), (10, "19.8"), (50, "98")])
@pytest.mark.parametrize("fee", [0, FEE, Q128 // 50])
def test_two_quotes_give_the_impact_whatever_the_fee(eth, expected, fee):
    found = execution_impact_bps(sale(eth * 10**18, fee), sale(eth * 10**15, fee))
    net = step(sqrt_ratio=SQRT, liquidity=LIQUIDITY, amount=eth * 10**18, is_token1=False, fee=fee)
    exact = execution_impact(SQRT, net.sqrt_ratio_after) * 10_000
    assert abs(found - exact) < exact * Decimal("0.005")
    if fee == FEE:
        assert abs(found - Decimal(expected)) < Decimal(expected) * Decimal("0.01")


def test_a_swap_moves_the_spot_price_about_twice_its_impact():
    after = step(sqrt_ratio=SQRT, liquidity=LIQUIDITY, amount=50 * 10**18, is_token1=False, fee=FEE).sqrt_ratio_after
    assert abs(spot_move_bps(execution_impact(SQRT, after) * 10_000) - spot_move(SQRT, after) * 10_000) < Decimal("0.000001")
    assert spot_move_bps(Decimal(0)) == 0


def test_the_small_size_has_five_digits_of_output_and_is_never_the_larger():
    assert small_size(10**18, Fraction(2900, 10**12)) == 10**15
    assert small_size(10**15, Fraction(2900, 10**12)) == -(-(10**4) * 10**12 // 2900)
    assert small_size(100, Fraction(1, 10**6)) == 100
    assert small_size(5, Fraction(10**9)) == 1


@given(st.integers(1, 10**24), st.fractions(Fraction(1, 10**15), Fraction(10**15)))
def test_a_small_size_is_positive_and_within_the_size(size, rate):
    small = small_size(size, rate)
    assert 1 <= small <= size
    if small < size:
        assert small * rate >= 10_000


def test_worse_costs_us_on_either_side():
    fair = Decimal(2000)
    assert worse_bps(Side.SELL, Decimal(1998), fair) == worse_bps(Side.BUY, Decimal(2002), fair) == 10
    assert worse_bps(Side.SELL, Decimal(2002), fair) == worse_bps(Side.BUY, Decimal(1998), fair) == -10
    with pytest.raises(ValueError, match="a price of"):
        worse_bps(Side.SELL, fair, Decimal(0))


def test_a_price_may_cost_a_little_and_may_not_be_too_good_to_be_true():
    def judge(off: str) -> Fault | None:
        refusal = refuse_price(Decimal(off), max_cost_bps=Decimal(40), max_gain_bps=Decimal(100))
        return None if refusal is None else refusal.fault

    assert [judge(off) for off in ("40", "-100", "0")] == [None] * 3
    assert [judge(off) for off in ("40.1", "-100.1")] == [Fault.REFERENCE] * 2


def parts(**changes) -> SwapCost:
    given = {
        "notional_usd": Decimal(10_000),
        "impact_bps": Decimal(20),
        "pool_fee": Decimal("0.0005"),
        "aggregator_fee": Decimal("0.0002"),
        "gas_usd": Decimal("0.01"),
    }
    return costs.estimate(**{**given, **changes})


def test_the_parts_of_a_cost_add_up_to_what_is_lost_and_are_negative():
    cost = parts()
    kept = Decimal(10_000) * (1 - Decimal("0.0005")) * (1 - Decimal("0.002")) * (1 - Decimal("0.0002"))
    assert cost.total_usd == kept - 10_000 - Decimal("0.01")
    assert cost.pool_fee_usd == -5
    assert cost.impact_usd == -Decimal("9995") * Decimal("0.002")
    assert all(part < 0 for part in (cost.impact_usd, cost.pool_fee_usd, cost.aggregator_fee_usd, cost.gas_usd))


@pytest.mark.parametrize("part", ["impact_bps", "pool_fee", "aggregator_fee", "gas_usd"])
def test_a_part_that_is_not_known_is_none_and_so_is_the_total(part):
    cost = parts(**{part: None})
    assert cost.total_usd is None
    known = [cost.impact_usd, cost.pool_fee_usd, cost.aggregator_fee_usd, cost.gas_usd]
    assert known.count(None) == 1


def test_an_impact_that_rounding_made_negative_is_none_at_all():
    assert parts(impact_bps=Decimal("-0.01")).impact_usd == 0


def hop(fee: int | None, percent: str = "1", behind: list | None = None) -> dict:
    route = {"address": "0x1", "percent": percent, "sellTokenAddress": "0x2", "buyTokenAddress": "0x3"}
    info = {} if fee is None else {"routeInfo": {"fee": hex(fee)}}
    return {**route, **info, "routes": behind or []}


def fee_of(*routes: dict) -> Decimal | None:
    return costs.pool_fee(convert(tuple[Route, ...], list(routes)))


def test_the_pools_of_a_route_take_their_share_side_by_side_and_one_after_another():
    percent = Q128 // 100
    assert round(fee_of(hop(percent)), 12) == Decimal("0.01")
    assert round(fee_of(hop(percent, "0.25"), hop(0, "0.75")), 12) == Decimal("0.0025")
    assert round(fee_of(hop(percent, behind=[hop(percent)])), 12) == Decimal("0.0199")
    assert fee_of(hop(None)) is None
    assert fee_of(hop(percent, behind=[hop(None)])) is None
    assert fee_of() is None


def quote(**changes) -> Quote:
    fields = {
        "quoteId": "q",
        "sellTokenAddress": "0x1",
        "sellAmount": "0x5",
        "buyTokenAddress": "0x2",
        "buyAmount": "0x6",
        "chainId": "0x1",
    }
    return convert(Quote, {**fields, **changes})


def test_the_aggregators_fee_is_its_rate_and_nothing_where_it_tells_none():
    fee = {"avnuFeesBps": "0xf", "avnuFees": "0xda475abf000", "integratorFeesBps": "0x5"}
    assert costs.aggregator_fee(quote(fee=fee)) == Decimal("0.0020")
    assert costs.aggregator_fee(quote(fee={"avnuFeesBps": None})) is None
    assert costs.aggregator_fee(quote(fee=None)) is None


def test_gas_is_worth_what_the_quote_says_or_else_its_strk():
    told = quote(gasFees="0x19b1b3cb5956130", gasFeesInUsd=0.013633)
    assert round(costs.gas_strk(told), 4) == Decimal("0.1157")
    assert costs.gas_usd(told, Decimal(99)) == Decimal("0.013633")
    silent = quote(gasFees=hex(10**17))
    assert costs.gas_usd(silent, Decimal("0.12")) == Decimal("0.012")
    assert costs.gas_usd(silent, None) is None
    assert costs.gas_usd(quote(), Decimal("0.12")) is None
