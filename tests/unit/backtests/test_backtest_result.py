import json
import re
from decimal import Decimal

import pytest
from backtest_fixtures import dataset, market
from backtest_traders import hold
from hypothesis import given
from hypothesis import strategies as st

from actors.books import VenuePnl
from backtests import engine, report, summary
from backtests.dataset import HOUR_NS
from backtests.episodes import episodes
from backtests.result import CENT, Result, cents, total_parts, venue_parts

amounts = st.decimals(min_value=-100_000, max_value=100_000, places=8)


@pytest.fixture(scope="module")
def closed() -> Result:
    """A pair opened and closed again."""
    data_set = dataset(market(["0.0001", "-0.0002", "0.00003", "0.0004"], ["0.0008", "0.0016", "-0.0024", "0.0004"]))
    return engine.run(data_set, hold("BTC", "0.1", 2 * HOUR_NS), Decimal(20_000))


@pytest.fixture(scope="module")
def left_open() -> Result:
    """A pair that is still open at the end."""
    data_set = dataset(market(["0.0001", "-0.0002"], ["0.0008", "0.0016"]))
    return engine.run(data_set, hold("BTC", "0.1"), Decimal(20_000))


@given(parts=st.lists(amounts, min_size=1, max_size=5))
def test_rounded_parts_add_up_to_the_rounded_total(parts: list[Decimal]) -> None:
    named = {str(n): value for n, value in enumerate(parts)}
    total = sum(parts)
    rounded = cents(named, total)
    assert sum(rounded.values()) == round(total, 2)
    assert all(abs(rounded[name] - value) < CENT for name, value in named.items())


def test_a_missing_row_is_not_rounded_away() -> None:
    with pytest.raises(ValueError, match="miss the total"):
        cents({"price": Decimal("1.00"), "fees": Decimal("-0.50")}, Decimal("0.51"))


@given(price=amounts, funding=amounts, fees=amounts, open_price=amounts, accrued=amounts)
def test_a_venues_table_adds_up(price: Decimal, funding: Decimal, fees: Decimal, open_price: Decimal, accrued: Decimal) -> None:
    pnl = VenuePnl(
        venue="PARADEX",
        start_cash_usd=Decimal(20_000),
        end_cash_usd=20_000 + price + funding + fees,
        price_usd=price,
        funding_usd=funding,
        fees_usd=fees,
        unrealized_price_usd=open_price,
        accrued_funding_usd=accrued,
        equity_usd=Decimal(0),
    )
    parts = venue_parts(pnl)
    assert parts.price_usd + parts.funding_usd + parts.fees_usd == parts.cash_usd == round(pnl.change_usd, 2)
    assert parts.cash_usd + parts.open_price_usd + parts.open_funding_usd == parts.equity_usd


@pytest.mark.parametrize("name", ["closed", "left_open"])
def test_the_runs_parts_are_the_change_of_its_balances_to_the_cent(name: str, request) -> None:
    result: Result = request.getfixturevalue(name)
    rows = {pnl.venue: venue_parts(pnl) for pnl in result.venues}
    assert set(rows) == {"HYPERLIQUID", "PARADEX"}
    for pnl in result.venues:
        assert pnl.start_cash_usd == 20_000
        assert abs(pnl.residual_usd) < Decimal("1e-6")
        assert rows[pnl.venue].cash_usd == round(pnl.end_cash_usd - 20_000, 2)
        assert abs(rows[pnl.venue].equity_usd - (pnl.equity_usd - 20_000)) < Decimal("0.02")
    total = total_parts(rows)
    assert total.price_usd + total.funding_usd + total.fees_usd == total.cash_usd


def test_the_pair_trades_hold_every_fill_and_every_payment(closed: Result) -> None:
    (trade,) = episodes(closed)
    assert (trade.asset, trade.long_venue, trade.peak_quantity) == ("BTC", "HYPERLIQUID", Decimal("0.1"))
    assert trade.closed_ns is not None
    assert trade.closed_ns - trade.opened_ns == 2 * HOUR_NS
    assert trade.fills == len(closed.fills) == 4
    assert trade.funding_usd == sum(payment.amount_usd for payment in closed.payments)
    assert trade.net_usd == pytest.approx(sum(pnl.change_usd for pnl in closed.venues), abs=Decimal("1e-6"))


def test_an_open_pair_has_no_end(left_open: Result) -> None:
    (trade,) = episodes(left_open)
    assert trade.closed_ns is None


def test_the_report_is_one_file_that_shows_the_figures(closed: Result, tmp_path) -> None:
    path = tmp_path / "report.html"
    report.write(closed, path)
    page = path.read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert page.count("Plotly.newPlot(") >= 2
    total = total_parts({pnl.venue: venue_parts(pnl) for pnl in closed.venues})
    for amount in (total.funding_usd, total.fees_usd, total.cash_usd, total.equity_usd):
        assert f"{amount:+,.2f}" in body
    assert "made up data" in body
    assert "&lt;none&gt; &amp; nothing" in body
    assert "nothing about future results" in body
    assert "Paradex order book (modelled)" in body


def test_the_summary_is_json_that_adds_up(closed: Result) -> None:
    document = json.loads(summary.encode(closed))
    total = {key: Decimal(value) for key, value in document["pnl_total"].items()}
    assert total["price_usd"] + total["funding_usd"] + total["fees_usd"] == total["cash_usd"]
    assert document["is_generated"] is True
    assert document["funding_payments"] == len(closed.payments)
    assert len(document["trades"]) == 1
