"""Orders of the Hyperliquid client one by one and together: lists, replacements, cancels and whom they concern."""

import asyncio
import json
from decimal import Decimal

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid_desk import BTC, deaf, eventually, history, trading, user_of, venue
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.events import OrderCanceled, OrderFilled, OrderUpdated
from nautilus_trader.model.identifiers import AccountId, InstrumentId

from adapters.hyperliquid.account_schemas import UserFees
from messages import VenueState
from simulators.faults import Fault, FaultKind

ETH = InstrumentId.from_str("ETH-USD-PERP.HYPERLIQUID")


@pytest.fixture
async def sims():
    async with venue() as running:
        yield running


def rest(desk, side: OrderSide, factor: str, quantity: str = "0.01"):
    return desk.make_limit(side, quantity, desk.bid(factor).quantize(Decimal(1)), post_only=True)


async def resting(desk, *orders):
    await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in orders))
    return orders


def actions_of(desk) -> list[dict]:
    """Record the actions the account's socket sends from now on."""
    connection, sent = desk.client._feed.connection, []
    post = connection.post_action

    async def recorded(body, timeout_secs):
        sent.append(json.loads(body)["action"])
        return await post(body, timeout_secs)

    connection.post_action = recorded
    return sent


async def test_an_order_list_is_one_action_and_all_or_nothing(sims):
    async with trading(sims.ready) as desk:
        sent = actions_of(desk)
        orders = [rest(desk, OrderSide.BUY, factor) for factor in ("0.90", "0.91", "0.92")]
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await resting(desk, *orders)
        assert [len(action["orders"]) for action in sent] == [3]
        bad = desk.order_factory.stop_market(BTC, OrderSide.SELL, orders[0].quantity, desk.quote().bid_price)
        good = rest(desk, OrderSide.BUY, "0.93")
        desk.submit_order_list(desk.order_factory.create_list([good, bad]))
        await eventually(lambda: good.is_closed and bad.is_closed)
        assert [good.status, bad.status] == [OrderStatus.DENIED] * 2
        assert "ORDER_LIST_DENIED" in good.last_event.reason
        assert len(sent) == 1


async def test_one_refused_order_of_a_list_leaves_the_others(sims):
    async with trading(sims.ready) as desk:
        orders = [rest(desk, OrderSide.BUY, "0.90"), rest(desk, OrderSide.BUY, "1.05"), rest(desk, OrderSide.BUY, "0.91")]
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await resting(desk, orders[0], orders[2])
        await eventually(lambda: orders[1].is_closed)
        assert orders[1].status == OrderStatus.REJECTED
        assert orders[1].last_event.reason.startswith("POST_ONLY_WOULD_MATCH: ")
        assert orders[1].last_event.due_post_only


async def test_several_cancels_are_one_action(sims):
    async with trading(sims.ready) as desk:
        orders = [desk.send(rest(desk, OrderSide.BUY, factor)) for factor in ("0.90", "0.91", "0.92")]
        await resting(desk, *orders)
        sent = actions_of(desk)
        desk.cancel_orders(orders[:2])
        await eventually(lambda: all(order.status == OrderStatus.CANCELED for order in orders[:2]))
        assert [(action["type"], len(action["cancels"])) for action in sent] == [("cancelByCloid", 2)]
        assert orders[2].status == OrderStatus.ACCEPTED


async def test_cancel_all_concerns_one_instrument_and_one_side(sims):
    async with trading(sims.ready) as desk:
        buy, sell = desk.send(rest(desk, OrderSide.BUY, "0.90")), desk.send(rest(desk, OrderSide.SELL, "1.10"))
        desk.subscribe_quote_ticks(ETH)
        quote = await eventually(lambda: desk.cache.quote_tick(ETH))
        instrument = desk.cache.instrument(ETH)
        price = instrument.make_price((quote.bid_price.as_decimal() * Decimal("0.9")).quantize(Decimal(1)))
        other = desk.send(desk.order_factory.limit(ETH, OrderSide.BUY, instrument.make_qty(Decimal("0.1")), price))
        await resting(desk, buy, sell, other)
        desk.cancel_all_orders(BTC, order_side=OrderSide.BUY)
        await eventually(lambda: buy.status == OrderStatus.CANCELED)
        await asyncio.sleep(0.3)
        assert (sell.status, other.status) == (OrderStatus.ACCEPTED, OrderStatus.ACCEPTED)
        desk.cancel_all_orders(BTC)
        await eventually(lambda: sell.status == OrderStatus.CANCELED)
        assert other.status == OrderStatus.ACCEPTED
        assert len(user_of(sims).open_orders) == 1


