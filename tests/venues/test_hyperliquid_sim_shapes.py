"""The simulator's replies have every key of the venue's recorded and documented ones, with the same JSON type."""

import json
import re
import time

import aiohttp
import pytest
from eth_account import Account
from hyperliquid_wire import COINS, Client, Wire, cloid, order, until

DECIMAL = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
DROPPED = {"maxTradeSzs"}  # keys of replies of 2023 that the venue has not any more
NOT_SIMULATED = {"children"}  # brackets: the key is there, what is inside is not compared
# Values that the recordings have and a small account has not: no aggregated payments, no staking, no vaults
ALLOWED_NULL = {"nSamples"}


class Shape:
    """The types a value has been seen with, and those of what is inside."""

    def __init__(self):
        self.types, self.keys, self.items = set(), {}, None

    def see(self, value):
        self.types.add(type_of(value))
        if isinstance(value, dict):
            for key, inner in value.items():
                self.keys.setdefault(key, Shape()).see(inner)
        elif isinstance(value, list):
            for inner in value:
                self.items = self.items or Shape()
                self.items.see(inner)
        return self


def type_of(value):
    if isinstance(value, str):
        return "decimal" if DECIMAL.fullmatch(value) else "text"
    return {dict: "object", list: "array", bool: "boolean", int: "integer", float: "float", type(None): "null"}[type(value)]


def gaps(theirs, ours, path="reply"):
    """Yield what the venue's shape has and ours has not."""
    known = theirs.types - {"null"}
    name = path.rsplit(".", 1)[-1]
    if known and name not in ALLOWED_NULL:
        if not ours.types & known:
            yield f"{path}: {sorted(ours.types)} for {sorted(known)}"
        elif strange := ours.types - known - {"null"}:
            yield f"{path}: also {sorted(strange)}"
    for key, inner in theirs.keys.items():
        if key not in ours.keys:
            if key not in DROPPED:
                yield f"{path}.{key}: missing"
        elif key not in NOT_SIMULATED:
            yield from gaps(inner, ours.keys[key], f"{path}.{key}")
    if theirs.items:
        if ours.items is None:
            yield f"{path}: empty"
        else:
            yield from gaps(theirs.items, ours.items, f"{path}[]")


def stop(coin, trigger_price, size):
    trigger = {"trigger": {"isMarket": True, "triggerPx": trigger_price, "tpsl": "sl"}}
    return {**order(coin, False, "30", size, reduce_only=True), "t": trigger}


@pytest.fixture
async def client(hyperliquid_sims):
    """An account with everything an account can have: orders of each kind, positions, fills, payments, an agent."""
    venue = hyperliquid_sims.hyperliquid
    async with aiohttp.ClientSession() as http:
        client = Client(http, hyperliquid_sims.ready["hyperliquid"])
        user = venue.hooks.user(client.address)
        venue.gate.approve(user, Account.create().address, "bot", int(time.time() * 1000))
        leverage = {"type": "updateLeverage", "asset": COINS["ETH"], "isCross": False, "leverage": 5}
        assert (await client.act(leverage))["status"] == "ok"
        await client.cross("HYPE", True, "50", id_=cloid(1))
        await client.cross("HYPE", True, "5")
        await client.cross("ETH", False, "0.5")
        await client.cross("SOL", False, "2")
        await client.place(order("BTC", True, "70000", "0.01", id_=cloid(2)), order("BTC", True, "70000", "0.01"))
        await client.place(order("BTC", True, "70000", "0.01", "Ioc"))
        await client.place(stop("HYPE", "35", "5"))
        venue.hooks.liquidate(client.address, "SOL")
        venue.exchange._account._class_transfer(user, "12", False, int(time.time() * 1000))
        await until(lambda: client.info("userFunding", user=client.address, startTime=0))
        yield client


def recorded(shared_data):
    for path in sorted((shared_data / "raw" / "hyperliquid").glob("*.json")):
        content = json.loads(path.read_text())
        yield path.stem, content["request"]["body"], content["response"]["body"]


def translated(request, address):
    """Return a recorded request for the simulated account and what it lists."""
    request = {**request, **({"user": address} if "user" in request else {})}
    request = {key: value for key, value in request.items() if key not in ("startTime", "endTime")}
    if "startTime" in json.dumps(request) or request["type"] in ("fundingHistory", "userFunding", "userFillsByTime"):
        request["startTime"] = 0
    if "req" in request:
        request["req"] = {**request["req"], "coin": "BTC", "startTime": 0, "endTime": 2**42}
    return {**request, "coin": "BTC"} if "coin" in request else request


STAKING = ("delegatorHistory", "userVaultEquities")  # lists that stay empty: nothing of them is simulated


def comparable(kind, theirs, ours):
    """Return what of two replies to compare: the prices of all coins, and ledger rows of the same kinds."""
    if kind == "allMids":
        return list(theirs.values()), list(ours.values())
    if kind == "userNonFundingLedgerUpdates":
        both = {row["delta"]["type"] for row in theirs} & {row["delta"]["type"] for row in ours}
        return tuple([row for row in rows if row["delta"]["type"] in both] for rows in (theirs, ours))
    return theirs, ours


