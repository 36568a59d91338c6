"""The official SDK, unchanged, on an account: leverage, margin, mode, agents, sub-accounts, batches, limits."""

import asyncio
import time
from decimal import Decimal

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError
from hyperliquid.utils.types import Cloid

from simulators.faults import Fault, FaultKind

D = Decimal
GTC, IOC, ALO = ({"limit": {"tif": tif}} for tif in ("Gtc", "Ioc", "Alo"))
OK = {"status": "ok", "response": {"type": "default"}}


class Desk:
    """One wallet's SDK clients."""

    def __init__(self, sims, account=0):
        ready = sims.ready["hyperliquid"]
        self.url, self.address = ready["http_url"], ready["accounts"][account]["address"]
        self.info = Info(self.url, skip_ws=True, timeout=10)
        self.wallet = Account.from_key(ready["accounts"][account]["private_key"])
        self.exchange = Exchange(self.wallet, self.url, timeout=10)

    def position(self, coin):
        rows = self.info.user_state(self.address)["assetPositions"]
        return next((row["position"] for row in rows if row["position"]["coin"] == coin), None)


@pytest.fixture
def trade(hyperliquid_sims):
    """Run a synchronous story of the SDK beside the simulator's loop."""

    async def run(story, *arguments):
        return await asyncio.wait_for(asyncio.to_thread(story, hyperliquid_sims, *arguments), 60)

    return run


def isolated(sims):
    desk = Desk(sims)
    assert desk.exchange.update_leverage(4, "HYPE", is_cross=False) == OK
    desk.exchange.market_open("HYPE", True, 100)
    before = desk.position("HYPE")
    assert (before["leverage"]["type"], before["leverage"]["value"]) == ("isolated", 4)
    assert desk.exchange.update_isolated_margin(250, "HYPE") == OK
    after = desk.position("HYPE")
    assert D(after["marginUsed"]) == pytest.approx(D(before["marginUsed"]) + 250, abs=D(25))
    assert D(after["liquidationPx"]) < D(before["liquidationPx"])
    refused = desk.exchange.update_isolated_margin(-5000, "HYPE")
    assert refused["response"] == "Position does not have sufficient margin for reduction."
    refused = desk.exchange.update_leverage(4, "HYPE", is_cross=True)
    assert refused["response"] == "Cannot switch leverage type with open position."
    desk.exchange.market_close("HYPE")
    assert desk.position("HYPE") is None
    assert desk.exchange.update_leverage(4, "HYPE", is_cross=True) == OK


async def test_isolated_margin(trade):
    await trade(isolated)


def modes(sims):
    desk = Desk(sims)
    assert desk.info.query_user_abstraction_state(desk.address) == "default"
    assert desk.exchange.user_set_abstraction(desk.address, "unifiedAccount") == OK
    assert desk.info.query_user_abstraction_state(desk.address) == "unifiedAccount"
    assert desk.info.user_state(desk.address)["marginSummary"]["accountValue"] == "0.0"
    assert desk.info.spot_user_state(desk.address)["balances"][0]["total"] == "20000.0"
    refused = desk.exchange.usd_class_transfer(1.0, True)
    assert refused["response"] == "Action disabled when unified account is active"
    assert desk.exchange.agent_set_abstraction("i") == OK
    assert desk.info.query_user_abstraction_state(desk.address) == "disabled"
    assert desk.exchange.usd_class_transfer(1.0, False) == OK
    (row,) = desk.info.user_non_funding_ledger_updates(desk.address, 0)
    assert row["delta"] == {"type": "accountClassTransfer", "usdc": "1.0", "toPerp": False}


async def test_account_modes(trade):
    await trade(modes)


def agents(sims):
    desk = Desk(sims)
    until = int(time.time() * 1000) + 3_600_000
    reply, key = desk.exchange.approve_agent(f"bot valid_until {until}")
    assert reply == OK
    (listed,) = desk.info.extra_agents(desk.address)
    assert (listed["name"], listed["validUntil"]) == ("bot", until)
    reply, unnamed = desk.exchange.approve_agent()
    assert reply == OK
    assert len(desk.info.extra_agents(desk.address)) == 1
    for secret in (key, unnamed):
        trader = Exchange(Account.from_key(secret), desk.url, account_address=desk.address, timeout=10)
        assert trader.order("BTC", True, 0.01, 80000, GTC)["status"] == "ok"
    sims.hyperliquid.hooks.expire_agent(desk.address, "bot")
    trader = Exchange(Account.from_key(key), desk.url, account_address=desk.address, timeout=10)
    assert trader.order("BTC", True, 0.01, 80000, GTC)["response"].endswith("does not exist.")
    past, _ = desk.exchange.approve_agent(f"old valid_until {int(time.time() * 1000) - 1}")
    assert past["response"] == "Agent valid_until already expired."
    stranger = Exchange(Account.create(), desk.url, timeout=10)
    assert stranger.usd_class_transfer(1.0, False)["response"].startswith("Must deposit before performing actions. User: 0x")


async def test_agents(trade):
    await trade(agents)


def sub_accounts(sims):
    desk, vault = Desk(sims), "0x" + "ab" * 20
    sims.hyperliquid.hooks.add_sub_account(desk.address, vault, D(1000))
    trader = Exchange(desk.wallet, desk.url, vault_address=vault, timeout=10)
    trader.market_open("HYPE", True, 10)
    assert desk.info.user_state(vault)["assetPositions"][0]["position"]["szi"] == "10.0"
    assert desk.position("HYPE") is None
    (listed,) = desk.info.query_sub_accounts(desk.address)
    assert (listed["subAccountUser"], listed["master"]) == (vault, desk.address)
    assert desk.info.user_role(vault) == {"role": "subAccount", "data": {"master": desk.address}}


