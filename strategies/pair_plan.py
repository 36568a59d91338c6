"""What a pair is asked to do, what it hears and what it answers: the values of the pair's state machine."""

from decimal import Decimal

import msgspec

from messages import Intent, LegState, Outcome, Side
from strategies.sizing import ZERO, LegRules

MAX_CLIENT_ORDER_ID_LENGTH = 36
OVER = (LegState.FILLED, LegState.CANCELED, LegState.REJECTED)


class LegPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One leg: `direction` is BUY for a long position; `held` and `target` are sizes in base units.

    `reference_price_usd` is the best price at planning time on the side that the leg takes.
    """

    venue: str
    instrument_id: str
    direction: Side
    held: Decimal
    target: Decimal
    reference_price_usd: Decimal
    rules: LegRules


class PairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done: OPEN raises both legs from `held` to `target`, CLOSE reduces them to it.

    `pair_id` is never used again: it carries the time at which it was planned.
    """

    pair_id: str
    asset: str
    intent: Intent
    legs: tuple[LegPlan, LegPlan]

    def __post_init__(self) -> None:
        if len(self.pair_id) + 4 > MAX_CLIENT_ORDER_ID_LENGTH or not all(c.isalnum() or c == "-" for c in self.pair_id):
            raise ValueError(
                f"pair id {self.pair_id!r} leaves no room for a client order id or has other characters than A-Za-z0-9-"
            )
        for leg in self.legs:
            grows = leg.target > leg.held
            if min(leg.held, leg.target) < 0 or (grows and self.intent is Intent.CLOSE):
                raise ValueError(f"{self.pair_id}: {self.intent} cannot take {leg.instrument_id} from {leg.held} to {leg.target}")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How hard a pair tries: slippages in bps, durations in wall nanoseconds.

    `max_slippage_bps` bounds the first orders; each retry of an opening adds `retry_slippage_bps` to
    it, against the plan's own prices. Reducing orders take the market of the moment and allow
    `reduce_slippage_bps` more with each attempt, up to `reduce_slippage_bps_max`.
    """

    max_slippage_bps: Decimal
    retry_slippage_bps: Decimal = Decimal(5)
    max_retries: int = 2
    reduce_slippage_bps: Decimal = Decimal(20)
    reduce_slippage_bps_max: Decimal = Decimal(100)
    max_reductions: int = 8
    reduce_delay_ns: int = 500_000_000
    in_doubt_after_ns: int = 3_000_000_000


class Accepted(msgspec.Struct, frozen=True):
    """The venue has the order."""

    client_order_id: str


class Filled(msgspec.Struct, frozen=True):
    """Part of an order traded; `trade_id` is the venue's and is counted once."""

    client_order_id: str
    trade_id: str
    quantity: Decimal
    price_usd: Decimal


class Canceled(msgspec.Struct, frozen=True):
    """The order is over; `filled` is what it filled in all, as far as the sender knows."""

    client_order_id: str
    filled: Decimal = ZERO


class Rejected(msgspec.Struct, frozen=True):
    """The order was refused, by us, by a rule or by the venue."""

    client_order_id: str
    reason: str


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


type Event = Accepted | Filled | Canceled | Rejected | Tick


class LegRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order to send: a limit `slippage_bps` beyond `reference_price_usd`, or beyond the market if that is None."""

    leg: int
    client_order_id: str
    side: Side
    quantity: Decimal
    reference_price_usd: Decimal | None
    slippage_bps: Decimal
    reduce_only: bool


class Submit(msgspec.Struct, frozen=True):
    """Send these orders, all at once."""

    requests: tuple[LegRequest, ...]


class Cancel(msgspec.Struct, frozen=True):
    """Cancel an order that should have ended by itself."""

    client_order_id: str


class Doubt(msgspec.Struct, frozen=True):
    """An order has not been heard of for too long; it is waited for, and a person should know."""

    client_order_id: str


class Done(msgspec.Struct, frozen=True):
    """The pair order is over."""

    outcome: Outcome
    reason: str


type Action = Submit | Cancel | Doubt | Done


class OrderRecord:
    """One order that was asked for and what is known of it."""

    def __init__(self, request: LegRequest, sent_ns: int) -> None:
        self.request, self.sent_ns = request, sent_ns
        self.state, self.reason = LegState.PENDING, ""
        self._by_trades = self._cost_usd = self._told = ZERO
        self._trade_ids: set[str] = set()

    @property
    def filled(self) -> Decimal:
        """What has traded: the sum of its fills, or what the venue told at its end if that is more."""
        return max(self._by_trades, self._told)

    @property
    def average_price_usd(self) -> Decimal | None:
        """The average price of the fills seen."""
        return self._cost_usd / self._by_trades if self._by_trades else None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.state in OVER

    def accept(self) -> None:
        """The venue has it; says nothing new of an order that has already traded or ended."""
        if self.state in (LegState.PENDING, LegState.IN_DOUBT):
            self.state = LegState.PARTIALLY_FILLED if self.filled else LegState.ACTIVE

    def fill(self, event: Filled) -> None:
        """Count a trade, once; one that arrives after the end still counts."""
        if event.trade_id in self._trade_ids:
            return
        self._trade_ids.add(event.trade_id)
        self._by_trades += event.quantity
        self._cost_usd += event.quantity * event.price_usd
        if self.filled >= self.request.quantity:
            self.state = LegState.FILLED
        elif not self.is_over:
            self.state = LegState.PARTIALLY_FILLED

    def end(self, state: LegState, told: Decimal, reason: str) -> None:
        """The order is over; the first end counts, the filled quantity may still rise."""
        self._told = max(self._told, told)
        if not self.is_over:
            self.state, self.reason = state, reason
