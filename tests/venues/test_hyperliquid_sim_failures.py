"""Each known failure of the venue can be caused, and does what it says: FAULTS.md lists them by number."""

import asyncio
import json
import time
from decimal import Decimal

import aiohttp
import pytest
from eth_account import Account
from hyperliquid_wire import COINS, Client, Wire, batch, cloid, next_nonce, order, statuses, until

from simulators.faults import Fault, FaultKind

D = Decimal
FILLS = ("userFills", "orderUpdates")


@pytest.fixture
async def venue(hyperliquid_sims):
    return hyperliquid_sims.hyperliquid


@pytest.fixture
async def client(hyperliquid_sims):
    async with aiohttp.ClientSession() as http:
        yield Client(http, hyperliquid_sims.ready["hyperliquid"])


@pytest.fixture
async def wire(client):
    async with aiohttp.ClientSession() as http, http.ws_connect(client.ws_url) as socket:
        yield Wire(socket)


async def watch(wire, client):
    """Follow the fills and order updates of the client's account."""
    await wire.follow(type="userFills", user=client.address)
    await wire.frame("userFills")
    await wire.follow(type="orderUpdates", user=client.address)


async def test_1_parallel_orders_with_one_nonce(client):
    nonce = next_nonce()
    envelope = client.signed(batch(order(id_=cloid(1))), nonce=nonce)
    replies = await asyncio.gather(*(client.post("/exchange", envelope) for _ in range(5)))
    errors = [reply["response"] for _, text, _ in replies if (reply := json.loads(text))["status"] == "err"]
    assert errors == [f"Invalid nonce: duplicate nonce {nonce}"] * 4
    assert len(await client.info("openOrders", user=client.address)) == 1


async def test_2_another_spelling_recovers_to_a_stranger(client):
    wrong = {**order(), "p": "80000.0"}
    reply = await client.act(batch(wrong))
    assert reply["status"] == "err"
    assert reply["response"].startswith("User or API Wallet 0x")
    assert reply["response"].endswith(" does not exist.")
    assert client.address not in reply["response"]
    right = order()
    swapped = {key: right[key] for key in ("b", "a", "p", "s", "r", "t")}
    assert "does not exist" in (await client.act(batch(swapped)))["response"]
    assert "resting" in (await client.place(right))[0]


async def test_3_a_clock_that_is_off(client, venue):
    fault = venue.faults.inject(Fault(kind=FaultKind.CLOCK_OFFSET, secs=45.0))
    ahead = (await client.info("exchangeStatus"))["time"] / 1000 - time.time()
    assert 40 < ahead < 50
    expires = int(time.time() * 1000) + 10_000
    assert (await client.act(batch(order()), expires=expires))["response"] == "Action already expired"
    venue.faults.clear()
    venue.faults.inject(Fault(kind=FaultKind.CLOCK_OFFSET, secs=3 * 86400.0))
    assert (await client.act({"type": "noop"}))["response"].startswith("Invalid nonce: nonce too low ")
    venue.faults.clear()
    venue.faults.inject(Fault(kind=FaultKind.CLOCK_OFFSET, secs=-2 * 86400.0))
    assert (await client.act({"type": "noop"}))["response"].startswith("Invalid nonce: nonce too high ")
    assert fault.secs == 45.0


async def test_4_a_socket_is_cut(wire, venue):
    venue.faults.inject(Fault(kind=FaultKind.DROP_SOCKET))
    assert await wire.is_cut()


async def test_4_a_stream_falls_silent_while_the_others_speak(wire, venue):
    for coin in ("BTC", "ETH"):
        await wire.follow(type="activeAssetCtx", coin=coin)
    await wire.follow(type="l2Book", coin="BTC", fast=True)
    venue.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="activeAssetCtx"))
    await asyncio.sleep(0.3)
    while True:  # what was on its way
        frame = await wire.frame("activeAssetCtx", "l2Book")
        if frame["channel"] == "l2Book":
            break
    seen = [(await wire.frame("activeAssetCtx", "l2Book"))["channel"] for _ in range(3)]
    assert seen == ["l2Book"] * 3
    venue.faults.clear()
    assert await wire.frame("activeAssetCtx")


