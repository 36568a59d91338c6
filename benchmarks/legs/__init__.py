"""How far apart the two legs of a pair leave a whole node, against what it takes from a tick to one order."""

from benchmarks.ticks import ASSET, MARKET, ORDER_SIZE, VENUES

__all__ = ["ASSET", "MARKET", "ORDER_SIZE", "VENUES", "CLIENT", "HEDGING", "RESTING", "KINDS", "SINGLE", "TAKER", "MAKER"]

CLIENT = "legs"
RESTING, HEDGING = "paradex", "hyperliquid"
SINGLE, TAKER, MAKER = KINDS = ("single", "taker", "maker")
