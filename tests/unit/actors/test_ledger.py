from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderType
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.stubs.component import TestComponentStubs

from actors.books import Holding
from actors.ledger import Ledger
from messages import AccountHealth, FundingAccrual, FundingPayment, PositionHealth, topics

ZERO = Decimal(0)
AMOUNT = st.decimals(min_value=Decimal("-5"), max_value=Decimal("5"), places=3).filter(lambda x: x != 0)
PRICE = st.decimals(min_value=Decimal("1"), max_value=Decimal("100"), places=2)


@given(st.lists(st.tuples(AMOUNT, PRICE), max_size=12), PRICE)
def test_realised_plus_unrealised_is_what_the_fills_are_worth(fills, mark):
    holding, realized = Holding(), ZERO
    for quantity, price in fills:
        realized += holding.apply(quantity, price)
    worth = sum((q * (mark - p) for q, p in fills), ZERO)
    assert holding.quantity == sum((q for q, _ in fills), ZERO)
    assert abs(realized + holding.quantity * mark - holding.cost_usd - worth) < Decimal("1e-20")


@given(st.lists(AMOUNT, min_size=1, max_size=6), PRICE, PRICE)
def test_closing_in_any_number_of_parts_realises_the_same_to_the_last_digit(parts, bought, sold):
    holding, total = Holding(), sum(map(abs, parts), ZERO)
    holding.apply(total, bought)
    assert sum((holding.apply(-abs(part), sold) for part in parts), ZERO) == pytest.approx(
        total * (sold - bought), abs=Decimal("1e-22")
    )
    assert holding.quantity == holding.cost_usd == 0


def health(venue, cash, ts=1, positions=(), equity=None):
    return AccountHealth(
        venue=venue,
        equity_usd=Decimal(equity or cash),
        cash_usd=Decimal(cash),
        free_collateral_usd=Decimal(cash),
        initial_margin_usd=ZERO,
        maintenance_margin_usd=ZERO,
        positions=tuple(positions),
        ts_event_ns=ts,
    )


def payment(venue, payment_id, amount, ts=10):
    return FundingPayment(
        venue=venue,
        instrument_id=f"BTC-USD-PERP.{venue}",
        payment_id=payment_id,
        amount_usd=Decimal(amount),
        rate_per_hour=None,
        position_quantity=Decimal(1),
        ts_event_ns=ts,
    )


def fill(venue, side, quantity, price, fee, trade_id):
    return OrderFilled(
        TraderId("FARB-001"),
        StrategyId("FARB-001"),
        InstrumentId.from_str(f"BTC-USD-PERP.{venue}"),
        ClientOrderId(f"O-{trade_id}"),
        VenueOrderId("1"),
        AccountId(f"{venue}-001"),
        TradeId(trade_id),
        None,
        side,
        OrderType.LIMIT,
        Quantity.from_str(quantity),
        Price.from_str(price),
        USDC,
        Money(fee, USDC),
        LiquiditySide.TAKER,
        UUID4(),
        20,
        20,
    )


@pytest.fixture
def ledger():
    ledger = Ledger()
    msgbus = TestComponentStubs.msgbus()
    ledger.register_base(TestComponentStubs.portfolio(), msgbus, TestComponentStubs.cache(), TestComponentStubs.clock())
    ledger.listen()
    msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("HYPERLIQUID", "1000"))
    ledger.start()
    return ledger


def publish_fill(ledger, event):
    ledger.msgbus.publish(topic=f"events.order.{event.strategy_id}", msg=event)


def test_the_parts_of_a_round_trip_add_up_to_the_change_of_cash(ledger):
    publish_fill(ledger, fill("HYPERLIQUID", OrderSide.BUY, "2", "100.0", "0.09", "1"))
    ledger.msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=payment("HYPERLIQUID", "p1", "-0.25"))
    publish_fill(ledger, fill("HYPERLIQUID", OrderSide.SELL, "2", "103.0", "0.10", "2"))
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("HYPERLIQUID", "1005.56", ts=30))
    pnl = ledger.pnl("HYPERLIQUID")
    assert (pnl.price_usd, pnl.funding_usd, pnl.fees_usd) == (Decimal(6), Decimal("-0.25"), Decimal("-0.19"))
    assert pnl.change_usd == Decimal("5.56")
    assert pnl.residual_usd == 0
    assert ledger.is_settled()


