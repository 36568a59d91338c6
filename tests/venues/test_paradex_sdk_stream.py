"""The unchanged official client against the simulator, over WebSocket, in JSON and in SBE."""

import asyncio
from collections import defaultdict
from decimal import Decimal

import pytest

from simulators import launch

BTC = "BTC-USD-PERP"


@pytest.fixture(scope="module")
def sdk():
    import paradex_py  # costs seconds, once
    from paradex_py.api.ws_client import ParadexWebsocketChannel
    from paradex_py.common.order import Order, OrderSide, OrderType

    class Sdk:
        channel, order = ParadexWebsocketChannel, Order
        buy, sell, limit, market = OrderSide.Buy, OrderSide.Sell, OrderType.Limit, OrderType.Market
        paradex = paradex_py.Paradex

    return Sdk


class Stream:
    """A connected client and what it has heard, by channel."""

    def __init__(self, client) -> None:
        self.client, self.ws = client, client.ws_client
        self.heard = defaultdict(list)

    async def listen(self, channel, **params):
        async def remember(_, message):
            self.heard[channel.name].append(message["params"]["data"])

        await self.ws.subscribe(channel, remember, params or None)

    async def until(self, name, wanted=lambda _: True, secs=4.0):
        async with asyncio.timeout(secs):
            while True:
                for data in self.heard[name]:
                    if wanted(data):
                        return data
                await asyncio.sleep(0.01)


@pytest.fixture(params=[False, True], ids=["json", "sbe"])
async def stream(request, sdk):
    async with launch(only="paradex", seed=5, hour_secs=20.0, scenario="calm", step_secs=0.1) as sims:
        ready = sims.ready["paradex"]
        account = ready["accounts"][0]
        client = await asyncio.to_thread(
            sdk.paradex,
            env="testnet",
            l1_address=account["l1_address"],
            l1_private_key=account["l1_private_key"],
            api_base_url=ready["http_url"],
            ws_url_override=ready["ws_url"],
            retry_strategy=None,
            ws_sbe_enabled=request.param,
        )
        assert await client.ws_client.connect()
        stream = Stream(client)
        stream.is_sbe, stream.sims = request.param, sims
        yield stream
        await client.ws_client.close()


async def test_public_channels(sdk, stream):
    for channel in (sdk.channel.BBO, sdk.channel.TRADES, sdk.channel.FUNDING_DATA, sdk.channel.ORDER_BOOK):
        await stream.listen(channel, market=BTC)
    await stream.listen(sdk.channel.MARKETS_SUMMARY)
    bbo = await stream.until("BBO")
    bid, ask = (Decimal(bbo[f"{side}_price" if stream.is_sbe else side]) for side in ("bid", "ask"))
    assert 0 < bid < ask
    book = await stream.until("ORDER_BOOK")
    assert book["pkg_type"] == "SNAPSHOT" if stream.is_sbe else book["update_type"] == "s"
    levels = len(book["bids"]) if stream.is_sbe else sum(row["side"] == "BUY" for row in book["inserts"])
    assert levels == 15
    trade = await stream.until("TRADES")
    assert len(trade["trade_id_str" if stream.is_sbe else "id"]) == 28
    funding = await stream.until("FUNDING_DATA")
    assert Decimal(funding["funding_rate"]) == Decimal("0.0001")
    assert funding["funding_period_hours"] == 8
    markets = {"HYPE-USD-PERP", "SOL-USD-PERP"}
    for market in markets:
        await stream.until("MARKETS_SUMMARY", lambda data, market=market: data["market" if stream.is_sbe else "symbol"] == market)


