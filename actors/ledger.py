"""The ledger: what each venue paid or took, split in price, funding and fees, to the cent.

Funding comes only from the venues' own payments (once per payment id), fees and prices only from
fills. Price PnL never includes funding. For every venue the parts must add up to the change of its
cash, which is checked against what the venue itself reports and shown as the residual. There are two
books per venue: this run's, and one since the first start, whose rows are kept in a document store.
"""

from datetime import timedelta
from decimal import Decimal

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.enums import OrderSide, liquidity_side_to_str
from nautilus_trader.model.events import OrderFilled

from actors.books import ZERO, Book, FillRow, VenuePnl
from actors.cash_rows import CashRows, Documents
from messages import AccountHealth, FundingAccrual, FundingPayment, GasPaid, topics
from messages.loop import on_loop

WRITE_EVERY = timedelta(seconds=1)


class Ledger(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Book fills and funding payments per venue from the moment the trader starts.

    With `documents` the books since the first start outlive this process; without, they are this run's.
    """

    def __init__(self, config: ActorConfig | None = None, documents: Documents | None = None) -> None:
        super().__init__(config)
        self._rows = None if documents is None else CashRows(documents)
        self._whole = {} if self._rows is None else self._rows.books()
        self._whole_gas = {} if self._rows is None else self._rows.gas_paid()
        self._books: dict[str, Book] = {}
        self._health: dict[str, AccountHealth] = {}
        self._accrued_usd: dict[str, dict[str, Decimal]] = {}
        self._early: list[FundingPayment] = []
        self._open = self._is_stopped = False
        self.fills: list[FillRow] = []
        self.payments: list[FundingPayment] = []
        self.gas: list[GasPaid] = []

    def listen(self) -> None:
        """Hear account reports from now on: the first come while clients connect, before any start."""
        self.msgbus.subscribe(topic=topics.ACCOUNT_HEALTH, handler=self.on_account_health)
        self.msgbus.subscribe(topic=topics.FUNDING_PAYMENT, handler=self.on_funding_payment)
        self.msgbus.subscribe(topic=topics.FUNDING_ACCRUAL, handler=self.on_funding_accrual)
        self.msgbus.subscribe(topic=topics.GAS_PAID, handler=self.on_gas_paid)

    def on_start(self) -> None:
        """Open the books: what reconciliation found is the opening position, not a fill of ours."""
        self._open = True
        for health in list(self._health.values()):
            self._open_book(health)
        self.msgbus.subscribe(topic="events.order.*", handler=self.on_order_event)
        if self._rows is not None:
            self.clock.set_timer("write-rows", interval=WRITE_EVERY, callback=on_loop(lambda _event: self.write()))

    def on_stop(self) -> None:
        """Keep booking: what the venues still report counts, and with no clock to write it later it is written at once."""
        self._is_stopped = True
        self.write()

    def write(self) -> None:
        """Commit the rows that wait; a store that fails is said, and tried again with the next row."""
        if self._rows is None:
            return
        try:
            self._rows.write()
        except Exception as e:
            self.log.exception("rows are not written, they go on waiting", e)  # noqa: PLE1205 - Nautilus' logger takes it

    def _write_if_late(self) -> None:
        if self._is_stopped:
            self.write()

    def _open_book(self, health: AccountHealth) -> None:
        self._books[health.venue] = Book(health)
        self._continue_whole(health)
        early = [payment for payment in self._early if payment.venue == health.venue]
        self._early = [payment for payment in self._early if payment.venue != health.venue]
        for payment in early:
            self.on_funding_payment(payment)

    def _continue_whole(self, health: AccountHealth) -> None:
        """Begin the book since the first start, or go on with it; what was traded meanwhile is taken over."""
        if health.venue not in self._whole:
            self._whole[health.venue] = Book(health)
            if self._rows is not None:
                self._rows.start(health)
        elif self._whole[health.venue].adopt(health):
            self.log.warning(f"{health.venue}: positions are not as the last run left them")
            if self._rows is not None:
                self._rows.adopted(health)

    def on_account_health(self, health: AccountHealth) -> None:
        """Keep the venue's latest report; the first one after the start opens its book."""
        self._health[health.venue] = health
        if self._open and health.venue not in self._books:
            self._open_book(health)
        held = {p.instrument_id for p in health.positions}
        accrued = self._accrued_usd.get(health.venue, {})
        self._accrued_usd[health.venue] = {key: value for key, value in accrued.items() if key in held}

    def on_funding_payment(self, payment: FundingPayment) -> None:
        """Book a payment once; one made before the opening report is in the opening cash already."""
        book = self._books.get(payment.venue)
        if book is None:
            self._early.append(payment)
            return
        if book.pay(payment):
            self.payments.append(payment)
        if self._whole[payment.venue].pay(payment) and self._rows is not None:
            self._rows.payment(payment)
            self._write_if_late()

    def on_funding_accrual(self, accrual: FundingAccrual) -> None:
        """Keep what has accrued on an open position but is not cash yet."""
        self._accrued_usd.setdefault(accrual.venue, {})[accrual.instrument_id] = accrual.accrued_usd

    def on_gas_paid(self, paid: GasPaid) -> None:
        """Book gas once per transaction, whichever run it was told in; it is paid in STRK and no part of a venue's cash."""
        if paid.transaction_hash in self._whole_gas:
            return
        self._whole_gas[paid.transaction_hash] = paid
        self.gas.append(paid)
        if self._rows is not None:
            self._rows.gas(paid)
            self._write_if_late()

    @property
    def whole_gas_usd(self) -> Decimal:
        """What gas cost since the first start whose rows were kept, positive when paid; without what has no known price."""
        return sum((paid.amount_usd or ZERO for paid in self._whole_gas.values()), ZERO)

    def on_order_event(self, event: object) -> None:
        """Book a fill."""
        if isinstance(event, OrderFilled):
            self._on_fill(_fill_row(event))

    def _on_fill(self, row: FillRow) -> None:
        book = self._books.get(row.venue)
        if book is None or not book.fill(row):  # before its first report a venue's opening cash is yet to come
            return
        self.fills.append(row)
        if self._whole[row.venue].fill(row) and self._rows is not None:
            self._rows.fill(row)
            self._write_if_late()

    def is_settled(self) -> bool:
        """Whether every venue has reported since our last fill and payment there, and agrees with the books."""
        return all(pnl is not None and abs(pnl.residual_usd) < Decimal("0.005") for pnl in map(self.pnl, self.venues))

    def pnl(self, venue: str) -> VenuePnl | None:
        """Return a venue's result of this run so far, or None before its first report."""
        return self._pnl(self._books.get(venue), venue)

    def whole_pnl(self, venue: str) -> VenuePnl | None:
        """Return a venue's result since the first start whose rows were kept, or None before its first report.

        Its residual also holds what was traded, deposited or withdrawn while no node was running.
        """
        return self._pnl(self._whole.get(venue), venue)

    def _pnl(self, book: Book | None, venue: str) -> VenuePnl | None:
        health = self._health.get(venue)
        if book is None or health is None:
            return None
        return book.pnl(health, sum(self._accrued_usd.get(venue, {}).values(), ZERO))

    def health(self, venue: str) -> AccountHealth | None:
        """Return a venue's latest report."""
        return self._health.get(venue)

    @property
    def venues(self) -> list[str]:
        """The venues heard of in this run, in alphabetical order."""
        return sorted(self._health.keys() | self._accrued_usd.keys() | {payment.venue for payment in self._early})


def _fill_row(event: OrderFilled) -> FillRow:
    return FillRow(
        venue=event.instrument_id.venue.value,
        instrument_id=str(event.instrument_id),
        client_order_id=event.client_order_id.value,
        trade_id=event.trade_id.value,
        quantity=event.last_qty.as_decimal() * (1 if event.order_side == OrderSide.BUY else -1),
        price_usd=event.last_px.as_decimal(),
        fee_usd=event.commission.as_decimal(),
        liquidity=liquidity_side_to_str(event.liquidity_side),
        ts_event_ns=event.ts_event,
    )
