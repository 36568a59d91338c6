"""Nautilus' execution cases E01-E14, E60-E63 and E70-E73: what is sent, and how the venue takes it."""
# ruff: noqa: N802 - cases are named as Nautilus names them

from decimal import Decimal

import pytest
from harness import Stage, eventually
from nautilus_trader.model.enums import OrderSide, OrderStatus, PositionSide, TimeInForce

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILLED = ["Initialized", "Submitted", "Accepted", "Filled"]
RESTING = FILLED[:3]


async def open_position(stage: Stage, quantity: str, **settings):
    """Let a tester open a position on its start and return it with its order."""
    tester = stage.tester(open_position_on_start_qty=Decimal(quantity), **settings)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed)
    stage.assert_told(order, FILLED)
    assert order.filled_qty == abs(Decimal(quantity))
    assert [fill[0] for fill in stage.door.fills(order)] == [
        event.last_qty for event in order.events if hasattr(event, "trade_id")
    ]
    await eventually(lambda: stage.cache.positions_open(strategy_id=tester.id))
    return tester, order


async def rest(stage: Stage, **settings):
    """Let a tester rest its limit orders and return them, the buy first."""
    tester = stage.tester(**settings)
    wanted = sum(settings.get(name, False) for name in ("enable_limit_buys", "enable_limit_sells"))
    await eventually(lambda: len(stage.orders(tester)) == wanted)
    orders = sorted(stage.orders(tester), key=lambda order: order.side)
    await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in orders))
    for order in orders:
        stage.assert_told(order, RESTING)
        assert stage.door.holds(order)
    return tester, orders


async def denied(stage: Stage, **settings):
    """Let a tester send what the adapter does not do."""
    tester = stage.tester(**settings)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed)
    stage.leave(tester)
    stage.assert_told(order, ["Initialized", "Denied"])
    assert not stage.door.holds(order)
    return order.last_event.reason


def is_near_the_market(stage: Stage, price: float) -> bool:
    oracle = stage.tape.at(0, "BTC").oracle_usd
    return bool(abs(Decimal(str(price)) / oracle - 1) < Decimal("0.001"))


async def test_E01_market_buy(stage: Stage):
    accounts = len(stage.bus.accounts)
    tester, order = await open_position(stage, "0.01")
    (position,) = stage.cache.positions_open(strategy_id=tester.id)
    assert position.side == PositionSide.LONG
    assert position.quantity == stage.door.position() == Decimal("0.01")
    assert is_near_the_market(stage, order.avg_px)
    told = [type(event).__name__ for event in stage.bus.positions if event.position_id == position.id]
    assert told[0] == "PositionOpened"
    await eventually(lambda: len(stage.bus.accounts) > accounts)


async def test_E02_market_sell(stage: Stage):
    tester, order = await open_position(stage, "-0.01")
    (position,) = stage.cache.positions_open(strategy_id=tester.id)
    assert position.side == PositionSide.SHORT
    assert stage.door.position() == Decimal("-0.01")
    assert is_near_the_market(stage, order.avg_px)


async def test_E03_market_order_with_time_in_force_ioc(stage: Stage):
    _, order = await open_position(stage, "0.01", open_position_time_in_force=TimeInForce.IOC)
    assert order.time_in_force == TimeInForce.IOC


async def test_E06_close_position_by_market(stage: Stage):
    tester, opening = await open_position(stage, "0.01")
    stage.leave(tester)
    closing = await stage.first_order(tester, 1)
    await eventually(lambda: not stage.cache.positions_open(strategy_id=tester.id))
    stage.assert_told(closing, FILLED)
    assert closing.side == OrderSide.SELL
    assert stage.door.position() == 0
    assert stage.door.open_orders() == []
    assert [event for event in stage.bus.positions if type(event).__name__ == "PositionClosed"]
    paid = sum(fee for order in (opening, closing) for _, _, fee in stage.door.fills(order))
    booked = sum(fee.as_decimal() for order in (opening, closing) for fee in order.commissions())
    assert booked == pytest.approx(paid, abs=Decimal("0.00001"))


async def test_E10_limit_buy(stage: Stage):
    tester, (order,) = await rest(stage, enable_limit_buys=True)
    assert (order.side, order.time_in_force) == (OrderSide.BUY, TimeInForce.GTC)
    assert order.price < stage.cache.quote_tick(stage.instrument_id).bid_price
    assert order.venue_order_id is not None
    await stage.settle(0.5)
    assert stage.orders(tester) == [order]


