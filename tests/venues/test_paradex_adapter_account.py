"""What the Paradex execution client makes of tokens, busts, liquidation, the start, and binary private frames."""

import asyncio
from decimal import Decimal

import pytest
from nautilus_trader.model.enums import OrderSide, OrderStatus
from paradex_by_hand import by_hand
from paradex_desk import BTC, HOUR_SECS, eventually, history, trading, venue

from adapters.paradex import private, sbe
from adapters.paradex import stream as wire
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.query import VenueQuery
from messages import AccountHealth, FundingPayment, VenueState
from simulators.faults import Fault, FaultKind

MARKET = "BTC-USD-PERP"


def fills(*orders):
    return [event for order in orders for event in order.events if type(event).__name__ == "OrderFilled"]


async def test_jwt_expiry_during_a_live_pair_costs_no_subscription_and_no_order(monkeypatch):
    """A token lives two seconds: over five lives both sockets stay, private news flows, orders go out at once."""
    async with venue() as sims:
        sims.paradex.settings.jwt_secs = 2
        async with trading(sims.ready) as desk:
            opened = desk.market(OrderSide.BUY, "0.02")
            await eventually(lambda: opened.status == OrderStatus.FILLED)
            (resting,) = desk.resting(1)
            desk.send(resting)
            await eventually(lambda: resting.status == OrderStatus.ACCEPTED)
            token, socket = desk.client._session._token, desk.client._socket._transport
            tokens = {token}
            for _ in range(20):
                await asyncio.sleep(0.5)
                tokens.add(desk.client._session._token)
            assert len(tokens) >= 5
            assert desk.client._socket._transport is socket  # never reconnected
            assert VenueState.DISCONNECTED not in desk.states("private")
            assert resting.status == OrderStatus.ACCEPTED  # cancel-on-disconnect had no occasion
            heard = len(desk.said(AccountHealth))
            closing = desk.market(OrderSide.SELL, "0.02", reduce_only=True)
            await eventually(lambda: closing.status == OrderStatus.FILLED, 3.0)
            await eventually(lambda: len(desk.said(AccountHealth)) > heard)
            assert desk.position() == 0


async def test_a_revoked_token_is_replaced_at_the_first_refusal():
    async with venue() as sims, trading(sims.ready) as desk:
        before = desk.client._session._token
        sims.paradex.faults.inject(Fault(kind=FaultKind.REVOKE_TOKENS))
        await eventually(lambda: desk.client._session._token != before)
        await desk.client._account_feed.refresh()
        order = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: order.status == OrderStatus.FILLED)


async def test_a_stale_bearer_on_reconnect_does_not_lose_the_private_stream():
    async with venue() as sims, trading(sims.ready) as desk:
        sims.paradex.faults.inject(Fault(kind=FaultKind.STALE_BEARER, count=100))
        sims.paradex.faults.inject(Fault(kind=FaultKind.STATUS, path="ws auth", status=401, count=1))
        sims.paradex.drop_sockets()
        await eventually(lambda: VenueState.DISCONNECTED in desk.states("private"))
        await eventually(lambda: desk.client._channel.is_ready, 15.0)
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        await eventually(lambda: desk.position() == Decimal("0.02"))


async def test_a_connection_open_at_our_end_only_is_noticed_and_replaced(monkeypatch):
    monkeypatch.setattr(private, "KEEP_ALIVE_SECS", 0.5)
    async with venue() as sims, trading(sims.ready) as desk:
        for session in sims.paradex.exchange.publisher.sessions:
            session.send = lambda frame: None
        await eventually(lambda: VenueState.DISCONNECTED in desk.states("private"), 15.0)
        await eventually(lambda: desk.client._channel.is_ready, 15.0)
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)


