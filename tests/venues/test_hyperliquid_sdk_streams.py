"""The WebSocket of the simulator, through the official SDK and byte for byte."""

import asyncio
import json
import time

import aiohttp
import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.signing import get_timestamp_ms, sign_l1_action

from simulators.faults import Fault, FaultKind
from simulators.hyperliquid import sessions

GTC = {"limit": {"tif": "Gtc"}}


def watch_with_the_sdk(ready):
    address, url = ready["accounts"][0]["address"], ready["http_url"]
    info = Info(url, timeout=10)
    exchange = Exchange(Account.from_key(ready["accounts"][0]["private_key"]), url, timeout=10)
    seen = {}
    try:
        for subscription in (
            {"type": "allMids"},
            {"type": "l2Book", "coin": "ETH"},
            {"type": "bbo", "coin": "BTC"},
            {"type": "trades", "coin": "BTC"},
            {"type": "candle", "coin": "BTC", "interval": "1m"},
            {"type": "activeAssetCtx", "coin": "SOL"},
            {"type": "activeAssetData", "coin": "BTC", "user": address},
            {"type": "orderUpdates", "user": address},
            {"type": "userEvents", "user": address},
            {"type": "userFills", "user": address},
            {"type": "userFundings", "user": address},
            {"type": "userNonFundingLedgerUpdates", "user": address},
            {"type": "webData2", "user": address},
        ):
            info.subscribe(subscription, lambda frame: seen.setdefault(frame["channel"], []).append(frame["data"]))
        deadline = time.monotonic() + 10
        while "webData2" not in seen and time.monotonic() < deadline:
            time.sleep(0.05)  # the last subscription is answered last
        exchange.market_open("BTC", False, 0.05)
        exchange.usd_class_transfer(5.0, False)
        while len(seen.get("userFundings", [])) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        info.disconnect_websocket()
    return seen


async def test_the_sdk_hears_every_stream(hyperliquid_sims):
    ready = hyperliquid_sims.ready["hyperliquid"]
    seen = await asyncio.wait_for(asyncio.to_thread(watch_with_the_sdk, ready), 30)
    assert {"allMids", "l2Book", "bbo", "trades", "candle", "activeAssetCtx", "activeAssetData", "webData2"} <= seen.keys()
    assert seen["userFills"][0] == {"isSnapshot": True, "user": ready["accounts"][0]["address"], "fills": []}
    fills = seen["userFills"][1]["fills"]
    assert seen["user"][0] == {"fills": fills}
    assert sum(float(fill["sz"]) for fill in fills) == pytest.approx(0.05)
    (update,) = seen["orderUpdates"][0]
    assert (update["status"], update["order"]["oid"], update["order"]["sz"]) == ("filled", fills[0]["oid"], "0.0")
    payment = seen["userFundings"][1]["fundings"][0]
    assert (payment["coin"], payment["szi"]) == ("BTC", "-0.05")
    assert {"funding": payment} in seen["user"]
    assert seen["userNonFundingLedgerUpdates"][1]["nonFundingLedgerUpdates"][0]["delta"]["usdc"] == "5.0"


class Wire:
    """A raw connection."""

    def __init__(self, socket):
        self._socket = socket

    async def ask(self, message):
        await self._socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def frame(self, *channels):
        """Return the next frame of one of the channels."""
        async with asyncio.timeout(5):
            while True:
                frame = json.loads(await self._socket.receive_str())
                if frame["channel"] in channels:
                    return frame

    async def subscribe(self, **subscription):
        await self.ask({"method": "subscribe", "subscription": subscription})

    async def count(self, channel, secs):
        """Return how many frames of a channel come within `secs`."""
        number = 0
        try:
            async with asyncio.timeout(secs):
                while True:
                    await self.frame(channel)
                    number += 1
        except TimeoutError:
            return number

    async def is_cut(self):
        async with asyncio.timeout(5):
            while True:
                message = await self._socket.receive()
                if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE):
                    return self._socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


@pytest.fixture
async def wire(hyperliquid_sims):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(hyperliquid_sims.ready["hyperliquid"]["ws_url"]) as socket,
    ):
        yield Wire(socket)


