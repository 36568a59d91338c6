from decimal import Decimal

import pytest

from simulators.faults import Fault, FaultKind
from simulators.paradex.auth import Caller
from simulators.paradex.errors import ApiError

BTC = "BTC-USD-PERP"


def refused(desk, **fields):
    with pytest.raises(ApiError) as error:
        desk.queue(desk.trader, **fields)
    return error.value.code


def test_an_order_is_new_first_and_decided_later(desk):
    order = desk.queue(desk.trader, price=desk.price(-50), instruction="POST_ONLY")
    assert order.status == "NEW"
    desk.run(0.004)
    assert order.status == "NEW"
    desk.run(0.05)
    assert order.status == "OPEN"
    assert [told.status for told in desk.told("order")] == ["NEW", "OPEN"]


def test_a_resting_order_shows_in_the_book_and_leaves_it_when_cancelled(desk):
    order = desk.order(price=desk.price(-10), size="0.12345")
    market = desk.exchange.markets[BTC]
    resting = dict(market.snapshot().bids)[order.price]
    desk.engine.cancel(desk.trader, order)
    assert order.status == "OPEN"
    desk.run()
    assert (order.status, order.cancel_reason) == ("CLOSED", "USER_CANCELED")
    assert dict(market.snapshot().bids).get(order.price, 0) in (0, resting - Decimal("0.12345"))


def test_a_market_order_trades_and_pays_the_taker_fee(desk):
    order = desk.order(type="MARKET", size="0.02")
    fills = desk.fills(order)
    assert order.status == "CLOSED"
    assert sum(fill.size for fill in fills) == Decimal("0.02")
    notional = sum(fill.size * fill.price for fill in fills)
    assert sum(fill.fee for fill in fills) == pytest.approx(notional * Decimal("0.00045"), abs=Decimal("1e-7"))
    assert desk.trader.money.cash_usd == 20_000 - sum(fill.fee for fill in fills)


def test_a_maker_pays_the_maker_fee_when_the_market_comes(desk):
    maker = desk.order(price=desk.price(0), size="0.01", instruction="POST_ONLY")
    assert maker.status == "OPEN"
    desk.order(desk.second, type="MARKET", side="SELL", size="0.01")
    (fill,) = desk.fills(maker)
    assert (fill.is_maker, fill.fee, maker.status) == (True, fill.price * Decimal("0.01") * Decimal("0.00003"), "CLOSED")


def test_an_interactive_order_is_free_and_slowed_down(desk):
    order = desk.queue(desk.trader, interactive=True, type="MARKET", size="0.01")
    desk.run(0.29)
    assert order.status == "NEW"
    desk.run(0.1)
    (fill, *_) = desk.fills(order)
    assert (fill.fee, fill.flags) == (0, ("interactive", "rpi"))


def test_beyond_the_retail_quota_orders_silently_become_pro(desk):
    orders = [desk.queue(desk.trader, interactive=True, type="MARKET", size="0.001") for _ in range(4)]
    assert [order.is_interactive for order in orders] == [True, True, True, False]


def test_an_ioc_order_leaves_no_remainder(desk):
    order = desk.order(price=desk.price(-50), instruction="IOC")
    assert (order.status, order.cancel_reason, order.remaining) == ("CLOSED", "IOC_REMAINDER", order.size)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": "+50", "instruction": "POST_ONLY"}, "POST_ONLY_WOULD_CROSS"),
        ({"price": "-10", "size": "0.0001"}, "ORDER_SIZE_BELOW_MIN"),
        ({"price": "-10", "flags": ["MMP"]}, "MMP_NOT_CONFIGURED"),
        ({"price": "-10", "size": "40"}, "NOT_ENOUGH_MARGIN"),
        ({"price": "-10", "flags": ["REDUCE_ONLY"]}, "REDUCE_ONLY_WILL_INCREASE"),
        ({"price": "+600"}, "PRICE_OUTSIDE_BAND"),
        ({"market": "HYPE-USD-PERP", "price": "-10", "size": "50000"}, "NOT_ENOUGH_MARGIN"),
    ],
)
def test_the_risk_check_closes_an_accepted_order(desk, fields, reason):
    market = fields.get("market", BTC)
    order = desk.order(**{**fields, "price": desk.price(int(fields["price"]), market=market)})
    assert (order.status, order.cancel_reason, order.remaining) == ("CLOSED", reason, order.size)
    assert not desk.fills(order)