async def test_every_recorded_key_is_there_with_its_type(client, shared_data):
    missing, compared = {}, 0
    for name, body, theirs in recorded(shared_data):
        request = translated(body, client.address)
        kind = request.pop("type")
        ours = await client.info(kind, **request)
        if kind in STAKING:
            assert ours == []
            continue
        shapes = [Shape().see(value) for value in comparable(kind, theirs, ours)]
        if found := list(gaps(*shapes)):
            missing[name] = found
        compared += 1
    assert missing == {}
    assert compared >= 20


# Documented replies of 2025 and 2026, a value of each key's type
DOCUMENTED = {
    "meta": {
        "universe": [{"szDecimals": 5, "name": "BTC", "maxLeverage": 40, "marginTableId": 56, "isDelisted": True}],
        "marginTables": [[51, {"description": "tiered 10x", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 10}]}]],
        "collateralToken": 0,
    },
    "metaAndAssetCtxs": [
        {"universe": []},
        [
            {
                **dict.fromkeys(("funding", "openInterest", "prevDayPx", "dayNtlVlm", "premium", "oraclePx", "markPx"), "1.0"),
                **dict.fromkeys(("midPx", "dayBaseVlm"), "1.0"),
                "impactPxs": ["1.0", "2.0"],
            }
        ],
    ],
    "clearinghouseState": {
        **dict.fromkeys(
            ("marginSummary", "crossMarginSummary"),
            dict.fromkeys(("accountValue", "totalNtlPos", "totalRawUsd", "totalMarginUsed"), "1.0"),
        ),
        "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "75.781884",
        "assetPositions": [
            {
                "type": "oneWay",
                "position": {
                    "coin": "HYPE",
                    **dict.fromkeys(("szi", "entryPx", "positionValue", "unrealizedPnl", "returnOnEquity"), "1.0"),
                    **dict.fromkeys(("liquidationPx", "marginUsed"), "1.0"),
                    "leverage": {"type": "isolated", "value": 10, "rawUsd": "-68.126246"},
                    "maxLeverage": 10,
                    "cumFunding": {"allTime": "4.966798", "sinceOpen": "0.0", "sinceChange": "0.0"},
                },
            }
        ],
        "time": 1754467216357,
    },
    "spotClearinghouseState": {"balances": [{"coin": "USDC", "token": 0, "total": "14.6", "hold": "0.0", "entryNtl": "0.0"}]},
    "openOrders": [
        {"coin": "BTC", "limitPx": "1.0", "oid": 1, "side": "B", "sz": "1.0", "timestamp": 1, "origSz": "1.0", "cloid": "0xa"}
    ],
    "userFills": [
        {
            "coin": "BTC",
            **dict.fromkeys(("px", "sz", "startPosition", "closedPnl", "fee"), "1.0"),
            "side": "A",
            **dict.fromkeys(("time", "oid", "tid"), 1),
            **dict.fromkeys(("dir", "hash", "cloid", "feeToken"), "text"),
            "crossed": False,
            "liquidation": {"liquidatedUser": "0xa", "markPx": "66607.0", "method": "market"},
            "twapId": None,
        }
    ],
    "userFees": {
        "dailyUserVlm": [],
        "feeSchedule": {
            **dict.fromkeys(("cross", "add", "spotCross", "spotAdd", "referralDiscount"), "0.1"),
            "tiers": {
                "vip": [dict.fromkeys(("ntlCutoff", "cross", "add", "spotCross", "spotAdd"), "0.1")],
                "mm": [{"makerFractionCutoff": "0.005", "add": "-0.1"}],
            },
            "stakingDiscountTiers": [{"bpsOfMaxSupply": "0.0", "discount": "0.0"}],
        },
        **dict.fromkeys(("userCrossRate", "userAddRate", "userSpotCrossRate", "userSpotAddRate"), "0.1"),
        "activeReferralDiscount": "0.0",
        "activeStakingDiscount": {"bpsOfMaxSupply": "4.7", "discount": "0.3"},
    },
    "userRateLimit": {"cumVlm": "1.0", **dict.fromkeys(("nRequestsUsed", "nRequestsCap", "nRequestsSurplus"), 1)},
    "extraAgents": [{"name": "probe", "address": "0xa", "validUntil": 1}],
    "activeAssetData": {
        "user": "0xa",
        "coin": "BTC",
        "leverage": {"type": "cross", "value": 20},
        "maxTradeSzs": ["0.1"],
        "availableToTrade": ["1000.0"],
        "markPx": "84148.0",
    },
    "predictedFundings": [["AVAX", [["HlPerp", {"fundingRate": "0.1", "nextFundingTime": 1}]]]],
    "exchangeStatus": {"time": 1, "specialStatuses": None},
    "userRole": {"role": "user"},
    "recentTrades": [
        {"coin": "BTC", "side": "A", "px": "1.0", "sz": "1.0", "time": 1, "hash": "0xa", "tid": 1, "users": ["0xa", "0xb"]}
    ],
}


