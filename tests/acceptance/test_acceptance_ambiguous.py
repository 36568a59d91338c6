"""Nautilus' execution cases E74-E78: an outcome that is not known is no refusal, and comes to light."""
# ruff: noqa: N802 - cases are named as Nautilus names them

import time
from decimal import Decimal

import pytest
from harness import Stage, eventually, history, never
from nautilus_trader.model.enums import OrderSide, OrderStatus

from simulators.faults import FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESTING = ["Initialized", "Submitted", "Accepted"]
# What may befall a request: its answer is late beyond all patience, the connection dies with it, or the
# answer is an error of the server's that says nothing of what was done.
EXECUTED = {
    "late": (FaultKind.DELAY_REPLY, {"secs": 3.0}),
    "cut": (FaultKind.LOSE_REPLY, {}),
    "error": (FaultKind.LOSE_REPLY, {"status": 502}),
}
IN_DOUBT = (OrderStatus.INITIALIZED, OrderStatus.SUBMITTED)
AFTER_ALL = pytest.mark.parametrize("fate", EXECUTED)


async def rest(stage: Stage, *factors: str):
    """Rest a buy order at each factor of the bid."""
    desk = await stage.desk()
    orders = [desk.limit(OrderSide.BUY, "0.02", desk.bid(factor)) for factor in factors]
    await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in orders))
    return desk, orders


def strike(stage: Stage, fate: str, path: str, **settings) -> None:
    kind, own = EXECUTED[fate]
    stage.door.strike(kind, path, **own, **settings)


def is_swept(stage: Stage, fate: str) -> bool:
    """Whether the venue itself cancels the orders of a connection that has gone."""
    return fate == "cut" and stage.door.client_id == "PARADEX"


async def see_light(stage: Stage) -> None:
    """Let the venue answer and speak again."""
    stage.door.clear_faults()
    await eventually(lambda: stage.door.is_ready(stage.node), 15.0)


@AFTER_ALL
async def test_E74_ambiguous_submit_that_was_executed(stage: Stage, fate):
    desk = await stage.desk()
    since = len(stage.bus.events)
    stage.door.blind()
    strike(stage, fate, stage.door.submits)
    order = desk.market(OrderSide.BUY, "0.02")
    if fate != "cut":  # a new connection begins with what the venue knows
        await never(lambda: order.status not in IN_DOUBT, 2.0)
        assert stage.door.position() == Decimal("0.02")
    await never(lambda: stage.refusals(since), 1.0)
    await see_light(stage)
    await eventually(lambda: order.is_closed, 20.0)
    executed = stage.door.fills(order)
    stage.assert_told(order, [*RESTING, "Filled" if executed else "Canceled"])
    assert executed or is_swept(stage, fate)
    assert order.filled_qty == desk.position() == stage.door.position()
    assert stage.refusals(since) == []
    assert len(executed) == len(order.trade_ids)


async def test_E74_ambiguous_submit_that_was_not_executed(stage: Stage):
    """It is refused in the end, but not before it can no longer be executed and the venue has denied knowing it."""
    desk = await stage.desk()
    stage.door.strike(FaultKind.STATUS, stage.door.submits, status=503)
    sent_secs = time.monotonic()
    order = desk.market(OrderSide.BUY, "0.02")
    await never(lambda: order.status not in IN_DOUBT, stage.door.expiry_secs)
    await eventually(lambda: order.is_closed, 20.0)
    stage.assert_told(order, ["Initialized", "Submitted", "Rejected"])
    assert time.monotonic() - sent_secs > stage.door.expiry_secs
    assert stage.door.position() == 0
    assert stage.door.fills(order) == []


async def test_E74_no_answer_while_the_streams_tell(stage: Stage):
    desk = await stage.desk()
    since = len(stage.bus.events)
    strike(stage, "late", stage.door.submits)
    order = desk.market(OrderSide.BUY, "0.02")
    await eventually(lambda: order.is_closed)
    await never(lambda: stage.refusals(since), stage.door.expiry_secs + 0.5)
    stage.assert_told(order, [*RESTING, "Filled"])
    assert order.filled_qty == stage.door.position() == Decimal("0.02")


