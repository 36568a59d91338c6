"""Wire objects shared by the replies and the pushed frames."""

import hashlib
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from simulators.accounts import FillEffect
from simulators.candles import Candle
from simulators.hyperliquid.users import UserOrder
from simulators.market import Print

HOUSE_ADDRESS = "0x" + "0" * 38 + "01"
NO_HASH = "0x" + "0" * 64


def number(value: Decimal) -> str:
    """Return a decimal as the venue writes it: no exponent, no trailing zeros, always a point."""
    text = f"{value.normalize():f}" if value else "0"
    return text if "." in text else text + ".0"


def plain(value: Decimal) -> str:
    """Return a decimal without exponent or trailing zeros."""
    return f"{value.normalize():f}"


def usd(value: Decimal) -> str:
    """Return an amount of USDC with at most six decimals."""
    return number(value.quantize(Decimal("0.000001"), ROUND_HALF_EVEN))


def ratio(value: Decimal, places: int = 10) -> str:
    """Return a fraction with at most `places` decimals."""
    return number(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))


def side(is_buy: bool) -> str:
    """Return B (bid, buy) or A (ask, sell)."""
    return "B" if is_buy else "A"


def hash_of(value: int) -> str:
    """Return a transaction hash for an id."""
    return "0x" + hashlib.sha256(str(value).encode()).hexdigest()


def trade(coin: str, row: Print) -> dict[str, Any]:
    """Return a public trade; `side` is the taker's."""
    return {
        "coin": coin,
        "side": side(row.taker_is_buy),
        "px": number(row.price),
        "sz": number(row.size),
        "time": row.time_ms,
        "hash": hash_of(row.id),
        "tid": row.id,
        "users": [row.buyer or HOUSE_ADDRESS, row.seller or HOUSE_ADDRESS],
    }


def candle(coin: str, interval: str, bar: Candle) -> dict[str, Any]:
    """Return a bar; its end is inclusive."""
    return {
        "t": bar.start_ms,
        "T": bar.end_ms - 1,
        "s": coin,
        "i": interval,
        "o": number(bar.open),
        "c": number(bar.close),
        "h": number(bar.high),
        "l": number(bar.low),
        "v": number(bar.volume),
        "n": bar.trades,
    }


def order(item: UserOrder) -> dict[str, Any]:
    """Return an order as orderUpdates and openOrders show it; `sz` is what remains."""
    row = {
        "coin": item.coin,
        "side": side(item.is_buy),
        "limitPx": number(item.limit_price),
        "sz": number(item.remaining),
        "oid": item.oid,
        "timestamp": item.timestamp_ms,
        "origSz": number(item.size),
    }
    if item.reduce_only:
        row["reduceOnly"] = True
    return {**row, "cloid": item.cloid} if item.cloid else row


def frontend_order(item: UserOrder) -> dict[str, Any]:
    """Return an order with all its attributes."""
    trigger = item.trigger
    condition = f"Price {'above' if trigger.fires_above else 'below'} {plain(trigger.price)}" if trigger else "N/A"
    return {
        "coin": item.coin,
        "side": side(item.is_buy),
        "limitPx": number(item.limit_price),
        "sz": number(item.remaining),
        "oid": item.oid,
        "timestamp": item.timestamp_ms,
        "triggerCondition": condition,
        "isTrigger": trigger is not None,
        "triggerPx": number(trigger.price) if trigger else "0.0",
        "children": [],
        "isPositionTpsl": False,
        "reduceOnly": item.reduce_only,
        "orderType": item.kind,
        "origSz": number(item.size),
        "tif": None if trigger else item.tif,
        "cloid": item.cloid,
    }


def fill(
    item: UserOrder, row: Print, effect: FillEffect, crossed: bool, liquidation: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return one execution of a user's order; `liquidation` is shown to both sides of one."""
    return {
        "coin": item.coin,
        "px": number(row.price),
        "sz": number(row.size),
        "side": side(item.is_buy),
        "time": row.time_ms,
        "startPosition": number(effect.size_before),
        "dir": item.direction or direction(effect),
        "closedPnl": number(effect.realized_usd),
        "hash": hash_of(row.id),
        "oid": item.oid,
        "crossed": crossed,
        "fee": number(effect.fee_usd),
        "tid": row.id,
        **({"cloid": item.cloid} if item.cloid else {}),
        **({"liquidation": liquidation} if liquidation else {}),
        "feeToken": "USDC",
        "twapId": None,
    }


def direction(effect: FillEffect) -> str:
    """Return what a fill did to the position, in the venue's words."""
    before, after = effect.size_before, effect.size_after
    if before * after < 0:
        return "Long > Short" if before > 0 else "Short > Long"
    if abs(after) > abs(before):
        return "Open Long" if after > 0 else "Open Short"
    return "Close Long" if before > 0 else "Close Short"
