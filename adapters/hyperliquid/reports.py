"""The account's side of the wire as Nautilus reports and as messages: orders, fills, positions, margin, funding."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderStatus, OrderType, PositionSide, TimeInForce
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, TradeId, VenueOrderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity

from adapters.hyperliquid import parsing
from adapters.hyperliquid.constants import VENUE_NAME
from adapters.hyperliquid.margin import Tier, maintenance_usd
from adapters.hyperliquid.orders import Phase, phase
from adapters.hyperliquid.schemas import ClearinghouseState, Fill, FundingRow, Order, OrderUpdate, Position
from messages import AccountHealth, FundingPayment, PositionHealth

_CENT_FRACTION = Decimal("0.000001")  # the venue's own: USDC has 6 decimals


def order_side(side: str) -> OrderSide:
    """Return the side of an order or fill of ours: B buys, A (ask) sells."""
    return OrderSide.BUY if side == "B" else OrderSide.SELL


def commission(fill: Fill) -> Money:
    """Return the fee of a fill, negative for a rebate."""
    return Money(fill.fee, USDC)


def liquidity_side(fill: Fill) -> LiquiditySide:
    """Return whether we took or made."""
    return LiquiditySide.TAKER if fill.crossed else LiquiditySide.MAKER


def fill_report(
    fill: Fill, instrument: Instrument, account_id: AccountId, client_order_id: ClientOrderId | None, ts_init: int
) -> FillReport:
    """Return one execution."""
    return FillReport(
        account_id=account_id,
        instrument_id=instrument.id,
        venue_order_id=VenueOrderId(str(fill.oid)),
        trade_id=TradeId(str(fill.tid)),
        order_side=order_side(fill.side),
        last_qty=instrument.make_qty(fill.sz),
        last_px=instrument.make_price(fill.px),
        commission=commission(fill),
        liquidity_side=liquidity_side(fill),
        report_id=UUID4(),
        ts_event=fill.time * 1_000_000,
        ts_init=ts_init,
        client_order_id=client_order_id,
    )


def order_report(
    order: Order,
    status: OrderStatus,
    *,
    filled: Decimal,
    instrument: Instrument,
    account_id: AccountId,
    client_order_id: ClientOrderId | None,
    ts_init: int,
    ts_last_ms: int | None = None,
) -> OrderStatusReport:
    """Return an order with `filled` base units executed, as far as the fills are known."""
    immediate = (order.tif or "").lower() in ("ioc", "frontendmarket", "liquidationmarket")
    size = order.sz if order.orig_sz is None else order.orig_sz
    return OrderStatusReport(
        account_id=account_id,
        instrument_id=instrument.id,
        venue_order_id=VenueOrderId(str(order.oid)),
        order_side=order_side(order.side),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC if immediate else TimeInForce.GTC,
        order_status=status,
        quantity=instrument.make_qty(size),
        filled_qty=Quantity(filled, instrument.size_precision),
        report_id=UUID4(),
        ts_accepted=order.timestamp * 1_000_000,
        ts_last=(order.timestamp if ts_last_ms is None else ts_last_ms) * 1_000_000,
        ts_init=ts_init,
        client_order_id=client_order_id,
        price=Price(order.limit_px, instrument.price_precision),
        post_only=order.tif == "Alo",
        reduce_only=order.reduce_only,
    )


def order_of_fill(fill: Fill, size: Decimal) -> Order:
    """Return an order that must have existed for a fill of which nothing else is known (a liquidation)."""
    return Order(fill.coin, fill.side, fill.px, size, fill.oid, fill.time, orig_sz=size, tif="Ioc")


def report_status(update: OrderUpdate, filled: Decimal) -> OrderStatus:
    """Return the status to report: closed by fills only when the fills are known."""
    kind = phase(update.status)
    if kind is Phase.CANCELED:
        return OrderStatus.CANCELED
    if kind is Phase.REJECTED:
        return OrderStatus.REJECTED
    size = update.order.orig_sz or update.order.sz
    if kind is Phase.FILLED and filled >= size:
        return OrderStatus.FILLED
    return OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.ACCEPTED


def position_report(
    position: Position, instrument: Instrument, account_id: AccountId, ts_ms: int, ts_init: int
) -> PositionStatusReport:
    """Return one open position with its average entry price."""
    return PositionStatusReport(
        account_id=account_id,
        instrument_id=instrument.id,
        position_side=PositionSide.LONG if position.szi > 0 else PositionSide.SHORT,
        quantity=instrument.make_qty(abs(position.szi)),
        report_id=UUID4(),
        ts_last=ts_ms * 1_000_000,
        ts_init=ts_init,
        avg_px_open=position.entry_px,
    )


def balance(state: ClearinghouseState) -> AccountBalance:
    """Return equity, of which the margin in use is locked."""
    total = Money(state.margin_summary.account_value, USDC)
    locked = Money(state.margin_summary.total_margin_used, USDC)
    return AccountBalance(total, locked, Money(total.as_decimal() - locked.as_decimal(), USDC))


def account_health(state: ClearinghouseState, ts_ns: int, tiers: Mapping[str, Sequence[Tier]]) -> AccountHealth:
    """Return the margin view of the account in USD; equity = cash + unrealised price PnL.

    The venue gives the maintenance margin of cross positions only; that of isolated ones is reckoned
    by the coin's `tiers`, or (a coin without) as half the initial margin at its maximum leverage.
    """
    positions = [held.position for held in state.asset_positions if held.position.szi != 0]
    summary = state.margin_summary
    return AccountHealth(
        venue=VENUE_NAME,
        equity_usd=summary.account_value,
        cash_usd=summary.account_value - sum((held.unrealized_pnl for held in positions), Decimal(0)),
        free_collateral_usd=state.withdrawable,
        initial_margin_usd=summary.total_margin_used,
        maintenance_margin_usd=state.cross_maintenance_margin_used
        + sum((_isolated_maintenance_usd(held, tiers.get(held.coin, ())) for held in positions), Decimal(0)),
        positions=tuple(_position_health(held) for held in positions),
        ts_event_ns=state.time * 1_000_000 or ts_ns,
    )


def funding_payment(row: FundingRow) -> FundingPayment:
    """Return a funding payment; the venue knows it by time and coin."""
    return FundingPayment(
        venue=VENUE_NAME,
        instrument_id=parsing.instrument_id(row.coin).value,
        payment_id=f"{row.time}:{row.coin}",
        amount_usd=row.usdc,
        rate_per_hour=row.funding_rate,
        position_quantity=row.szi,
        ts_event_ns=row.time * 1_000_000,
    )


def _position_health(held: Position) -> PositionHealth:
    return PositionHealth(
        instrument_id=parsing.instrument_id(held.coin).value,
        quantity=held.szi,
        entry_price_usd=held.entry_px or Decimal(0),
        unrealized_pnl_usd=held.unrealized_pnl,
        liquidation_price_usd=held.liquidation_px,
    )


def _isolated_maintenance_usd(held: Position, tiers: Sequence[Tier]) -> Decimal:
    if held.leverage.type != "isolated":
        return Decimal(0)
    tiers = tiers or (Tier(Decimal(0), held.max_leverage or held.leverage.value),)
    return maintenance_usd(held.position_value, tiers).quantize(_CENT_FRACTION)
