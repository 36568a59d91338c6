"""The Paradex clients inside a real trading node, against the simulated venue."""

import asyncio
from decimal import Decimal

import pytest
from nautilus_trader.model.data import OrderBookDeltas
from nautilus_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.identifiers import Venue
from paradex_desk import BTC, eventually, history, trading, venue

from adapters.paradex import sbe, stream
from messages import AccountHealth, FundingAccrual, FundingPayment, VenueState, VenueStatus
from simulators.faults import Fault, FaultKind


async def test_market_data_arrives_in_binary_frames(monkeypatch):
    decoded: set[str] = set()
    decode = sbe.decode

    def counting(frame: bytes):
        payload = decode(frame)
        decoded.add(type(payload).__name__)
        return payload

    monkeypatch.setattr(stream.sbe, "decode", counting)
    async with venue() as sims, trading(sims.ready) as desk:
        kinds = {"QuoteTick", "OrderBookDeltas", "MarkPriceUpdate", "IndexPriceUpdate", "FundingRateUpdate"}
        await eventually(lambda: kinds <= {type(item).__name__ for item in desk.heard})
        book = next(item for item in desk.heard if isinstance(item, OrderBookDeltas))
        assert book.is_snapshot
        assert desk.cache.order_book(BTC).best_bid_price() < desk.cache.order_book(BTC).best_ask_price()
        rate = desk.cache.funding_rate(BTC)
        assert rate.interval == 8 * 60
        assert abs(rate.rate) < Decimal("0.02")
        assert {"Bbo", "Book", "MarketSummary", "FundingData"} <= decoded
        states = {(status.channel, status.state) for status in desk.messages if isinstance(status, VenueStatus)}
        assert ("public", VenueState.DISCONNECTED) not in states


async def test_a_round_trip_fills_and_realises_funding_once():
    async with venue() as sims, trading(sims.ready) as desk:
        start = (await eventually(lambda: desk.said(AccountHealth)))[-1]
        bought = desk.market(OrderSide.BUY, "0.05")
        await eventually(lambda: bought.is_closed)
        assert history(bought)[:3] == ["OrderInitialized", "OrderSubmitted", "OrderAccepted"]
        assert bought.status == OrderStatus.FILLED
        assert desk.position() == Decimal("0.05")
        held = await eventually(lambda: [health for health in desk.said(AccountHealth) if health.positions])
        assert held[-1].positions[0].quantity == Decimal("0.05")
        accruals = await eventually(lambda: [accrual for accrual in desk.said(FundingAccrual) if accrual.accrued_usd != 0])
        rate = desk.cache.funding_rate(BTC).rate
        assert (accruals[-1].accrued_usd < 0) == (rate > 0)  # a long pays a positive rate

        sold = desk.market(OrderSide.SELL, "0.05", reduce_only=True)
        await eventually(lambda: sold.is_closed)
        assert sold.status == OrderStatus.FILLED
        assert desk.position() == 0
        payments = await eventually(lambda: desk.said(FundingPayment))
        await asyncio.sleep(3.5)  # the catch-up reads the same rows again
        payments = desk.said(FundingPayment)
        assert len({payment.payment_id for payment in payments}) == len(payments)
        total = sum(payment.amount_usd for payment in payments)
        assert (total < 0) == (rate > 0)
        assert abs(total) >= abs(accruals[0].accrued_usd) - Decimal("1e-7")  # cash has eight decimals

        fees = sum(fee.as_decimal() for order in (bought, sold) for fee in order.commissions())
        notional = sum(
            event.last_qty.as_decimal() * event.last_px.as_decimal()
            for order in (bought, sold)
            for event in order.events
            if type(event).__name__ == "OrderFilled"
        )
        assert abs(fees / notional - Decimal("0.00045")) < Decimal("0.000001")
        end = (await eventually(lambda: [health for health in desk.said(AccountHealth) if not health.positions]))[-1]
        traded = sum(
            (1 if order is sold else -1) * event.last_qty.as_decimal() * event.last_px.as_decimal()
            for order in (bought, sold)
            for event in order.events
            if type(event).__name__ == "OrderFilled"
        )
        assert abs((end.cash_usd - start.cash_usd) - (traded - fees + total)) < Decimal("0.001")
        assert end.equity_usd == pytest.approx(end.cash_usd)


