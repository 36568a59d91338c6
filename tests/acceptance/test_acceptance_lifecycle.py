"""Nautilus' execution cases E80-E83: what a tester does on its start and on its stop."""
# ruff: noqa: N802 - cases are named as Nautilus names them

from decimal import Decimal

import pytest
from harness import Stage, eventually
from nautilus_trader.model.enums import OrderStatus, OrderType

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESTING = ["Initialized", "Submitted", "Accepted"]
FILLED = [*RESTING, "Filled"]


async def full_tester(stage: Stage, **settings):
    """Let a tester open a position and rest a pair of orders; return it with its orders."""
    tester = stage.tester(
        open_position_on_start_qty=Decimal("0.02"),
        enable_limit_buys=True,
        enable_limit_sells=True,
        use_post_only=True,
        **settings,
    )
    await eventually(lambda: len(stage.orders(tester)) == 3)
    opening, *resting = stage.orders(tester)
    await eventually(lambda: opening.is_closed and all(order.status == OrderStatus.ACCEPTED for order in resting))
    await eventually(lambda: stage.cache.positions_open(strategy_id=tester.id))
    return tester, opening, resting


async def test_E80_open_on_start(stage: Stage):
    tester, opening, resting = await full_tester(stage)
    stage.assert_told(opening, FILLED)
    for order in resting:
        stage.assert_told(order, RESTING)
    assert stage.orders(tester)[0].order_type == OrderType.MARKET
    assert stage.door.position() == Decimal("0.02")
    assert len(stage.door.open_orders()) == 2


async def test_E81_cancel_orders_on_stop(stage: Stage):
    tester, _, resting = await full_tester(stage, close_positions_on_stop=False)
    stage.leave(tester)
    await eventually(lambda: all(order.is_closed for order in resting))
    for order in resting:
        stage.assert_told(order, [*RESTING, "PendingCancel", "Canceled"], untold="PendingCancel")
    assert stage.door.open_orders() == []
    assert stage.door.position() == Decimal("0.02")


async def test_E82_close_positions_on_stop(stage: Stage):
    tester, _, resting = await full_tester(stage, cancel_orders_on_stop=False)
    stage.leave(tester)
    closing = await stage.first_order(tester, 3)
    await eventually(lambda: closing.is_closed)
    stage.assert_told(closing, FILLED)
    await eventually(lambda: not stage.cache.positions_open(strategy_id=tester.id))
    assert stage.door.position() == 0
    assert all(stage.door.holds(order) for order in resting)


async def test_E83_unsubscribe_on_stop(stage: Stage):
    tester = stage.tester(subscribe_trades=True, subscribe_book=True)
    wanted = {"QuoteTick", "TradeTick", "OrderBookDeltas"}
    await eventually(lambda: wanted <= {type(item).__name__ for item in stage.bus.data})
    assert len(stage.door.public_channels() - stage.door.always) == 3
    stage.leave(tester)
    await eventually(stage.is_silent)
    await stage.settle(0.3)
    stage.bus.data.clear()
    await stage.settle(0.8)
    assert stage.bus.data == []
