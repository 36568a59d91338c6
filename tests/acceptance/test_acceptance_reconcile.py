"""Nautilus' execution cases E84-E87: what a new node finds on the account."""
# ruff: noqa: N802 - cases are named as Nautilus names them

from decimal import Decimal

from harness import Stage, Venue, eventually, history, next_tag, running
from nautilus_trader.model.enums import OrderSide, OrderStatus, OrderType, PositionSide

RESTING = ["Initialized", "Submitted", "Accepted"]
FILLED = [*RESTING, "Filled"]


async def test_E84_reconcile_open_orders(quiet_venue: Venue):
    """Orders that somebody else has placed on the account are known to a node that starts later."""
    door = quiet_venue.door
    await door.place_elsewhere(OrderSide.BUY, Decimal("0.02"), Decimal("83000"))
    await door.place_elsewhere(OrderSide.SELL, Decimal("0.01"), Decimal("85000"))
    await eventually(lambda: len(door.open_orders()) == 2)
    async with running(quiet_venue, claims=next_tag()) as later:
        buy, sell = sorted(later.cache.orders_open(), key=lambda order: order.side)
        for order in (buy, sell):
            assert order.status == OrderStatus.ACCEPTED
            assert order.order_type == OrderType.LIMIT
            assert order.strategy_id == later.claimant.id
            assert history(order)[-1] == "Accepted"
        assert (buy.side, buy.quantity, buy.price) == (OrderSide.BUY, Decimal("0.02"), Decimal("83000"))
        assert (sell.side, sell.quantity, sell.price) == (OrderSide.SELL, Decimal("0.01"), Decimal("85000"))
        assert {order.venue_order_id.value for order in (buy, sell)} == set(door.venue_order_ids())
        kinds = [type(report).__name__ for report in later.bus.reports]
        assert kinds.count("OrderStatusReport") == 2 or "ExecutionMassStatus" in kinds
        for order in (buy, sell):
            later.claimant.cancel_order(order)
        await eventually(lambda: buy.is_closed and sell.is_closed)
        assert door.open_orders() == []


async def test_E85_reconcile_orders_filled_meanwhile(quiet_venue: Venue):
    """An order fills while its node does not hear it; the next node, with the same cache, books the venue's own fills."""
    door = quiet_venue.door
    tag = next_tag()
    async with running(quiet_venue, claims=tag) as earlier:
        desk = earlier.claimant
        await eventually(lambda: desk.is_quoted)
        order = desk.limit(OrderSide.BUY, "0.02", desk.bid("0.999"))
        await eventually(lambda: order.status == OrderStatus.ACCEPTED)
        door.blind()
        quiet_venue.tape.factor = Decimal("0.998")
        await eventually(lambda: door.position() == Decimal("0.02"))
        assert history(order) == RESTING
    door.clear_faults()
    async with running(quiet_venue, claims=tag, remembered=[order]) as later:
        known = later.cache.order(order.client_order_id)
        assert known.status == OrderStatus.FILLED
        assert history(known) == FILLED
        fills = [event for event in known.events if type(event).__name__ == "OrderFilled"]
        booked = [(fill.last_qty.as_decimal(), fill.last_px.as_decimal()) for fill in fills]
        assert booked == [(size, price) for size, price, _ in door.fills(order)]
        paid = sum(fee for _, _, fee in door.fills(order))
        assert abs(sum(fill.commission.as_decimal() for fill in fills) - paid) < Decimal("0.00001")
        assert known.venue_order_id == order.venue_order_id
        assert [position.quantity.as_decimal() for position in later.cache.positions_open()] == [Decimal("0.02")]
        await flatten(later)


async def reconcile_position(quiet_venue: Venue, quantity: Decimal) -> None:
    """Let one node leave a position behind and another take it over."""
    door = quiet_venue.door
    async with running(quiet_venue) as earlier:
        tester = earlier.tester(open_position_on_start_qty=quantity, close_positions_on_stop=False)
        await eventually(lambda: earlier.cache.positions_open(strategy_id=tester.id))
        await eventually(lambda: door.position() == quantity)
    async with running(quiet_venue, claims=next_tag()) as later:
        (position,) = later.cache.positions_open()
        assert position.instrument_id == door.instrument_id
        assert position.strategy_id == later.claimant.id
        assert position.side == (PositionSide.LONG if quantity > 0 else PositionSide.SHORT)
        assert position.signed_decimal_qty() == quantity
        assert abs(Decimal(str(position.avg_px_open)) - door.entry_price()) < Decimal("0.1")
        assert [type(event).__name__ for event in later.bus.positions] == ["PositionOpened"]
        await flatten(later)


async def test_E86_reconcile_a_long_position(quiet_venue: Venue):
    await reconcile_position(quiet_venue, Decimal("0.02"))


async def test_E87_reconcile_a_short_position(quiet_venue: Venue):
    await reconcile_position(quiet_venue, Decimal("-0.02"))


async def test_E87_a_position_closed_meanwhile_is_flat_for_the_next_node(quiet_venue: Venue):
    door = quiet_venue.door
    async with running(quiet_venue) as earlier:
        tester = earlier.tester(open_position_on_start_qty=Decimal("-0.02"), close_positions_on_stop=False)
        await eventually(lambda: earlier.cache.positions_open(strategy_id=tester.id))
        door.blind()
        await door.place_elsewhere(OrderSide.BUY, Decimal("0.02"), Decimal("85000"))
        await eventually(lambda: door.position() == 0)
    door.clear_faults()
    async with running(quiet_venue, claims=next_tag()) as later:
        assert later.cache.positions_open() == []
        assert later.claimant.position() == 0


async def flatten(stage: Stage) -> None:
    """Close what the claimant has found, as its strategy would."""
    desk = stage.claimant
    await eventually(lambda: desk.is_quoted)
    for position in stage.cache.positions_open():
        desk.close_position(position)
    await eventually(lambda: not stage.cache.positions_open() and not stage.door.position())
