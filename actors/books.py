"""One venue's cash: what explains its change since a book was opened, in price, funding and fees."""

from decimal import Decimal

import msgspec

from messages import AccountHealth, FundingPayment, PositionHealth

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
    """One venue's result since a book was opened; all parts are cash, positive when received."""

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


class Book:
    """What one venue's cash did since `start`: every fill and every payment counts once, in whatever order they are told."""

    def __init__(self, start: AccountHealth) -> None:
        self.start = start
        self.holdings = {held.instrument_id: _holding(held) for held in start.positions}
        self.price_usd = self.funding_usd = self.fees_usd = ZERO
        self._payments: set[str] = set()
        self._fills: set[tuple[str, str, str]] = set()

    def fill(self, row: FillRow) -> bool:
        """Book an execution; return whether it was news."""
        key = (row.instrument_id, row.client_order_id, row.trade_id)
        if key in self._fills:
            return False
        self._fills.add(key)
        self.fees_usd -= row.fee_usd
        self.price_usd += self.holdings.setdefault(row.instrument_id, Holding()).apply(row.quantity, row.price_usd)
        return True

    def pay(self, payment: FundingPayment) -> bool:
        """Book funding, by the venue's id; return whether it was news. What is older than the start is in its cash already."""
        if payment.payment_id in self._payments or payment.ts_event_ns <= self.start.ts_event_ns:
            return False
        self._payments.add(payment.payment_id)
        self.funding_usd += payment.amount_usd
        return True

    def adopt(self, health: AccountHealth) -> bool:
        """Take over the positions that are not as they were left, at the venue's entry price; return whether any was.

        What was traded unseen shows in the residual; a position that is as it was left keeps its exact cost.
        """
        told = {held.instrument_id: held for held in health.positions}
        changed = [
            key for key, holding in self.holdings.items() if holding.quantity != (told[key].quantity if key in told else 0)
        ]
        changed += [key for key in told if key not in self.holdings]
        for key in changed:
            self.holdings[key] = _holding(told[key]) if key in told else Holding()
        return bool(changed)

    def pnl(self, health: AccountHealth, accrued_usd: Decimal) -> VenuePnl:
        """Return the result up to the venue's report `health`; `accrued_usd` is funding that is not cash yet."""
        return VenuePnl(
            venue=self.start.venue,
            start_cash_usd=self.start.cash_usd,
            end_cash_usd=health.cash_usd,
            price_usd=self.price_usd,
            funding_usd=self.funding_usd,
            fees_usd=self.fees_usd,
            unrealized_price_usd=sum((held.unrealized_pnl_usd for held in health.positions), ZERO),
            accrued_funding_usd=accrued_usd,
            equity_usd=health.equity_usd,
        )


def _holding(held: PositionHealth) -> Holding:
    return Holding(held.quantity, held.entry_price_usd)