async def test_4_a_half_open_line_stays_connected_deaf_and_mute(wire, client, venue):
    await wire.follow(type="bbo", coin="BTC")
    venue.faults.inject(Fault(kind=FaultKind.HALF_OPEN))
    await wire.ask({"method": "ping"})
    await asyncio.sleep(0.3)
    with pytest.raises(TimeoutError):
        await wire.frame("pong", secs=0.7)
    assert wire.is_open
    async with aiohttp.ClientSession() as http, http.ws_connect(client.ws_url) as socket:
        fresh = Wire(socket)
        await fresh.ask({"method": "ping"})
        assert await fresh.frame("pong")


async def test_5_fills_are_missed_over_a_break_and_found_by_rest(wire, client, venue):
    await watch(wire, client)
    venue.faults.inject(Fault(kind=FaultKind.DROP_FRAME, channel="userFills", count=100))
    began = int(time.time() * 1000) - 1000
    await client.cross("BTC", False, "0.02")
    assert (await wire.frame("orderUpdates", "userFills"))["channel"] == "orderUpdates"
    assert await wire.count("userFills", secs=0.5) == 0
    fills = await client.info("userFillsByTime", user=client.address, startTime=began)
    assert sum(D(fill["sz"]) for fill in fills) == D("0.02")


async def test_5_fills_and_updates_are_told_twice(wire, client, venue):
    await watch(wire, client)
    for kind in FILLS:
        venue.faults.inject(Fault(kind=FaultKind.DUPLICATE_FRAME, channel=kind))
    await client.cross("BTC", False, "0.02")
    frames = [await wire.frame(*FILLS) for _ in range(4)]
    for kind in FILLS:
        first, second = (frame for frame in frames if frame["channel"] == kind)
        assert first == second


async def test_6_events_come_before_the_reply(wire, client, venue):
    await watch(wire, client)
    venue.events_first = True
    sending = asyncio.create_task(client.place(order(id_=cloid(6))))
    (update,) = (await wire.frame("orderUpdates"))["data"]
    assert (update["order"]["cloid"], update["status"]) == (cloid(6), "open")
    assert not sending.done()
    assert (await sending)[0]["resting"]["oid"] == update["order"]["oid"]


async def test_6_a_late_reply_follows_the_fill_and_frames_change_places(wire, client, venue):
    await watch(wire, client)
    venue.faults.inject(Fault(kind=FaultKind.DELAY_REPLY, path="/exchange:order", secs=0.5))
    venue.faults.inject(Fault(kind=FaultKind.SWAP_FRAMES, channel="userFills"))
    sending = asyncio.create_task(client.cross("BTC", True, "0.02"))
    channels = [(await wire.frame(*FILLS))["channel"] for _ in range(2)]
    assert channels == ["orderUpdates", "userFills"]  # without the fault they come as subscribed: fills first
    assert not sending.done()
    assert (await sending)["totalSz"] == "0.02"


async def test_6_without_a_fault_the_reply_comes_first_and_fills_as_subscribed(wire, client):
    await watch(wire, client)
    await client.cross("BTC", True, "0.02")
    assert [(await wire.frame(*FILLS))["channel"] for _ in range(2)] == ["userFills", "orderUpdates"]


async def test_7_an_orders_status_is_unknown_at_first(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.LATE_ORDER_STATUS, secs=1.0))
    (status,) = await client.place(order(id_=cloid(7)))
    oid = status["resting"]["oid"]
    assert await client.status_of(oid) == {"status": "unknownOid"}
    assert await client.status_of(cloid(7)) == {"status": "unknownOid"}

    async def known():
        reply = await client.status_of(cloid(7))
        return reply if reply["status"] == "order" else None

    assert (await until(known))["order"]["order"]["oid"] == oid
    assert await client.info("orderStatus", user="0x" + "9" * 40, oid=oid) == {"status": "unknownOid"}


@pytest.mark.parametrize(("status", "body"), [(502, ""), (504, ""), (500, "null")])
async def test_8_an_order_is_executed_and_its_reply_an_error(client, venue, status, body):
    venue.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="/exchange:order", status=status, reason=body))
    seen, text, headers = await client.post("/exchange", client.signed(batch(order(id_=cloid(8)))))
    assert seen == status
    if body:
        assert (text, headers["Content-Type"].split(";")[0]) == ("null", "application/json")
    assert (await client.status_of(cloid(8)))["order"]["status"] == "open"


