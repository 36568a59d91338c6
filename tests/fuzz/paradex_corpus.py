"""Frames of every Paradex channel, as JSON and as SBE: generated ones, and recorded ones where they are at hand."""

import base64
import json
from pathlib import Path
from random import Random
from struct import pack
from typing import Any

from tests.fuzz.mutate import Frame

MARKET = "BTC-USD-PERP"
TIME_MS = 1_789_999_999_000
CLIENT_ID, ORDER_ID = "O-20261125-1", "1767225600001709207120000"
NULL = -(1 << 63)


def _push(channel: str, data: dict[str, Any]) -> Frame:
    params = {"channel": channel, "data": data}
    return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}, separators=(",", ":")).encode(), True


def _number(random: Random, low: int, high: int, decimals: int) -> str:
    return f"{random.randrange(low, high) / 10**decimals:.{decimals}f}"


def _price(random: Random) -> str:
    return _number(random, 500_000, 999_999, 1)


def _size(random: Random) -> str:
    return _number(random, 1, 100_000, 5)


def _json_frames(random: Random) -> list[Frame]:
    ms = TIME_MS + random.randrange(1000)
    order = {
        "id": ORDER_ID, "account": "0x1", "market": MARKET, "side": "BUY", "type": "LIMIT", "size": "0.5",
        "remaining_size": "0.5", "price": _price(random), "status": random.choice(("NEW", "OPEN", "CLOSED")),
        "instruction": "GTC", "client_id": CLIENT_ID, "cancel_reason": "", "avg_fill_price": "", "flags": [],
        "created_at": ms, "last_updated_at": ms, "seq_no": random.randrange(9),
    }  # fmt: skip
    fill = {
        "id": f"{ms}01", "market": MARKET, "order_id": ORDER_ID, "client_id": CLIENT_ID, "side": "BUY", "liquidity": "TAKER",
        "price": _price(random), "size": "0.1", "remaining_size": "0.4", "fee": "0.02", "fee_currency": "USDC",
        "fill_type": "FILL", "realized_pnl": "0", "realized_funding": "-0.5", "created_at": ms,
    }  # fmt: skip
    position = {
        "id": "p", "market": MARKET, "status": "OPEN", "side": "SHORT", "size": f"-{_size(random)}",
        "average_entry_price": _price(random), "unrealized_pnl": "-1.5", "unrealized_funding_pnl": "0.25",
        "cached_funding_index": "1000.5", "liquidation_price": "", "last_updated_at": ms, "seq_no": 5,
    }  # fmt: skip
    account = {
        "account": "0x1", "account_value": _number(random, 10**7, 3 * 10**7, 3), "free_collateral": "15000.5",
        "initial_margin_requirement": "500", "maintenance_margin_requirement": "250", "status": "ACTIVE", "seq_no": 7,
        "updated_at": ms, "settlement_asset": "USDC",
    }  # fmt: skip
    entry = {"side": "BUY", "price": _price(random), "size": _size(random)}
    book = {"seq_no": 10, "market": MARKET, "last_updated_at": ms, "update_type": "s", "updates": [], "deletes": []}
    rows = [{**entry, "price": _price(random)} for _ in range(3)] + [{**entry, "side": "SELL", "price": _price(random)}]
    funding = {
        "market": MARKET, "funding_index": "1000.5", "funding_premium": "-3.1", "funding_rate": "0.0001",
        "funding_rate_8h": "0.0001", "funding_period_hours": 8, "created_at": ms,
    }  # fmt: skip
    summary = {
        "symbol": MARKET, "mark_price": _price(random), "underlying_price": _price(random), "last_traded_price": "",
        "open_interest": "5.5", "funding_rate": "0.0001", "created_at": ms,
    }  # fmt: skip
    quote = {
        "market": MARKET, "seq_no": 9, "bid": _price(random), "bid_size": _size(random), "ask": _price(random),
        "ask_size": _size(random), "last_updated_at": ms,
    }  # fmt: skip
    trade = {"id": f"{ms}7", "market": MARKET, "side": "SELL", "size": _size(random), "price": _price(random), "created_at": ms}
    balance = {"market": MARKET, "fill_id": "1", "settlement_asset_balance_after": "19999.5", "created_at": ms}
    payment = {"id": f"{ms}", "market": MARKET, "payment": "-0.5", "index": "1000.5", "fill_id": "1", "created_at": ms}
    return [
        _push(f"bbo.{MARKET}", quote),
        _push(f"bbo.{MARKET}", {**quote, "bid": "", "bid_size": ""}),
        _push(f"order_book.{MARKET}.deltas", {**book, "inserts": rows}),
        _push(f"order_book.{MARKET}.deltas", {**book, "update_type": "d", "seq_no": 11, "inserts": [], "updates": rows[:1]}),
        _push(f"trades.{MARKET}", trade),
        _push("markets_summary", summary),
        _push(f"funding_data.{MARKET}", funding),
        _push("orders.ALL", order),
        _push("fills.ALL", fill),
        _push("positions", position),
        _push("account", account),
        _push("balance_events", balance),
        _push(f"funding_payments.{MARKET}", payment),
        _push("tradebusts", {"busted_fill_id": "5", "created_at": ms}),
        (b'{"jsonrpc":"2.0","id":5,"result":{"order":' + json.dumps(order).encode() + b"}}\n", True),
        (b'{"jsonrpc":"2.0","id":6,"error":{"code":-32602,"message":"invalid","data":"x"}}', True),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}\n{"jsonrpc":"2.0","id":2,"result":{"channel":"account"}}\n', True),
    ]


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def _sbe(template: int, block: bytes, *names: str, groups: bytes = b"") -> Frame:
    return pack("<4H", len(block), template, 1, 1) + block + groups + b"".join(map(_text, names)), False


