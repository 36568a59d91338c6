"""The live strategy behind the live gate, over a week of recorded funding and over the sample."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from backtests import data, engine, sample
from backtests.dataset import HOUR_NS, Dataset, Period, parse_utc_ns
from backtests.episodes import episodes
from backtests.result import Result, total_parts, venue_parts
from backtests.trader import funding_arbitrage
from config.schema import StrategySection
from messages import Action
from risk.limits import Limits
from strategies.signals import SignalMode

CAPITAL = Decimal(20_000)
PLAIN = StrategySection(mode=SignalMode.THRESHOLD)  # a week's spreads open pairs by the plain rule


@pytest.fixture(scope="module")
def week(shared_data: Path) -> Dataset:
    return data.load(shared_data, ("BTC",), Period(parse_utc_ns("2026-03-21"), parse_utc_ns("2026-03-28")), seed=7)


@pytest.fixture(scope="module")
def traded(week: Dataset) -> Result:
    return engine.run(week, funding_arbitrage(PLAIN), CAPITAL)


def test_the_strategy_trades_and_both_legs_stay_equal(traded: Result) -> None:
    assert episodes(traded)
    held: dict[str, Decimal] = {}
    moments: dict[int, Decimal] = {}
    for row in traded.quantities:
        held[row.instrument_id] = row.quantity
        moments[row.ts_ns] = sum(held.values())
    assert moments
    assert all(delta == 0 for delta in moments.values())


def test_signals_enter_where_funding_differs(traded: Result) -> None:
    entries = [signal for signal in traded.signals if signal.action is Action.ENTER]
    assert entries
    assert all(signal.spread_apr >= StrategySection().min_spread_apr for signal in entries)
    assert all(signal.long_venue != signal.short_venue for signal in entries)


def test_every_cent_is_price_funding_or_fee(traded: Result) -> None:
    rows = {pnl.venue: venue_parts(pnl) for pnl in traded.venues}
    total = total_parts(rows)
    assert all(abs(pnl.residual_usd) < Decimal("1e-6") for pnl in traded.venues)
    assert total.price_usd + total.funding_usd + total.fees_usd == total.cash_usd
    assert total.cash_usd == sum(round(pnl.end_cash_usd - CAPITAL, 2) for pnl in traded.venues)
    assert total.fees_usd < 0
    booked = sum(payment.amount_usd for payment in traded.payments)
    assert booked == sum(pnl.funding_usd for pnl in traded.venues)
    assert {payment.venue for payment in traded.payments} == {"HYPERLIQUID", "PARADEX"}
    assert len({payment.payment_id for payment in traded.payments}) == len(traded.payments)


def test_funding_is_what_the_settlement_modules_book_and_nothing_else(week: Dataset, traded: Result) -> None:
    control = engine.run(week, funding_arbitrage(PLAIN), CAPITAL, settles_funding=False)
    assert control.payments == ()
    assert all(pnl.funding_usd == pnl.accrued_funding_usd == 0 for pnl in control.venues)
    assert any(pnl.funding_usd != 0 for pnl in traded.venues)
    assert [fill.price_usd for fill in control.fills] == [fill.price_usd for fill in traded.fills]


def test_the_gate_keeps_out_what_the_limits_forbid(week: Dataset) -> None:
    tight = Limits(position_usd_max=Decimal(5_000))
    result = engine.run(week, funding_arbitrage(PLAIN, tight), CAPITAL)
    held: dict[str, Decimal] = {}
    for fill in result.fills:
        before = held.get(fill.instrument_id, Decimal(0))
        held[fill.instrument_id] = after = before + fill.quantity
        assert abs(after) <= abs(before) or abs(after) * fill.price_usd <= 5_000
    assert result.fills or result.refusals


def test_a_spread_that_is_never_reached_opens_nothing(week: Dataset) -> None:
    patient = StrategySection(mode=SignalMode.THRESHOLD, min_spread_apr=Decimal("0.99"))
    result = engine.run(week, funding_arbitrage(patient), CAPITAL)
    assert (result.fills, result.payments) == ((), ())
    assert [pnl.equity_usd for pnl in result.venues] == [CAPITAL, CAPITAL]


def test_four_assets_share_the_capital_and_may_be_open_at_once() -> None:
    three_days = sample.generate(("BTC", "ETH", "SOL", "HYPE"), Period(None, sample.START_NS + 72 * HOUR_NS), seed=7)
    result = engine.run(three_days, funding_arbitrage(PLAIN), CAPITAL)
    trades = episodes(result)
    assert any(after.opened_ns < before.closed_ns for before, after in pairwise(trades) if before.closed_ns is not None)
    assert len({trade.asset for trade in trades}) > 1


def test_the_economic_gate_opens_only_what_is_expected_to_pay(shared_data: Path) -> None:
    """Three weeks in which the plain rule trades every day: the gate opens one pair, and for a reason it can name."""
    weeks = data.load(shared_data, ("BTC",), Period(parse_utc_ns("2026-03-21"), parse_utc_ns("2026-04-11")), seed=7)
    result = engine.run(weeks, funding_arbitrage(), CAPITAL)
    (entry,) = [signal for signal in result.signals if signal.action is Action.ENTER]
    assert entry.edge is not None
    assert entry.edge.net_usd > entry.edge.notional_usd * StrategySection().margin_bps / 10_000
    assert len(episodes(result)) == 1
