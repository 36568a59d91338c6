"""Orders of a node become swaps on the simulated chain, whatever happens to them on the way."""

import asyncio
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
import pytest_asyncio
from ekubo_node import ETH, STRK, LoopWatch, Stage, eventually, running, simulated
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import (
    GenerateFillReports,
    GenerateOrderStatusReport,
    GenerateOrderStatusReports,
    GeneratePositionStatusReports,
)
from nautilus_trader.model.enums import OrderSide, OrderStatus, TimeInForce

from adapters.ekubo.sending import Fate
from messages import topics
from simulators.faults import FaultKind
from strategies.journal import Journal

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILLED = ["Initialized", "Submitted", "Accepted", "Filled"]
REJECTED = ["Initialized", "Submitted", "Rejected"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One node with a real journal for all of these; every test leaves it as it was but for the wallet."""
    journal = Journal(str(tmp_path_factory.mktemp("node") / "journal.db"))
    async with simulated() as sims, running(sims, journal.documents("ekubo")) as stage:
        yield stage
    journal.close()


@pytest_asyncio.fixture(loop_scope="module")
async def stage(module_stage: Stage) -> AsyncIterator[Stage]:
    module_stage.gas.clear()
    module_stage.statuses.clear()
    yield module_stage
    module_stage.venue.faults.clear()
    await eventually(lambda: not module_stage.client._desk.works)


def near(amount: float | Decimal, expected: Decimal) -> bool:
    return abs(Decimal(str(amount)) / expected - 1) < Decimal("0.000001")


async def test_a_market_sell_moves_the_wallet_by_what_was_filled_and_its_gas(stage: Stage):
    before, count = stage.wallet(), stage.executed()
    order = stage.hand.market(OrderSide.SELL, "0.01")
    assert await stage.done(order) == FILLED
    assert order.filled_qty == Decimal("0.01")
    after = stage.wallet()
    assert before["ETH"] - after["ETH"] == 10**16
    (gas,) = stage.gas
    assert gas.amount_strk * 10**18 == before["STRK"] - after["STRK"] > 0
    assert gas.amount_usd > 0
    assert not gas.is_reverted
    assert near(order.avg_px, Decimal(after["USDC"] - before["USDC"]).scaleb(-6) / Decimal("0.01"))
    assert stage.executed() == count + 1
    await stage.agree()


async def test_a_market_buy_brings_just_what_was_ordered(stage: Stage):
    before = stage.wallet()
    order = stage.hand.market(OrderSide.BUY, "0.01", time_in_force=TimeInForce.IOC)
    assert await stage.done(order) == FILLED
    after = stage.wallet()
    assert 10**16 <= after["ETH"] - before["ETH"] <= 10**16 + 1
    assert near(order.avg_px, Decimal(before["USDC"] - after["USDC"]).scaleb(-6) / Decimal("0.01"))
    await stage.agree()


async def test_strk_is_traded_and_pays_its_own_gas(stage: Stage):
    before = stage.wallet()
    order = stage.hand.market(OrderSide.SELL, "100", STRK)
    assert await stage.done(order) == FILLED
    (gas,) = stage.gas
    assert before["STRK"] - stage.held("STRK") == 100 * 10**18 + gas.amount_strk * 10**18
    await stage.agree()


async def test_the_reserve_of_strk_is_not_sold(stage: Stage):
    reserve = stage.client._planner._rules.min_strk_reserve
    held = Decimal(stage.held("STRK")).scaleb(-18)
    order = stage.hand.market(OrderSide.SELL, f"{held - reserve / 2:.6f}", STRK)
    assert await stage.done(order) == REJECTED
    reason = order.last_event.reason
    assert "kept for gas" in reason or "impact" in reason, reason
    assert stage.gas == []


async def test_a_limit_order_fills_within_its_limit_or_not_at_all(stage: Stage):
    price = stage.price()
    near_order = stage.hand.limit(OrderSide.SELL, "0.01", price * Decimal("0.99"))
    assert await stage.done(near_order) == FILLED
    assert near_order.avg_px >= near_order.price
    count = stage.executed()
    far_order = stage.hand.limit(OrderSide.SELL, "0.01", price * Decimal("1.01"))
    assert await stage.done(far_order) == REJECTED
    assert "is not met" in far_order.last_event.reason
    assert stage.executed() == count


async def test_a_large_order_is_cut_and_every_slice_is_a_fill_of_it(stage: Stage):
    rules = stage.client._planner._rules
    usdc = Decimal(stage.held("USDC")).scaleb(-6)
    quantity = min(Decimal(stage.held("ETH")).scaleb(-18) * Decimal("0.9"), usdc / stage.price())
    stage.client._planner._rules = msgspec.structs.replace(rules, max_impact_bps=Decimal("0.6"), min_slice_usd=Decimal(10))
    try:
        order = stage.hand.market(OrderSide.SELL, f"{quantity:.4f}")
        history = await stage.done(order, 60.0)
    finally:
        stage.client._planner._rules = rules
    slots = stage.client._journal.of_order(order.client_order_id.value)
    assert history == [*FILLED[:3], *["Filled"] * len(slots)]
    assert len(slots) > 2
    assert len(set(order.trade_ids)) == len(slots) == len(stage.gas)
    assert [slot.fate for slot in slots] == [Fate.SUCCEEDED] * len(slots)
    assert all(later.begun_ns - earlier.booking.ts_ns >= 10**8 for earlier, later in pairwise(slots))
    assert order.filled_qty == order.quantity


async def test_a_revert_rejects_the_order_in_the_contracts_words_and_gas_is_paid(stage: Stage):
    before = stage.wallet()
    stage.inject(FaultKind.REVERT, reason="Insufficient tokens received")
    order = stage.hand.market(OrderSide.SELL, "0.01")
    history = await stage.done(order)
    assert history[-1] == "Rejected"
    assert "Accepted" in history  # the node had taken it
    assert "Insufficient tokens received" in order.last_event.reason
    (gas,) = stage.gas
    assert gas.is_reverted
    assert before["STRK"] - stage.held("STRK") == gas.amount_strk * 10**18
    assert stage.held("ETH") == before["ETH"]
    await stage.agree()


async def test_a_lost_reply_ends_filled_once(stage: Stage):
    count = stage.executed()
    stage.inject(FaultKind.LOSE_REPLY, path="addInvokeTransaction")
    order = stage.hand.market(OrderSide.SELL, "0.01")
    assert await stage.done(order) == FILLED
    assert stage.executed() == count + 1


async def test_a_stuck_transaction_loses_its_nonce_and_the_venue_says_so(stage: Stage):
    count = stage.executed()
    stage.inject(FaultKind.STUCK_TRANSACTION)
    order = stage.hand.market(OrderSide.SELL, "0.01")
    history = await stage.done(order, 40.0)
    assert history[-1] == "Rejected"
    assert "not executed in time" in order.last_event.reason
    assert stage.executed() == count + 1  # the transaction that does nothing
    assert len(stage.gas) == 1
    states = [(each.channel, each.state) for each in stage.statuses if each.channel == "account"]
    assert states[0][1] == "DEGRADED"
    assert states[-1][1] == "OK"


async def test_a_lying_aggregator_gets_nothing_signed(stage: Stage):
    count = stage.executed()
    stage.inject(FaultKind.QUOTE_LIE, reason="other_beneficiary", count=2)
    order = stage.hand.market(OrderSide.SELL, "0.01")
    assert await stage.done(order) == REJECTED
    assert "BENEFICIARY" in order.last_event.reason
    assert stage.executed() == count
    stage.inject(FaultKind.QUOTE_LIE, reason="other_beneficiary")  # once: the slice is planned anew, and honestly
    assert await stage.done(stage.hand.market(OrderSide.SELL, "0.01")) == FILLED


@pytest.mark.parametrize("kind", [FaultKind.EMPTY_QUOTES, FaultKind.EXPIRE_QUOTES, FaultKind.NULL_USD, FaultKind.UNKNOWN_FIELD])
async def test_what_the_aggregator_leaves_out_once_costs_another_question(stage: Stage, kind: FaultKind):
    stage.inject(kind)
    assert await stage.done(stage.hand.market(OrderSide.SELL, "0.01")) == FILLED


async def test_a_node_that_is_away_has_nothing_sent_to_it(stage: Stage):
    stage.inject(FaultKind.STATUS, path="/rpc", status=503, count=1000)
    order = stage.hand.market(OrderSide.SELL, "0.01")
    assert await stage.done(order, 40.0) == REJECTED
    assert "not sent" in order.last_event.reason
    await eventually(lambda: any(each.channel == "private" and each.state == "DISCONNECTED" for each in stage.statuses))
    stage.venue.faults.clear()
    await eventually(lambda: stage.statuses[-1].state == "OK" and stage.statuses[-1].channel == "private")


async def test_what_a_pool_cannot_do_is_denied_in_words(stage: Stage):
    price = stage.price()
    instrument = stage.node.cache.instrument(ETH)
    hand, factory = stage.hand, stage.hand.order_factory
    quantity, trigger = instrument.make_qty(1), instrument.make_price(price)
    orders = {
        "TIME_IN_FORCE": hand.limit(OrderSide.SELL, "0.01", price, time_in_force=TimeInForce.GTC),
        "TIME_IN_FORCE ": hand.market(OrderSide.SELL, "0.01", time_in_force=TimeInForce.FOK),
        "REDUCE_ONLY": hand.market(OrderSide.BUY, "0.01", reduce_only=True),
        "QUOTE_QUANTITY": hand.market(OrderSide.BUY, "10", quote_quantity=True),
        "ORDER_TYPE": factory.stop_market(ETH, OrderSide.SELL, quantity, trigger),
        "POST_ONLY": factory.limit(ETH, OrderSide.SELL, quantity, trigger, post_only=True),
    }
    hand.submit_order(orders["ORDER_TYPE"])
    hand.submit_order(orders["POST_ONLY"])
    for order in orders.values():
        assert await stage.done(order) == ["Initialized", "Denied"]
        assert "UNSUPPORTED" in order.last_event.reason
    assert "POST_ONLY" in orders["POST_ONLY"].last_event.reason or "TIME_IN_FORCE" in orders["POST_ONLY"].last_event.reason


async def test_an_order_can_be_cancelled_before_it_is_sent_and_not_changed(stage: Stage):
    async with stage.client._account.turn:
        order = stage.hand.market(OrderSide.SELL, "0.01")
        await eventually(lambda: stage.client._desk.works)
        stage.hand.cancel_order(order)
        await eventually(stage.client._desk.works[0].stop.is_set)
    assert "Canceled" in (await stage.done(order))[-1]
    assert stage.gas == []


async def test_an_account_that_is_busy_for_too_long_lets_nothing_wait_for_ever(stage: Stage):
    stage.client._desk._turn_secs, before = 0.3, stage.client._desk._turn_secs
    try:
        async with stage.client._account.turn:
            order = stage.hand.market(OrderSide.SELL, "0.01")
            assert await stage.done(order) == REJECTED
            assert "busy" in order.last_event.reason
    finally:
        stage.client._desk._turn_secs = before


async def test_nautilus_can_ask_for_what_became_of_an_order(stage: Stage):
    order = stage.hand.market(OrderSide.SELL, "0.01")
    await stage.done(order)

    async def ask(**ids):
        asked = {"instrument_id": ETH, "client_order_id": None, "venue_order_id": None, **ids}
        command = GenerateOrderStatusReport(**asked, command_id=UUID4(), ts_init=0)
        return await stage.client.generate_order_status_report(command)

    by_client, by_venue = await ask(client_order_id=order.client_order_id), await ask(venue_order_id=order.venue_order_id)
    for report in (by_client, by_venue):
        assert report.order_status == OrderStatus.FILLED
        assert report.filled_qty == order.filled_qty
        assert report.venue_order_id == order.venue_order_id
    common = {"instrument_id": None, "start": None, "end": None, "command_id": UUID4(), "ts_init": 0}
    reports = await stage.client.generate_order_status_reports(GenerateOrderStatusReports(**common, open_only=False))
    fills = await stage.client.generate_fill_reports(GenerateFillReports(**common, venue_order_id=None))
    positions = await stage.client.generate_position_status_reports(GeneratePositionStatusReports(**common))
    assert (reports, fills, positions) == ([], [], [])


async def test_a_person_is_told_of_another_owner_of_the_key_and_of_what_nobody_understands(stage: Stage):
    alerts, client = [], stage.client
    stage.node.kernel.msgbus.subscribe(topics.ALERT, alerts.append)
    order = stage.hand.market(OrderSide.SELL, "0.01")
    await stage.done(order)
    (slot,) = client._journal.of_order(order.client_order_id.value)
    client._hear(msgspec.structs.replace(slot, fate=Fate.REPLACED, words="another transaction has used nonce 3"))
    client._account.fault = "the receipt does not add up"
    try:
        refused = stage.hand.market(OrderSide.SELL, "0.01")
        assert await stage.done(refused) == REJECTED
        assert refused.last_event.reason == "the receipt does not add up"
    finally:
        client._account.fault = ""
        client._tell_account()
    assert [(alert.severity, alert.name) for alert in alerts] == [("CRITICAL", "NonceUsedElsewhere"), ("CRITICAL", "SwapInDoubt")]


async def test_no_step_of_ours_holds_up_the_loop_under_load(stage: Stage, capsys):
    """Hashes and signatures are made elsewhere; what is left, with a dozen orders and the venue itself on the loop, is told."""
    signer, threads = stage.client._account._signer, set[int]()
    original = signer.sign
    signer.sign = lambda invoke: (threads.add(threading.get_ident()), original(invoke))[1]
    watch = LoopWatch()
    try:
        with watch.watching():
            orders = [stage.hand.market(side, "0.002") for side in [OrderSide.SELL, OrderSide.BUY] * 6]
            await asyncio.gather(*(stage.done(order, 60.0) for order in orders))
    finally:
        del signer.sign
    assert all(order.filled_qty for order in orders)
    assert threads
    assert threading.get_ident() not in threads
    assert watch.steps > 100
    with capsys.disabled():
        print(f"\n{watch.report()}")
