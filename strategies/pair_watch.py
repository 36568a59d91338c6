"""Measures how far apart the two legs of a pair leave: from the first one's order or fill to the second one's order."""

from decimal import Decimal

from strategies.pair import PairMachine

_NS_PER_MS = 1_000_000


class PairWatch:
    """The longest gap of each pair that is under way; a clock that goes back counts as no gap."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int], int] = {}  # by pair and batch, when the first leg's order left
        self._filled: dict[str, int] = {}  # by pair, when a resting order filled that no hedge has answered
        self._gaps: dict[str, int] = {}

    def on_fill(self, machine: PairMachine, client_order_id: str, now_ns: int) -> None:
        """A fill was seen."""
        if machine.orders[client_order_id].request.post_only:
            self._filled.setdefault(machine.plan.pair_id, now_ns)

    def on_sent(self, machine: PairMachine, client_order_id: str, now_ns: int) -> None:
        """An order has left."""
        pair_id, record = machine.plan.pair_id, machine.orders[client_order_id]
        if record.request.post_only:
            return
        filled_ns = self._filled.pop(pair_id, None)
        first_ns = self._sent.setdefault((pair_id, record.batch), now_ns)
        began_ns = filled_ns if filled_ns is not None else first_ns
        if filled_ns is not None or first_ns != now_ns or self._is_second(machine, client_order_id):
            self._gaps[pair_id] = max(self._gaps.get(pair_id, 0), now_ns - began_ns)

    def take_gap_ms(self, machine: PairMachine) -> Decimal | None:
        """Return a pair's longest gap in milliseconds and forget the pair, None where there was none."""
        pair_id = machine.plan.pair_id
        self._filled.pop(pair_id, None)
        for key in [key for key in self._sent if key[0] == pair_id]:
            del self._sent[key]
        gap_ns = self._gaps.pop(pair_id, None)
        return None if gap_ns is None else Decimal(gap_ns) / _NS_PER_MS

    @staticmethod
    def _is_second(machine: PairMachine, client_order_id: str) -> bool:
        batch = machine.orders[client_order_id].batch
        return next(key for key, order in machine.orders.items() if order.batch == batch) != client_order_id