async def test_8_a_reply_is_lost_with_its_connection(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="/exchange:order"))
    with pytest.raises(aiohttp.ClientError):
        await client.place(order(id_=cloid(8)))
    assert (await client.status_of(cloid(8)))["order"]["status"] == "open"


async def test_8_a_request_is_lost_with_its_connection(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.LOSE_REQUEST, path="/exchange:order"))
    with pytest.raises(aiohttp.ClientError):
        await client.place(order(id_=cloid(8)))
    assert await client.status_of(cloid(8)) == {"status": "unknownOid"}


async def test_8_an_order_arrives_late_or_too_late(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.DELAY_REQUEST, path="/exchange:order", secs=0.6, count=2))
    sending = asyncio.create_task(client.place(order(id_=cloid(8))))
    await asyncio.sleep(0.2)
    assert await client.status_of(cloid(8)) == {"status": "unknownOid"}
    assert "resting" in (await sending)[0]
    late = await client.act(batch(order(id_=cloid(9))), expires=int(time.time() * 1000) + 300)
    assert late == {"status": "err", "response": "Action already expired"}


async def test_8_a_post_by_websocket_is_executed_and_its_reply_lost(wire, client, venue):
    venue.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="ws action:order"))
    envelope = client.signed(batch(order(id_=cloid(8))))
    await wire.ask({"method": "post", "id": 1, "request": {"type": "action", "payload": envelope}})
    assert await wire.is_cut()
    assert (await client.status_of(cloid(8)))["order"]["status"] == "open"


async def test_8_a_post_by_websocket_is_lost_delayed_or_answered_with_an_error(wire, client, venue):
    venue.faults.inject(Fault(kind=FaultKind.STATUS, path="ws action:order", status=429, reason="Too Many Requests"))
    venue.faults.inject(Fault(kind=FaultKind.DELAY_REQUEST, path="ws action:order", secs=0.5))
    for number in (1, 2):
        envelope = client.signed(batch(order(id_=cloid(number))))
        await wire.ask({"method": "post", "id": number, "request": {"type": "action", "payload": envelope}})
    first = (await wire.frame("post"))["data"]
    assert first == {"id": 1, "response": {"type": "error", "payload": "429 Too Many Requests"}}
    assert await client.status_of(cloid(2)) == {"status": "unknownOid"}
    assert (await wire.frame("post"))["data"]["id"] == 2
    assert (await client.status_of(cloid(2)))["order"]["status"] == "open"
    assert await client.status_of(cloid(1)) == {"status": "unknownOid"}
    venue.faults.inject(Fault(kind=FaultKind.LOSE_REQUEST, path="ws action:order"))
    envelope = client.signed(batch(order(id_=cloid(3))))
    await wire.ask({"method": "post", "id": 3, "request": {"type": "action", "payload": envelope}})
    assert await wire.is_cut()
    assert await client.status_of(cloid(3)) == {"status": "unknownOid"}


@pytest.mark.parametrize("retry_after", [None, 7])
async def test_9_weight_is_counted_by_ip(client, venue, retry_after):
    venue.weights.per_minute, venue.weights.retry_after_secs = 100, retry_after
    replies = [await client.post("/info", {"type": "userFees", "user": client.address}) for _ in range(6)]
    assert [status for status, _, _ in replies] == [200] * 5 + [429]
    assert replies[-1][2]["Content-Type"].startswith("text/plain")
    assert replies[-1][2].get("Retry-After") == (None if retry_after is None else str(retry_after))
    assert (await client.post("/exchange", client.signed(batch(order()))))[0] == 429


async def test_9_requests_are_counted_by_address(client, venue):
    user = venue.hooks.user(client.address)
    user.requests, user.last_spare_request_ms = 9_999, int(time.time() * 1000)
    assert "resting" in (await client.place(order(id_=cloid(1))))[0]
    refused = await client.act(batch(order(), order()))
    assert refused["response"] == (
        "Too many cumulative requests sent (10002 > 10000) for cumulative volume traded $0.00. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    assert await client.cancel(cloid(1)) == "success"  # cancels have a greater limit
    limit = await client.info("userRateLimit", user=client.address)
    assert (limit["nRequestsUsed"], limit["nRequestsCap"]) == (10_001, 10_000)
    user.last_spare_request_ms -= 10_000
    assert "resting" in (await client.place(order()))[0]  # one in ten seconds
    assert (await client.act(batch(order())))["status"] == "err"


async def test_9_either_limit_is_spent_on_demand(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.EXHAUST_LIMIT, path="address"))
    assert (await client.act({"type": "noop"}))["response"].startswith("Too many cumulative requests sent")
    venue.faults.clear()
    venue.faults.inject(Fault(kind=FaultKind.EXHAUST_LIMIT, path="ip", secs=0.5))
    assert (await client.post("/info", {"type": "allMids"}))[0] == 429

    async def is_over():
        return (await client.post("/info", {"type": "allMids"}))[0] == 200

    assert await until(is_over)


