"""The ledger: what each venue paid or took, split in price, funding and fees, to the cent.

Funding comes only from the venues' own payments (once per payment id), fees and prices only from
fills. Price PnL never includes funding. For every venue the parts must add up to the change of its
cash, which is checked against what the venue itself reports and shown as the residual.
"""

from decimal import Decimal

import msgspec
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.enums import OrderSide, liquidity_side_to_str
from nautilus_trader.model.events import OrderFilled

from messages import AccountHealth, FundingAccrual, FundingPayment, topics

ZERO = Decimal(0)


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; `quantity` is signed, `fee_usd` is positive when paid."""

    venue: str
    instrument_id: str
    client_order_id: str
    trade_id: str
    quantity: Decimal
    price_usd: Decimal
    fee_usd: Decimal
    liquidity: str
    ts_event_ns: int


class VenuePnl(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's result since the ledger opened; all parts are cash, positive when received."""

    venue: str
    start_cash_usd: Decimal
    end_cash_usd: Decimal
    price_usd: Decimal
    funding_usd: Decimal
    fees_usd: Decimal  # negative when paid
    unrealized_price_usd: Decimal
    accrued_funding_usd: Decimal
    equity_usd: Decimal

    @property
    def change_usd(self) -> Decimal:
        """The change of the venue's cash, as the venue reports it."""
        return self.end_cash_usd - self.start_cash_usd

    @property
    def residual_usd(self) -> Decimal:
        """What the parts do not explain; zero to the cent when all is booked."""
        return self.change_usd - self.price_usd - self.funding_usd - self.fees_usd


class Holding:
    """A signed position and what it cost: the basis of realised price PnL (average cost).

    The cost is kept, not the average price: what a partial close takes from it is what it realises
    against, so no digit is lost over a round trip however often it is split.
    """

    def __init__(self, quantity: Decimal = ZERO, entry_usd: Decimal = ZERO) -> None:
        self.quantity, self.cost_usd = quantity, quantity * entry_usd

    def apply(self, quantity: Decimal, price_usd: Decimal) -> Decimal:
        """Apply a signed fill and return the price PnL it realises."""
        if quantity * self.quantity >= 0:  # opens or adds
            self.quantity += quantity
            self.cost_usd += quantity * price_usd
            return ZERO
        if abs(quantity) > abs(self.quantity):  # closes all, and opens the other way with the rest
            rest = self.quantity + quantity
            realized = self.apply(-self.quantity, price_usd)
            return realized + self.apply(rest, price_usd)
        closed_cost_usd = self.cost_usd if quantity == -self.quantity else self.cost_usd * -quantity / self.quantity
        self.quantity += quantity
        self.cost_usd -= closed_cost_usd
        return -quantity * price_usd - closed_cost_usd


class _VenueBook:
    """One venue's rows."""

    def __init__(self) -> None:
        self.start: AccountHealth | None = None
        self.health: AccountHealth | None = None
        self.holdings: dict[str, Holding] = {}
        self.price_usd = self.funding_usd = self.fees_usd = ZERO
        self.accrued_usd: dict[str, Decimal] = {}