async def test_E11_limit_sell(stage: Stage):
    _, (order,) = await rest(stage, enable_limit_sells=True)
    assert order.side == OrderSide.SELL
    assert order.price > stage.cache.quote_tick(stage.instrument_id).ask_price


async def test_E12_limit_pair(stage: Stage):
    _, (buy, sell) = await rest(stage, enable_limit_buys=True, enable_limit_sells=True)
    assert buy.price < sell.price
    assert buy.venue_order_id != sell.venue_order_id
    assert len(stage.door.open_orders()) == 2


async def test_E13_limit_ioc_fills(stage: Stage):
    desk = await stage.desk()
    order = desk.limit(OrderSide.BUY, "0.01", desk.bid("1.002"), time_in_force=TimeInForce.IOC)
    await eventually(lambda: order.is_closed)
    stage.assert_told(order, FILLED)
    assert Decimal(str(order.avg_px)) <= order.price.as_decimal()
    assert stage.door.position() == Decimal("0.01")


async def test_E14_limit_ioc_without_a_match(stage: Stage):
    """The venue's own end of it: Hyperliquid refuses such an order, Paradex accepts and cancels it."""
    tester = stage.tester(enable_limit_buys=True, limit_time_in_force=TimeInForce.IOC)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed)
    stage.leave(tester)
    ends = {"HYPERLIQUID": ["Initialized", "Submitted", "Rejected"], "PARADEX": [*RESTING, "Canceled"]}
    stage.assert_told(order, ends[stage.door.client_id])
    assert order.filled_qty == 0
    assert stage.door.position() == 0


async def test_E60_post_only_rests(stage: Stage):
    _, (buy, sell) = await rest(stage, enable_limit_buys=True, enable_limit_sells=True, use_post_only=True)
    assert buy.is_post_only
    assert sell.is_post_only
    assert "POST_ONLY" in stage.door.terms(buy)
    assert "POST_ONLY" in stage.door.terms(sell)


async def test_E61_reduce_only_close(stage: Stage):
    tester, _ = await open_position(stage, "-0.01", reduce_only_on_stop=True)
    stage.leave(tester)
    closing = await stage.first_order(tester, 1)
    await eventually(lambda: closing.is_closed)
    stage.assert_told(closing, FILLED)
    assert closing.is_reduce_only
    assert "REDUCE_ONLY" in stage.door.terms(closing)
    assert stage.door.position() == 0


async def test_E63_parameters_of_a_command(stage: Stage):
    _, (order,) = await rest(stage, enable_limit_buys=True, order_params={"note": "of no concern to the venue"})
    assert stage.door.holds(order)


async def test_E70_post_only_that_would_cross(stage: Stage):
    tester = stage.tester(enable_limit_buys=True, test_reject_post_only=True)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed)
    stage.leave(tester)
    stage.assert_told(order, ["Initialized", "Submitted", "Rejected"])
    assert order.last_event.due_post_only
    assert "post" in order.last_event.reason.lower()
    assert stage.door.position() == 0


async def test_E71_reduce_only_without_a_position(stage: Stage):
    tester = stage.tester(open_position_on_start_qty=Decimal("0.01"), test_reject_reduce_only=True)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed)
    stage.assert_told(order, ["Initialized", "Submitted", "Rejected"])
    assert "reduce" in order.last_event.reason.lower()
    assert not order.last_event.due_post_only
    assert stage.door.position() == 0


async def test_E72_unsupported_order_type(stage: Stage):
    assert "UNSUPPORTED_ORDER_TYPE" in await denied(stage, enable_stop_buys=True)


async def test_E73_unsupported_time_in_force(stage: Stage):
    reason = await denied(stage, enable_limit_buys=True, limit_time_in_force=TimeInForce.FOK)
    assert "UNSUPPORTED_TIME_IN_FORCE" in reason


async def test_E73_unsupported_time_in_force_of_a_market_order(stage: Stage):
    reason = await denied(stage, open_position_on_start_qty=Decimal("0.01"), open_position_time_in_force=TimeInForce.FOK)
    assert "UNSUPPORTED_TIME_IN_FORCE" in reason