def test_the_position_limit_counts_the_position_and_resting_orders(desk):
    desk.trader.money.cash_usd = Decimal(10**9)
    for _ in range(2):
        assert desk.order(price=desk.price(-400), size="50").status == "OPEN"
    assert desk.order(price=desk.price(-400), size="0.01").cancel_reason == "ORDER_EXCEEDS_POSITION_LIMIT"


def test_a_reduce_only_order_closes_and_never_turns_the_position(desk):
    desk.order(type="MARKET", size="0.02")
    assert desk.order(type="MARKET", side="SELL", size="0.03", flags=["REDUCE_ONLY"]).cancel_reason == "REDUCE_ONLY_WILL_INCREASE"
    resting = desk.order(price=desk.price(50), side="SELL", size="0.02", flags=["REDUCE_ONLY"])
    assert resting.status == "OPEN"
    desk.order(type="MARKET", side="SELL", size="0.01")
    desk.run()
    assert (resting.status, resting.cancel_reason) == ("CLOSED", "REDUCE_ONLY_WILL_INCREASE")


def test_dust_may_be_closed_below_the_minimum(desk):
    desk.order(type="MARKET", size="0.0002")
    desk.order(type="MARKET", side="SELL", size="0.00015")
    order = desk.order(type="MARKET", side="SELL", size="0.00005", flags=["REDUCE_ONLY"])
    assert (order.remaining, order.cancel_reason) == (0, "")


@pytest.mark.parametrize(
    ("stp", "maker_status", "taker_status"),
    [("EXPIRE_TAKER", "OPEN", "CLOSED"), ("EXPIRE_MAKER", "CLOSED", "OPEN"), ("EXPIRE_BOTH", "CLOSED", "CLOSED")],
)
def test_an_account_does_not_trade_with_itself(desk, stp, maker_status, taker_status):
    desk.exchange.markets[BTC].core.book.set_house([], [])
    price = desk.price(0)
    maker = desk.order(price=price)
    taker = desk.order(side="SELL", price=price, stp=stp)
    assert (maker.status, taker.status) == (maker_status, taker_status)
    assert {order.cancel_reason for order in (maker, taker) if order.status == "CLOSED"} == {"SELF_TRADE"}


def test_a_market_order_stops_at_its_slippage(desk):
    desk.trader.money.cash_usd = Decimal(10**9)
    order = desk.order(type="MARKET", size="50")
    best = desk.fills(order)[0].price
    assert order.cancel_reason == "IOC_REMAINDER"
    assert all(fill.price <= best * Decimal("1.02") for fill in desk.fills(order))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"price": "84000.05"}, "INVALID_PRICE_PRECISION"),
        ({"price": "84000", "size": "0.000001"}, "INVALID_ORDER_SIZE"),
        ({"price": "84000", "size": "51"}, "INVALID_ORDER_SIZE"),
        ({"price": "84000", "size": "0"}, "INVALID_ORDER_SIZE"),
        ({"price": "84000", "market": "DOGE-USD-PERP"}, "MARKET_NOT_FOUND"),
        ({"price": "84000", "instruction": "RPI"}, "RPI_ACCOUNT_NOT_WHITELISTED"),
        ({"type": "MARKET", "instruction": "POST_ONLY"}, "VALIDATION_ERROR"),
        ({"price": "84000", "client_id": "x" * 65}, "VALIDATION_ERROR"),
        ({"price": "84000", "flags": ["TARGET_STRATEGY_VWAP"]}, "VALIDATION_ERROR"),
        ({"price": "84000", "on_behalf_of_account": "0x5"}, "ISOLATED_MARKET_ACCOUNT_MISMATCH"),
        ({"price": "84000", "recv_window": 5}, "VALIDATION_ERROR"),
        ({"price": "84000", "signature_timestamp": 1}, "INVALID_TIMESTAMP"),
        ({}, "VALIDATION_ERROR"),
    ],
)
def test_a_malformed_order_is_refused_at_once(desk, fields, code):
    assert refused(desk, **fields) == code
    assert not desk.trader.orders


