"""What may be subscribed to without the venue closing the socket over it; pure."""

from collections.abc import Mapping
from typing import Final

from adapters.hyperliquid.stream import Subscription

FAST_LEVELS: Final = 5  # of the book that comes twice a second; the other has 20 and comes every 5 s


def book(params: Mapping[str, object], *, is_fast: bool) -> Subscription | str:
    """Return a book subscription without its coin, or why the venue would not take it.

    `params` are those of the strategy's subscription: `fast` overrides `is_fast`; `n_sig_figs`
    (2 to 5) joins levels to fewer figures and `mantissa` (2 or 5, only with 5 figures) further.
    Joined books are never fast.
    """
    figures, mantissa = params.get("n_sig_figs"), params.get("mantissa")
    if figures is None and mantissa is None:
        return {"type": "l2Book", "fast": True} if params.get("fast", is_fast) else {"type": "l2Book"}
    if figures not in (2, 3, 4, 5):
        return f"n_sig_figs must lie between 2 and 5, was {figures!r}"
    if mantissa is not None and (figures != 5 or mantissa not in (2, 5)):
        return f"mantissa must be 2 or 5 and needs n_sig_figs 5, was {mantissa!r} with {figures!r}"
    joined: Subscription = {"type": "l2Book", "nSigFigs": figures}
    return joined if mantissa is None else {**joined, "mantissa": mantissa}