async def test_an_order_tells_its_life_on_the_private_channels(sdk, stream):
    for channel in (sdk.channel.ORDERS, sdk.channel.FILLS):
        await stream.listen(channel, market="ALL")
    for channel in (sdk.channel.POSITIONS, sdk.channel.ACCOUNT, sdk.channel.BALANCE_EVENTS):
        await stream.listen(channel)
    await stream.listen(sdk.channel.FUNDING_PAYMENTS, market=BTC)
    reply = await stream.ws.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.01"), client_id="ws-1"))
    assert reply["order"]["status"] == "NEW"
    order_id = reply["order"]["id"]
    closed = await stream.until("ORDERS", lambda data: data["status"] == "CLOSED")
    assert closed["order_id" if stream.is_sbe else "id"] == order_id
    fill = await stream.until("FILLS")
    assert (fill["order_id"], fill["liquidity"]) == (order_id, "TAKER")
    position = await stream.until("POSITIONS")
    assert (position["side"], Decimal(position["size"])) == ("LONG", Decimal("0.01"))
    account = await stream.until("ACCOUNT")
    assert Decimal(account["total_collateral"]) < 20_000
    await asyncio.sleep(0.25)  # two steps of the venue move the funding index
    await stream.ws.submit_order(sdk.order(BTC, sdk.market, sdk.sell, Decimal("0.01")))
    payment = await stream.until("FUNDING_PAYMENTS")
    assert Decimal(payment["payment"]) < 0
    event = await stream.until("BALANCE_EVENTS", lambda data: data["fill_id"] == payment["fill_id"])
    after = Decimal(event["settlement_asset_balance_before"]) + Decimal(event["realized_pnl"])
    assert after + Decimal(event["realized_funding"]) - Decimal(event["fees"]) == Decimal(event["settlement_asset_balance_after"])


def resting(sdk, stream, client_id):
    bid = stream.sims.paradex.exchange.markets[BTC].core.book.best_bid
    price = (bid * Decimal("0.99")).quantize(Decimal("0.1"))
    return sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.01"), price, client_id)


async def test_order_entry_by_rpc(sdk, stream):
    from paradex_py.api.ws_client import WsRpcError

    await stream.listen(sdk.channel.ORDERS, market="ALL")
    batch = await stream.ws.submit_orders_batch([resting(sdk, stream, f"rpc-{n}") for n in range(3)])
    ids = [result["order"]["id"] for result in batch["results"]]
    key = "order_id" if stream.is_sbe else "id"
    for order_id in ids:
        await stream.until("ORDERS", lambda data, order_id=order_id: data[key] == order_id and data["status"] == "OPEN")
    change = resting(sdk, stream, "rpc-0")
    change.id, change.size = ids[0], Decimal("0.02")
    assert (await stream.ws.modify_order(ids[0], change))["order"]["request_info"]["status"] == "PENDING"
    await stream.until("ORDERS", lambda data: (data.get("request_info") or {}).get("status") == "SUCCESS")
    assert (await stream.ws.cancel_order(ids[0]))["status"] == "QUEUED_FOR_CANCELLATION"
    assert (await stream.ws.cancel_order_by_client_id("rpc-1", BTC))["order_id"] == ids[1]
    assert (await stream.ws.cancel_orders_batch([ids[2]]))["results"][0]["status"] == "QUEUED_FOR_CANCELLATION"
    for order_id in ids:
        closed = await stream.until(
            "ORDERS", lambda data, order_id=order_id: data[key] == order_id and data["status"] == "CLOSED"
        )
        assert closed["cancel_reason"] == "USER_CANCELED"
    assert (await stream.ws.cancel_all_orders())["status"] == "ok"
    with pytest.raises(WsRpcError):
        await stream.ws.cancel_order("1")


async def test_orders_are_cancelled_when_an_armed_socket_drops(sdk, stream):
    assert (await stream.ws.cancel_on_disconnect(True)) == {"enabled": True}
    order_id = (await stream.ws.submit_order(resting(sdk, stream, "cod")))["order"]["id"]
    account = stream.sims.paradex.exchange.registry.accounts[stream.client.account.l2_address]
    await asyncio.sleep(0.1)  # longer than the risk check takes
    assert account.orders[order_id].status == "OPEN"
    stream.ws.disable_reconnect = True
    stream.sims.paradex.drop_sockets()
    await asyncio.sleep(0.3)
    assert account.orders[order_id].cancel_reason == "CANCEL_ON_DISCONNECT"


PARAMETERS = {"market": BTC, "refresh_rate": "500ms", "feed_type": "snapshot", "price_tick": "0_1"}


async def test_every_channel_of_the_client_is_acknowledged(sdk, stream):
    for channel in sdk.channel:
        fits = {name: value for name, value in PARAMETERS.items() if f"{{{name}}}" in channel.value}
        fits |= {"refresh_rate": "100ms"} if channel is sdk.channel.ORDER_BOOK else {}
        await stream.listen(channel, **fits)
    async with asyncio.timeout(4):
        while True:
            acknowledged = [name for name, is_on in stream.ws.get_subscriptions().items() if is_on]
            if len(acknowledged) == len(sdk.channel):
                break
            await asyncio.sleep(0.02)


