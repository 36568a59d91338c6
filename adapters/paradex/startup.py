"""Keeps what happens at the venue during the start from being counted twice.

A start reads positions and hands them to Nautilus, which makes up the trades that explain them. A
fill that arrives meanwhile is either in the positions read or not, and only the venue's own times can
tell. Until Nautilus has taken the positions everything is held back; then what they already contain
is dropped and the rest is told.
"""

from collections.abc import Iterable

from adapters.paradex.schemas import Fill, Order, Position, TradeBust

type Held = Order | Fill | TradeBust


class StartGate:
    """Closed until `open`; `offset_ms` is the venue's clock less ours."""

    def __init__(self) -> None:
        self.is_open = False
        self.offset_ms = 0
        self._held: list[Held] = []
        self._read_ms: dict[str, int] = {}  # market -> until when its position was read
        self._flat_ms: int | None = None  # until when every other market was known to be flat

    def hold(self, item: Held) -> None:
        """Keep a message for later."""
        self._held.append(item)

    def on_positions(self, positions: Iterable[Position], asked_ms: int) -> None:
        """Take the positions that Nautilus is being told, asked for at `asked_ms` of our clock."""
        if self.is_open:
            return
        self._read_ms = {position.market: position.last_updated_at for position in positions}
        self._flat_ms = asked_ms + self.offset_ms

    def open(self) -> tuple[list[Held], list[Held]]:
        """Open for good; return what the positions already contain and what is still to be told, in their order."""
        self.is_open = True
        contained: list[Held] = []
        news: list[Held] = []
        for item in self._held:
            (contained if self._is_contained(item) else news).append(item)
        self._held = []
        return contained, news

    def _is_contained(self, item: Held) -> bool:
        if self._flat_ms is None:
            return False
        if isinstance(item, TradeBust):
            return item.created_at <= self._flat_ms
        if isinstance(item, Order) and item.status != "CLOSED":
            return False  # it is still at work, and not in any position
        at_ms = item.last_updated_at if isinstance(item, Order) else item.created_at
        return at_ms <= self._read_ms.get(item.market, self._flat_ms)
