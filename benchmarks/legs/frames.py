"""The messages in which the measuring venue accepts, fills and ends a resting order on Paradex."""

import json
import time
from typing import Any

from benchmarks.legs import MARKET


def order_of(frame: bytes) -> tuple[int, dict[str, Any]]:
    """Return the number and the order of a request to place one."""
    request = json.loads(frame)
    params = request["params"]
    return request["id"], params


def is_resting(frame: bytes) -> bool:
    """Return whether an order is to rest."""
    return b'"POST_ONLY"' in frame


def accepted(number: int, order: dict[str, Any], order_id: str) -> bytes:
    """Return the venue's answer to an order that rests."""
    return json.dumps(
        {"jsonrpc": "2.0", "id": number, "result": {"order": _order(order, order_id, "OPEN", order["size"])}}
    ).encode()


def filled(order: dict[str, Any], order_id: str) -> bytes:
    """Return the news of a fill of the whole order."""
    fill = {
        "id": f"F{order_id}",
        "account": "0x1",
        "market": MARKET,
        "order_id": order_id,
        "client_id": order["client_id"],
        "side": order["side"],
        "liquidity": "MAKER",
        "price": order["price"],
        "size": order["size"],
        "remaining_size": "0",
        "fee": "0",
        "fee_currency": "USDC",
        "fill_type": "FILL",
        "flags": [],
        "realized_pnl": "0",
        "realized_funding": "0",
        "created_at": time.time_ns() // 1_000_000,
    }
    return _push(f"fills.{MARKET}", fill)


def closed(order: dict[str, Any], order_id: str) -> bytes:
    """Return the news of the order's end."""
    return _push(f"orders.{MARKET}", _order(order, order_id, "CLOSED", "0"))


def _push(channel: str, data: dict[str, Any]) -> bytes:
    message = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}
    return json.dumps(message, separators=(",", ":")).encode()


def _order(order: dict[str, Any], order_id: str, status: str, remaining: str) -> dict[str, Any]:
    now_ms = time.time_ns() // 1_000_000
    return {
        "id": order_id,
        "account": "0x1",
        "market": MARKET,
        "side": order["side"],
        "type": "LIMIT",
        "size": order["size"],
        "remaining_size": remaining,
        "price": order["price"],
        "status": status,
        "instruction": "POST_ONLY",
        "cancel_reason": "",
        "client_id": order["client_id"],
        "created_at": now_ms,
        "last_updated_at": now_ms,
        "seq_no": now_ms,
    }
