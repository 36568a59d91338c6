"""The few messages the measuring venue speaks itself: ticks out, orders in, refusals back."""

import json
import time
from decimal import Decimal
from struct import Struct

from benchmarks.ticks import ASSET, MARKET

_SBE_HEADER, _SBE_BBO = Struct("<4H"), Struct("<6q")
_SUBSCRIPTIONS = {"hyperliquid": b'"type":"bbo"', "paradex": f'"bbo.{MARKET}"'.encode()}
_ORDERS = {"hyperliquid": b'"type":"order"', "paradex": b'"order.create"'}
_MARKET_DATA = (b'"channel":"bbo"', b'"channel":"l2Book"', b'"channel":"trades"', b'"channel":"activeAssetCtx"')


def is_subscription(venue: str, frame: bytes) -> bool:
    """Return whether a client asks for the best bid and offer, so that ticks go to this connection."""
    return _SUBSCRIPTIONS[venue] in frame


def is_order(venue: str, frame: bytes) -> bool:
    """Return whether a client places an order."""
    return _ORDERS[venue] in frame


def is_market_data(frame: bytes, is_text: bool) -> bool:
    """Return whether the simulator speaks of its market, which is kept from the clients."""
    return not is_text or any(word in frame for word in _MARKET_DATA)


def tick(venue: str, price: Decimal, number: int) -> tuple[bytes, bool]:
    """Return the frame of one quote and whether it is text; every one differs from the last."""
    bid, ask, size = price + number % 7, price + number % 7 + 1, Decimal("0.5") + Decimal(number % 9).scaleb(-3)
    if venue == "hyperliquid":
        sides = [{"px": str(side), "sz": str(size), "n": 3} for side in (bid, ask)]
        data = {"coin": ASSET, "time": time.time_ns() // 1_000_000, "bbo": sides}
        return json.dumps({"channel": "bbo", "data": data}, separators=(",", ":")).encode(), True
    values = (int(value.scaleb(8)) for value in (bid, size, ask, size))
    block = _SBE_BBO.pack(time.time_ns() // 1000, 7_687_292_570 + number, *values)
    return _SBE_HEADER.pack(_SBE_BBO.size, 2, 1, 1) + block + bytes([len(MARKET)]) + MARKET.encode(), False


def refusal(venue: str, order: bytes) -> bytes:
    """Return the venue's answer to an order: an immediate one that met no counterparty."""
    request = json.loads(order)
    if venue == "paradex":
        error = {"code": -32602, "message": "no counterparty"}
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode()
    statuses = [{"error": "Order could not immediately match against any resting orders."}]
    payload = {"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}}
    return json.dumps(
        {"channel": "post", "data": {"id": request["id"], "response": {"type": "action", "payload": payload}}}
    ).encode()