async def test_private_frames_may_be_binary(monkeypatch):
    """Orders, fills, positions and account as SBE templates 20 to 23, the rest as text, on one socket."""
    kinds: set[tuple[str, bool]] = set()
    feed = wire.Stream.feed

    def noting(self, frame, is_text):
        found = feed(self, frame, is_text)
        kinds.update((type(item.data).__name__, is_text) for item in found if isinstance(item, wire.Push))
        return found

    monkeypatch.setattr(wire.Stream, "feed", noting)
    async with venue() as sims, trading(sims.ready, sbe_version=2) as desk:
        bought = desk.market(OrderSide.BUY, "0.05")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
        (resting,) = desk.resting(1)
        desk.send(resting)
        await eventually(lambda: resting.status == OrderStatus.ACCEPTED)
        instrument = desk.cache.instrument(BTC)
        desk.modify_order(resting, price=instrument.make_price(resting.price.as_decimal() - 50))
        await eventually(lambda: "OrderUpdated" in history(resting))
        desk.cancel_order(resting)
        await eventually(lambda: resting.status == OrderStatus.CANCELED)
        crossing = desk.limit(OrderSide.BUY, "0.01", desk.quote().ask_price.as_decimal() + 50, post_only=True)
        await eventually(lambda: crossing.status == OrderStatus.REJECTED)
        assert crossing.last_event.due_post_only
        sold = desk.market(OrderSide.SELL, "0.05", reduce_only=True)
        await eventually(lambda: sold.status == OrderStatus.FILLED)
        await eventually(lambda: desk.said(FundingPayment))
        assert {("Order", False), ("Fill", False), ("Position", False), ("Account", False)} <= kinds
        assert {("BalanceEvent", True), ("FundingPaymentRow", True)} <= kinds
        assert not {kind for kind in kinds if kind[1]} & {("Order", True), ("Fill", True)}
        assert all(fee.as_decimal() > 0 for order in (bought, sold) for fee in order.commissions())
        assert sbe.socket_query(2) in await desk.client._socket_url()


async def test_out_of_order_order_events_make_one_history():
    async with venue() as sims, trading(sims.ready) as desk:
        sims.paradex.faults.inject(Fault(kind=FaultKind.REORDER_ORDER_EVENTS, count=4, secs=0.2))
        (resting,) = desk.resting(1)
        desk.send(resting)
        await eventually(lambda: resting.status == OrderStatus.ACCEPTED)
        desk.cancel_order(resting)
        await eventually(lambda: resting.status == OrderStatus.CANCELED)
        sims.paradex.faults.inject(Fault(kind=FaultKind.REORDER_ORDER_EVENTS, count=4, secs=0.2))
        sims.paradex.faults.inject(Fault(kind=FaultKind.DUPLICATE_FILL, count=2))
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.is_closed)
        await asyncio.sleep(1.0)  # the late ones arrive
        assert history(resting) == [
            *("OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderPendingCancel", "OrderCanceled"),
        ]
        assert [name for name in history(order) if name != "OrderFilled"] == [
            "OrderInitialized",
            "OrderSubmitted",
            "OrderAccepted",
        ]
        assert order.status == OrderStatus.FILLED
        assert desk.position() == Decimal("0.02")


async def test_a_trade_bust_reverses_its_fill_in_position_price_and_fee():
    async with venue() as sims, trading(sims.ready) as desk:
        start = (await eventually(lambda: desk.said(AccountHealth)))[-1]
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        account = sims.ready["paradex"]["accounts"][0]["l2_address"]
        for fill in fills(order):
            sims.paradex.bust(account, fill.trade_id.value)
        await eventually(lambda: desk.position() == 0)
        undone = [other for other in desk.cache.orders() if other is not order]
        pairs = zip(
            sorted((f.last_px, f.last_qty, f.commission.as_decimal()) for f in fills(order)),
            sorted((f.last_px, f.last_qty, -f.commission.as_decimal()) for f in fills(*undone)),
            strict=True,
        )
        assert all(before == after for before, after in pairs)
        assert all(other.side == OrderSide.SELL for other in undone)
        # whoever adds up fills and payments arrives at the cash the venue reports
        await eventually(lambda: not desk.said(AccountHealth)[-1].positions)
        await asyncio.sleep(3.5)
        funding = sum(payment.amount_usd for payment in desk.said(FundingPayment))
        booked = sum(
            -f.last_qty.as_decimal() * f.last_px.as_decimal() * (1 if f.order_side == OrderSide.BUY else -1)
            - f.commission.as_decimal()
            for f in fills(order, *undone)
        )
        assert booked == 0
        assert abs(desk.said(AccountHealth)[-1].cash_usd - start.cash_usd - funding) < Decimal("0.001")


