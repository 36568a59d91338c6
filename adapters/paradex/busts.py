"""Turns a trade bust into the opposite of the fill it reverts.

A bust takes a fill back minutes after it was made, fee included. Nautilus keeps what it was told, so
the fill is followed by its mirror image: same price and size, other side, fee returned. Position,
commissions and every reader of fills are then as if it had never been.
"""

from collections import OrderedDict

import msgspec

from adapters.paradex.schemas import Fill, TradeBust

_KEPT = 2000
_OTHER_SIDE = {"BUY": "SELL", "SELL": "BUY"}
_PREFIX = "BUST-"


def reversal(fill: Fill, bust: TradeBust) -> Fill:
    """Return the fill that undoes `fill`, under an order of its own."""
    return msgspec.structs.replace(
        fill,
        id=f"{_PREFIX}{fill.id}",
        order_id=f"{_PREFIX}{fill.id}",
        client_id=None,
        side=_OTHER_SIDE[fill.side],
        remaining_size=None,
        fee=None if fill.fee is None else -fill.fee,
        realized_pnl=None,
        realized_funding=None,  # what becomes of it comes as a payment of its own
        created_at=max(bust.created_at, fill.created_at),
    )


class BustBook:
    """Remembers recent fills and the busts already answered."""

    def __init__(self) -> None:
        self._fills: OrderedDict[str, Fill] = OrderedDict()
        self._busted: set[str] = set()

    def remember(self, fill: Fill) -> None:
        """Keep a fill in case it is taken back."""
        self._fills[fill.id] = fill
        if len(self._fills) > _KEPT:
            self._fills.popitem(last=False)

    def is_news(self, bust: TradeBust) -> bool:
        """Return whether a bust is heard of for the first time, and mark it as heard."""
        if bust.busted_fill_id is None or bust.busted_fill_id in self._busted:
            return False
        self._busted.add(bust.busted_fill_id)
        return True

    def fill_of(self, bust: TradeBust) -> Fill | None:
        """Return the fill a bust reverts, None where it was never seen."""
        return self._fills.get(bust.busted_fill_id or "")
