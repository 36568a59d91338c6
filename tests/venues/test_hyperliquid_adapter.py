"""The Hyperliquid clients inside a real trading node, against the simulated venue."""

import asyncio
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid_desk import BTC, HOUR_SECS, TTL_SECS, Desk, deaf, eventually, history, trading, venue
from nautilus_trader.model.data import FundingRateUpdate, OrderBookDeltas
from nautilus_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.events import OrderCancelRejected, OrderRejected
from nautilus_trader.model.identifiers import AccountId

from adapters.hyperliquid.freshness import LIMITS, Limit
from messages import AccountHealth, FundingPayment, VenueState
from simulators.faults import Fault, FaultKind


@pytest.fixture
async def sims():
    async with venue() as running:
        yield running


async def test_market_data_and_instruments(sims):
    async with trading(sims.ready) as desk:
        kinds = {"QuoteTick", "OrderBookDeltas", "MarkPriceUpdate", "IndexPriceUpdate", "FundingRateUpdate", "TradeTick"}
        await eventually(lambda: kinds <= {type(item).__name__ for item in desk.heard})
        assert next(item for item in desk.heard if isinstance(item, OrderBookDeltas)).is_snapshot
        book = desk.cache.order_book(BTC)
        assert book.best_bid_price() < book.best_ask_price()
        rate = desk.cache.funding_rate(BTC)
        assert rate.interval == 60
        assert abs(rate.rate) < Decimal("0.04")
        assert 0 < rate.next_funding_ns - rate.ts_init <= HOUR_SECS * 1e9
        instrument = desk.cache.instrument(BTC)
        assert (instrument.price_precision, instrument.size_precision) == (1, 5)
        assert instrument.info["szDecimals"] == 5
        assert instrument.taker_fee == Decimal("0.00045")
        assert instrument.margin_init == 1 / Decimal(instrument.info["maxLeverage"])
        assert set(desk.channel_states("public")) <= {VenueState.OK}


async def test_history_of_funding_and_book_on_request(sims):
    async with trading(sims.ready) as desk:
        await asyncio.sleep(HOUR_SECS / 2)
        end = desk.clock.utc_now()
        desk.request_funding_rates(BTC, start=end - timedelta(days=1), end=end)
        history_rates = await eventually(
            lambda: [
                rate
                for item in desk.heard
                for rate in (item if isinstance(item, list) else [item])
                if isinstance(rate, FundingRateUpdate) and rate.next_funding_ns is None
            ]
        )
        assert len({rate.ts_event for rate in history_rates}) == len(history_rates)
        assert all(rate.interval == 60 for rate in history_rates)


async def test_a_round_trip_fills_pays_fees_and_receives_funding(sims):
    async with trading(sims.ready) as desk:
        start = (await eventually(lambda: desk.said(AccountHealth)))[-1]
        bought = desk.market(OrderSide.BUY, "0.05")
        await eventually(lambda: bought.is_closed)
        assert history(bought)[:3] == ["OrderInitialized", "OrderSubmitted", "OrderAccepted"]
        assert bought.status == OrderStatus.FILLED
        assert desk.position() == Decimal("0.05")
        fees = sum((event.commission.as_decimal() for event in bought.events if hasattr(event, "commission")), Decimal(0))
        notional = Decimal(str(bought.avg_px)) * Decimal("0.05")
        assert abs(fees - notional * Decimal("0.00045")) < Decimal("0.001")
        held = (await eventually(lambda: [health for health in desk.said(AccountHealth) if health.positions]))[-1]
        assert held.positions[0].quantity == Decimal("0.05")
        assert held.equity_usd == held.cash_usd + held.positions[0].unrealized_pnl_usd
        assert held.initial_margin_usd > held.maintenance_margin_usd > 0
        payment = (await eventually(lambda: desk.said(FundingPayment), HOUR_SECS * 2.5))[0]
        assert payment.instrument_id == BTC.value
        assert payment.position_quantity == Decimal("0.05")
        assert (payment.amount_usd < 0) == (payment.rate_per_hour > 0)  # a long pays a positive rate
        price = -payment.amount_usd / payment.rate_per_hour / payment.position_quantity
        assert abs(price / Decimal(str(bought.avg_px)) - 1) < Decimal("0.05")
        sold = desk.market(OrderSide.SELL, "0.05", reduce_only=True)
        await eventually(lambda: sold.status == OrderStatus.FILLED)
        flat = (await eventually(lambda: [h for h in desk.said(AccountHealth)[-2:] if not h.positions]))[-1]
        payments = desk.said(FundingPayment)
        assert len({paid.payment_id for paid in payments}) == len(payments)
        fees += sum((event.commission.as_decimal() for event in sold.events if hasattr(event, "commission")), Decimal(0))
        gain = (Decimal(str(sold.avg_px)) - Decimal(str(bought.avg_px))) * Decimal("0.05")
        booked = sum((paid.amount_usd for paid in payments), Decimal(0)) + gain - fees
        assert abs((flat.cash_usd - start.cash_usd) - booked) < Decimal("0.01")
        account = desk.cache.account(AccountId(f"HYPERLIQUID-{desk.client._user[:10]}"))
        # As reported: after a backtest in this process Nautilus reckons accounts of this venue's name from fills as well.
        reported = [state for state in account.events if state.is_reported]
        assert abs(reported[-1].balances[0].total.as_decimal() - flat.equity_usd) < Decimal("0.01")