async def test_a_replaced_order_stays_one_order_and_fills_under_its_new_id(sims):
    async with trading(sims.ready) as desk:
        order = desk.send(rest(desk, OrderSide.BUY, "0.90"))
        await resting(desk, order)
        first_id = order.venue_order_id
        for factor in ("0.91", "0.92"):
            price = desk.cache.instrument(BTC).make_price(desk.bid(factor).quantize(Decimal(1)))
            desk.modify_order(order, quantity=desk.cache.instrument(BTC).make_qty(Decimal("0.02")), price=price)
            await eventually(lambda price=price: order.price == price and order.status == OrderStatus.ACCEPTED)
        assert order.quantity.as_decimal() == Decimal("0.02")
        assert order.venue_order_id != first_id
        assert len(desk.cache.orders()) == 1
        (held,) = user_of(sims).open_orders.values()
        assert str(held.oid) == order.venue_order_id.value
        desk.cancel_order(order)
        await eventually(lambda: order.is_closed)
        kinds = [type(event) for event in order.events]
        assert kinds.count(OrderUpdated) == 2
        assert kinds.count(OrderCanceled) == 1
        assert OrderFilled not in kinds


async def test_a_replacement_the_venue_refuses_after_the_cancel_ends_the_order(sims):
    async with trading(sims.ready) as desk:
        order = desk.send(rest(desk, OrderSide.BUY, "0.90"))
        await resting(desk, order)
        desk.modify_order(order, price=desk.cache.instrument(BTC).make_price(desk.bid("1.05").quantize(Decimal(1))))
        await eventually(lambda: order.is_closed, 12.0)
        assert history(order)[-2:] == ["OrderModifyRejected", "OrderCanceled"]
        assert not user_of(sims).open_orders


async def test_a_replacement_whose_answer_is_lost_is_found_out(sims):
    async with trading(sims.ready) as desk:
        order = desk.send(rest(desk, OrderSide.BUY, "0.90"))
        await resting(desk, order)
        price = desk.cache.instrument(BTC).make_price(desk.bid("0.92").quantize(Decimal(1)))
        with deaf(desk, "post", "orderUpdates"):
            desk.modify_order(order, price=price)
            await eventually(lambda: order.price == price and order.status == OrderStatus.ACCEPTED, 12.0)
        assert "OrderModifyRejected" not in history(order)
        (held,) = user_of(sims).open_orders.values()
        assert str(held.oid) == order.venue_order_id.value


async def test_a_definite_refusal_names_its_reason_and_keeps_the_venues_words(sims):
    async with trading(sims.ready) as desk:
        small = desk.send(desk.make_limit(OrderSide.BUY, "0.00001", desk.bid("0.9").quantize(Decimal(1))))
        await eventually(lambda: small.is_closed)
        assert small.last_event.reason.startswith("MIN_NOTIONAL: Order must have minimum value of $10.")
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.REJECT_NEXT_ORDER, reason="A reason never heard before."))
        strange = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: strange.is_closed)
        assert strange.last_event.reason.startswith("OTHER: A reason never heard before.")


async def test_a_new_fee_tier_comes_with_new_instruments(sims, monkeypatch):
    async with trading(sims.ready) as desk:
        assert desk.cache.instrument(BTC).taker_fee == Decimal("0.00045")

        async def user_fees(user):
            return UserFees(Decimal("0.0004"), Decimal("0.00012"))

        monkeypatch.setattr(desk.client._http, "user_fees", user_fees)
        await desk.client._refresh_fees()
        await eventually(lambda: desk.cache.instrument(BTC).taker_fee == Decimal("0.0004"))
        assert desk.cache.instrument(BTC).maker_fee == Decimal("0.00012")


async def test_the_account_state_shows_fees_and_spot_balances(sims):
    user_of(sims).spot_usdc = Decimal("12.5")
    async with trading(sims.ready) as desk:
        account = desk.cache.account(AccountId(f"HYPERLIQUID-{desk.client._user[:10]}"))
        desk.market(OrderSide.BUY, "0.01")  # cash changes, so the account is told again
        info = await eventually(lambda: (info := account.last_event.info).get("spot_USDC") and info)
        assert Decimal(info["spot_USDC"]) == Decimal("12.5")
        assert (info["maker_fee"], info["taker_fee"]) == ("0.00015", "0.00045")


async def test_a_market_order_without_a_young_quote_reads_the_book(sims, monkeypatch):
    async with trading(sims.ready) as desk:
        read = []
        book = desk.client._http.book

        async def reading(coin):
            read.append(coin)
            return await book(coin)

        monkeypatch.setattr(desk.client._http, "book", reading)
        await eventually(desk.quote)
        bought = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: bought.is_closed)
        assert read == []
        monkeypatch.setattr("adapters.hyperliquid.desk._QUOTE_MAX_AGE_NS", -1)
        sold = desk.market(OrderSide.SELL, "0.01")
        await eventually(lambda: sold.is_closed)
        assert read == ["BTC"]
        assert sold.status == OrderStatus.FILLED