async def test_funding_rates_of_several_venues(sdk, stream):
    await stream.listen(sdk.channel.FUNDING_RATE_COMPARISON, refresh_rate="500ms")
    rate = await stream.until("FUNDING_RATE_COMPARISON", lambda data: data["source"] == "SOURCE_HYPERLIQUID")
    assert rate["market" if stream.is_sbe else "symbol"].endswith("-USD-PERP")
    assert rate["asset_kind"] == "ASSET_KIND_PERPETUAL_FUTURE"
    # the calm tape rests at 0.01 % per 8 hours
    assert Decimal(rate["hourly_funding_rate"]) == Decimal("0.0000125")


async def test_better_prices_for_interactive_takers(sdk, stream):
    await stream.listen(sdk.channel.BBO, market=f"{BTC}.interactive")
    market, ask = stream.sims.paradex.exchange.markets[BTC], "ask_price" if stream.is_sbe else "ask"
    better = await stream.until("BBO", lambda data: data["seq_no"] == market.seq)  # what was told is what stands
    assert Decimal(better[ask]) == market.bbo(interactive=True).ask < market.bbo().ask


async def test_a_busted_fill_is_told_with_its_reversal(sdk, stream):
    for channel in (sdk.channel.TRADEBUSTS, sdk.channel.TRANSACTIONS, sdk.channel.POSITIONS, sdk.channel.BALANCE_EVENTS):
        await stream.listen(channel)
    await stream.listen(sdk.channel.FILLS, market="ALL")
    await stream.ws.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.001")))
    fill = await stream.until("FILLS")
    fill_id = fill["fill_id" if stream.is_sbe else "id"]
    account = hex(stream.client.account.l2_address)
    stream.sims.paradex.bust(account, fill_id)
    assert (await stream.until("TRADEBUSTS"))["busted_fill_id"] == fill_id
    await stream.until("TRANSACTIONS", lambda data: data["state"] == "REVERTED" and data["id"] == fill_id)
    closed = await stream.until("POSITIONS", lambda data: data["status"] == "CLOSED")
    assert Decimal(closed["size"]) == 0
    last = (await stream.until("BALANCE_EVENTS", lambda data: Decimal(data["fees"]) < 0))["settlement_asset_balance_after"]
    assert Decimal(last) == 20_000


async def test_a_liquidation_shows_in_account_fills_and_orders(sdk, stream):
    await stream.listen(sdk.channel.ACCOUNT)
    for channel in (sdk.channel.FILLS, sdk.channel.ORDERS):
        await stream.listen(channel, market="ALL")
    await stream.ws.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.1")))
    await stream.until("FILLS")
    venue = stream.sims.paradex
    venue.settings.health_check_secs = 0.1
    venue.exchange.registry.accounts[stream.client.account.l2_address].money.cash_usd = Decimal(50)
    fill = await stream.until("FILLS", lambda data: data["fill_type"] == "LIQUIDATION")
    assert (fill["side"], Decimal(fill["fee"]) > 0) == ("SELL", True)
    order = await stream.until("ORDERS", lambda data: data["order_id" if stream.is_sbe else "id"] == fill["order_id"])
    assert (order["status"], order["flags"]) == ("CLOSED", ["REDUCE_ONLY"])
    await stream.until("ACCOUNT", lambda data: data["status"] == "LIQUIDATION")


async def test_positions_and_account_move_with_the_mark(sdk, stream):
    stream.sims.paradex.settings.account_push_secs = 0.1
    await stream.ws.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.01")))
    await asyncio.sleep(0.2)
    await stream.listen(sdk.channel.POSITIONS)
    await stream.listen(sdk.channel.ACCOUNT)
    first = await stream.until("POSITIONS")
    await stream.until("POSITIONS", lambda data: data["unrealized_pnl"] != first["unrealized_pnl"])
    value = (await stream.until("ACCOUNT"))["account_value"]
    await stream.until("ACCOUNT", lambda data: data["account_value"] != value)