async def test_post_only_rests_on_the_venues_grid_and_is_cancelled(sims):
    async with trading(sims.ready) as desk:
        price = desk.bid("0.9").quantize(Decimal(1)) + Decimal("0.3")  # six figures: not on the grid
        order = desk.limit(OrderSide.BUY, "0.01", price, post_only=True)
        await eventually(lambda: order.status == OrderStatus.ACCEPTED and order.price.as_decimal() != price)
        assert order.price.as_decimal() == price - Decimal("0.3")
        desk.cancel_order(order)
        await eventually(lambda: order.is_closed)
        assert history(order)[-2:] == ["OrderPendingCancel", "OrderCanceled"]


async def test_post_only_that_would_match_is_rejected_as_such(sims):
    async with trading(sims.ready) as desk:
        order = desk.limit(OrderSide.BUY, "0.01", desk.bid("1.02"), post_only=True)
        await eventually(lambda: order.status == OrderStatus.REJECTED)
        assert order.last_event.due_post_only
        assert "Post only order would have immediately matched" in order.last_event.reason


async def test_ioc_without_match_is_rejected_in_the_venues_words(sims):
    async with trading(sims.ready) as desk:
        order = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.9"), time_in_force=TimeInForce.IOC)
        await eventually(lambda: order.is_closed)
        assert order.status == OrderStatus.REJECTED
        assert "could not immediately match" in order.last_event.reason
        assert desk.position() == 0


async def test_ioc_larger_than_the_book_is_filled_in_part_then_cancelled(sims):
    async with trading(sims.ready, leverage=20) as desk:
        book = await eventually(lambda: desk.cache.order_book(BTC))
        await eventually(book.asks)
        best = book.asks()[0]
        size = Decimal(str(best.size())) * 3 + Decimal("0.5")
        order = desk.limit(OrderSide.BUY, str(size), best.price.as_decimal(), time_in_force=TimeInForce.IOC)
        await eventually(lambda: order.is_closed)
        assert history(order)[-1] == "OrderCanceled"
        assert "OrderFilled" in history(order)
        assert 0 < order.filled_qty.as_decimal() < size
        assert desk.position() == order.filled_qty.as_decimal()


async def test_what_the_venue_cannot_do_is_denied_before_it_is_sent(sims):
    async with trading(sims.ready) as desk:
        quantity = desk.cache.instrument(BTC).make_qty(Decimal("0.01"))
        fok = desk.send(desk.order_factory.market(BTC, OrderSide.BUY, quantity, time_in_force=TimeInForce.FOK))
        stop = desk.send(desk.order_factory.stop_market(BTC, OrderSide.SELL, quantity, desk.quote().bid_price))
        await eventually(lambda: fok.is_closed and stop.is_closed)
        assert [fok.status, stop.status] == [OrderStatus.DENIED] * 2
        assert "UNSUPPORTED_TIME_IN_FORCE" in fok.last_event.reason
        assert "UNSUPPORTED_ORDER_TYPE" in stop.last_event.reason