class Ledger(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Book fills and funding payments per venue from the moment the trader starts."""

    def __init__(self, config: ActorConfig | None = None) -> None:
        super().__init__(config)
        self._books: dict[str, _VenueBook] = {}
        self._payment_ids: set[tuple[str, str]] = set()
        self._early: list[FundingPayment] = []
        self._open = False
        self.fills: list[FillRow] = []
        self.payments: list[FundingPayment] = []

    def listen(self) -> None:
        """Hear account reports from now on: the first come while clients connect, before any start."""
        self.msgbus.subscribe(topic=topics.ACCOUNT_HEALTH, handler=self.on_account_health)
        self.msgbus.subscribe(topic=topics.FUNDING_PAYMENT, handler=self.on_funding_payment)
        self.msgbus.subscribe(topic=topics.FUNDING_ACCRUAL, handler=self.on_funding_accrual)

    def on_start(self) -> None:
        """Open the books: what reconciliation found is the opening position, not a fill of ours."""
        self._open = True
        for book in self._books.values():
            self._open_book(book)
        self.msgbus.subscribe(topic="events.order.*", handler=self.on_order_event)

    def on_stop(self) -> None:
        """Keep booking: what the venues still report counts."""

    def _open_book(self, book: _VenueBook) -> None:
        book.start = book.health
        if book.start is None:
            return
        book.holdings = {p.instrument_id: Holding(p.quantity, p.entry_price_usd) for p in book.start.positions}
        early, self._early = self._early, []
        for payment in early:
            self.on_funding_payment(payment)

    def _book(self, venue: str) -> _VenueBook:
        return self._books.setdefault(venue, _VenueBook())

    def on_account_health(self, health: AccountHealth) -> None:
        """Keep the venue's latest report; the first one after the start opens its book."""
        book = self._book(health.venue)
        book.health = health
        if self._open and book.start is None:
            self._open_book(book)
        held = {p.instrument_id for p in health.positions}
        book.accrued_usd = {key: value for key, value in book.accrued_usd.items() if key in held}

    def on_funding_payment(self, payment: FundingPayment) -> None:
        """Book a payment once; one made before the opening report is in the opening cash already."""
        key = (payment.venue, payment.payment_id)
        start = self._book(payment.venue).start
        if start is None:
            self._early.append(payment)
            return
        if key in self._payment_ids or payment.ts_event_ns <= start.ts_event_ns:
            return
        self._payment_ids.add(key)
        self.payments.append(payment)
        self._book(payment.venue).funding_usd += payment.amount_usd

    def on_funding_accrual(self, accrual: FundingAccrual) -> None:
        """Keep what has accrued on an open position but is not cash yet."""
        self._book(accrual.venue).accrued_usd[accrual.instrument_id] = accrual.accrued_usd

    def on_order_event(self, event: object) -> None:
        """Book a fill."""
        if isinstance(event, OrderFilled):
            self._on_fill(event)

    def _on_fill(self, event: OrderFilled) -> None:
        quantity = event.last_qty.as_decimal() * (1 if event.order_side == OrderSide.BUY else -1)
        row = FillRow(
            venue=event.instrument_id.venue.value,
            instrument_id=str(event.instrument_id),
            client_order_id=event.client_order_id.value,
            trade_id=event.trade_id.value,
            quantity=quantity,
            price_usd=event.last_px.as_decimal(),
            fee_usd=event.commission.as_decimal(),
            liquidity=liquidity_side_to_str(event.liquidity_side),
            ts_event_ns=event.ts_event,
        )
        self.fills.append(row)
        book = self._book(row.venue)
        book.fees_usd -= row.fee_usd
        book.price_usd += book.holdings.setdefault(row.instrument_id, Holding()).apply(row.quantity, row.price_usd)

    def is_settled(self) -> bool:
        """Whether every venue has reported since our last fill and payment there, and agrees with the books."""
        return all(pnl is not None and abs(pnl.residual_usd) < Decimal("0.005") for pnl in map(self.pnl, self._books))

    def pnl(self, venue: str) -> VenuePnl | None:
        """Return a venue's result so far, or None before its first report."""
        book = self._book(venue)
        if book.start is None or book.health is None:
            return None
        return VenuePnl(
            venue=venue,
            start_cash_usd=book.start.cash_usd,
            end_cash_usd=book.health.cash_usd,
            price_usd=book.price_usd,
            funding_usd=book.funding_usd,
            fees_usd=book.fees_usd,
            unrealized_price_usd=sum((p.unrealized_pnl_usd for p in book.health.positions), ZERO),
            accrued_funding_usd=sum(book.accrued_usd.values(), ZERO),
            equity_usd=book.health.equity_usd,
        )

    def health(self, venue: str) -> AccountHealth | None:
        """Return a venue's latest report."""
        return self._book(venue).health

    @property
    def venues(self) -> list[str]:
        """The venues heard of, in alphabetical order."""
        return sorted(self._books)
