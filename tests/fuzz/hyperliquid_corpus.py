"""Frames of every Hyperliquid channel: generated ones, and recorded rows in their envelopes where they are at hand."""

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutate import Frame

USER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
CLOID = "0x" + "0a" * 16
TIME_MS = 1_789_999_999_000


def _text_frame(frame: dict[str, Any]) -> Frame:
    return json.dumps(frame, separators=(",", ":")).encode(), True


def _text(value: Decimal) -> str:
    return f"{value:f}"


def _level(random: Random) -> dict[str, Any]:
    price, size = Decimal(random.randrange(500_000, 999_999)).scaleb(-1), Decimal(random.randrange(1, 10**6)).scaleb(-5)
    return {"px": _text(price), "sz": _text(size), "n": random.randint(1, 9)}


def _order(random: Random, oid: int, cloid: str | None) -> dict[str, Any]:
    level = _level(random)
    return {
        "coin": "BTC", "side": random.choice("AB"), "limitPx": level["px"], "sz": level["sz"], "oid": oid,
        "timestamp": TIME_MS, "origSz": level["sz"], "cloid": cloid, "reduceOnly": False, "tif": "Gtc", "orderType": "Limit",
    }  # fmt: skip


def _fill(random: Random, oid: int, cloid: str | None) -> dict[str, Any]:
    level = _level(random)
    return {
        "coin": "BTC", "px": level["px"], "sz": level["sz"], "side": random.choice("AB"), "time": TIME_MS + random.randrange(999),
        "startPosition": "-0.1", "dir": "Open Long", "closedPnl": "0.0", "hash": "0x" + "00" * 32, "oid": oid, "crossed": True,
        "fee": "0.123456", "tid": random.randrange(10**15), "feeToken": "USDC", "cloid": cloid,
    }  # fmt: skip


def _position(random: Random) -> dict[str, Any]:
    return {
        "type": "oneWay",
        "position": {
            "coin": "BTC", "szi": "-0.5", "leverage": {"type": "cross", "value": 10}, "entryPx": "61000.5",
            "positionValue": "30500.1", "unrealizedPnl": f"{random.uniform(-99, 99):.6f}", "returnOnEquity": "0.1",
            "liquidationPx": None, "marginUsed": "3050.01", "maxLeverage": 40,
            "cumFunding": {"allTime": "1.0", "sinceOpen": "0.5", "sinceChange": "0.1"},
        },
    }  # fmt: skip


def _frames(random: Random) -> list[dict[str, Any]]:
    time_ms = TIME_MS + random.randrange(1000)
    context = {
        "funding": "0.0000125", "openInterest": "31000.5", "prevDayPx": "60000.0", "dayNtlVlm": "1e9", "premium": "-0.0003",
        "oraclePx": "61000.0", "markPx": "61001.5", "midPx": "61001.0", "impactPxs": ["61000.0", "61002.0"], "dayBaseVlm": "5.5",
    }  # fmt: skip
    summary = {"accountValue": "20000.5", "totalNtlPos": "30500.1", "totalRawUsd": "50500.6", "totalMarginUsed": "3050.01"}
    state = {
        "marginSummary": summary, "crossMarginSummary": summary, "crossMaintenanceMarginUsed": "381.2",
        "withdrawable": "16950.4", "assetPositions": [_position(random)], "time": time_ms,
    }  # fmt: skip
    trade = {
        "coin": "BTC", "side": "B", "px": "61000.0", "sz": "0.01", "time": time_ms, "hash": "0x0",
        "tid": random.randrange(10**15), "users": [USER, USER],
    }  # fmt: skip
    funding = {"time": time_ms, "coin": "BTC", "usdc": "-0.381250", "szi": "0.5", "fundingRate": "0.0000125", "nSamples": None}
    update = {
        "order": _order(random, 77, CLOID),
        "status": random.choice(("open", "filled", "canceled")),
        "statusTimestamp": time_ms,
    }
    answers = (
        {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"resting": {"oid": 77, "cloid": CLOID}}]}}},
        {
            "status": "ok",
            "response": {
                "type": "order",
                "data": {"statuses": [{"filled": {"totalSz": "0.01", "avgPx": "61000.5", "oid": 77}}]},
            },
        },
        {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"error": "Order has zero size."}]}}},
        {"status": "ok", "response": {"type": "cancel", "data": {"statuses": ["success"]}}},
        {"status": "err", "response": "User or API Wallet does not exist."},
    )
    return [
        {"channel": "bbo", "data": {"coin": "BTC", "time": time_ms, "bbo": [_level(random), _level(random)]}},
        {"channel": "bbo", "data": {"coin": "BTC", "time": time_ms, "bbo": [None, _level(random)]}},
        {
            "channel": "l2Book",
            "data": {"coin": "BTC", "time": time_ms, "levels": [[_level(random) for _ in range(5)] for _ in range(2)]},
        },
        {"channel": "trades", "data": [trade, {**trade, "side": "A", "tid": 5}]},
        {"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": context}},
        {"channel": "orderUpdates", "data": [update, {**update, "order": _order(random, 78, None)}]},
        {
            "channel": "userFills",
            "data": {"user": USER, "fills": [_fill(random, 77, CLOID), _fill(random, 79, None)], "isSnapshot": True},
        },
        {"channel": "userFundings", "data": {"user": USER, "fundings": [funding], "isSnapshot": False}},
        {"channel": "clearinghouseState", "data": {"dex": "", "user": USER, "clearinghouseState": state}},
        {
            "channel": "subscriptionResponse",
            "data": {"method": "subscribe", "subscription": {"type": random.choice(("bbo", "trades")), "coin": "BTC"}},
        },
        {
            "channel": "post",
            "data": {"id": 1, "response": {"type": "action", "payload": random.choice(answers)}},
        },
        {"channel": "post", "data": {"id": 1, "response": {"type": "error", "payload": "422 Unprocessable Entity"}}},
        {"channel": "error", "data": "Already subscribed"},
        {"channel": "pong"},
        {"channel": "allMids", "data": {"mids": {"BTC": "61000.0"}}},
    ]


def generated(seed: int = 1, rounds: int = 12) -> list[Frame]:
    """Return frames in the venue's shape."""
    random = Random(seed)
    return [_text_frame(frame) for _ in range(rounds) for frame in _frames(random)]


def recorded(folder: Path) -> list[Frame]:
    """Return recorded answers in the envelope of the channel that carries the same rows."""
    if not folder.is_dir():
        return []

    def body(name: str) -> Any:
        value = json.loads((folder / f"{name}.json").read_text())["response"]["body"]
        return json.loads(value) if isinstance(value, str) else value

    fills, book, state = body("userFills"), body("l2Book_dydx"), body("clearinghouseState")
    fundings = [{"time": row["time"], **row["delta"]} for row in body("userFunding_start_end")]
    updates = body("historicalOrders")
    frames = [{"channel": "userFills", "data": {"user": USER, "fills": fills[at : at + 3]}} for at in range(0, 60, 3)]
    frames += [{"channel": "userFundings", "data": {"user": USER, "fundings": [row]}} for row in fundings]
    frames += [{"channel": "orderUpdates", "data": [row]} for row in updates]
    frames.append({"channel": "l2Book", "data": book})
    frames.append({"channel": "clearinghouseState", "data": {"user": USER, "clearinghouseState": state}})
    return [_text_frame(frame) for frame in frames]