def test_a_forged_order_is_refused(desk):
    body = {**desk.body(desk.trader, price=desk.price(-10)), "size": "0.02"}
    with pytest.raises(ApiError, match="INVALID_ORDER_SIGNATURE"):
        desk.trading.create(Caller(desk.trader, False), body)
    with pytest.raises(ApiError, match="INVALID_ORDER_SIGNATURE"):
        desk.trading.create(Caller(desk.second, False), desk.body(desk.trader, price=desk.price(-10)))


def test_a_client_id_is_unique_among_live_orders(desk):
    first = desk.order(price=desk.price(-10), client_id="one")
    assert refused(desk, price=desk.price(-10), client_id="one") == "DUPLICATED_CLIENT_ID"
    desk.engine.cancel(desk.trader, first)
    desk.run()
    assert desk.order(price=desk.price(-10), client_id="one").status == "OPEN"


def test_a_batch_is_not_atomic_but_one_bad_signature_refuses_it(desk):
    caller = Caller(desk.trader, False)
    bodies = [desk.body(desk.trader, price=desk.price(-10)), desk.body(desk.trader, price="84000.05")]
    first, second = desk.trading.create_batch(caller, bodies)
    assert (first.status, second.code) == ("NEW", "INVALID_PRICE_PRECISION")
    with pytest.raises(ApiError, match="INVALID_ORDER_SIGNATURE"):
        desk.trading.create_batch(caller, [bodies[0], {**bodies[0], "side": "SELL"}])


@pytest.mark.parametrize(
    ("state", "fields", "code"),
    [
        ("maintenance", {}, "SERVICE_UNAVAILABLE"),
        ("cancel_only", {}, "SYSTEM_STATUS_CANCEL_ONLY"),
        ("post_only", {}, "SYSTEM_STATUS_POST_ONLY"),
    ],
)
def test_maintenance_refuses_orders_and_lets_cancels_through(desk, state, fields, code):
    order = desk.order(price=desk.price(-10))
    desk.exchange.set_system_state(state)
    assert refused(desk, price=desk.price(-10), **fields) == code
    desk.trading.cancel(Caller(desk.trader, False), order)
    desk.run()
    assert order.status == "CLOSED"


def test_post_only_state_takes_post_only_orders(desk):
    desk.exchange.set_system_state("post_only")
    assert desk.order(price=desk.price(-10), instruction="POST_ONLY").status == "OPEN"


def test_a_scheduled_state_ends_by_itself(desk):
    desk.faults.inject(Fault(kind=FaultKind.SYSTEM_STATE, reason="cancel_only", secs=1.0))
    desk.step()
    assert desk.engine.system_state == "cancel_only"
    desk.step(1.1)
    assert desk.engine.system_state == "ok"


def test_fills_come_before_or_after_the_closed_order(make_desk):
    sequences = set()
    for seed in range(12):
        desk = make_desk(seed)
        order = desk.order(type="MARKET", size="0.001")
        kinds = [kind for kind, told in desk.feed.events if kind == "fill" or (kind == "order" and told.status == "CLOSED")]
        assert order.status == "CLOSED"
        sequences.add(tuple(kinds[:1]))
    assert sequences == {("fill",), ("order",)}


def test_a_delayed_fill_is_told_late_but_booked_at_once(desk):
    desk.faults.inject(Fault(kind=FaultKind.DELAY_FILL, secs=2.0))
    order = desk.order(type="MARKET", size="0.01")
    assert desk.trader.money.size(BTC) == Decimal("0.01")
    assert not desk.told("fill")
    desk.run(2.0)
    assert [fill.order_id for fill in desk.told("fill")] == [order.id]