async def test_E74_submit_that_times_out_and_fills_long_after(stage: Stage):
    """Neither Nautilus nor the adapter gives up while the venue cannot be asked: at last the order is filled."""
    desk = await stage.desk()
    since = len(stage.bus.events)
    stage.door.blind()
    strike(stage, "late", stage.door.submits)
    sent_ns = stage.node.kernel.clock.timestamp_ns()
    order = desk.limit(OrderSide.BUY, "0.02", desk.bid("0.999"))
    patience_secs = 3 * stage.door.expiry_secs + 2.0  # well beyond expiry, grace and the second look
    await never(lambda: order.status not in IN_DOUBT, patience_secs)
    assert stage.door.holds(order)
    assert stage.door.position() == 0
    stage.tape.factor = Decimal("0.998")
    await eventually(lambda: stage.door.position() == Decimal("0.02"))
    await never(lambda: order.status not in IN_DOUBT, 1.0)
    await see_light(stage)
    await eventually(lambda: order.is_closed, 20.0)
    assert order.status == OrderStatus.FILLED
    stage.assert_told(order, [*RESTING, "Filled"])
    assert stage.refusals(since) == []
    assert (order.last_event.ts_event - sent_ns) / 1e9 > patience_secs
    assert order.filled_qty == desk.position() == Decimal("0.02")


@AFTER_ALL
async def test_E75_ambiguous_cancel_that_was_executed(stage: Stage, fate):
    desk, (order,) = await rest(stage, "0.99")
    since = len(stage.bus.events)
    stage.door.blind()
    strike(stage, fate, stage.door.cancels)
    desk.cancel_order(order)
    await eventually(lambda: not stage.door.holds(order))
    await never(lambda: stage.refusals(since) or order.status != OrderStatus.PENDING_CANCEL, 1.5)
    await see_light(stage)
    await eventually(lambda: order.is_closed, 20.0)
    stage.assert_told(order, [*RESTING, "PendingCancel", "Canceled"])
    assert stage.refusals(since) == []


async def test_E75_no_answer_while_the_streams_tell(stage: Stage):
    desk, (order,) = await rest(stage, "0.99")
    since = len(stage.bus.events)
    strike(stage, "late", stage.door.cancels)
    desk.cancel_order(order)
    await eventually(lambda: order.is_closed)
    await never(lambda: stage.refusals(since), stage.door.expiry_secs + 0.5)
    stage.assert_told(order, [*RESTING, "PendingCancel", "Canceled"])


async def test_E75_ambiguous_cancel_that_was_not_executed(stage: Stage):
    """The order ends up as what the venue has; as long as nobody knows, nothing is said of it."""
    desk, (order,) = await rest(stage, "0.99")
    stage.door.strike(FaultKind.STATUS, stage.door.cancels, status=503)
    desk.cancel_order(order)
    await never(lambda: order.status not in (OrderStatus.ACCEPTED, OrderStatus.PENDING_CANCEL, OrderStatus.CANCELED), 0.8)
    assert "CancelRejected" not in history(order)
    await eventually(lambda: order.status in (OrderStatus.ACCEPTED, OrderStatus.CANCELED), 20.0)
    assert stage.door.holds(order) == order.is_open


@AFTER_ALL
async def test_E76_ambiguous_modify_that_was_executed(stage: Stage, fate):
    desk, (order,) = await rest(stage, "0.99")
    since = len(stage.bus.events)
    stage.door.blind()
    strike(stage, fate, stage.door.modifies)
    price = desk.instrument.make_price(desk.bid("0.98"))
    desk.modify_order(order, price=price)
    await never(lambda: stage.refusals(since) or order.status not in (OrderStatus.ACCEPTED, OrderStatus.PENDING_UPDATE), 1.5)
    await see_light(stage)
    if is_swept(stage, fate):
        await eventually(lambda: order.is_closed, 20.0)
        stage.assert_told(order, [*RESTING, "PendingUpdate", "Canceled"])
        assert not stage.door.holds(order)
    else:
        await eventually(lambda: order.price == price and order.status == OrderStatus.ACCEPTED, 20.0)
        stage.assert_told(order, [*RESTING, "PendingUpdate", "Updated"])
        assert stage.door.price(order) == price.as_decimal()
    assert stage.refusals(since) == []


