"""From a tick to the order it causes: through a whole node, and without Nautilus, side by side."""

from decimal import Decimal

VENUES = ("hyperliquid", "paradex")
FLOOR, NODE, GATED, PLANNED = "floor", "node", "gated", "planned"
CLIENTS = (FLOOR, NODE, GATED, PLANNED)
ASSET = "BTC"
MARKET = "BTC-USD-PERP"
ORDER_SIZE = Decimal("0.001")