@pytest.mark.parametrize("kind", DOCUMENTED)
async def test_every_documented_key_is_there_with_its_type(client, kind):
    ours = await client.info(kind, user=client.address, coin="BTC")
    assert list(gaps(Shape().see(DOCUMENTED[kind]), Shape().see(ours))) == []


async def test_an_orders_status_has_the_documented_keys(client):
    theirs = {
        "status": "order",
        "order": {
            "order": {
                "coin": "ETH",
                "side": "A",
                **dict.fromkeys(("limitPx", "sz", "triggerPx", "origSz"), "1.0"),
                **dict.fromkeys(("oid", "timestamp"), 1),
                **dict.fromkeys(("triggerCondition", "orderType", "tif", "cloid"), "text"),
                "isTrigger": False,
                "children": [],
                "isPositionTpsl": False,
                "reduceOnly": True,
            },
            "status": "filled",
            "statusTimestamp": 1724361546645,
        },
    }
    assert list(gaps(Shape().see(theirs), Shape().see(await client.status_of(cloid(1))))) == []


FRAMES = {
    "bbo": ({"coin": "BTC"}, {"coin": "BTC", "time": 1, "bbo": [{"px": "1.0", "sz": "1.0", "n": 1}]}),
    "l2Book": (
        {"coin": "BTC", "fast": True},
        {"coin": "BTC", "time": 1, "levels": [[{"px": "1.0", "sz": "1.0", "n": 1}]], "fast": True},
    ),
    "trades": (
        {"coin": "BTC"},
        [{"coin": "BTC", "side": "A", "px": "1.0", "sz": "1.0", "time": 1, "hash": "0xa", "tid": 1, "users": ["0xa"]}],
    ),
    "activeAssetCtx": ({"coin": "BTC"}, {"coin": "BTC", "ctx": DOCUMENTED["metaAndAssetCtxs"][1][0]}),
    "candle": (
        {"coin": "BTC", "interval": "1m"},
        {**dict.fromkeys("tTn", 1), **dict.fromkeys("ochlv", "1.0"), "s": "BTC", "i": "1m"},
    ),
    "userFills": ({"user": True}, {"isSnapshot": True, "user": "0xa", "fills": DOCUMENTED["userFills"]}),
    "userFundings": (
        {"user": True},
        {
            "isSnapshot": True,
            "user": "0xa",
            "fundings": [
                {"time": 1, "coin": "BTC", **dict.fromkeys(("usdc", "szi", "fundingRate"), "0.1"), "nSamples": None},
            ],
        },
    ),
    "userNonFundingLedgerUpdates": (
        {"user": True},
        {"isSnapshot": True, "user": "0xa", "nonFundingLedgerUpdates": [{"time": 1, "hash": "0xa", "delta": {"type": "text"}}]},
    ),
    "openOrders": ({"user": True}, {"dex": "", "user": "0xa", "orders": [{"coin": "BTC", "limitPx": "1.0", "oid": 1}]}),
    "clearinghouseState": (
        {"user": True},
        {"dex": "", "user": "0xa", "clearinghouseState": DOCUMENTED["clearinghouseState"]},
    ),
    "allDexsClearinghouseState": (
        {"user": True},
        {"user": "0xa", "clearinghouseStates": [["", DOCUMENTED["clearinghouseState"]]]},
    ),
    "spotState": ({"user": True}, {"user": "0xa", "spotState": DOCUMENTED["spotClearinghouseState"]}),
    "activeAssetData": ({"user": True, "coin": "BTC"}, DOCUMENTED["activeAssetData"]),
    "allDexsAssetCtxs": ({}, {"ctxs": [["", DOCUMENTED["metaAndAssetCtxs"][1]]]}),
    "webData3": (
        {"user": True},
        {"userState": {"serverTime": 1, "isVault": False, "user": "0xa", "abstraction": "text"}, "perpDexStates": [{}]},
    ),
}


async def test_every_stream_opens_with_the_documented_keys(client):
    missing = {}
    async with aiohttp.ClientSession() as http, http.ws_connect(client.ws_url) as socket:
        wire = Wire(socket)
        for kind, (options, theirs) in FRAMES.items():
            named = {key: client.address if key == "user" else value for key, value in options.items()}
            await wire.follow(type=kind, **named)
            ours = (await wire.frame(kind))["data"]
            if found := list(gaps(Shape().see(theirs), Shape().see(ours))):
                missing[kind] = found
    assert missing == {}


def test_a_gap_is_seen():
    """The comparison itself can fail."""
    theirs = Shape().see([{"px": "1.0", "n": 1, "name": "BTC"}])
    assert list(gaps(theirs, Shape().see([{"px": "2.0", "n": 3, "name": "ETH", "more": 1}]))) == []
    assert list(gaps(theirs, Shape().see([{"px": 2.0, "name": "ETH"}]))) == [
        "reply[].px: ['float'] for ['decimal']",
        "reply[].n: missing",
    ]
    assert list(gaps(theirs, Shape().see([]))) == ["reply: empty"]
