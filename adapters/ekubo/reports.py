"""Slots and wallet balances as Nautilus' reports, fills and balances; pure."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import FillReport, OrderStatusReport
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderStatus, OrderType, TimeInForce
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, TradeId, VenueOrderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import AccountBalance, Currency, Money, Price, Quantity

from adapters.ekubo.constants import FRI_PER_STRK, VENUE_NAME
from adapters.ekubo.sending import Fate, Slot
from adapters.ekubo.tokens import Pair
from messages import GasPaid

_TRADE_ID_DIGITS = 32  # of a hash of 64: Nautilus takes 36 characters


class Filled(NamedTuple):
    """What one slice did, in Nautilus' terms."""

    trade_id: TradeId
    quantity: Quantity
    price: Price
    ts_ns: int


def trade_id(transaction_hash: str) -> TradeId:
    """Return the id of the fill a transaction made."""
    return TradeId(f"{int(transaction_hash, 16):064x}"[-_TRADE_ID_DIGITS:])


def filled(slot: Slot, instrument: Instrument, pair: Pair) -> Filled:
    """Return the fill of a slot that succeeded: the quantity counts as ordered, the price says what was really exchanged."""
    booking, swap = slot.booking, slot.swap
    assert booking is not None
    assert slot.executed is not None
    base, quote = (booking.bought, booking.sold) if swap.is_buy else (booking.sold, booking.bought)
    counted = min(base, swap.buy_amount) if swap.is_buy else base  # exact output may bring a unit more
    quantity = pair.base.amount(counted).quantize(instrument.size_increment.as_decimal(), ROUND_FLOOR)
    price = instrument.make_price(pair.price(counted, quote))
    return Filled(trade_id(slot.executed), Quantity(quantity, instrument.size_precision), price, booking.ts_ns)


def gas_paid(slot: Slot, strk_usd: Decimal | None) -> GasPaid:
    """Return what a slot's transaction was charged."""
    booking = slot.booking
    assert booking is not None
    assert slot.executed is not None
    strk = Decimal(booking.fee_fri) / FRI_PER_STRK
    return GasPaid(
        venue=VENUE_NAME,
        transaction_hash=slot.executed,
        amount_strk=strk,
        amount_usd=None if strk_usd is None else strk * strk_usd,
        is_reverted=slot.fate is Fate.REVERTED,
        ts_event_ns=booking.ts_ns,
    )


def balance(currency: Currency, amount: Decimal) -> AccountBalance:
    """Return a wallet's balance, rounded down to the currency's precision; nothing in a wallet is ever locked."""
    total = Money(amount.quantize(Decimal(1).scaleb(-currency.precision), ROUND_FLOOR), currency)
    return AccountBalance(total, Money(0, currency), total)


def order_report(
    first: Slot,
    instrument: Instrument,
    account_id: AccountId,
    *,
    done: Sequence[Filled],
    status: OrderStatus,
    quantity: Quantity | None = None,
) -> OrderStatusReport:
    """Return the report of an order, whose id at the venue is the hash of its first slot.

    `done` are the fills it is to count. With another `quantity` than the order's it is reported as of elsewhere.
    """
    limit, filled_qty = first.swap.limit_price, sum((fill.quantity.as_decimal() for fill in done), Decimal(0))
    paid = sum((fill.quantity.as_decimal() * fill.price.as_decimal() for fill in done), Decimal(0))
    ts_last = done[-1].ts_ns if done else first.sent_ns or first.begun_ns
    return OrderStatusReport(
        account_id=account_id,
        instrument_id=instrument.id,
        client_order_id=ClientOrderId(first.swap.client_order_id) if quantity is None else None,
        venue_order_id=VenueOrderId(first.key),
        order_side=_side(first),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        order_status=status,
        price=None if limit is None else instrument.make_price(Decimal(limit)),
        quantity=quantity or instrument.make_qty(Decimal(first.swap.order_quantity)),
        filled_qty=Quantity(filled_qty, instrument.size_precision),
        avg_px=paid / filled_qty if filled_qty else None,
        report_id=UUID4(),
        ts_accepted=first.begun_ns,
        ts_last=ts_last,
        ts_init=ts_last,
    )


def fill_report(fill: Filled, first: Slot, instrument: Instrument, account_id: AccountId, *, is_ours: bool = True) -> FillReport:
    """Return the report of a fill of the order that began with the slot `first`."""
    return FillReport(
        account_id=account_id,
        instrument_id=instrument.id,
        client_order_id=ClientOrderId(first.swap.client_order_id) if is_ours else None,
        venue_order_id=VenueOrderId(first.key),
        trade_id=fill.trade_id,
        order_side=_side(first),
        last_qty=fill.quantity,
        last_px=fill.price,
        commission=Money(0, instrument.quote_currency),
        liquidity_side=LiquiditySide.TAKER,
        report_id=UUID4(),
        ts_event=fill.ts_ns,
        ts_init=fill.ts_ns,
    )


def _side(slot: Slot) -> OrderSide:
    return OrderSide.BUY if slot.swap.is_buy else OrderSide.SELL
