from decimal import Decimal
from itertools import pairwise

import pytest
from backtest_fixtures import JITTER_NS, START_NS, dataset, market
from backtest_traders import hold

from backtests import data, engine, sample
from backtests.dataset import HOUR_NS, Dataset, Period
from backtests.feed import BOOK_DELAYS_NS
from backtests.result import Result

CAPITAL = Decimal(20_000)
SETTLED = ["0.0001", "-0.0002", "0.00003", "0.0004"]
CHARGED = ["0.0008", "0.0016", "-0.0024", "0.0004"]


def run(data_set: Dataset, quantity: str = "0.1", close_after_ns: int | None = None, **other) -> Result:
    return engine.run(data_set, hold("BTC", quantity, close_after_ns), CAPITAL, **other)


def funding(result: Result) -> dict[str, Decimal]:
    return {pnl.venue: pnl.funding_usd + pnl.accrued_funding_usd for pnl in result.venues}


def test_each_leg_is_charged_at_its_own_venues_times() -> None:
    result = run(dataset(market(SETTLED, CHARGED)))
    assert [payment.ts_event_ns for payment in result.payments] == [START_NS + n * HOUR_NS + JITTER_NS for n in (1, 2, 3, 4)]
    assert {payment.venue for payment in result.payments} == {"HYPERLIQUID"}
    assert funding(result)["HYPERLIQUID"] == -5_000 * sum(map(Decimal, SETTLED))
    # the Paradex short of 5,000 USD opened 5 s into the first block and accrued to the last price
    held_secs = [3_600 - BOOK_DELAYS_NS[0] // 10**9, 3_600, 3_600, 3_600]
    expected = sum(5_000 * Decimal(rate) * secs / 28_800 for rate, secs in zip(CHARGED, held_secs, strict=True))
    assert funding(result)["PARADEX"] == pytest.approx(expected, abs=Decimal("1e-8"))


def test_closing_the_pair_turns_accrued_funding_into_cash() -> None:
    result = run(dataset(market(SETTLED, CHARGED)), close_after_ns=2 * HOUR_NS)
    paradex = next(pnl for pnl in result.venues if pnl.venue == "PARADEX")
    (touch,) = [payment for payment in result.payments if payment.venue == "PARADEX"]
    assert paradex.accrued_funding_usd == 0
    assert touch.amount_usd == paradex.funding_usd > 0
    assert touch.position_quantity == Decimal("-0.1")
    assert all(pnl.residual_usd == pytest.approx(Decimal(0), abs=Decimal("1e-6")) for pnl in result.venues)


def test_shifting_funding_by_one_hour_changes_the_result() -> None:
    straight = run(dataset(market(SETTLED, CHARGED)))
    shifted = run(dataset(market(SETTLED, CHARGED, shift_hours=1)))
    for venue, amount in funding(straight).items():
        assert abs(amount - funding(shifted)[venue]) > Decimal("0.1")


def test_without_settlement_there_is_no_funding_and_nothing_else_changes() -> None:
    settled, unsettled = (run(dataset(market(SETTLED, CHARGED)), settles_funding=on) for on in (True, False))
    assert funding(unsettled) == {"HYPERLIQUID": 0, "PARADEX": 0}
    assert unsettled.payments == ()
    assert all(amount != 0 for amount in funding(settled).values())
    assert [pnl.fees_usd for pnl in settled.venues] == [pnl.fees_usd for pnl in unsettled.venues]


def test_both_legs_pay_the_taker_fee_of_their_fills() -> None:
    result = run(dataset(market(SETTLED, CHARGED)))
    for fill in result.fills:
        assert fill.fee_usd == pytest.approx(abs(fill.quantity) * fill.price_usd * Decimal("0.00045"), abs=Decimal("1e-7"))
        assert fill.liquidity == "TAKER"
    assert {fill.venue for fill in result.fills} == {"HYPERLIQUID", "PARADEX"}


def test_a_large_order_walks_the_modelled_levels() -> None:
    small, large = (run(dataset(market(SETTLED, CHARGED)), quantity) for quantity in ("0.1", "0.35"))
    paradex = [[fill.price_usd for fill in result.fills if fill.venue == "PARADEX"] for result in (small, large)]
    assert len(paradex[0]) == 1
    assert len(paradex[1]) == 2
    assert paradex[1][1] < paradex[1][0] < Decimal(50_000)


def test_the_hours_in_the_record_are_funded_as_summed_by_hand(shared_data) -> None:
    """Forty-five days of BTC: the run's funding equals the sum over the recorded rows themselves."""
    recorded = data.load(shared_data, ("BTC",), Period(), seed=7)
    result = run(recorded)
    one = recorded.markets[0]
    opened_ns = result.fills[0].ts_event_ns
    price = {point.ts_ns: round(point.index_usd, 1) for point in one.prices}
    hyperliquid = -sum(
        Decimal("0.1") * price[row.ts_ns - row.ts_ns % HOUR_NS] * row.rate_per_hour
        for row in one.settled
        if row.ts_ns > opened_ns
    )
    assert funding(result)["HYPERLIQUID"] == pytest.approx(hyperliquid, abs=Decimal("1e-5"))
    paradex = Decimal(0)
    for point, following in pairwise(one.prices):
        (block,) = [block for block in one.charged if block.start_ns <= point.ts_ns < block.end_ns]
        hours = Decimal(following.ts_ns - max(point.ts_ns, opened_ns)) / HOUR_NS
        paradex += Decimal("0.1") * price[point.ts_ns] * block.rate * hours / block.period_hours
    assert funding(result)["PARADEX"] == pytest.approx(paradex, abs=Decimal("1e-6"))
    assert len(result.payments) == 1_079


def test_a_run_can_be_repeated_to_the_digit() -> None:
    small = Period(None, sample.START_NS + 48 * HOUR_NS)
    first, second = (run(sample.generate(("BTC",), small, seed=3)) for _ in range(2))
    assert (first.venues, first.hours, first.fills) == (second.venues, second.hours, second.fills)


def test_both_venues_report_on_the_same_hours_prices() -> None:
    """Equity of a hedged pair must not jump with the price: both marks belong to the same hour."""
    moving = sample.generate(("BTC",), Period(None, sample.START_NS + 72 * HOUR_NS), seed=5)
    result = run(moving)
    totals: dict[int, Decimal] = {}
    for row in result.hours:
        totals[row.ts_ns] = totals.get(row.ts_ns, Decimal(0)) + row.equity_usd
    steps = [abs(after - before) for before, after in pairwise(totals[key] for key in sorted(totals))]
    prices = [point.hyperliquid_usd for point in moving.markets[0].prices]
    assert max(abs(after - before) for before, after in pairwise(prices)) * Decimal("0.1") > 50
    assert max(steps[2:]) < 20