async def test_an_acknowledgement_comes_before_the_snapshot(wire, hyperliquid_sims):
    address = hyperliquid_sims.ready["hyperliquid"]["accounts"][0]["address"]
    await wire.subscribe(type="userFills", user=address.upper().replace("X", "x"))
    ack = await wire.frame("subscriptionResponse", "userFills")
    shape = {"type": "userFills", "user": address, "aggregateByTime": False}
    assert ack == {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": shape}}
    assert (await wire.frame("userFills"))["data"]["isSnapshot"] is True
    await wire.subscribe(type="l2Book", coin="BTC", fast=True)
    ack = await wire.frame("subscriptionResponse", "l2Book")
    shape = {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": True}
    assert ack["data"]["subscription"] == shape
    book = (await wire.frame("l2Book"))["data"]
    assert (book["fast"], [len(side) for side in book["levels"]]) == (True, [5, 5])
    assert all(set(level) == {"px", "sz", "n"} for side in book["levels"] for level in side)
    await wire.subscribe(type="l2Book", coin="BTC", fast=True)
    assert (await wire.frame("error"))["data"].startswith('Already subscribed: {"type":"l2Book","coin":"BTC"')
    await wire.ask({"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "BTC", "fast": True}})
    assert (await wire.frame("subscriptionResponse"))["data"]["method"] == "unsubscribe"


async def test_ping_and_nonsense(wire):
    await wire.ask({"method": "ping"})
    assert await wire.frame("pong") == {"channel": "pong"}
    await wire.subscribe(type="nonsense")
    assert (await wire.frame("error"))["data"].startswith("Invalid subscription {")
    for text in ("no json", '{"method":"fly"}', '{"method":"post","request":{}}', "[]"):
        await wire.ask(text)
        assert (await wire.frame("error"))["data"] == f"Error parsing JSON into valid websocket request: {text}"


@pytest.mark.parametrize("subscription", [{"coin": "btc"}, {"coin": "NOPE"}, {"coin": "BTC", "nSigFigs": 6}])
async def test_one_bad_coin_cuts_the_connection(wire, subscription):
    await wire.subscribe(type="l2Book", **subscription)
    assert await wire.is_cut()


async def test_a_connection_nothing_is_sent_on_is_cut(wire, monkeypatch):
    monkeypatch.setattr(sessions, "IDLE_SECS", 0.5)
    assert await wire.is_cut()


async def test_posts_carry_reads_and_actions(wire, hyperliquid_sims):
    account = hyperliquid_sims.ready["hyperliquid"]["accounts"][0]
    await wire.ask({"method": "post", "id": 3, "request": {"type": "info", "payload": {"type": "l2Book", "coin": "BTC"}}})
    answer = (await wire.frame("post"))["data"]
    assert (answer["id"], answer["response"]["type"], answer["response"]["payload"]["type"]) == (3, "info", "l2Book")
    order = {"a": 0, "b": True, "p": "80000", "s": "0.01", "r": False, "t": GTC}
    action, nonce = {"type": "order", "orders": [order], "grouping": "na"}, get_timestamp_ms()
    signature = sign_l1_action(Account.from_key(account["private_key"]), action, None, nonce, None, is_mainnet=True)
    await wire.subscribe(type="orderUpdates", user=account["address"])
    payload = {"action": action, "nonce": nonce, "signature": signature}
    await wire.ask({"method": "post", "id": 4, "request": {"type": "action", "payload": payload}})
    answer = (await wire.frame("post"))["data"]
    assert answer["id"] == 4
    oid = answer["response"]["payload"]["response"]["data"]["statuses"][0]["resting"]["oid"]
    (update,) = (await wire.frame("orderUpdates"))["data"]
    assert (update["order"]["oid"], update["status"]) == (oid, "open")
    await wire.ask({"method": "post", "id": 5, "request": {"type": "action", "payload": {"action": {}}}})
    assert (await wire.frame("post"))["data"]["response"]["type"] == "error"


async def test_the_venues_own_cancels_are_told(wire, hyperliquid_sims):
    account, engine = hyperliquid_sims.ready["hyperliquid"]["accounts"][0], hyperliquid_sims.hyperliquid.engine
    await wire.subscribe(type="userEvents", user=account["address"])
    await wire.frame("subscriptionResponse")
    wallet, url = Account.from_key(account["private_key"]), hyperliquid_sims.ready["hyperliquid"]["http_url"]
    exchange = await asyncio.to_thread(Exchange, wallet, url, timeout=10)
    reply = await asyncio.to_thread(exchange.order, "BTC", True, 0.01, 80000, GTC)
    oid = reply["response"]["data"]["statuses"][0]["resting"]["oid"]
    engine.cancel_all(engine.users[account["address"]], time.time_ns(), "marginCanceled")
    assert (await wire.frame("user"))["data"] == {"nonUserCancel": [{"coin": "BTC", "oid": oid}]}


async def test_sockets_drop_and_streams_freeze(wire, hyperliquid_sims):
    faults = hyperliquid_sims.hyperliquid.faults
    await wire.subscribe(type="activeAssetCtx", coin="BTC")
    await wire.frame("activeAssetCtx")
    faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="activeAssetCtx"))
    assert await wire.count("activeAssetCtx", secs=1.0) <= 1  # what was on its way may still come
    faults.clear()
    await wire.frame("activeAssetCtx")
    faults.inject(Fault(kind=FaultKind.DROP_SOCKET))
    assert await wire.is_cut()
