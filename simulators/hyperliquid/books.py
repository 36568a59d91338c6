"""Order books as the venue publishes them: whole, aggregated to significant figures, or the best prices alone."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from simulators.hyperliquid.frames import number
from simulators.market import Market

WHOLE_DEPTH = 1000
Level = tuple[Decimal, Decimal, int]  # price, size, number of orders


def is_aggregation(figures: Any, mantissa: Any) -> bool:
    """Whether a book can be aggregated so: 2 to 5 figures, and a mantissa of 1, 2 or 5 with five of them."""
    if figures is None:
        return mantissa is None
    return type(figures) is int and 2 <= figures <= 5 and (mantissa is None or (figures == 5 and mantissa in (1, 2, 5)))


def book(
    coin: str, market: Market, now_ms: int, depth: int = 20, *, figures: int | None = None, mantissa: int | None = None
) -> dict[str, Any]:
    """Return an order book, bids and asks, best first; an aggregated one tells the spread."""
    sides = [_levels(market, is_buy, depth, figures, mantissa) for is_buy in (True, False)]
    shown = {"coin": coin, "time": now_ms, "levels": [[_level(level) for level in side] for side in sides]}
    if figures is None or not all(sides):
        return shown
    return {**shown, "spread": number(sides[1][0][0] - sides[0][0][0])}


def best(coin: str, market: Market, now_ms: int) -> dict[str, Any]:
    """Return the best bid and ask, null where a side is empty."""
    sides = [market.book.levels(is_buy, 1) for is_buy in (True, False)]
    return {"coin": coin, "time": now_ms, "bbo": [_level(side[0]) if side else None for side in sides]}


def _levels(market: Market, is_buy: bool, depth: int, figures: int | None, mantissa: int | None) -> list[Level]:
    if figures is None:
        return market.book.levels(is_buy, depth)
    merged: dict[Decimal, Level] = {}
    for price, size, count in market.book.levels(is_buy, WHOLE_DEPTH):
        at = _rounded(market, price, is_buy, figures, mantissa or 1)
        _, size_before, count_before = merged.get(at, (at, Decimal(0), 0))
        merged[at] = (at, size_before + size, count_before + count)
    return list(merged.values())[:depth]


def _rounded(market: Market, price: Decimal, is_buy: bool, figures: int, mantissa: int) -> Decimal:
    """Return a bid rounded down, an ask rounded up, to the figures asked for and never finer than the tick."""
    step = max(Decimal(1).scaleb(price.adjusted() - figures + 1) * mantissa, market.spec.tick(price))
    return (price / step).to_integral_value(ROUND_FLOOR if is_buy else ROUND_CEILING) * step


def _level(level: Level) -> dict[str, Any]:
    price, size, count = level
    return {"px": number(price), "sz": number(size), "n": count}