async def test_a_post_only_order_rests_moves_and_is_cancelled():
    async with venue() as sims, trading(sims.ready) as desk:
        far = desk.quote().bid_price.as_decimal() * Decimal("0.98")
        resting = desk.limit(OrderSide.BUY, "0.01", far, post_only=True)
        await eventually(lambda: resting.status == OrderStatus.ACCEPTED)
        instrument = desk.cache.instrument(BTC)
        desk.modify_order(resting, quantity=instrument.make_qty(Decimal("0.02")), price=instrument.make_price(far - 100))
        await eventually(lambda: resting.quantity == instrument.make_qty(Decimal("0.02")))
        assert resting.price == instrument.make_price(far - 100)
        desk.cancel_order(resting)
        await eventually(lambda: resting.status == OrderStatus.CANCELED)
        assert history(resting)[-1] == "OrderCanceled"

        crossing = desk.limit(OrderSide.BUY, "0.01", desk.quote().ask_price.as_decimal() + 50, post_only=True)
        await eventually(lambda: crossing.status == OrderStatus.REJECTED)
        assert crossing.last_event.due_post_only

        pair = [desk.limit(OrderSide.BUY, "0.01", far - number, post_only=True) for number in range(2)]
        await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in pair))
        desk.cancel_all_orders(BTC)
        await eventually(lambda: all(order.status == OrderStatus.CANCELED for order in pair))


async def test_immediate_orders_and_refusals():
    async with venue() as sims, trading(sims.ready) as desk:
        ask = desk.quote().ask_price.as_decimal()
        partial = desk.limit(OrderSide.BUY, "3", ask, time_in_force=TimeInForce.IOC)
        await eventually(lambda: partial.is_closed)
        assert partial.status == OrderStatus.CANCELED
        assert 0 < partial.filled_qty < partial.quantity
        assert desk.position() == partial.filled_qty.as_decimal()

        unmatched = desk.limit(OrderSide.BUY, "0.01", ask * Decimal("0.99"), time_in_force=TimeInForce.IOC)
        await eventually(lambda: unmatched.is_closed)
        assert unmatched.status == OrderStatus.CANCELED
        assert unmatched.filled_qty == 0

        greedy = desk.limit(OrderSide.BUY, "49", ask * Decimal("0.97"))
        await eventually(lambda: greedy.is_closed)
        assert greedy.status == OrderStatus.REJECTED
        assert "NOT_ENOUGH_MARGIN" in greedy.last_event.reason

        sims.paradex.faults.inject(Fault(kind=FaultKind.REJECT_NEXT_ORDER, reason="ORDER_SIZE_BELOW_MIN"))
        refused = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: refused.status == OrderStatus.REJECTED)


async def test_a_lost_reply_ends_filled_and_is_sent_once():
    async with venue() as sims, trading(sims.ready) as desk:
        sims.paradex.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="orders", secs=3.0))
        sims.paradex.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="fills", secs=3.0))
        sims.paradex.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="order.create"))
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.is_closed, 15.0)
        assert order.status == OrderStatus.FILLED
        assert "OrderRejected" not in history(order)
        await asyncio.sleep(2.0)
        health = await eventually(lambda: [item for item in desk.said(AccountHealth) if item.positions])
        assert health[-1].positions[0].quantity == desk.position() == Decimal("0.02")


async def test_a_dropped_socket_loses_nothing():
    async with venue() as sims, trading(sims.ready) as desk:
        far = desk.quote().bid_price.as_decimal() * Decimal("0.98")
        resting = desk.limit(OrderSide.BUY, "0.01", far, post_only=True)
        await eventually(lambda: resting.status == OrderStatus.ACCEPTED)
        sims.paradex.drop_sockets()
        await eventually(lambda: resting.status == OrderStatus.CANCELED)  # cancel-on-disconnect, learnt after the reconnect
        states = [(status.channel, status.state) for status in desk.messages if isinstance(status, VenueStatus)]
        assert ("private", VenueState.DISCONNECTED) in states
        await eventually(lambda: desk.client._channel.is_ready)
        before = len([item for item in desk.heard if type(item).__name__ == "QuoteTick"])
        await eventually(lambda: len([item for item in desk.heard if type(item).__name__ == "QuoteTick"]) > before)
        order = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: order.status == OrderStatus.FILLED)


async def test_a_restart_adopts_the_position_and_a_refused_token_is_renewed():
    async with venue() as sims:
        async with trading(sims.ready) as desk:
            order = desk.market(OrderSide.SELL, "0.03")
            await eventually(lambda: order.status == OrderStatus.FILLED)
        async with trading(sims.ready) as desk:
            assert desk.position() == Decimal("-0.03")
            account = desk.cache.account_for_venue(Venue("PARADEX"))
            assert account.id.get_issuer() == "PARADEX"
            client = desk.client
            client._session._token = "no.such.token"
            await client._account_feed.refresh()
            assert client._session._token != "no.such.token"
            closing = desk.market(OrderSide.BUY, "0.03", reduce_only=True)
            await eventually(lambda: closing.status == OrderStatus.FILLED)
            assert desk.position() == 0
