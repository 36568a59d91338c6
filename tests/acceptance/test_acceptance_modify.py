"""Nautilus' execution cases E30, E31 and E36: orders that follow the market, by modification and by replacement."""
# ruff: noqa: N802 - cases are named as Nautilus names them

from decimal import Decimal

import pytest
from harness import Stage, eventually, history
from nautilus_trader.model.enums import OrderSide, OrderStatus

from simulators.faults import FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESTING = ["Initialized", "Submitted", "Accepted"]
UP, DOWN = Decimal("1.002"), Decimal("0.998")


async def rest(stage: Stage, side: OrderSide, **settings):
    """Let a tester rest an order on one side."""
    name = "enable_limit_buys" if side == OrderSide.BUY else "enable_limit_sells"
    tester = stage.tester(**{name: True}, use_post_only=True, **settings)
    # Not simply its first: the market may have moved on before that one rested, and the tester with it.
    order = await eventually(lambda: next((o for o in stage.orders(tester) if o.status == OrderStatus.ACCEPTED), None))
    return tester, order


@pytest.mark.parametrize(("side", "factor"), [(OrderSide.BUY, UP), (OrderSide.SELL, DOWN)], ids=["buy", "sell"])
async def test_E30_modify_follows_the_market(stage: Stage, side, factor):
    tester, order = await rest(stage, side, modify_orders_to_maintain_tob_offset=True)
    first_price, first_id = order.price, order.venue_order_id
    stage.tape.factor = factor
    far = abs(first_price.as_decimal() * (factor - 1)) / 2
    await eventually(lambda: abs(order.price - first_price) > far and order.status == OrderStatus.ACCEPTED)
    told = history(order)
    assert told[:5] == [*RESTING, "PendingUpdate", "Updated"]
    assert set(told[5:]) <= {"PendingUpdate", "Updated"}
    assert stage.orders(tester) == [order]
    assert stage.door.holds(order)
    await eventually(lambda: stage.door.price(order) == order.price.as_decimal())
    assert (order.price > first_price) == (side == OrderSide.BUY)
    if stage.door.client_id == "HYPERLIQUID":  # the venue replaces the order under another id, Nautilus keeps the one
        assert order.venue_order_id != first_id
    else:
        assert order.venue_order_id == first_id
    stage.leave(tester)
    await eventually(lambda: order.status == OrderStatus.CANCELED)
    assert history(order)[-2:] == ["PendingCancel", "Canceled"]
    assert history(order).count("Canceled") == 1


async def test_E30_modify_of_quantity_and_price(stage: Stage):
    desk = await stage.desk()
    order = desk.limit(OrderSide.BUY, "0.02", desk.bid("0.99"))
    await eventually(lambda: order.status == OrderStatus.ACCEPTED)
    price, quantity = desk.instrument.make_price(desk.bid("0.98")), desk.instrument.make_qty(Decimal("0.03"))
    desk.modify_order(order, quantity=quantity, price=price)
    await eventually(lambda: order.price == price and order.status == OrderStatus.ACCEPTED)
    stage.assert_told(order, [*RESTING, "PendingUpdate", "Updated"])
    assert order.quantity == quantity
    assert stage.door.price(order) == price.as_decimal()
    assert order.filled_qty == 0


async def test_E31_cancel_and_replace(stage: Stage):
    tester, order = await rest(stage, OrderSide.BUY, cancel_replace_orders_to_maintain_tob_offset=True)
    number = len(stage.orders(tester))
    stage.tape.factor = UP
    replacement = await stage.first_order(tester, number)
    await eventually(lambda: order.status == OrderStatus.CANCELED and replacement.venue_order_id is not None)
    stage.assert_told(order, [*RESTING, "PendingCancel", "Canceled"])
    assert history(replacement)[:3] == RESTING
    assert replacement.price > order.price
    assert replacement.client_order_id != order.client_order_id
    assert replacement.venue_order_id != order.venue_order_id
    assert not stage.door.holds(order)


async def test_E36_modify_the_venue_refuses(stage: Stage):
    """A replacement refused on Hyperliquid has cost the old order already; on Paradex the order stays as it was."""
    desk = await stage.desk()
    order = desk.limit(OrderSide.BUY, "0.02", desk.bid("0.99"))
    await eventually(lambda: order.status == OrderStatus.ACCEPTED)
    price = order.price
    desk.modify_order(order, quantity=desk.instrument.make_qty(Decimal("45")))
    is_gone = stage.door.client_id == "HYPERLIQUID"
    await eventually(lambda: order.is_closed if is_gone else "ModifyRejected" in history(order))
    stage.assert_told(order, [*RESTING, "PendingUpdate", "ModifyRejected", *(["Canceled"] if is_gone else [])])
    (refusal,) = (event for event in order.events if type(event).__name__ == "OrderModifyRejected")
    assert "margin" in refusal.reason.lower()
    assert order.price == price
    assert order.quantity == Decimal("0.02")
    assert stage.door.holds(order) == order.is_open


async def test_E36_modify_the_venue_cannot_read(stage: Stage):
    desk = await stage.desk()
    order = desk.limit(OrderSide.BUY, "0.02", desk.bid("0.99"))
    await eventually(lambda: order.status == OrderStatus.ACCEPTED)
    price = order.price
    stage.door.strike(FaultKind.STATUS, stage.door.modifies, status=422, reason="unreadable")
    desk.modify_order(order, price=desk.instrument.make_price(desk.bid("0.98")))
    await eventually(lambda: "ModifyRejected" in history(order))
    stage.assert_told(order, [*RESTING, "PendingUpdate", "ModifyRejected"])
    assert (order.status, order.price) == (OrderStatus.ACCEPTED, price)
    assert stage.door.holds(order)