async def test_a_bust_told_twice_reverses_once_and_one_missed_is_caught_up():
    async with venue() as sims, trading(sims.ready) as desk:
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        account = sims.ready["paradex"]["accounts"][0]["l2_address"]
        sims.paradex.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="tradebusts", secs=1.0))
        sims.paradex.bust(account, order.trade_ids[-1].value)
        left = Decimal("0.02") - fills(order)[-1].last_qty.as_decimal()
        sims.paradex.drop_sockets()
        await eventually(lambda: desk.position() == left)
        sims.paradex.drop_sockets()  # the list of busts is read again
        await eventually(lambda: desk.states("private").count(VenueState.DISCONNECTED) == 2)
        await eventually(lambda: desk.client._channel.is_ready)
        await asyncio.sleep(1.0)
        assert desk.position() == left
        assert len([other for other in desk.cache.orders() if other is not order]) == 1


@pytest.mark.parametrize("version", [None, 2])
@pytest.mark.parametrize(("status", "state"), [("LIQUIDATION", VenueState.LIQUIDATION), ("RESYNC", VenueState.DEGRADED)])
async def test_an_account_in_trouble_is_told(status, state, version):
    async with venue() as sims, trading(sims.ready, sbe_version=version) as desk:
        order = desk.market(OrderSide.BUY, "0.02")  # an account with a position is pushed
        await eventually(lambda: order.status == OrderStatus.FILLED)
        assert desk.client.is_connected
        sims.paradex.faults.inject(Fault(kind=FaultKind.ACCOUNT_STATUS, reason=status, secs=2.0))
        await eventually(lambda: state in desk.states("account"))
        await eventually(lambda: desk.states("account")[-1] == VenueState.OK, 12.0)


@pytest.mark.parametrize("is_in_snapshot", [True, False])
async def test_a_trade_of_another_origin_during_the_start_counts_once(monkeypatch, is_in_snapshot):
    """Nautilus is told positions while a fill is on its way: whether it is in them or not, it counts once."""
    read = VenueQuery.positions
    done: list[bool] = []
    async with venue() as sims:

        async def racing(self, instrument_id):
            if done:
                return await read(self, instrument_id)
            done.append(True)
            found = None if is_in_snapshot else await read(self, instrument_id)
            await asyncio.sleep(0.1)
            await by_hand(sims.ready, "SELL", "0.05")
            await asyncio.sleep(0.5)  # its fill is told before Nautilus takes the positions
            return await read(self, instrument_id) if found is None else found

        monkeypatch.setattr(VenueQuery, "positions", racing)
        async with trading(sims.ready) as desk:
            positions = []
            for _ in range(20):
                positions.append(desk.position())
                await asyncio.sleep(0.05)
            assert set(positions) == {Decimal("-0.05")}
            await asyncio.sleep(7.0)  # and the second look finds nothing to correct
            assert desk.position() == Decimal("-0.05")
            assert len(fills(*desk.cache.orders())) >= 1
            assert sum(fill.last_qty.as_decimal() for fill in fills(*desk.cache.orders())) == Decimal("0.05")


async def test_funding_realised_while_the_node_was_down_is_replayed_with_the_same_ids():
    async with venue() as sims:
        async with trading(sims.ready) as desk:
            order = desk.market(OrderSide.BUY, "0.05")
            await eventually(lambda: order.status == OrderStatus.FILLED)
            await asyncio.sleep(HOUR_SECS / 4)
            half = desk.market(OrderSide.SELL, "0.02", reduce_only=True)
            await eventually(lambda: half.status == OrderStatus.FILLED)
            live = {payment.payment_id: payment.amount_usd for payment in await eventually(lambda: desk.said(FundingPayment))}
        await by_hand(sims.ready, "SELL", "0.03")
        await asyncio.sleep(0.5)
        account = sims.paradex.exchange.registry.accounts[int(sims.ready["paradex"]["accounts"][0]["l2_address"], 16)]
        replayed = []
        publish = ParadexAccountHttp.funding_payments

        async def noting(self, market, start_ms):
            rows = await publish(self, market, start_ms)
            replayed.extend(rows)
            return rows

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ParadexAccountHttp, "funding_payments", noting)
            async with trading(sims.ready, funding_since_ms=0) as desk:
                view = desk.client._account_feed.view
                assert view._payment_ids == {row.id for row in account.payments}
                sims.paradex.drop_sockets()
                await eventually(lambda: VenueState.DISCONNECTED in desk.states("private"))
                await eventually(lambda: desk.client._channel.is_ready, 15.0)
                assert desk.said(FundingPayment) == []  # read again, and no news
        assert live.items() <= {row.id: row.payment for row in account.payments}.items()
        assert len(account.payments) > len(live)
        assert len(replayed) == 2 * len(account.payments)