async def test_E76_no_answer_while_the_streams_tell(stage: Stage):
    desk, (order,) = await rest(stage, "0.99")
    since = len(stage.bus.events)
    strike(stage, "late", stage.door.modifies)
    price = desk.instrument.make_price(desk.bid("0.98"))
    desk.modify_order(order, price=price)
    await eventually(lambda: order.price == price)
    await never(lambda: stage.refusals(since), stage.door.expiry_secs + 2.0)
    stage.assert_told(order, [*RESTING, "PendingUpdate", "Updated"])
    assert stage.door.price(order) == price.as_decimal()


async def test_E76_ambiguous_modify_that_was_not_executed(stage: Stage):
    desk, (order,) = await rest(stage, "0.99")
    price = order.price
    stage.door.strike(FaultKind.STATUS, stage.door.modifies, status=503)
    desk.modify_order(order, price=desk.instrument.make_price(desk.bid("0.98")))
    await never(lambda: order.status not in (OrderStatus.ACCEPTED, OrderStatus.PENDING_UPDATE), 0.8)
    assert "ModifyRejected" not in history(order)
    await eventually(lambda: order.status == OrderStatus.ACCEPTED, 20.0)
    assert order.price == price
    assert stage.door.price(order) == price.as_decimal()


@AFTER_ALL
async def test_E77_ambiguous_batch_of_submits(stage: Stage, fate):
    """No order of the batch is refused for it; each ends up as the venue has it."""
    desk = await stage.desk()
    since = len(stage.bus.events)
    stage.door.blind()
    strike(stage, fate, stage.door.submits, count=2)
    orders = [desk.make_limit(OrderSide.BUY, "0.01", desk.bid(factor), post_only=True) for factor in ("0.99", "0.98")]
    desk.submit_order_list(desk.order_factory.create_list(orders))
    await never(lambda: stage.refusals(since), 2.5)
    await see_light(stage)
    await eventually(lambda: not any(order.status in IN_DOUBT for order in orders), 20.0)
    for order in orders:
        await eventually(lambda order=order: order.is_open == stage.door.holds(order))
        if stage.door.has_seen(order):
            stage.assert_told(order, RESTING if order.is_open else [*RESTING, "Canceled"])
        else:  # it had expired before the venue came to read it
            stage.assert_told(order, ["Initialized", "Submitted", "Rejected"])
    assert any(stage.door.has_seen(order) for order in orders)


@AFTER_ALL
async def test_E77_ambiguous_batch_of_cancels(stage: Stage, fate):
    desk, orders = await rest(stage, "0.99", "0.98")
    since = len(stage.bus.events)
    stage.door.blind()
    strike(stage, fate, stage.door.cancels, count=2)
    desk.cancel_orders(orders)
    await never(lambda: stage.refusals(since), 1.5)
    await see_light(stage)
    await eventually(lambda: all(order.is_closed for order in orders), 20.0)
    for order in orders:
        stage.assert_told(order, [*RESTING, "PendingCancel", "Canceled"])
    assert stage.door.open_orders() == []
    assert stage.refusals(since) == []


async def test_E78_one_order_of_a_batch_is_refused(stage: Stage):
    desk = await stage.desk()
    good = desk.make_limit(OrderSide.BUY, "0.01", desk.bid("0.99"), post_only=True)
    crossing = desk.make_limit(OrderSide.BUY, "0.01", desk.bid("1.01"), post_only=True)
    other = desk.make_limit(OrderSide.BUY, "0.01", desk.bid("0.98"), post_only=True)
    desk.submit_order_list(desk.order_factory.create_list([good, crossing, other]))
    await eventually(lambda: crossing.is_closed and good.status == other.status == OrderStatus.ACCEPTED)
    stage.assert_told(crossing, ["Initialized", "Submitted", "Rejected"])
    assert crossing.last_event.due_post_only
    assert "post" in crossing.last_event.reason.lower()
    for order in (good, other):
        stage.assert_told(order, RESTING)
        assert stage.door.holds(order)


async def test_E78_one_cancel_of_a_batch_comes_too_late(stage: Stage):
    desk, (gone, other) = await rest(stage, "0.99", "0.98")
    stage.door.deafen()
    stage.door.remove(gone)
    desk.cancel_orders([gone, other])
    await eventually(lambda: gone.is_closed and other.is_closed, 20.0)
    stage.assert_told(other, [*RESTING, "PendingCancel", "Canceled"])
    assert [name for name in history(gone) if name != "CancelRejected"] == [*RESTING, "PendingCancel", "Canceled"]