def _e8(random: Random, low: int, high: int) -> int:
    return random.randrange(low, high) * 10**3


def _sbe_frames(random: Random) -> list[Frame]:
    us = (TIME_MS + random.randrange(1000)) * 1000
    price, size = (lambda: _e8(random, 5 * 10**9, 10**10)), (lambda: _e8(random, 1, 10**6))
    account = b"\x01" * 32
    levels = pack("<2H", 16, 3) + b"".join(pack("<2q", price(), size()) for _ in range(3))
    book = pack("<qqB", us, 10, 0) + pack("<9q", *[NULL] * 9)
    delta = pack("<qqB", us, 11, 1) + pack("<9q", *[NULL] * 9)
    one = pack("<2H", 16, 1) + pack("<2q", price(), 0) + pack("<2H", 16, 0)
    order = (
        pack("<qqBBBBqqqqqqq", us, 5, 3, 1, 1, 1, price(), NULL, size(), size(), NULL, us, us)
        + account
        + pack("<qqBB", 0, 0, 0, 0)
    )
    fill = pack("<qqBBBqqqqq", us, 5, 1, 1, 2, price(), size(), 10**6, NULL, us) + account + pack("<qq", 0, -(10**7))
    position = pack("<qqB8q", us, 5, 2, size(), price(), 0, 0, 0, 0, 0, us) + account + pack("<5qB", 0, 0, 0, 10**11, 10**7, 1)
    wallet = pack("<9q", us, 5, 0, 10**12, 10**10, 10**10, 2 * 10**12, 0, us) + account + pack("<qB", 0, 1)
    return [
        _sbe(1, pack("<qqqBqqqB", us, 5, random.randrange(10**9), 1, price(), size(), us, 1), MARKET, f"{us}7"),
        _sbe(2, pack("<6q", us, 9, price(), size(), price(), size()), MARKET),
        _sbe(2, pack("<6q", us, 9, NULL, NULL, price(), size()), MARKET),
        _sbe(3, book, MARKET, groups=levels + levels),
        _sbe(3, delta, MARKET, groups=one),
        _sbe(4, pack("<27q", us, 0, *[price() for _ in range(25)]), MARKET),
        _sbe(5, pack("<7qh", us, 5, 10**4, 10**11, us, -(10**8), 10**4, 8), MARKET),
        _sbe(20, order, ORDER_ID, CLIENT_ID, MARKET, ""),
        _sbe(21, fill, f"{us}", ORDER_ID, CLIENT_ID, "", MARKET, "USDC"),
        _sbe(22, position, MARKET, ""),
        _sbe(23, wallet),
        _sbe(40, pack("<q", us)),
    ]


def generated(seed: int = 1, rounds: int = 12) -> list[Frame]:
    """Return frames in the venue's shape."""
    random = Random(seed)
    return [frame for _ in range(rounds) for frame in (*_json_frames(random), *_sbe_frames(random))]


def recorded(folder: Path) -> list[Frame]:
    """Return real frames of production."""
    frames = []
    for file in sorted(folder.glob("sbe_*.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            frames.append((row["text"].encode(), True) if row["opcode"] == "text" else (base64.b64decode(row["b64"]), False))
    frames += [(file.read_bytes(), True) for file in sorted(folder.glob("ws_*.json"))]
    return frames
