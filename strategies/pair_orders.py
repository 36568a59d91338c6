"""What a pair hears and what it answers, and what is known of each of its orders."""

from decimal import Decimal

import msgspec

from messages import LegState, Outcome, Side
from strategies.sizing import ZERO

OVER = (LegState.FILLED, LegState.CANCELED, LegState.REJECTED)


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """The venue has the order."""

    client_order_id: str


class Filled(msgspec.Struct, frozen=True, tag=True):
    """Part of an order traded; `trade_id` is the venue's and is counted once."""

    client_order_id: str
    trade_id: str
    quantity: Decimal
    price_usd: Decimal


class Canceled(msgspec.Struct, frozen=True, tag=True):
    """The order is over; `filled` is what it filled in all, as far as the sender knows."""

    client_order_id: str
    filled: Decimal = ZERO


class Rejected(msgspec.Struct, frozen=True, tag=True):
    """The order was refused, by us, by a rule or by the venue."""

    client_order_id: str
    reason: str


class Tick(msgspec.Struct, frozen=True):
    """Time has passed; `passive_usd` is the best price at which the resting leg could rest now, None if unknown."""

    passive_usd: Decimal | None = None


class Observed(msgspec.Struct, frozen=True):
    """The venues' own word on both positions (signed, base units), confirmed; it outranks all that was added up."""

    quantities: tuple[Decimal, Decimal]


class WindUp(msgspec.Struct, frozen=True):
    """Open nothing more: end at what is hedged once the orders under way are over; a close goes on."""


type OrderEvent = Accepted | Filled | Canceled | Rejected
type Event = OrderEvent | Tick | Observed | WindUp


class LegRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order to send: a limit `slippage_bps` beyond `reference_price_usd`, or beyond the market if that is None.

    A post-only one rests at the best price of its own side, and never beyond that limit. One that is only
    `is_reserved` is not sent: its id is set aside for up to `quantity`, so that a hedge need not wait for the disk.
    """

    leg: int
    client_order_id: str
    side: Side
    quantity: Decimal
    reference_price_usd: Decimal | None
    slippage_bps: Decimal
    reduce_only: bool
    post_only: bool = False
    is_reserved: bool = False


class Submit(msgspec.Struct, frozen=True):
    """Send these orders, all at once, and set the ids of `reserved` aside."""

    requests: tuple[LegRequest, ...]
    reserved: tuple[LegRequest, ...] = ()


class Cancel(msgspec.Struct, frozen=True):
    """Cancel an order: one that should have ended by itself, or one that rests where it is wanted no more."""

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

    def __init__(self, request: LegRequest, sent_ns: int, batch: int = 0) -> None:
        self.request, self.sent_ns, self.batch = request, sent_ns, batch
        self.state, self.reason = LegState.PENDING, ""
        self.limit_price_usd: Decimal | None = None
        self.cancel_asked_ns: int | None = None  # when its cancel was last asked for
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