async def test_list_modify_cancel_all(sims):
    async with trading(sims.ready) as desk:
        orders = [desk.make_limit(OrderSide.BUY, "0.01", desk.bid(factor), post_only=True) for factor in ("0.9", "0.91")]
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await eventually(lambda: all(order.is_open and order.status == OrderStatus.ACCEPTED for order in orders))
        first = orders[0]
        old_id, price = first.venue_order_id, desk.cache.instrument(BTC).make_price(desk.bid("0.92").quantize(Decimal(1)))
        desk.modify_order(first, price=price)
        await eventually(lambda: first.price == price and first.status == OrderStatus.ACCEPTED)
        assert first.venue_order_id != old_id
        assert history(first).count("OrderCanceled") == 0
        desk.cancel_all_orders(BTC)
        await eventually(lambda: all(order.status == OrderStatus.CANCELED for order in orders))


async def test_lost_reply_ends_filled_by_the_stream(sims):
    async with trading(sims.ready) as desk:
        with deaf(desk, "post") as lost:
            order = desk.market(OrderSide.BUY, "0.02")
            await eventually(lambda: order.is_closed)
        assert order.status == OrderStatus.FILLED
        assert lost
        assert desk.position() == Decimal("0.02")


async def test_lost_reply_and_silent_streams_end_filled_by_asking(sims):
    async with trading(sims.ready) as desk:
        with deaf(desk, "post", "orderUpdates", "userFills"):
            order = desk.market(OrderSide.BUY, "0.02")
            await eventually(lambda: order.is_closed, 15.0)
        assert order.status == OrderStatus.FILLED
        assert OrderRejected not in {type(event) for event in order.events}
        assert desk.position() == Decimal("0.02")


async def test_socket_dies_with_the_order_and_it_is_filled_once(sims):
    async with trading(sims.ready) as desk:
        order = desk.market(OrderSide.BUY, "0.02")
        await asyncio.sleep(0)
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.DROP_SOCKET))
        await eventually(lambda: order.is_closed, 15.0)
        assert order.status == OrderStatus.FILLED
        assert desk.position() == Decimal("0.02")
        await eventually(lambda: desk.channel_states("private")[-2:] == [VenueState.DISCONNECTED, VenueState.OK])
        await eventually(lambda: desk.channel_states("public")[-2:] == [VenueState.DISCONNECTED, VenueState.OK])
        desk.heard.clear()
        await eventually(lambda: {"QuoteTick", "FundingRateUpdate"} <= {type(item).__name__ for item in desk.heard})


async def test_order_the_venue_never_got_is_rejected_only_after_its_expiry(sims):
    async with trading(sims.ready) as desk:
        connection = desk.client._feed.connection
        send, connection._socket.send = connection._socket.send, lambda message: None
        try:
            sent = time.monotonic()
            order = desk.market(OrderSide.BUY, "0.02")
            await eventually(lambda: order.is_closed, 15.0)
        finally:
            connection._socket.send = send
        assert order.status == OrderStatus.REJECTED
        assert time.monotonic() - sent > TTL_SECS
        assert "unknown to the venue after its expiry" in order.last_event.reason


async def test_http_takes_over_while_the_socket_is_down_and_a_502_is_no_rejection(sims):
    async with trading(sims.ready) as desk:
        socket = desk.client._feed.connection._socket
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="/exchange", status=502))
        transport, socket._transport = socket._transport, None
        try:
            order = desk.market(OrderSide.BUY, "0.02")
            await eventually(lambda: order.is_closed, 15.0)
        finally:
            socket._transport = transport
        assert order.status == OrderStatus.FILLED
        assert desk.position() == Decimal("0.02")


async def test_lost_cancel_reply_emits_nothing_untrue(sims):
    async with trading(sims.ready) as desk:
        order = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.9"), post_only=True)
        await eventually(lambda: order.status == OrderStatus.ACCEPTED)
        with deaf(desk, "post", "orderUpdates"):
            desk.cancel_order(order)
            await eventually(lambda: order.is_closed, 15.0)
        assert order.status == OrderStatus.CANCELED
        assert OrderCancelRejected not in {type(event) for event in order.events}


async def test_restart_adopts_the_open_position_and_resting_order(sims):
    async with trading(sims.ready) as desk:
        bought = desk.market(OrderSide.BUY, "0.03")
        resting = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.9"), post_only=True)
        await eventually(lambda: bought.is_closed and resting.status == OrderStatus.ACCEPTED)
        average = bought.avg_px
    async with trading(sims.ready) as desk:
        assert desk.position() == Decimal("0.03")
        assert abs(desk.cache.positions_open()[0].avg_px_open - average) < 1.0
        (adopted,) = desk.cache.orders_open()
        assert adopted.venue_order_id == resting.venue_order_id
        assert len(desk.said(FundingPayment)) == 0
        desk.cancel_order(adopted)
        await eventually(lambda: adopted.status == OrderStatus.CANCELED)
        sold = desk.market(OrderSide.SELL, "0.03", reduce_only=True)
        await eventually(lambda: sold.status == OrderStatus.FILLED)
        assert desk.position() == 0