async def modify(client, oid, wire):
    return await client.act({"type": "modify", "oid": oid, "order": wire})


async def test_10_an_order_fills_before_it_is_replaced(client, venue):
    (status,) = await client.place(order(id_=cloid(1)))
    venue.faults.inject(Fault(kind=FaultKind.FILL_BEFORE_REPLACE, reason="1"))
    gone = await modify(client, status["resting"]["oid"], order(price="79000", id_=cloid(1)))
    assert gone == {"status": "err", "response": "Cannot modify canceled or filled order"}
    assert await client.position("BTC") == "0.01"
    (status,) = await client.place(order(id_=cloid(2)))
    venue.faults.inject(Fault(kind=FaultKind.FILL_BEFORE_REPLACE, reason="0.5"))
    old = status["resting"]["oid"]
    assert (await modify(client, old, order(price="79000", id_=cloid(2))))["status"] == "ok"
    assert await client.position("BTC") == "0.015"
    assert (await client.status_of(old))["order"]["status"] == "canceled"
    (row,) = await client.info("frontendOpenOrders", user=client.address)
    assert (row["cloid"], row["sz"], row["oid"] > old) == (cloid(2), "0.01", True)


async def test_10_a_refused_replacement_leaves_no_order(client, venue):
    (status,) = await client.place(order(id_=cloid(1)))
    venue.faults.inject(Fault(kind=FaultKind.REJECT_NEXT_ORDER, reason="Insufficient margin to place order."))
    reply = await modify(client, status["resting"]["oid"], order(price="79000", id_=cloid(1)))
    assert reply["response"].startswith("Error placing new order during modify: Insufficient margin to place order.")
    assert await client.info("openOrders", user=client.address) == []


@pytest.mark.parametrize(
    ("coin", "price", "size", "text"),
    [
        ("BTC", "80000.5", "0.01", "Price must be divisible by tick size. asset=0"),
        ("SOL", "130.123", "1", "Price must be divisible by tick size. asset=5"),
        ("BTC", "80000", "0.010001", "Order has invalid size. asset=0"),
    ],
)
async def test_11_prices_and_sizes_off_the_grid(client, coin, price, size, text):
    assert (await client.place(order(coin, True, price, size)))[0] == {"error": text}


async def test_11_whole_prices_of_more_than_five_figures_are_on_the_grid(client):
    assert "resting" in (await client.place(order("BTC", True, "78901", "0.01")))[0]


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin"])
async def test_12_a_unified_account_shows_its_money_as_spot(client, venue, mode):
    await client.cross("BTC", True, "0.1")
    venue.hooks.set_abstraction(client.address, mode)
    assert await client.info("userAbstraction", user=client.address) == mode
    state = await client.info("clearinghouseState", user=client.address)
    assert (state["marginSummary"]["accountValue"], state["withdrawable"]) == ("0.0", "0.0")
    assert state["assetPositions"][0]["position"]["szi"] == "0.1"
    spot = await client.info("spotClearinghouseState", user=client.address)
    (balance,) = spot["balances"]
    assert D(balance["total"]) == pytest.approx(D(20_000), abs=D(50))
    assert D(balance["hold"]) == pytest.approx(D(state["marginSummary"]["totalMarginUsed"]), rel=D("0.01"))
    assert spot.get("portfolioMarginEnabled", False) == (mode == "portfolioMargin")
    venue.hooks.set_abstraction(client.address, "default")
    state = await client.info("clearinghouseState", user=client.address)
    assert D(state["marginSummary"]["accountValue"]) > 19_000


