"""Nautilus' execution cases that mean something where orders are swaps, on venue EKUBO under a trading node."""
# ruff: noqa: N802 - cases are named as Nautilus names them

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from acceptance_swaps import swap_stage
from harness import Desk, Stage, eventually, never
from nautilus_trader.model.enums import OrderSide, OrderStatus, PositionSide, TimeInForce
from nautilus_trader.test_kit.strategies.tester_data import DataTester, DataTesterConfig

from simulators.faults import FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILLED = ["Initialized", "Submitted", "Accepted", "Filled"]
QUANTITY = Decimal("0.01")
FAR_TICKS = 80_000_000  # 80 USDC, beyond what all fees make of a spread


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_stage() -> AsyncIterator[Stage]:
    async with swap_stage() as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(module_stage: Stage) -> AsyncIterator[Stage]:
    """The module's node; every test leaves it without orders and positions."""
    yield module_stage
    module_stage.door.clear_faults()
    owners = {strategy.id: strategy for strategy in module_stage.node.trader.strategies()}
    for component in module_stage._entered:
        module_stage.leave(component)  # a tester closes what it has opened
    for position in module_stage.cache.positions_open():
        if isinstance(owners[position.strategy_id], Desk):
            owners[position.strategy_id].close_position(position, reduce_only=False)
    await eventually(lambda: not module_stage.cache.positions_open() and module_stage.door.is_idle(module_stage.node), 20.0)
    module_stage._entered.clear()


async def opened(stage: Stage, quantity: Decimal, **settings):
    """Let a tester open a position on its start and return it with its order."""
    before = stage.door.held()
    tester = stage.tester(open_position_on_start_qty=quantity, **settings)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed, 20.0)
    stage.assert_told(order, FILLED)
    assert order.filled_qty == abs(quantity)
    assert stage.door.fills(stage.node, order) == [abs(quantity)]
    assert abs(stage.door.held() - before - quantity) <= Decimal("1e-18")
    await eventually(lambda: stage.cache.positions_open(strategy_id=tester.id))
    return tester, order


async def denied(stage: Stage, **settings) -> str:
    count = stage.door.executed()
    tester = stage.tester(**settings)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed)
    stage.leave(tester)
    stage.assert_told(order, ["Initialized", "Denied"])
    assert stage.door.executed() == count
    return order.last_event.reason


async def test_D01_D20_instruments_and_quotes(stage: Stage):
    known = len(stage.bus.of("QuoteTick"))
    tester = stage.enter(
        DataTester(
            DataTesterConfig(
                instrument_ids=[stage.instrument_id], request_instruments=True, subscribe_quotes=True, log_data=False
            )
        )
    )
    await eventually(lambda: len(stage.bus.of("QuoteTick")) > known + 1)
    tick = stage.bus.of("QuoteTick")[-1]
    oracle = stage.tape.at(0, "ETH").oracle_usd
    assert tick.bid_price < tick.ask_price
    assert abs(tick.ask_price.as_decimal() / oracle - 1) < Decimal("0.01")
    assert stage.cache.instrument(stage.instrument_id).quote_currency.code == "USDC"
    stage.leave(tester)


async def test_E01_market_buy(stage: Stage):
    accounts = len(stage.bus.accounts)
    tester, order = await opened(stage, QUANTITY)
    (position,) = stage.cache.positions_open(strategy_id=tester.id)
    assert (position.side, position.quantity) == (PositionSide.LONG, QUANTITY)
    assert abs(Decimal(str(order.avg_px)) / stage.tape.at(0, "ETH").oracle_usd - 1) < Decimal("0.01")
    await eventually(lambda: len(stage.bus.accounts) > accounts)


async def test_E02_market_sell(stage: Stage):
    tester, _ = await opened(stage, -QUANTITY, reduce_only_on_stop=False)  # no pool can promise that of a purchase
    (position,) = stage.cache.positions_open(strategy_id=tester.id)
    assert position.side == PositionSide.SHORT  # of the node: the wallet has less than before


async def test_E03_market_order_with_time_in_force_ioc(stage: Stage):
    _, order = await opened(stage, QUANTITY, open_position_time_in_force=TimeInForce.IOC)
    assert order.time_in_force == TimeInForce.IOC


async def test_E06_close_position_by_market(stage: Stage):
    before = stage.door.held()
    tester, _ = await opened(stage, QUANTITY)
    stage.leave(tester)
    closing = await stage.first_order(tester, 1)
    await eventually(lambda: closing.is_closed, 20.0)
    stage.assert_told(closing, FILLED)
    assert closing.is_reduce_only  # which a sale from a wallet always is
    assert abs(stage.door.held() - before) <= Decimal("1e-18")


async def test_E13_limit_ioc_fills(stage: Stage):
    before = stage.door.held()
    tester = stage.tester(enable_limit_buys=True, limit_time_in_force=TimeInForce.IOC, tob_offset_ticks=-FAR_TICKS)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed, 20.0)
    stage.leave(tester)
    stage.assert_told(order, FILLED)
    assert order.side == OrderSide.BUY
    assert Decimal(str(order.avg_px)) <= order.price.as_decimal()
    assert stage.door.held() > before


async def test_E14_limit_ioc_without_a_match(stage: Stage):
    count = stage.door.executed()
    tester = stage.tester(enable_limit_sells=True, limit_time_in_force=TimeInForce.IOC, tob_offset_ticks=FAR_TICKS)
    order = await stage.first_order(tester)
    await eventually(lambda: order.is_closed, 20.0)
    stage.leave(tester)
    stage.assert_told(order, ["Initialized", "Submitted", "Rejected"])
    assert "is not met" in order.last_event.reason
    assert stage.door.executed() == count


async def test_E72_unsupported_order_type(stage: Stage):
    assert "UNSUPPORTED_ORDER_TYPE" in await denied(stage, enable_stop_buys=True)


async def test_E73_unsupported_time_in_force(stage: Stage):
    assert "UNSUPPORTED_TIME_IN_FORCE" in await denied(stage, enable_limit_buys=True)
    reason = await denied(stage, open_position_on_start_qty=QUANTITY, open_position_time_in_force=TimeInForce.FOK)
    assert "UNSUPPORTED_TIME_IN_FORCE" in reason


@pytest.mark.parametrize("fate", [(FaultKind.LOSE_REPLY, {}), (FaultKind.LOSE_REPLY, {"status": 502})])
async def test_E74_ambiguous_submit_that_was_executed(stage: Stage, fate):
    kind, settings = fate
    count, desk = stage.door.executed(), await stage.desk()
    stage.door.strike(kind, stage.door.submits, **settings)
    order = desk.market(OrderSide.BUY, str(QUANTITY))
    await eventually(lambda: order.is_closed, 20.0)
    stage.assert_told(order, FILLED)
    assert stage.door.executed() == count + 1


async def test_E74_ambiguous_submit_that_was_not_executed(stage: Stage):
    """Nothing is said of it while nobody knows; the identical transaction is sent again, and executed once."""
    count, desk = stage.door.executed(), await stage.desk()
    stage.door.strike(FaultKind.STATUS, stage.door.submits, status=503)
    order = desk.market(OrderSide.BUY, str(QUANTITY))
    await never(lambda: order.status not in (OrderStatus.INITIALIZED, OrderStatus.SUBMITTED), 1.0)
    await eventually(lambda: order.is_closed, 20.0)
    stage.assert_told(order, FILLED)
    assert stage.door.executed() == count + 1
