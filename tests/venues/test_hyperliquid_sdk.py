"""The venue's official SDK, unchanged, trades on the simulator."""

import asyncio
import time
from decimal import Decimal

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError, ServerError
from hyperliquid.utils.types import Cloid

from simulators.faults import Fault, FaultKind

D = Decimal
GTC, IOC, ALO = ({"limit": {"tif": tif}} for tif in ("Gtc", "Ioc", "Alo"))


class Desk:
    """One wallet's SDK clients."""

    def __init__(self, sims, account=0):
        ready = sims.ready["hyperliquid"]
        self.url, self.address = ready["http_url"], ready["accounts"][account]["address"]
        self.info = Info(self.url, skip_ws=True, timeout=10)
        self.exchange = Exchange(Account.from_key(ready["accounts"][account]["private_key"]), self.url, timeout=10)

    def mid(self, coin):
        return float(self.info.all_mids()[coin])


def status_of(reply):
    assert reply["status"] == "ok", reply
    (status,) = reply["response"]["data"]["statuses"]
    return status


@pytest.fixture
def trade(hyperliquid_sims):
    """Run a synchronous story of the SDK beside the simulator's loop."""

    async def run(story, *arguments):
        return await asyncio.wait_for(asyncio.to_thread(story, hyperliquid_sims, *arguments), 30)

    return run


def place_modify_cancel(sims):
    desk = Desk(sims)
    cloid = Cloid.from_int(7)
    price = round(desk.mid("BTC") * 0.95)
    oid = status_of(desk.exchange.order("BTC", True, 0.01, price, GTC, cloid=cloid))["resting"]["oid"]
    (row,) = desk.info.frontend_open_orders(desk.address)
    assert (row["oid"], row["limitPx"], row["sz"], row["cloid"]) == (oid, f"{price}.0", "0.01", cloid.to_raw())
    moved = status_of(desk.exchange.modify_order(cloid, "BTC", True, 0.02, price - 10, ALO, cloid=cloid))["resting"]["oid"]
    assert moved > oid
    assert desk.info.query_order_by_oid(desk.address, oid)["order"]["status"] == "canceled"
    assert desk.info.query_order_by_cloid(desk.address, cloid)["order"]["order"]["oid"] == moved
    (row,) = desk.info.open_orders(desk.address)
    assert (row["oid"], row["origSz"]) == (moved, "0.02")
    assert status_of(desk.exchange.cancel_by_cloid("BTC", cloid)) == "success"
    for missed in (desk.exchange.cancel_by_cloid("BTC", cloid), desk.exchange.cancel("BTC", moved)):
        assert status_of(missed)["error"].startswith("Order was never placed, already canceled, or filled.")
    assert desk.info.open_orders(desk.address) == []
    assert desk.info.query_order_by_oid(desk.address, 1) == {"status": "unknownOid"}
    assert [row["status"] for row in desk.info.historical_orders(desk.address)] == ["canceled", "open", "canceled", "open"]
    gone = desk.exchange.modify_order(moved, "BTC", True, 0.02, price, GTC)
    assert status_of(gone)["error"] == "Cannot modify canceled or filled order"


async def test_place_modify_cancel(trade):
    await trade(place_modify_cancel)


def open_and_close(sims):
    desk = Desk(sims)
    assert desk.exchange.update_leverage(5, "HYPE")["status"] == "ok"
    filled = status_of(desk.exchange.market_open("HYPE", False, 50))["filled"]
    assert filled["totalSz"] == "50.0"
    (entry,) = desk.info.user_state(desk.address)["assetPositions"]
    position = entry["position"]
    assert (position["coin"], position["szi"], position["leverage"]) == ("HYPE", "-50.0", {"type": "cross", "value": 5})
    assert D(position["entryPx"]) == pytest.approx(D(filled["avgPx"]), abs=D("0.000001"))
    assert D(position["marginUsed"]) == pytest.approx(D(position["positionValue"]) / 5, abs=D("0.000001"))
    state = desk.info.user_state(desk.address)["marginSummary"]
    mark = -D(state["totalNtlPos"])
    assert D(state["totalRawUsd"]) == D(state["accountValue"]) - mark
    status_of(desk.exchange.market_close("HYPE"))
    assert desk.info.user_state(desk.address)["assetPositions"] == []
    fills = desk.info.user_fills(desk.address)
    assert [fills[0]["dir"], fills[-1]["dir"]] == ["Close Short", "Open Short"]
    paid = sum(D(row["delta"]["usdc"]) for row in desk.info.user_funding_history(desk.address, 0))
    expected = D(20_000) + paid + sum(D(row["closedPnl"]) - D(row["fee"]) for row in fills)
    assert D(desk.info.user_state(desk.address)["marginSummary"]["accountValue"]) == expected
    assert desk.info.user_fills_by_time(desk.address, fills[0]["time"])[-1] == fills[0]
    assert desk.info.user_rate_limit(desk.address)["nRequestsUsed"] == 3


