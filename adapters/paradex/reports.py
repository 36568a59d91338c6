"""Wire orders, fills, positions and margin to Nautilus' reports and balances; pure."""

from decimal import Decimal

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderStatus, OrderType, PositionSide, TimeInForce
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, TradeId, VenueOrderId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import AccountBalance, MarginBalance, Money, Price, Quantity

from adapters.paradex.parsing import nanos
from adapters.paradex.schemas import Account, Fill, Order, Position

_ZERO = Decimal(0)


def order_side(side: str) -> OrderSide:
    """Return the side of BUY or SELL."""
    return OrderSide.BUY if side == "BUY" else OrderSide.SELL


def liquidity_side(fill: Fill) -> LiquiditySide:
    """Return whether a fill made or took liquidity."""
    return {"MAKER": LiquiditySide.MAKER, "TAKER": LiquiditySide.TAKER}.get(fill.liquidity or "", LiquiditySide.NO_LIQUIDITY_SIDE)


def commission(fill: Fill) -> Money:
    """Return the fee of a fill, positive when paid."""
    return Money(fill.fee or _ZERO, USDC)


def account_balance(account: Account) -> AccountBalance:
    """Return the account value split into locked and free; free is clipped into 0..total."""
    total = Money(account.account_value, USDC)
    free_usd = min(max(account.free_collateral or _ZERO, _ZERO), max(total.as_decimal(), _ZERO))
    free = Money(free_usd, USDC) if total.as_decimal() > 0 else total
    locked = Money(total.as_decimal() - free.as_decimal(), USDC)  # Nautilus wants total - locked == free to the digit
    return AccountBalance(total, locked, free)


def margin_balance(account: Account) -> MarginBalance:
    """Return the requirements of the whole cross-margin account."""
    initial = Money(account.initial_margin_requirement or _ZERO, USDC)
    return MarginBalance(initial, Money(account.maintenance_margin_requirement or _ZERO, USDC))


def order_status(order: Order) -> OrderStatus:
    """Return Nautilus' status of a wire order; NEW is not yet accepted."""
    executed = order.size - (order.remaining_size or _ZERO)
    if order.status == "CLOSED":
        if order.remaining_size:
            return OrderStatus.CANCELED
        return OrderStatus.FILLED
    if order.status == "NEW" and executed == 0:
        return OrderStatus.SUBMITTED
    return OrderStatus.PARTIALLY_FILLED if executed else OrderStatus.ACCEPTED


def order_report(order: Order, perpetual: CryptoPerpetual, account_id: AccountId, ts_init: int) -> OrderStatusReport:
    """Return the report of an order."""
    executed = order.size - (order.remaining_size or _ZERO)
    is_market = order.type == "MARKET"
    return OrderStatusReport(
        account_id=account_id,
        instrument_id=perpetual.id,
        client_order_id=None if order.client_id is None else ClientOrderId(order.client_id),
        venue_order_id=VenueOrderId(order.id),
        order_side=order_side(order.side),
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        time_in_force=TimeInForce.IOC if order.instruction == "IOC" else TimeInForce.GTC,
        order_status=order_status(order),
        price=None if is_market or not order.price else Price(order.price, perpetual.price_precision),
        quantity=Quantity(order.size, perpetual.size_precision),
        filled_qty=Quantity(executed, perpetual.size_precision),
        avg_px=order.avg_fill_price or None,
        post_only=order.instruction == "POST_ONLY",
        reduce_only="REDUCE_ONLY" in (order.flags or ()),
        cancel_reason=order.cancel_reason,
        report_id=UUID4(),
        ts_accepted=nanos(order.created_at),
        ts_last=nanos(order.last_updated_at),
        ts_init=ts_init,
    )


def fill_report(fill: Fill, perpetual: CryptoPerpetual, account_id: AccountId, ts_init: int) -> FillReport:
    """Return the report of a fill."""
    return FillReport(
        account_id=account_id,
        instrument_id=perpetual.id,
        client_order_id=None if fill.client_id is None else ClientOrderId(fill.client_id),
        venue_order_id=VenueOrderId(fill.order_id),
        trade_id=TradeId(fill.id),
        order_side=order_side(fill.side),
        last_qty=Quantity(fill.size, perpetual.size_precision),
        last_px=Price(fill.price, perpetual.price_precision),
        commission=commission(fill),
        liquidity_side=liquidity_side(fill),
        report_id=UUID4(),
        ts_event=nanos(fill.created_at),
        ts_init=ts_init,
    )


def position_report(position: Position, perpetual: CryptoPerpetual, account_id: AccountId, ts_init: int) -> PositionStatusReport:
    """Return the report of an open position; the wire size is signed."""
    return PositionStatusReport(
        account_id=account_id,
        instrument_id=perpetual.id,
        position_side=PositionSide.LONG if position.size > 0 else PositionSide.SHORT,
        quantity=Quantity(abs(position.size), perpetual.size_precision),
        avg_px_open=position.average_entry_price,
        report_id=UUID4(),
        ts_last=nanos(position.last_updated_at),
        ts_init=ts_init,
    )


def flat_report(perpetual: CryptoPerpetual, account_id: AccountId, ts_init: int) -> PositionStatusReport:
    """Return the report that says the venue holds no position."""
    return PositionStatusReport.create_flat(
        account_id=account_id, instrument_id=perpetual.id, size_precision=perpetual.size_precision, ts_init=ts_init
    )