@pytest.mark.parametrize("status", ["marginCanceled", "perpMarginRejected", "delistedCanceled", "somethingNew"])
async def test_13_any_status_is_told_unasked(wire, client, venue, status):
    await watch(wire, client)
    (placed,) = await client.place(order(id_=cloid(1)))
    oid = placed["resting"]["oid"]
    await wire.frame("orderUpdates")
    venue.hooks.fill_order(client.address, oid, D("0.004"))
    assert (await wire.frame("userFills"))["data"]["fills"][0]["sz"] == "0.004"
    venue.faults.inject(Fault(kind=FaultKind.ORDER_STATUS, reason=status))
    (update,) = (await wire.frame("orderUpdates"))["data"]
    assert (update["status"], update["order"]["oid"], update["order"]["sz"]) == (status, oid, "0.006")
    assert (await client.info("historicalOrders", user=client.address))[0]["status"] == status


async def test_14_an_agent_expires(client, venue):
    agent = Account.create()
    venue.gate.approve(venue.hooks.user(client.address), agent.address, "bot", int(time.time() * 1000))
    venue.gate.approve(venue.hooks.user(client.address), Account.create().address, "", int(time.time() * 1000))
    key = agent.key.hex()
    assert "resting" in (await client.place(order(), key=key))[0]
    (listed,) = await client.info("extraAgents", user=client.address)  # the unnamed one is not
    assert (listed["name"], listed["address"]) == ("bot", agent.address.lower())
    assert listed["validUntil"] > time.time() * 1000
    venue.hooks.expire_agent(client.address, "bot")
    refused = await client.act(batch(order()), key=key)
    assert refused["response"] == f"User or API Wallet {agent.address.lower()} does not exist."
    venue.gate.enforces_expiry = False  # the venue may be late in that
    assert "resting" in (await client.place(order(), key=key))[0]


async def test_15_a_vault_that_is_none(client, venue):
    vault = "0x" + "ab" * 20
    assert (await client.act(batch(order()), vault=vault))["response"] == f"Vault not registered: {vault}"
    venue.hooks.add_sub_account(client.address, vault, D(1000))
    assert "resting" in (await client.place(order(), vault=vault))[0]
    assert len(await client.info("openOrders", user=vault)) == 1
    assert await client.info("openOrders", user=client.address) == []
    assert await client.info("userRole", user=vault) == {"role": "subAccount", "data": {"master": client.address}}
    (listed,) = await client.info("subAccounts", user=client.address)
    assert listed["subAccountUser"] == vault


async def test_15_a_sub_account_of_another(hyperliquid_sims, client, venue):
    vault, other = "0x" + "cd" * 20, hyperliquid_sims.ready["hyperliquid"]["accounts"][1]
    venue.hooks.add_sub_account(other["address"], vault, D(1000))
    refused = await client.act(batch(order()), vault=vault)
    assert refused["response"] == f"Sub-account {vault} is not registered to {client.address}"


@pytest.mark.parametrize("coin", ["btc", "NOPE", "xyz:SP500"])
async def test_16_one_unknown_coin_ends_all_streams(wire, coin):
    await wire.follow(type="bbo", coin="BTC")
    await wire.subscribe(type="trades", coin=coin)
    assert await wire.is_cut()


async def test_17_fills_have_a_clock_of_their_own(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.FILL_CLOCK, secs=20.0))
    for number in range(6):
        await client.cross("BTC", number % 2 == 0, "0.01")
    fills = await client.info("userFills", user=client.address)
    updates = {row["order"]["oid"]: row["statusTimestamp"] for row in await client.info("historicalOrders", user=client.address)}
    offsets = [fill["time"] - updates[fill["oid"]] for fill in fills]
    assert max(map(abs, offsets)) > 1000
    assert max(map(abs, offsets)) <= 21_000
    assert [fill["time"] for fill in fills] != sorted((fill["time"] for fill in fills), reverse=True)
    position = D(0)
    for fill in reversed(fills):  # yet the chain of positions holds
        assert D(fill["startPosition"]) == position
        position += D(fill["sz"]) if fill["side"] == "B" else -D(fill["sz"])