async def test_a_market_order_is_bounded_as_configured_or_as_the_command_says(sims):
    async with trading(sims.ready, market_slippage_bps=20) as desk:
        sent = actions_of(desk)
        quantity = desk.cache.instrument(BTC).make_qty(Decimal("0.01"))
        for params in (None, {"market_slippage_bps": 300}):
            order = desk.order_factory.market(BTC, OrderSide.BUY, quantity)
            ask = desk.quote().ask_price.as_decimal()
            desk.submit_order(order, params=params)
            await eventually(lambda order=order: order.is_closed)
            bound = Decimal(sent[-1]["orders"][0]["p"]) / ask - 1
            expected = Decimal("0.03") if params else Decimal("0.002")
            assert abs(bound - expected) < Decimal("0.0008")
            assert order.status == OrderStatus.FILLED


def held_by(sims, order):
    """Return the venue's id of an order of ours that rests."""
    return next(held.oid for held in user_of(sims).open_orders.values() if str(held.oid) == order.venue_order_id.value)


async def test_fills_before_and_after_a_replacement_belong_to_one_order(sims):
    async with trading(sims.ready) as desk:
        user, hooks = user_of(sims), sims.hyperliquid.hooks
        order = desk.send(rest(desk, OrderSide.BUY, "0.95", "0.03"))
        await resting(desk, order)
        hooks.fill_order(user.address, held_by(sims, order), Decimal("0.01"))
        await eventually(lambda: order.filled_qty.as_decimal() == Decimal("0.01"))
        price = desk.cache.instrument(BTC).make_price(desk.bid("0.96").quantize(Decimal(1)))
        desk.modify_order(order, price=price)
        await eventually(lambda: order.price == price)
        hooks.fill_order(user.address, held_by(sims, order), Decimal("0.02"))
        await eventually(lambda: order.is_closed)
        assert order.status == OrderStatus.FILLED
        assert [event.last_qty.as_decimal() for event in order.events if isinstance(event, OrderFilled)] == [
            Decimal("0.01"),
            Decimal("0.02"),
        ]
        assert desk.position() == Decimal("0.03") == user.account.size("BTC")
        assert len(desk.cache.orders()) == 1


@pytest.mark.parametrize("status", ["marginCanceled", "selfTradeCanceled", "scheduledCancel", "aNewKindOfCanceled"])
async def test_a_cancel_of_the_venues_own_ends_the_order_with_its_fills(sims, status):
    async with trading(sims.ready) as desk:
        user, hooks = user_of(sims), sims.hyperliquid.hooks
        order = desk.send(rest(desk, OrderSide.BUY, "0.95", "0.03"))
        await resting(desk, order)
        hooks.fill_order(user.address, held_by(sims, order), Decimal("0.01"))
        hooks.end_order(user.address, held_by(sims, order), status)
        await eventually(lambda: order.is_closed)
        assert history(order)[-2:] == ["OrderFilled", "OrderCanceled"]
        assert desk.position() == Decimal("0.01")


@pytest.mark.parametrize("how", ["liquidate", "deleverage"])
async def test_a_position_the_venue_closes_is_closed_here_with_its_real_fills(sims, how, monkeypatch):
    monkeypatch.setattr("adapters.hyperliquid.feed.LIQUIDATION_QUIET_MS", 300)
    async with trading(sims.ready) as desk:
        bought = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: bought.is_closed)
        getattr(sims.hyperliquid.hooks, how)(user_of(sims).address, "BTC")
        await eventually(lambda: desk.position() == 0)
        assert user_of(sims).account.size("BTC") == 0
        foreign = [order for order in desk.cache.orders() if order.client_order_id != bought.client_order_id]
        fills = [event for order in foreign for event in order.events if isinstance(event, OrderFilled)]
        assert sum(fill.last_qty.as_decimal() for fill in fills) == Decimal("0.02")
        venue_tids = {str(row["tid"]) for row in user_of(sims).fills}
        assert {fill.trade_id.value for fill in fills} <= venue_tids
        if how == "liquidate":
            await eventually(lambda: desk.channel_states("account") == [VenueState.LIQUIDATION, VenueState.OK])
        else:
            assert desk.channel_states("account") == []


async def test_a_foreign_order_that_went_during_a_break_is_closed_here_too(sims):
    async with trading(sims.ready) as desk:
        price = float(desk.bid("0.9").quantize(Decimal(1)))
        account, url = sims.ready["hyperliquid"]["accounts"][0], sims.ready["hyperliquid"]["http_url"]
        client = await asyncio.to_thread(Exchange, Account.from_key(account["private_key"]), url)
        answer = await asyncio.to_thread(client.order, "BTC", True, 0.01, price, {"limit": {"tif": "Gtc"}})
        oid = answer["response"]["data"]["statuses"][0]["resting"]["oid"]
        (foreign,) = await eventually(desk.cache.orders_open)
        assert desk.client._feed._externals.has_resting()
        with deaf(desk, "orderUpdates"):
            sims.hyperliquid.hooks.end_order(user_of(sims).address, oid, "canceled")
            await asyncio.sleep(0.3)
            assert foreign.is_open
            sims.hyperliquid.faults.inject(Fault(kind=FaultKind.DROP_SOCKET))
            await eventually(lambda: foreign.is_closed)
        assert not desk.client._feed._externals.has_resting()