async def test_sub_accounts(trade):
    await trade(sub_accounts)


def batches(sims):
    desk = Desk(sims)
    wires = [
        {
            "coin": coin,
            "is_buy": True,
            "sz": size,
            "limit_px": price,
            "order_type": kind,
            "reduce_only": False,
            "cloid": Cloid.from_int(number),
        }
        for number, (coin, size, price, kind) in enumerate(
            [("BTC", 0.01, 80000, GTC), ("BTC", 0.0001, 80000, GTC), ("HYPE", 1, 30, ALO), ("HYPE", 1, 30, IOC)], 1
        )
    ]
    replies = desk.exchange.bulk_orders(wires)["response"]["data"]["statuses"]
    assert [next(iter(reply)) for reply in replies] == ["resting", "error", "resting", "error"]
    assert replies[1]["error"] == "Order must have minimum value of $10. asset=0"
    assert replies[3]["error"] == "Order could not immediately match against any resting orders. asset=7"
    moves = [{"oid": Cloid.from_int(1), "order": {**wires[0], "limit_px": 79000}}]
    (moved,) = desk.exchange.bulk_modify_orders_new(moves)["response"]["data"]["statuses"]
    assert moved["resting"]["cloid"] == Cloid.from_int(1).to_raw()
    cancels = [{"coin": "BTC", "cloid": Cloid.from_int(1)}, {"coin": "HYPE", "cloid": Cloid.from_int(3)}]
    assert desk.exchange.bulk_cancel_by_cloid(cancels)["response"]["data"]["statuses"] == ["success", "success"]
    assert [row["status"] for row in desk.info.historical_orders(desk.address)] == [
        *("canceled", "canceled", "open", "canceled"),
        *("iocCancelRejected", "open", "minTradeNtlRejected", "open"),
    ]
    assert desk.info.user_rate_limit(desk.address)["nRequestsUsed"] == 7
    trigger = {"trigger": {"isMarket": True, "triggerPx": 30, "tpsl": "sl"}}
    desk.exchange.market_open("HYPE", True, 10)
    assert desk.exchange.order("HYPE", False, 10, 29, trigger, reduce_only=True)["status"] == "ok"
    (waiting,) = desk.info.frontend_open_orders(desk.address)
    assert (waiting["orderType"], waiting["isTrigger"]) == ("Stop Market", True)
    assert desk.exchange.cancel("HYPE", waiting["oid"])["response"]["data"]["statuses"] == ["success"]


async def test_batches(trade):
    await trade(batches)


def scheduled(sims):
    desk = Desk(sims)
    refused = desk.exchange.schedule_cancel(int(time.time() * 1000) + 9000)["response"]
    assert refused.startswith("Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0.00.")
    sims.hyperliquid.hooks.user(desk.address).schedule_volume_usd = 0
    desk.exchange.order("BTC", True, 0.01, 80000, GTC)
    assert desk.exchange.schedule_cancel(int(time.time() * 1000) + 5500) == OK
    deadline = time.monotonic() + 20
    while desk.info.open_orders(desk.address):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert desk.info.historical_orders(desk.address)[0]["status"] == "scheduledCancel"


async def test_cancels_are_scheduled(trade):
    await trade(scheduled)


def limits(sims):
    desk = Desk(sims)
    sims.hyperliquid.weights.per_minute = 1
    with pytest.raises(ClientError) as refused:
        desk.info.meta()
    assert (refused.value.status_code, refused.value.error_message) == (429, "Too Many Requests")
    sims.hyperliquid.weights.per_minute = None
    sims.hyperliquid.faults.inject(Fault(kind=FaultKind.STATUS, path="/exchange", status=422, reason="Failed to deserialize"))
    with pytest.raises(ClientError, match="422"):
        desk.exchange.order("BTC", True, 0.01, 80000, GTC)
    sims.hyperliquid.faults.inject(Fault(kind=FaultKind.EXHAUST_LIMIT, path="address"))
    assert desk.exchange.order("BTC", True, 0.01, 80000, GTC)["response"].startswith("Too many cumulative requests sent (")


async def test_limits(trade):
    await trade(limits)


def reads(sims):
    desk, now_ms = Desk(sims), int(time.time() * 1000)
    desk.exchange.market_open("BTC", True, 0.1)
    assert desk.info.perp_dexs() == [None]
    assert [period for period, _ in desk.info.portfolio(desk.address)][:4] == ["day", "week", "month", "allTime"]
    assert desk.info.user_twap_slice_fills(desk.address) == desk.info.user_vault_equities(desk.address) == []
    assert desk.info.user_role(desk.address) == {"role": "user"}
    bars = desk.info.candles_snapshot("BTC", "15m", now_ms - 3_600_000, now_ms)
    assert 4 <= len(bars) <= 5
    assert bars[0]["T"] - bars[0]["t"] == 899_999
    fills = desk.info.user_fills_by_time(desk.address, now_ms - 5000, aggregate_by_time=True)
    assert [fill["sz"] for fill in fills] == ["0.1"]
    table = desk.info.post("/info", {"type": "marginTable", "id": 56})
    assert [tier["maxLeverage"] for tier in table["marginTiers"]] == [40, 20]
    coarse = desk.info.post("/info", {"type": "l2Book", "coin": "BTC", "nSigFigs": 3})
    assert len(coarse["levels"][0]) < 20
    assert D(coarse["spread"]) >= 100
    assert desk.info.funding_history("HYPE", now_ms - 10_000, now_ms)[-1]["coin"] == "HYPE"
    predicted = dict(desk.info.post("/info", {"type": "predictedFundings"}))
    assert set(predicted) >= {"BTC", "ETH", "SOL", "HYPE"}


async def test_reads(trade):
    await trade(reads)