def test_an_order_event_may_come_twice(desk):
    desk.faults.inject(Fault(kind=FaultKind.DUPLICATE_ORDER_EVENT))
    desk.order(price=desk.price(-10))
    assert [order.status for order in desk.told("order")] == ["NEW", "OPEN", "OPEN"]


def test_the_next_order_may_be_refused_with_a_reason(desk):
    desk.faults.inject(Fault(kind=FaultKind.REJECT_NEXT_ORDER, reason="MMP_TRIGGERED"))
    assert desk.order(price=desk.price(-10)).cancel_reason == "MMP_TRIGGERED"
    assert desk.order(price=desk.price(-10)).status == "OPEN"


def modify(desk, order, **fields):
    body = desk.body(desk.trader, **{"price": str(order.price), "size": str(order.size), **fields, "id": order.id})
    desk.trading.modify(Caller(desk.trader, False), order.id, body)
    pending = order.modify.status
    desk.run()
    return pending, order.modify.status


def test_a_modified_order_keeps_its_id_and_tells_its_outcome(desk):
    order = desk.order(price=desk.price(-20))
    assert modify(desk, order, price=desk.price(-10), size="0.03") == ("PENDING", "SUCCESS")
    assert (str(order.price), order.remaining, order.status) == (desk.price(-10), Decimal("0.03"), "OPEN")


def test_a_refused_modification_leaves_the_order_as_it_was(desk):
    order = desk.order(price=desk.price(-20), instruction="POST_ONLY")
    price = order.price
    assert modify(desk, order, price=desk.price(50)) == ("PENDING", "REJECTED")
    assert (order.price, order.status, order.modify.message) == (price, "OPEN", "POST_ONLY_WOULD_CROSS")
    assert desk.exchange.markets[BTC].core.book.get(order.id) is not None


def test_a_stop_waits_for_its_trigger(desk):
    mark = desk.exchange.markets[BTC].mark_usd
    waiting = desk.order(type="STOP_MARKET", side="SELL", trigger_price=desk.price(-200))
    assert waiting.status == "UNTRIGGERED"
    desk.step()
    assert waiting.status == "UNTRIGGERED"
    reached = desk.order(type="TAKE_PROFIT_MARKET", side="SELL", trigger_price=str(mark * Decimal("0.99") // 1))
    desk.step()
    assert reached.status == "CLOSED"
    assert desk.fills(reached)


def test_funding_is_realised_by_the_next_fill_and_recorded(desk):
    desk.order(type="MARKET", size="0.02")
    start = desk.exchange.markets[BTC].funding.index
    for _ in range(100):
        desk.step(10.0)
    moved = desk.exchange.markets[BTC].funding.index - start
    order = desk.order(type="MARKET", side="SELL", size="0.01")
    fill, payment = desk.fills(order)[0], desk.trader.payments[-1]
    assert moved > 0
    assert fill.realized_funding == payment.payment == round(-Decimal("0.02") * moved, 8)
    assert (payment.fill_id, desk.told("funding_payment")) == (fill.id, [payment])


def test_every_balance_event_adds_up_to_the_cash(desk):
    for number in range(6):
        desk.order(type="MARKET", side="SELL" if number % 3 == 2 else "BUY", size="0.013")
        desk.step(7.0)
    cash = Decimal(20_000)
    for event in desk.told("balance_event"):
        assert event.before == cash
        cash += event.realized_pnl + event.realized_funding - event.fees
        assert event.after == cash
    assert desk.trader.money.cash_usd == cash


def test_a_bust_reverts_a_fill_and_gives_its_fee_back(desk):
    order = desk.order(type="MARKET", size="0.01")
    (fill,) = desk.fills(order)
    desk.engine.bust(desk.trader, fill.id)
    assert desk.trader.money.size(BTC) == 0
    assert desk.trader.money.cash_usd == 20_000
    assert [bust.fill_id for bust in desk.told("trade_bust")] == [fill.id]
    with pytest.raises(KeyError):
        desk.engine.bust(desk.trader, "1")
