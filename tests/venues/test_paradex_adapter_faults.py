"""What the Paradex clients make of a venue in trouble, and of orders that are not theirs."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from nautilus_trader.model.enums import OrderSide, OrderStatus
from paradex_by_hand import by_hand
from paradex_desk import BTC, HOUR_SECS, eventually, history, trading, venue

from adapters.errors import Rejected
from messages import AccountHealth, VenueState, VenueStatus
from simulators.faults import Fault, FaultKind

NS = 1_000_000_000


async def test_a_trade_made_elsewhere_moves_the_position_with_its_own_fee():
    async with venue() as sims, trading(sims.ready) as desk:
        ours = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: ours.status == OrderStatus.FILLED)
        await by_hand(sims.ready, "SELL", "0.05")
        await eventually(lambda: desk.position() == Decimal("-0.03"))
        await asyncio.sleep(0.5)
        assert desk.position() == Decimal("-0.03")
        theirs = [order for order in desk.cache.orders() if order is not ours]
        assert sum(order.filled_qty.as_decimal() for order in theirs) == Decimal("0.05")
        assert all(fee.as_decimal() > 0 for order in theirs for fee in order.commissions())


async def test_a_position_closed_while_we_were_away_is_flat_after_the_restart():
    async with venue() as sims:
        async with trading(sims.ready) as desk:
            order = desk.market(OrderSide.BUY, "0.02")
            await eventually(lambda: order.status == OrderStatus.FILLED)
        await by_hand(sims.ready, "SELL", "0.02")
        await asyncio.sleep(0.5)
        async with trading(sims.ready) as desk:
            assert desk.position() == 0
            assert desk.cache.positions_open() == []


async def test_an_order_the_venue_never_got_is_refused_after_its_signature_expired():
    async with venue() as sims, trading(sims.ready) as desk:
        sims.paradex.faults.inject(Fault(kind=FaultKind.STATUS, path="order.create", status=503))
        order = desk.market(OrderSide.BUY, "0.02")
        await asyncio.sleep(1.0)
        assert order.status == OrderStatus.SUBMITTED  # in doubt, and nothing is made up
        await eventually(lambda: order.is_closed, 12.0)
        assert order.status == OrderStatus.REJECTED
        assert "signature expired" in order.last_event.reason
        assert desk.position() == 0


async def test_an_internal_error_after_execution_ends_filled():
    async with venue() as sims, trading(sims.ready) as desk:
        sims.paradex.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="order.create", status=503))
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.is_closed, 12.0)
        assert order.status == OrderStatus.FILLED
        await asyncio.sleep(1.0)
        assert desk.position() == Decimal("0.02")
        assert history(order).count("OrderFilled") == len(order.trade_ids)


async def test_late_fills_and_repeated_events_give_one_history():
    async with venue() as sims, trading(sims.ready) as desk:
        sims.paradex.faults.inject(Fault(kind=FaultKind.DELAY_FILL, secs=1.0))
        sims.paradex.faults.inject(Fault(kind=FaultKind.DUPLICATE_ORDER_EVENT, count=6))
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.is_closed)
        assert order.status == OrderStatus.FILLED
        assert history(order).count("OrderAccepted") == 1
        assert desk.position() == Decimal("0.02")


async def test_an_order_goes_by_http_while_the_socket_is_away():
    async with venue() as sims, trading(sims.ready) as desk:
        desk.client._channel.is_ready = False
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)


async def test_the_state_of_the_venue_and_of_its_streams_is_told():
    settings = {"stale_secs": 1.0, "state_poll_secs": 0.2}
    async with venue() as sims, trading(sims.ready, data=settings) as desk:
        states = lambda channel: [status.state for status in desk.said(VenueStatus) if status.channel == channel]  # noqa: E731
        sims.paradex.set_system_state("cancel_only")
        await eventually(lambda: VenueState.CANCEL_ONLY in states("system"))
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.REJECTED)
        sims.paradex.set_system_state("ok")
        await eventually(lambda: states("system")[-1] == VenueState.OK)
        sims.paradex.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="bbo", secs=3.0))
        await eventually(lambda: VenueState.STALE in states("public"))
        await eventually(lambda: states("public")[-1] == VenueState.OK)


async def test_funding_history_comes_as_hourly_samples():
    async with venue() as sims, trading(sims.ready) as desk:
        await asyncio.sleep(HOUR_SECS + 1.5)
        start = datetime.now(UTC) - timedelta(seconds=3 * HOUR_SECS)
        desk.request_funding_rates(BTC, start=start)
        rates = await eventually(lambda: desk.past)
        stamps = [rate.ts_event for rate in rates]
        assert stamps == sorted(stamps)
        assert 1 <= len(rates) <= 3
        assert all(isinstance(rate.rate, Decimal) and rate.interval == 480 for rate in rates)


async def test_a_bust_of_an_unknown_fill_corrects_the_position_once_the_venue_answers():
    async with venue() as sims, trading(sims.ready) as desk:
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        client = desk.client

        async def nowhere(bust):
            sims.paradex.faults.inject(Fault(kind=FaultKind.STATUS, path="/positions", status=503, count=2))

        client._busts._fills.clear()
        client._find_fill = nowhere
        for fill in list(order.trade_ids):
            sims.paradex.bust(sims.ready["paradex"]["accounts"][0]["l2_address"], fill.value)
        await eventually(lambda: desk.position() == 0, 20.0)


async def test_a_reverted_fill_leaves_the_position_the_venue_has():
    async with venue() as sims, trading(sims.ready) as desk:
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        account = sims.ready["paradex"]["accounts"][0]["l2_address"]
        sims.paradex.bust(account, order.trade_ids[-1].value)
        await eventually(lambda: desk.position() != Decimal("0.02"))
        left = desk.said(AccountHealth)[-1]
        assert desk.position() == sum(position.quantity for position in left.positions)


@pytest.mark.parametrize("version", [None, 1])
async def test_older_and_textual_data_are_understood(version):
    async with venue() as sims, trading(sims.ready, data={"sbe_version": version}) as desk:
        wanted = {"QuoteTick", "OrderBookDeltas", "MarkPriceUpdate", "FundingRateUpdate"}
        await eventually(lambda: wanted <= {type(item).__name__ for item in desk.heard})


def send_after_refusing(desk) -> None:
    """Make the next orders look refused, and reach the venue all the same."""
    send, client = desk.client._entry._send_order, desk.client

    async def refused(request, *limits):
        asyncio.get_running_loop().call_later(0.2, lambda: client.create_task(send(request, *limits)))
        raise Rejected("a wrong verdict")

    client._entry._send_order = refused


async def test_a_rejected_order_that_rests_at_the_venue_is_cancelled():
    async with venue() as sims, trading(sims.ready) as desk:
        send_after_refusing(desk)
        order = desk.limit(OrderSide.BUY, "0.01", desk.quote().bid_price.as_decimal() * Decimal("0.98"))
        await eventually(lambda: order.status == OrderStatus.REJECTED)
        rows = []
        for _ in range(40):
            await asyncio.sleep(0.1)
            rows = await desk.client._account_http.orders_by_client_id(order.client_order_id.value, "BTC-USD-PERP")
            if [row.status for row in rows] == ["CLOSED"]:
                break
        assert [row.cancel_reason for row in rows] == ["USER_CANCELED"]


async def test_a_rejected_order_that_fills_at_the_venue_moves_the_position():
    async with venue() as sims, trading(sims.ready) as desk:

        async def too_late(tracked) -> str:
            return ""

        desk.client._entry.ask_cancel = too_late
        send_after_refusing(desk)
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.REJECTED)
        await eventually(lambda: desk.position() == Decimal("0.02"))
