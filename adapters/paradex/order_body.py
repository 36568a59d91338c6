"""The signed body of an order as the venue takes it; pure, and without Nautilus."""

from typing import Any

from adapters.paradex.signing import OrderTerms, Signer


def order_body(
    terms: OrderTerms, signer: Signer, *, client_id: str, instruction: str, is_reduce_only: bool, recv_window_ms: int
) -> dict[str, Any]:
    """Return the signed body of an order of these terms; `instruction` is GTC, IOC, POST_ONLY or RPI."""
    body: dict[str, Any] = {
        "market": terms.market,
        "side": terms.side,
        "type": terms.kind,
        "size": str(terms.size),
        "instruction": instruction,
        "client_id": client_id,
        "recv_window": recv_window_ms,
        "signature_timestamp": terms.timestamp_ms,
        "signature": signer.sign(signer.order_hash(terms)),
    }
    if terms.kind != "MARKET":
        body["price"] = str(terms.price)
    if is_reduce_only:
        body["flags"] = ["REDUCE_ONLY"]
    return body
