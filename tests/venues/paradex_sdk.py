"""The unchanged official client, set up for a simulated venue; importing it costs seconds."""

import time
from collections.abc import Callable
from decimal import Decimal

import paradex_py
import pytest
from paradex_py.api.protocols import DefaultRetryStrategy
from paradex_py.common.order import Order, OrderSide, OrderType

BTC, ETH = "BTC-USD-PERP", "ETH-USD-PERP"
buy, sell, limit, market = OrderSide.Buy, OrderSide.Sell, OrderType.Limit, OrderType.Market
order = Order
__all__ = ["BTC", "ETH", "DefaultRetryStrategy", "buy", "client", "limit", "market", "order", "price", "sell", "until"]


def until(look: Callable[[], object], secs: float = 5.0) -> object:
    """Ask again until the answer is true; fail when it never is."""
    end = time.monotonic() + secs
    while not (found := look()):
        if time.monotonic() > end:
            pytest.fail("the venue never got there")
        time.sleep(0.02)
    return found


def client(ready, name="trader", **options):
    account = next(account for account in ready["accounts"] if account["name"] == name)
    options = {"l1_private_key": account["l1_private_key"], "retry_strategy": None, **options}
    return paradex_py.Paradex(
        env="testnet",
        l1_address=account["l1_address"],
        api_base_url=ready["http_url"],
        ws_url_override=ready["ws_url"],
        **options,
    )


def price(api, bps, symbol=BTC):
    bid = Decimal(api.fetch_bbo(symbol)["bid"])
    return (bid * (1 + Decimal(bps) / 10_000)).quantize(Decimal("0.1"))