async def test_open_and_close_a_position(trade):
    await trade(open_and_close)


def receive_funding(sims):
    desk = Desk(sims)
    status_of(desk.exchange.market_open("BTC", False, 0.1))
    deadline = time.monotonic() + 10
    while not (rows := desk.info.user_funding_history(desk.address, 0)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    delta = rows[0]["delta"]
    assert (delta["coin"], delta["szi"], delta["fundingRate"]) == ("BTC", "-0.1", "0.0000125")
    assert D(delta["usdc"]) == pytest.approx(D("0.1") * D(84_000) * D("0.0000125"), rel=D("0.01"))
    history = desk.info.funding_history("BTC", 0)
    assert len(history) > 40
    assert history == sorted(history, key=lambda row: row["time"])
    assert history[-1]["fundingRate"] == "0.0000125"
    since = desk.info.funding_history("BTC", history[-1]["time"])
    assert since[0] == history[-1]


async def test_funding_is_paid_and_listed(trade):
    await trade(receive_funding)


def two_users(sims):
    desk, other = Desk(sims), Desk(sims, 1)
    book = desk.info.l2_snapshot("BTC")["levels"]
    inside = float(book[0][0]["px"]) + 2
    status_of(desk.exchange.order("BTC", True, 0.01, inside, ALO))
    filled = status_of(other.exchange.order("BTC", False, 0.01, inside, IOC))["filled"]
    assert filled["avgPx"] == f"{inside:.1f}"
    (mine,), (theirs,) = desk.info.user_fills(desk.address), other.info.user_fills(other.address)
    assert (mine["tid"], mine["crossed"], theirs["crossed"]) == (theirs["tid"], False, True)
    assert any(row["tid"] == mine["tid"] for row in desk.info.post("/info", {"type": "recentTrades", "coin": "BTC"}))


async def test_two_users_trade_with_each_other(trade):
    await trade(two_users)


def refuse(sims):
    desk = Desk(sims)
    stranger = Account.create()
    reply = Exchange(stranger, desk.url, timeout=10).order("BTC", True, 0.01, 80000, GTC)
    assert reply == {"status": "err", "response": f"User or API Wallet {stranger.address.lower()} does not exist."}
    desk.exchange.expires_after = int(time.time() * 1000) - 1
    assert desk.exchange.order("BTC", True, 0.01, 80000, GTC)["response"] == "Action already expired"
    desk.exchange.expires_after = int(time.time() * 1000) + 5000
    assert "resting" in status_of(desk.exchange.order("BTC", True, 0.01, 80000, GTC))
    desk.exchange.expires_after = None
    nonce = int(time.time() * 1000) + 50_000
    assert desk.exchange.noop(nonce)["status"] == "ok"
    assert desk.exchange.noop(nonce)["response"] == f"Invalid nonce: duplicate nonce {nonce}"
    assert desk.exchange.noop(1)["response"].startswith("Invalid nonce: nonce too low 1 <")
    assert desk.exchange.update_leverage(50, "BTC")["response"] == "Invalid leverage value"
    assert desk.exchange.schedule_cancel(int(time.time() * 1000) + 9000)["response"].startswith("Cannot set scheduled cancel")
    vaulted = Exchange(desk.exchange.wallet, desk.url, vault_address="0x" + "ab" * 20, timeout=10)
    assert vaulted.order("BTC", True, 0.01, 80000, GTC)["response"].startswith("Vault not registered: 0x")


async def test_wrong_requests_are_refused_in_the_venues_words(trade):
    await trade(refuse)


def delegate(sims):
    desk = Desk(sims)
    reply, key = desk.exchange.approve_agent("bot")
    assert reply["status"] == "ok"
    agent = Account.from_key(key)
    assert desk.info.user_role(agent.address) == {"role": "agent", "data": {"user": desk.address}}
    assert desk.info.extra_agents(desk.address)[0]["name"] == "bot"
    trader = Exchange(agent, desk.url, account_address=desk.address, timeout=10)
    status_of(trader.order("BTC", True, 0.01, 80000, GTC))
    assert len(desk.info.open_orders(desk.address)) == 1
    assert desk.info.open_orders(agent.address) == []
    assert trader.usd_class_transfer(1.0, False)["response"].startswith("Must deposit before performing actions. User: 0x")
    assert desk.exchange.usd_class_transfer(100.0, False)["status"] == "ok"
    assert desk.info.spot_user_state(desk.address)["balances"][0]["total"] == "100.0"
    assert desk.info.user_state(desk.address)["marginSummary"]["accountValue"] == "19900.0"


async def test_an_agent_trades_but_moves_no_money(trade):
    await trade(delegate)


def read(sims):
    desk = Desk(sims)
    meta, contexts = desk.info.meta_and_asset_ctxs()
    assert [len(meta["universe"]), meta["universe"][0]["name"]] == [len(contexts), "BTC"]
    listed = {coin["name"]: context for coin, context in zip(meta["universe"], contexts, strict=True)}
    for name in ("BTC", "ETH", "SOL", "HYPE"):
        context = listed[name]
        bid, oracle, ask = D(context["impactPxs"][0]), D(context["oraclePx"]), D(context["impactPxs"][1])
        premium = (max(bid - oracle, D(0)) - max(oracle - ask, D(0))) / oracle
        assert D(context["premium"]) == pytest.approx(premium, abs=D("1e-8"))
        assert D(context["funding"]) == D("0.0000125")
    assert listed["MATIC"]["midPx"] is None
    assert desk.info.user_fees(desk.address)["userCrossRate"] == "0.00045"
    predicted = dict(desk.info.post("/info", {"type": "predictedFundings"}))
    assert predicted["BTC"][0][1]["fundingRate"] == "0.0000125"
    assert desk.info.post("/info", {"type": "l2Book", "coin": "NOPE"}) is None
    assert desk.info.post("/info", {"type": "userAbstraction", "user": desk.address}) == "default"
    data = desk.info.post("/info", {"type": "activeAssetData", "user": desk.address, "coin": "BTC"})
    assert data["leverage"] == {"type": "cross", "value": 20}
    now = int(time.time() * 1000)
    assert abs(desk.info.post("/info", {"type": "exchangeStatus"})["time"] - now) < 5000
    assert desk.info.user_state("0x" + "9" * 40)["assetPositions"] == []
    with pytest.raises(ClientError, match="Failed to deserialize"):
        desk.info.post("/info", {"type": "nonsense"})
    with pytest.raises(ServerError):
        desk.info.post("/info", {"type": "meta", "dex": "nonsense"})


async def test_reads(trade):
    await trade(read)


def survive_faults(sims):
    desk, faults = Desk(sims), sims.hyperliquid.faults
    faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="/exchange:order", status=502))
    with pytest.raises(ServerError):
        desk.exchange.order("BTC", True, 0.01, 80000, GTC, cloid=Cloid.from_int(1))
    assert desk.info.query_order_by_cloid(desk.address, Cloid.from_int(1))["order"]["status"] == "open"
    faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="/exchange:order"))
    with pytest.raises(OSError, match="Connection aborted"):
        desk.exchange.order("BTC", True, 0.01, 80000, GTC, cloid=Cloid.from_int(2))
    assert desk.info.query_order_by_cloid(desk.address, Cloid.from_int(2))["order"]["status"] == "open"
    faults.inject(Fault(kind=FaultKind.STATUS, path="/exchange", status=429))
    with pytest.raises(ClientError):
        desk.exchange.order("BTC", True, 0.01, 80000, GTC, cloid=Cloid.from_int(3))
    assert desk.info.query_order_by_cloid(desk.address, Cloid.from_int(3)) == {"status": "unknownOid"}
    faults.inject(Fault(kind=FaultKind.DELAY_REPLY, path="/info:allMids", secs=0.5))
    began = time.monotonic()
    desk.info.all_mids()
    assert time.monotonic() - began >= 0.5


async def test_replies_can_be_lost_refused_and_late(trade):
    await trade(survive_faults)