async def test_18_a_liquidation_is_told_without_a_client_order_id(wire, client, venue):
    await watch(wire, client)
    await wire.follow(type="userEvents", user=client.address)
    await client.cross("HYPE", True, "50", id_=cloid(1))
    await wire.frame("userFills")
    venue.faults.inject(Fault(kind=FaultKind.LIQUIDATE, path="HYPE"))
    fill = (await wire.frame("userFills"))["data"]["fills"][0]
    assert "cloid" not in fill
    assert fill["dir"] == "Close Long"
    assert fill["liquidation"]["liquidatedUser"] == client.address
    assert (fill["liquidation"]["method"], D(fill["liquidation"]["markPx"]) > 0) == ("market", True)
    while "liquidation" not in (event := (await wire.frame("user"))["data"]):
        pass
    assert event["liquidation"]["liquidated_user"] == client.address
    assert set(event["liquidation"]) == {
        "lid",
        "liquidator",
        "liquidated_user",
        "liquidated_ntl_pos",
        "liquidated_account_value",
    }
    assert await client.position("HYPE") is None
    assert (await client.info("userNonFundingLedgerUpdates", user=client.address))[-1]["delta"]["type"] == "liquidation"


async def test_18_a_position_is_deleveraged(wire, client, venue):
    await watch(wire, client)
    await client.cross("HYPE", False, "50")
    await wire.frame("userFills")
    venue.faults.inject(Fault(kind=FaultKind.DELEVERAGE, path="HYPE", reason="0.4"))
    (fill,) = (await wire.frame("userFills"))["data"]["fills"]
    assert (fill["dir"], fill["sz"], fill["side"], fill["fee"]) == ("Auto-Deleveraging", "20.0", "B", "0.0")
    assert "cloid" not in fill
    assert fill["liquidation"]["liquidatedUser"] != client.address
    assert await client.position("HYPE") == "-30.0"


async def test_19_the_venue_cancels_of_its_own_accord(wire, client, venue):
    await client.cross("HYPE", True, "10")
    (closing,) = await client.place(order("HYPE", False, "45", "10", reduce_only=True, id_=cloid(1)))
    (resting,) = await client.place(order("BTC", id_=cloid(2)))
    await watch(wire, client)
    await wire.follow(type="userEvents", user=client.address)
    await client.cross("HYPE", False, "10")
    venue.hooks.end_order(client.address, cloid(2), "marginCanceled")
    ended, told = {}, []
    while len(told) < 2 or len(ended) < 2:
        frame = await wire.frame("orderUpdates", "user")
        if frame["channel"] == "user":
            told += frame["data"].get("nonUserCancel", [])
        else:
            ended |= {row["order"]["oid"]: row["status"] for row in frame["data"] if row["status"].endswith("Canceled")}
    assert ended == {closing["resting"]["oid"]: "reduceOnlyCanceled", resting["resting"]["oid"]: "marginCanceled"}
    assert told == [{"coin": coin, "oid": oid} for coin, oid in zip(("HYPE", "BTC"), ended, strict=True)]


async def payments(client):
    return await client.info("userFunding", user=client.address, startTime=0)


async def test_20_a_funding_payment_is_listed_late(wire, client, venue):
    await wire.follow(type="userFundings", user=client.address)
    await wire.frame("userFundings")
    venue.faults.inject(Fault(kind=FaultKind.DELAY_FUNDING, path="BTC", secs=1.0))
    await client.cross("BTC", True, "0.1")
    paid = venue.hooks.user(client.address).funding_paid["BTC"]

    async def moved():
        return paid.all_time

    await until(moved)
    at_payment = time.time()
    assert await payments(client) == []
    rows = await until(lambda: payments(client))
    assert rows[0]["time"] / 1000 < at_payment
    assert (await wire.frame("userFundings"))["data"]["fundings"][0]["time"] == rows[0]["time"]


async def test_20_a_funding_payment_is_missed_or_never_listed(wire, client, venue):
    await wire.follow(type="userFundings", user=client.address)
    await wire.frame("userFundings")
    venue.faults.inject(Fault(kind=FaultKind.DROP_FRAME, channel="userFundings"))
    await client.cross("BTC", True, "0.1")
    rows = await until(lambda: payments(client))
    frame = await wire.frame("userFundings")
    assert frame["data"]["fundings"][0]["time"] > rows[0]["time"]  # the first one was only to be had by asking
    venue.faults.inject(Fault(kind=FaultKind.OMIT_FUNDING, path="BTC"))
    before = venue.hooks.user(client.address).funding_paid["BTC"].all_time
    known = len(await payments(client))

    async def moved():
        return venue.hooks.user(client.address).funding_paid["BTC"].all_time != before

    await until(moved)
    assert len(await payments(client)) == known


