"""Trades on the node's Paradex account as somebody else would: over HTTP, in another session."""

import time
from decimal import Decimal

from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.auth import Session, login_headers
from adapters.paradex.http import ParadexHttp
from adapters.paradex.order_body import order_body
from adapters.paradex.signing import OrderTerms, Signer
from adapters.transport.http import NautilusHttp


async def by_hand(ready, side: str, size: str, client_id: str = "by-hand", price: Decimal | None = None) -> ParadexAccountHttp:
    """Trade on the same account as somebody else would: over HTTP, in another session."""
    paradex = ready["paradex"]
    http = ParadexHttp(NautilusHttp(), paradex["http_url"])
    account = paradex["accounts"][0]
    chain = (await http.system_config()).starknet_chain_id
    signer = Signer(chain, account["l2_address"], account["l2_private_key"])
    session = Session(lambda: http.login(signer.public_key, login_headers(signer, int(time.time())), False), time.time)
    orders = ParadexAccountHttp(http, session)
    terms = OrderTerms(
        timestamp_ms=time.time_ns() // 1_000_000,
        market="BTC-USD-PERP",
        side=side,
        kind="MARKET" if price is None else "LIMIT",
        size=Decimal(size),
        price=price or Decimal(0),
    )
    body = order_body(terms, signer, client_id=client_id, instruction="GTC", is_reduce_only=False, recv_window_ms=5000)
    await orders.create_order(body)
    return orders
