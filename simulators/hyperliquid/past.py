"""Bars from before the start, so that a venue that has just begun has a history."""

import random
from decimal import Decimal

from simulators.candles import MINUTE_MS, Candle
from simulators.market import Market
from simulators.tape import Tape, TapeClock

MINUTES = 1440


def past_candles(market: Market, tape: Tape, clock: TapeClock, before_ms: int) -> list[Candle]:
    """Return the minutes that end at `before_ms`, oldest first, along the tape's prices."""
    dice = random.Random(f"past/{market.spec.symbol}")
    starts = range(before_ms - MINUTES * MINUTE_MS, before_ms, MINUTE_MS)
    bars: list[Candle] = []
    for start in starts:
        point = tape.at(clock.hours((start + MINUTE_MS) * 1_000_000), market.spec.symbol)
        close = market.round_price(point.oracle_usd * (1 + point.hyperliquid_premium), up=False)
        opening, tick = (bars[-1].close if bars else close), market.spec.tick(close)
        high = max(opening, close) + tick * dice.randint(0, 3)
        low = min(opening, close) - tick * dice.randint(0, 3)
        size = (Decimal(dice.randint(1_000, 90_000)) / close).quantize(market.spec.size_step)
        bars.append(Candle(start, start + MINUTE_MS, opening, high, low, close, size, dice.randint(1, 60)))
    return bars