def test_a_payment_the_venue_made_but_nobody_booked_is_a_residual(ledger):
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("HYPERLIQUID", "1000.50", ts=30))
    assert ledger.pnl("HYPERLIQUID").residual_usd == Decimal("0.50")
    assert not ledger.is_settled()


def test_a_payment_is_booked_once_and_never_one_from_before_the_start(ledger):
    for message in (
        payment("HYPERLIQUID", "p1", "1"),
        payment("HYPERLIQUID", "p1", "1"),
        payment("HYPERLIQUID", "p0", "7", ts=1),
    ):
        ledger.msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=message)
    assert ledger.pnl("HYPERLIQUID").funding_usd == 1
    assert [p.payment_id for p in ledger.payments] == ["p1"]


def test_the_same_id_on_another_venue_is_another_payment(ledger):
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("PARADEX", "500"))
    for venue in ("HYPERLIQUID", "PARADEX"):
        ledger.msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=payment(venue, "p1", "2"))
    assert [ledger.pnl(venue).funding_usd for venue in ledger.venues] == [2, 2]


def test_an_adopted_position_realises_against_the_entry_the_venue_reported():
    ledger = Ledger()
    ledger.register_base(
        TestComponentStubs.portfolio(), TestComponentStubs.msgbus(), TestComponentStubs.cache(), TestComponentStubs.clock()
    )
    ledger.listen()
    position = PositionHealth(
        instrument_id="BTC-USD-PERP.PARADEX",
        quantity=Decimal(-1),
        entry_price_usd=Decimal(100),
        unrealized_pnl_usd=Decimal(-2),
        liquidation_price_usd=None,
    )
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("PARADEX", "500", positions=[position], equity="498"))
    ledger.start()
    publish_fill(ledger, fill("PARADEX", OrderSide.BUY, "1", "97.5", "0.05", "1"))
    assert ledger.pnl("PARADEX").price_usd == Decimal("2.5")


def test_accrued_funding_is_shown_while_the_position_is_open_and_no_longer(ledger):
    position = PositionHealth(
        instrument_id="BTC-USD-PERP.HYPERLIQUID",
        quantity=Decimal(1),
        entry_price_usd=Decimal(100),
        unrealized_pnl_usd=ZERO,
        liquidation_price_usd=None,
    )
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("HYPERLIQUID", "1000", ts=5, positions=[position]))
    accrual = FundingAccrual(
        venue="HYPERLIQUID",
        instrument_id="BTC-USD-PERP.HYPERLIQUID",
        accrued_usd=Decimal("0.4"),
        funding_index_usd=None,
        position_quantity=Decimal(1),
        ts_event_ns=6,
    )
    ledger.msgbus.publish(topic=topics.FUNDING_ACCRUAL, msg=accrual)
    assert ledger.pnl("HYPERLIQUID").accrued_funding_usd == Decimal("0.4")
    assert ledger.pnl("HYPERLIQUID").funding_usd == 0
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("HYPERLIQUID", "1000.4", ts=7))
    assert ledger.pnl("HYPERLIQUID").accrued_funding_usd == 0


def test_a_payment_between_the_opening_report_and_the_start_is_not_lost():
    ledger = Ledger()
    msgbus = TestComponentStubs.msgbus()
    ledger.register_base(TestComponentStubs.portfolio(), msgbus, TestComponentStubs.cache(), TestComponentStubs.clock())
    ledger.listen()
    msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("PARADEX", "500", ts=5))
    for message in (
        payment("PARADEX", "old", "7", ts=4),
        payment("PARADEX", "new", "2", ts=6),
        payment("PARADEX", "new", "2", ts=6),
    ):
        msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=message)
    ledger.start()
    msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("PARADEX", "502", ts=9))
    assert [p.payment_id for p in ledger.payments] == ["new"]
    assert ledger.pnl("PARADEX").residual_usd == 0


def test_payments_before_a_venues_first_report_are_booked_by_it_at_most_once(ledger):
    for message in (payment("PARADEX", "in", "7", ts=10), payment("PARADEX", "later", "2", ts=30)):
        ledger.msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=message)
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("PARADEX", "507", ts=20))
    ledger.msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=payment("PARADEX", "later", "2", ts=30))
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health("PARADEX", "509", ts=40))
    assert ledger.pnl("PARADEX").funding_usd == 2
    assert ledger.pnl("PARADEX").residual_usd == 0
