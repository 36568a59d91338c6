"""Nautilus' execution cases E40-E44: cancels, one, many and too late."""
# ruff: noqa: N802 - cases are named as Nautilus names them

import pytest
from harness import Stage, eventually
from nautilus_trader.model.enums import OrderSide, OrderStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANCELED = ["Initialized", "Submitted", "Accepted", "PendingCancel", "Canceled"]


async def cancel_on_stop(stage: Stage, untold: str = "", **settings) -> None:
    """Rest a pair of orders, stop their tester and see both cancelled."""
    tester = stage.tester(enable_limit_buys=True, enable_limit_sells=True, use_post_only=True, **settings)
    await eventually(lambda: len(stage.orders(tester)) == 2)
    orders = stage.orders(tester)
    await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in orders))
    stage.leave(tester)
    await eventually(lambda: all(order.status == OrderStatus.CANCELED for order in orders))
    for order in orders:
        stage.assert_told(order, CANCELED, untold=untold)
    assert stage.door.open_orders() == []
    assert stage.orders(tester) == orders
    assert stage.cache.orders_open() == []


async def test_E40_cancel_one_of_two(stage: Stage):
    desk = await stage.desk()
    first, second = (desk.limit(OrderSide.BUY, "0.01", desk.bid(factor), post_only=True) for factor in ("0.99", "0.98"))
    await eventually(lambda: first.status == second.status == OrderStatus.ACCEPTED)
    desk.cancel_order(first)
    await eventually(lambda: first.status == OrderStatus.CANCELED)
    stage.assert_told(first, CANCELED)
    assert second.status == OrderStatus.ACCEPTED
    assert stage.door.holds(second)
    assert not stage.door.holds(first)


async def test_E41_cancel_all_on_stop(stage: Stage):
    await cancel_on_stop(stage, untold="PendingCancel")  # a strategy that cancels all marks its orders in silence


async def test_E42_individual_cancels_on_stop(stage: Stage):
    await cancel_on_stop(stage, use_individual_cancels_on_stop=True)


async def test_E43_batch_cancel_on_stop(stage: Stage):
    await cancel_on_stop(stage, use_batch_cancel_on_stop=True)


async def test_E41_cancel_all_of_one_side(stage: Stage):
    desk = await stage.desk()
    buy = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.99"))
    sell = desk.limit(OrderSide.SELL, "0.01", desk.bid("1.01"))
    await eventually(lambda: buy.status == sell.status == OrderStatus.ACCEPTED)
    desk.cancel_all_orders(stage.instrument_id, order_side=OrderSide.SELL)
    await eventually(lambda: sell.status == OrderStatus.CANCELED)
    assert buy.status == OrderStatus.ACCEPTED
    assert stage.door.holds(buy)


async def test_E44_cancel_of_what_the_venue_has_cancelled_already(stage: Stage):
    """The venue's end of the order was not heard: our cancel comes too late and the order ends once."""
    desk = await stage.desk()
    order = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.99"))
    await eventually(lambda: order.status == OrderStatus.ACCEPTED)
    stage.door.deafen()
    stage.door.remove(order)
    await stage.settle(0.3)
    assert order.status == OrderStatus.ACCEPTED
    desk.cancel_order(order)
    await eventually(lambda: order.status == OrderStatus.CANCELED)
    told = stage.bus.told(order)
    assert told[:4] == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderPendingCancel"]
    assert told[4:] in (["OrderCanceled"], ["OrderCancelRejected", "OrderCanceled"])


async def test_E44_cancel_of_a_cancelled_order_is_not_sent(stage: Stage):
    desk = await stage.desk()
    order = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.99"))
    await eventually(lambda: order.status == OrderStatus.ACCEPTED)
    desk.cancel_order(order)
    await eventually(lambda: order.status == OrderStatus.CANCELED)
    desk.cancel_order(order)
    await stage.settle(0.3)
    stage.assert_told(order, CANCELED)
