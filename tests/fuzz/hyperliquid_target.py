"""What a Hyperliquid frame goes through on its way: stream, parsing, the account and the orders, without any I/O."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from adapters.hyperliquid import parsing
from adapters.hyperliquid.account import AccountChannel
from adapters.hyperliquid.http import read_action_answer
from adapters.hyperliquid.orders import OrderIndex, TrackedOrder
from adapters.hyperliquid.schemas import (
    AssetContextFrame,
    BboFrame,
    BookFrame,
    ClearinghouseFrame,
    OrderUpdatesFrame,
    PerpMeta,
    PostFrame,
    TradesFrame,
    UserFillsFrame,
    UserFundingsFrame,
)
from adapters.hyperliquid.stream import HyperliquidStream
from tests.fuzz import hyperliquid_corpus as corpus
from tests.fuzz.campaign import contents
from tests.fuzz.mutate import Frame

NOW_NS = 1_790_000_000_000_000_000
BTC = parsing.instrument(
    PerpMeta(name="BTC", sz_decimals=5, max_leverage=40), 0, maker_fee=Decimal(0), taker_fee=Decimal(0), ts_ns=0
)
STREAMS: tuple[dict[str, Any], ...] = (
    *({"type": name, "coin": "BTC"} for name in ("bbo", "l2Book", "trades", "activeAssetCtx")),
    *({"type": name, "user": corpus.USER} for name in ("orderUpdates", "userFills", "userFundings", "clearinghouseState")),
)


def frames(shared: Path | None) -> list[Frame]:
    """Return the corpus."""
    return corpus.generated() + ([] if shared is None else corpus.recorded(shared / "raw/hyperliquid"))


def closing_frames() -> list[Frame]:
    """Return good snapshots of everything, after which no trace of the past may be left in what is told."""
    return corpus.generated(seed=99, rounds=1)


class HyperliquidTarget:
    """One connection's worth of state."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.stream, self.orders = HyperliquidStream(), OrderIndex()
        for subscription in STREAMS:
            self.stream.subscribe(dict(subscription), NOW_NS)
        self.order = TrackedOrder(
            client_order_id="O-1",
            cloid=corpus.CLOID,
            coin="BTC",
            quantity=Decimal("0.5"),
            price=Decimal(61000),
            is_ioc=False,
            created_ms=corpus.TIME_MS,
        )
        self.orders.add(self.order)
        self.account = AccountChannel(
            emit_state=self.told.append,
            publish_health=self.told.append,
            publish_payment=self.told.append,
            tiers=lambda: {"BTC": parsing.margin_tiers(BTC)},
            now_ns=lambda: NOW_NS,
        )

    def feed(self, frame: bytes, is_text: bool) -> bool:
        """Take in a frame and return whether it meant anything; raises as the adapter does."""
        struct = self.stream.receive(frame, NOW_NS + 1)
        if struct is None:
            return False
        handler = _HANDLERS.get(type(struct))
        if handler is not None:
            handler(self, struct.data)
        return True

    def state(self) -> Any:
        """Return all that a frame may have changed."""
        return [contents(part) for part in (self.stream, self.order, self.account)] + [self.orders.find(77, None) is self.order]

    def _on_bbo(self, data: Any) -> None:
        self.told.append(parsing.quote(data, BTC, NOW_NS))

    def _on_book(self, data: Any) -> None:
        self.told.append(parsing.book_snapshot(data, BTC, NOW_NS))

    def _on_trades(self, data: Any) -> None:
        self.told.extend([parsing.trade(trade, BTC, NOW_NS) for trade in data])

    def _on_context(self, data: Any) -> None:
        made = (
            parsing.mark_price(data.ctx, BTC, NOW_NS),
            parsing.index_price(data.ctx, BTC, NOW_NS),
            parsing.funding_rate(data.ctx, BTC, next_funding_ns=NOW_NS, ts_init=NOW_NS),
        )
        self.told.extend(made)

    def _on_updates(self, data: Any) -> None:
        for update in data:
            order = self.orders.find(update.order.oid, update.order.cloid)
            if order is not None:
                self.told.extend(order.update(update))
                self.orders.note_oid(order)

    def _on_fills(self, data: Any) -> None:
        for fill in data.fills:
            order = self.orders.find(fill.oid, fill.cloid)
            if order is not None:
                self.told.extend(order.fill(fill))

    def _on_post(self, data: Any) -> None:
        if data.response.type == "action":
            for item in read_action_answer(bytes(data.response.payload), 1):
                self.told.extend(self.order.answer(item, corpus.TIME_MS))

    def _on_account(self, data: Any) -> None:
        self.account.state(data.clearinghouse_state)

    def _on_funding(self, data: Any) -> None:
        self.account.funding(data.fundings)


_HANDLERS: dict[type[msgspec.Struct], Any] = {
    BboFrame: HyperliquidTarget._on_bbo,
    BookFrame: HyperliquidTarget._on_book,
    TradesFrame: HyperliquidTarget._on_trades,
    AssetContextFrame: HyperliquidTarget._on_context,
    OrderUpdatesFrame: HyperliquidTarget._on_updates,
    UserFillsFrame: HyperliquidTarget._on_fills,
    PostFrame: HyperliquidTarget._on_post,
    ClearinghouseFrame: HyperliquidTarget._on_account,
    UserFundingsFrame: HyperliquidTarget._on_funding,
}
