"""The account as it is streamed: Nautilus' account state, AccountHealth and FundingPayment messages."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from adapters.hyperliquid import reports
from adapters.hyperliquid.margin import Tier
from adapters.hyperliquid.schemas import ClearinghouseState, FundingRow, SpotState
from messages import AccountHealth, FundingPayment

_STATE_EVERY_MS = 10_000  # Nautilus keeps every account state; prices alone need not make one a second


class AccountChannel:
    """Turns what the venue says of the account into events, each payment once.

    `emit_state` makes Nautilus' account event; `publish_*` put a message on the bus. `tiers` gives
    the margin tiers by coin.
    """

    def __init__(
        self,
        *,
        emit_state: Callable[[ClearinghouseState], None],
        publish_health: Callable[[AccountHealth], None],
        publish_payment: Callable[[FundingPayment], None],
        tiers: Callable[[], Mapping[str, Sequence[Tier]]],
        now_ns: Callable[[], int],
    ) -> None:
        self._emit_state, self._publish_health, self._publish_payment = emit_state, publish_health, publish_payment
        self._tiers, self._now_ns = tiers, now_ns
        self._since_ms = 0
        self._payment_ids: set[tuple[int, str]] = set()
        self._last_state: tuple[object, ...] | None = None
        self._last_state_ms = 0
        self._last_venue_ms = 0
        self.spot: dict[str, str] = {}

    @property
    def funding_since_ms(self) -> int:
        """From when payments have to be asked for: all older ones are known."""
        return max((time_ms for time_ms, _ in self._payment_ids), default=self._since_ms)

    def start(self, since_ms: int) -> None:
        """Begin: payments up to `since_ms` (the venue's clock) are in the balance already and are not told."""
        if self._since_ms == 0:
            self._since_ms = since_ms

    def state(self, state: ClearinghouseState) -> None:
        """Take in a snapshot or a streamed state; one older than the last is dropped."""
        if state.time and state.time < self._last_venue_ms:
            return
        self._last_venue_ms = state.time
        now_ns = self._now_ns()
        health = reports.account_health(state, now_ns, self._tiers())
        marks = (health.cash_usd, tuple((held.instrument_id, held.quantity) for held in health.positions))
        if marks != self._last_state or now_ns // 1_000_000 - self._last_state_ms >= _STATE_EVERY_MS:
            self._last_state, self._last_state_ms = marks, now_ns // 1_000_000
            self._emit_state(state)
        self._publish_health(health)

    def take_spot(self, state: SpotState) -> None:
        """Take in the spot balances: no margin here, but shown with the account."""
        self.spot = {f"spot_{balance.coin}": str(balance.total) for balance in state.balances}

    def funding(self, rows: Iterable[FundingRow]) -> None:
        """Take in payments, streamed or read."""
        for row in sorted(rows, key=lambda row: row.time):
            key = (row.time, row.coin)
            if row.time > self._since_ms and key not in self._payment_ids:
                self._payment_ids.add(key)
                self._publish_payment(reports.funding_payment(row))
