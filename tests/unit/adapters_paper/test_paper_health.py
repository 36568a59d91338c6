from decimal import Decimal

import pytest
from settlement_scene import SHORT, free, marks, python_engine, quotes

from adapters.paper.accruing import IndexSettlement, IndexSettlementConfig
from adapters.paper.health import Holding, account_health, liquidation_price_usd
from adapters.paper.reporting import AccountReporting, AccountReportingConfig
from messages import AccountHealth, VenueState, VenueStatus, topics


def holding(quantity: str, mark: str = "40000") -> Holding:
    return Holding(
        instrument_id="BTC-USD-PERP.PARADEX",
        quantity=Decimal(quantity),
        entry_price_usd=Decimal(39_000),
        mark_price_usd=Decimal(mark),
        initial_rate=Decimal("0.02"),
        maintenance_rate=Decimal("0.01"),
    )


def test_equity_is_cash_plus_price_pnl_plus_accrued_funding() -> None:
    health = account_health("PARADEX", Decimal(10_000), Decimal(-5), [holding("-0.5")], 1)
    assert health.equity_usd == 10_000 - 5 - 500
    assert (health.initial_margin_usd, health.maintenance_margin_usd) == (400, 200)
    assert health.free_collateral_usd == health.equity_usd - 400


@pytest.mark.parametrize("quantity", ["0.5", "-0.5"])
def test_at_the_liquidation_price_equity_meets_the_maintenance_margin(quantity: str) -> None:
    cash = Decimal(1_000)
    health = account_health("PARADEX", cash, Decimal(0), [holding(quantity)], 1)
    price = health.positions[0].liquidation_price_usd
    there = account_health("PARADEX", cash, Decimal(0), [holding(quantity, str(price))], 1)
    assert there.equity_usd == pytest.approx(there.maintenance_margin_usd, abs=Decimal("1e-15"))


def test_a_long_that_can_lose_everything_has_no_liquidation_price() -> None:
    assert liquidation_price_usd(holding("0.1"), Decimal(1_000_000)) is None


def test_the_module_reports_at_once_when_something_happened_and_steadily_otherwise() -> None:
    leg, reports, states = free(SHORT), [], []
    modules = [
        IndexSettlement(IndexSettlementConfig(component_id="INDEX")),
        AccountReporting(AccountReportingConfig(component_id="REPORTING")),
    ]
    engine = python_engine([leg], [*marks(leg, "41000.0"), *quotes(leg, "40000.0")], {"PARADEX": modules})
    engine.kernel.msgbus.subscribe(topics.ACCOUNT_HEALTH, reports.append)
    engine.kernel.msgbus.subscribe(topics.VENUE_STATUS, states.append)
    engine.run()
    engine.dispose()
    assert len(reports) >= 11
    last: AccountHealth = reports[-1]
    assert last.cash_usd == 100_000
    assert last.equity_usd == 101_000  # 1 BTC bought at 40,000, marked at 41,000
    assert last.positions[0].quantity == 1
    assert last.positions[0].entry_price_usd == 40_000
    assert {status.state for status in states if isinstance(status, VenueStatus)} == {VenueState.OK}