async def trade_by_hand(sims, *, is_buy: bool, quantity: float) -> None:
    """Trade on the node's own account with the venue's official client."""
    account = sims.ready["hyperliquid"]["accounts"][0]
    wallet, url = Account.from_key(account["private_key"]), sims.ready["hyperliquid"]["http_url"]
    client = await asyncio.to_thread(Exchange, wallet, url)
    answer = await asyncio.to_thread(client.market_open, "BTC", is_buy, quantity)
    assert "filled" in answer["response"]["data"]["statuses"][0]


def fills_of(desk: Desk) -> list[Any]:
    return [event for order in desk.cache.orders() for event in order.events if hasattr(event, "trade_id")]


async def test_a_manual_trade_moves_the_position(sims):
    async with trading(sims.ready) as desk:
        await trade_by_hand(sims, is_buy=False, quantity=0.02)
        await eventually(lambda: desk.position() == Decimal("-0.02"))
        assert all(fill.commission.as_decimal() > 0 for fill in fills_of(desk))


async def test_fills_missed_in_a_break_are_caught_up_with_once(sims):
    async with trading(sims.ready) as desk:
        own = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: own.is_closed)
        with deaf(desk, "orderUpdates", "userFills"):
            await trade_by_hand(sims, is_buy=True, quantity=0.02)
            await asyncio.sleep(0.5)
            assert desk.position() == Decimal("0.01")
            sims.hyperliquid.faults.inject(Fault(kind=FaultKind.DROP_SOCKET))
            await eventually(lambda: desk.position() == Decimal("0.03"))
            await eventually(lambda: desk.channel_states("private").count(VenueState.OK) == 1)
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.DROP_SOCKET))
        await eventually(lambda: desk.channel_states("private").count(VenueState.OK) == 2)
        assert desk.position() == Decimal("0.03")
        fills = fills_of(desk)
        assert len({(fill.venue_order_id, fill.trade_id) for fill in fills}) == len(fills)


async def test_a_funding_payment_missed_by_the_stream_is_read(sims):
    async with trading(sims.ready) as desk:
        with deaf(desk, "userFundings"):
            desk.market(OrderSide.SELL, "0.05")
            payment = (await eventually(lambda: desk.said(FundingPayment), HOUR_SECS * 2.5))[0]
        assert payment.position_quantity == Decimal("-0.05")
        assert (payment.amount_usd > 0) == (payment.rate_per_hour > 0)  # a short receives a positive rate


async def test_a_silent_context_stream_is_stale_until_it_speaks_again(sims, monkeypatch):
    monkeypatch.setitem(LIMITS, "activeAssetCtx", Limit(60.0, 1.0, 60.0))
    async with trading(sims.ready) as desk:
        await eventually(lambda: desk.cache.funding_rate(BTC))
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="activeAssetCtx", secs=3.0))
        await eventually(lambda: desk.channel_states("public")[-1:] == [VenueState.STALE])
        quotes = len(desk.heard)
        await eventually(lambda: len(desk.heard) > quotes)  # the socket itself is alive
        await eventually(lambda: desk.channel_states("public")[-1] == VenueState.OK)


async def test_data_streams_end_with_their_last_subscriber(sims):
    async with trading(sims.ready) as desk:
        client = desk.data_client
        await eventually(lambda: desk.cache.funding_rate(BTC))
        desk.unsubscribe_mark_prices(BTC)
        desk.unsubscribe_index_prices(BTC)
        await asyncio.sleep(0.1)
        assert ("activeAssetCtx", "BTC") in client._wanted
        desk.unsubscribe_funding_rates(BTC)
        desk.unsubscribe_quote_ticks(BTC)
        await eventually(lambda: not {("activeAssetCtx", "BTC"), ("bbo", "BTC")} & set(client._wanted))
        await asyncio.sleep(0.3)
        desk.heard.clear()
        await asyncio.sleep(0.8)
        assert not {"QuoteTick", "FundingRateUpdate", "MarkPriceUpdate"} & {type(item).__name__ for item in desk.heard}