async def leverage(client, coin, value, is_cross=True):
    return await client.act({"type": "updateLeverage", "asset": COINS[coin], "isCross": is_cross, "leverage": value})


async def test_21_leverage_is_the_coins_and_stays(client):
    assert (await leverage(client, "BTC", 7))["status"] == "ok"
    assert (await leverage(client, "ETH", 3, is_cross=False))["status"] == "ok"
    data = {coin: await client.info("activeAssetData", user=client.address, coin=coin) for coin in ("BTC", "ETH", "SOL")}
    shown = {coin: (row["leverage"]["type"], row["leverage"]["value"]) for coin, row in data.items()}
    assert shown == {"BTC": ("cross", 7), "ETH": ("isolated", 3), "SOL": ("cross", 20)}
    await client.cross("BTC", True, "0.1")
    refused = await leverage(client, "BTC", 7, is_cross=False)
    assert refused["response"] == "Cannot switch leverage type with open position."
    assert (await leverage(client, "BTC", 41))["response"] == "Invalid leverage value"
    await client.cross("BTC", True, "1")
    lower = await leverage(client, "BTC", 1)
    assert lower["response"].startswith("Cross position does not have sufficient margin available to decrease leverage.")


async def test_22_a_reply_has_fewer_statuses_than_orders(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.SHORT_STATUSES, path="order"))
    assert len(await client.place(order(id_=cloid(1)), order(id_=cloid(2)))) == 1
    assert (await client.status_of(cloid(2)))["order"]["status"] == "open"  # it was placed all the same


async def test_22_one_error_stands_for_a_whole_batch(client, venue):
    venue.faults.inject(Fault(kind=FaultKind.FAIL_BATCH, path="order", reason="Order price too far from oracle"))
    reply = await client.act(batch(order(id_=cloid(1)), order(id_=cloid(2))))
    assert reply == {"status": "err", "response": "Order price too far from oracle"}
    assert await client.status_of(cloid(1)) == {"status": "unknownOid"}


async def test_a_partial_fill_and_then_silence(wire, client, venue):
    await watch(wire, client)
    venue.faults.inject(Fault(kind=FaultKind.PARTIAL_FILL, path="BTC", reason="0.25"))
    (status,) = await client.place(order("BTC", True, "86000", "0.04", id_=cloid(1)))
    assert status["filled"]["totalSz"] == "0.01"
    assert sum(D(fill["sz"]) for fill in (await wire.frame("userFills"))["data"]["fills"]) == D("0.01")
    venue.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="userFills"))
    assert await wire.count("userFills", secs=0.8) == 0
    assert await client.position("BTC") == "0.01"
    (row,) = await client.info("frontendOpenOrders", user=client.address)
    assert (row["sz"], row["origSz"]) == ("0.03", "0.04")
    assert await client.cancel(cloid(1)) == "success"


async def test_a_partial_fill_may_be_answered_as_resting(client, venue):
    venue.exchange.rests_partly_filled = True
    venue.faults.inject(Fault(kind=FaultKind.PARTIAL_FILL, path="BTC", reason="0.25"))
    (status,) = await client.place(order("BTC", True, "86000", "0.04"))
    assert set(status["resting"]) == {"oid"}
    assert await client.position("BTC") == "0.01"


async def test_a_frame_comes_late(wire, client, venue):
    await watch(wire, client)
    venue.faults.inject(Fault(kind=FaultKind.DELAY_FRAME, channel="userFills", secs=0.6))
    await client.cross("BTC", True, "0.02")
    first, second = await wire.frame(*FILLS), await wire.frame(*FILLS)
    assert [first["channel"], second["channel"]] == ["orderUpdates", "userFills"]


@pytest.mark.parametrize("status", [422, 429, 500])
async def test_a_request_is_refused_unexecuted(client, venue, status):
    venue.faults.inject(Fault(kind=FaultKind.STATUS, path="/exchange:order", status=status, retry_after_secs=3))
    seen, _, headers = await client.post("/exchange", client.signed(batch(order(id_=cloid(1)))))
    assert (seen, headers["Retry-After"]) == (status, "3")
    assert await client.status_of(cloid(1)) == {"status": "unknownOid"}
    assert statuses(await client.act(batch(order(id_=cloid(1)))))[0]["resting"]
