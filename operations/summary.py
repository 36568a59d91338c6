"""What a run did and what it earned: one JSON document, and the table a person reads."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model.enums import order_side_to_str, order_status_to_str, order_type_to_str, time_in_force_to_str
from rich.console import Console
from rich.table import Table

from actors.books import FillRow, VenuePnl
from actors.ledger import Ledger
from actors.terminal import pnl_table, quantity, usd
from messages import FundingPayment, GasPaid
from operations.assembly import Assembled

ZERO = Decimal(0)
CENT = Decimal("0.005")
_OLD_SECS = 15.0  # a venue reports every few seconds; what is older may have changed since


class VenueSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One venue: balances and the parts that explain their change, all USD, positive when received."""

    start_balance_usd: Decimal
    end_balance_usd: Decimal
    change_usd: Decimal
    price_usd: Decimal
    funding_usd: Decimal
    fees_usd: Decimal
    residual_usd: Decimal
    unrealized_price_usd: Decimal
    accrued_funding_usd: Decimal
    equity_usd: Decimal
    positions: dict[str, Decimal]
    reported_secs_ago: float


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it ended."""

    client_order_id: str
    instrument_id: str
    side: str
    kind: str
    time_in_force: str
    reduce_only: bool
    quantity: Decimal
    filled_quantity: Decimal
    status: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run; balances are cash, without unrealised PnL, so that their parts add up exactly."""

    mode: str
    ended_because: str
    wall_secs: float
    cycles_completed: int
    price_usd: Decimal
    funding_usd: Decimal
    fees_usd: Decimal
    net_usd: Decimal
    unhedged: dict[str, Decimal]  # base units by asset, where the legs do not match
    venues: dict[str, VenueSummary]
    since_first_start: dict[str, VenueSummary]  # the same over all runs whose rows the journal keeps
    orders: tuple[OrderRow, ...]
    fills: tuple[FillRow, ...]
    funding_payments: tuple[FundingPayment, ...]
    gas: tuple[GasPaid, ...]  # in STRK, beside the venues' cash
    gas_since_first_start_usd: Decimal

    def to_json(self) -> bytes:
        """Return the document, amounts as decimal strings."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def summarise(assembled: Assembled, *, mode: str, ended_because: str, wall_secs: float, now_ns: int) -> Summary:
    """Return the summary of a run that ended at `now_ns`."""
    ledger, strategy = assembled.ledger, assembled.strategy
    pnls = [pnl for venue in ledger.venues if (pnl := ledger.pnl(venue)) is not None]
    price, funding, fees = (sum((getattr(p, part) for p in pnls), ZERO) for part in ("price_usd", "funding_usd", "fees_usd"))
    venues = {pnl.venue: _venue(pnl, ledger, now_ns) for pnl in pnls}
    whole = [pnl for venue in ledger.venues if (pnl := ledger.whole_pnl(venue)) is not None]
    return Summary(
        mode=mode,
        ended_because=ended_because,
        wall_secs=round(wall_secs, 1),
        cycles_completed=strategy.cycles_completed,
        price_usd=price,
        funding_usd=funding,
        fees_usd=fees,
        net_usd=price + funding + fees,
        unhedged=_unhedged(venues),
        venues=venues,
        since_first_start={pnl.venue: _venue(pnl, ledger, now_ns) for pnl in whole},
        orders=tuple(map(_order, sorted(strategy.cache.orders(strategy_id=strategy.id), key=lambda order: order.ts_init))),
        fills=tuple(ledger.fills),
        funding_payments=tuple(ledger.payments),
        gas=tuple(ledger.gas),
        gas_since_first_start_usd=ledger.whole_gas_usd,
    )


def _unhedged(venues: Mapping[str, VenueSummary]) -> dict[str, Decimal]:
    deltas: dict[str, Decimal] = {}
    for venue in venues.values():
        for instrument_id, held in venue.positions.items():
            asset = instrument_id.partition("-")[0]
            deltas[asset] = deltas.get(asset, ZERO) + held
    return {asset: delta for asset, delta in deltas.items() if delta}


def _venue(pnl: VenuePnl, ledger: Ledger, now_ns: int) -> VenueSummary:
    health = ledger.health(pnl.venue)
    return VenueSummary(
        start_balance_usd=pnl.start_cash_usd,
        end_balance_usd=pnl.end_cash_usd,
        change_usd=pnl.change_usd,
        price_usd=pnl.price_usd,
        funding_usd=pnl.funding_usd,
        fees_usd=pnl.fees_usd,
        residual_usd=pnl.residual_usd,
        unrealized_price_usd=pnl.unrealized_price_usd,
        accrued_funding_usd=pnl.accrued_funding_usd,
        equity_usd=pnl.equity_usd,
        positions={p.instrument_id: p.quantity for p in health.positions} if health is not None else {},
        reported_secs_ago=round(max(0, now_ns - health.ts_event_ns) / 1e9, 1) if health is not None else 0.0,
    )


def _order(order: Any) -> OrderRow:
    return OrderRow(
        client_order_id=order.client_order_id.value,
        instrument_id=str(order.instrument_id),
        side=order_side_to_str(order.side),
        kind=order_type_to_str(order.order_type),
        time_in_force=time_in_force_to_str(order.time_in_force),
        reduce_only=order.is_reduce_only,
        quantity=order.quantity.as_decimal(),
        filled_quantity=order.filled_qty.as_decimal(),
        status=order_status_to_str(order.status),
    )


def show(summary: Summary, ledger: Ledger, console: Console, *, venues_end: bool = False) -> None:
    """Print the closing tables; `venues_end` tells that nothing outlives this run."""
    balances = Table(title="Balances (USD, cash)", title_justify="left", title_style="bold", expand=False)
    for column in ("venue", "start", "end", "change", "explained by parts", "residual", "open positions"):
        balances.add_column(column, justify="left" if column in ("venue", "open positions") else "right")
    for name, venue in summary.venues.items():
        open_positions = ", ".join(f"{key.partition('.')[0]} {quantity(held)}" for key, held in venue.positions.items()) or "none"
        balances.add_row(
            name,
            f"{venue.start_balance_usd:,.2f}",
            f"{venue.end_balance_usd:,.2f}",
            usd(venue.change_usd),
            usd(venue.price_usd + venue.funding_usd + venue.fees_usd),
            usd(venue.residual_usd),
            open_positions,
        )
    console.print(balances)
    console.print(pnl_table([pnl for name in ledger.venues if (pnl := ledger.pnl(name)) is not None], "Profit and loss (USD)"))
    if summary.since_first_start != summary.venues:
        whole = [pnl for name in ledger.venues if (pnl := ledger.whole_pnl(name)) is not None]
        console.print(pnl_table(whole, "Profit and loss since the first start (USD)"))
    console.print(
        f"{summary.ended_because}: {summary.cycles_completed} cycle(s), {len(summary.orders)} orders, "
        f"{len(summary.fills)} fills, {len(summary.funding_payments)} funding payments in {summary.wall_secs:.0f} s; net ",
        usd(summary.net_usd),
        " USD",
        sep="",
    )
    for text in _doubts(summary):
        console.print(text, style="bold red", highlight=False)
    held = [
        f"{key.partition('.')[0]} {quantity(size)} on {name}"
        for name, venue in summary.venues.items()
        for key, size in venue.positions.items()
    ]
    if held:
        hint = (
            "it ends with the simulated venues of this run"
            if venues_end
            else "start again to carry on, with --flatten to close it"
        )
        console.print(f"still open: {', '.join(held)}; {hint}", style="bold yellow")


def _doubts(summary: Summary) -> list[str]:
    """Return what a reader of the tables must know before believing them."""
    texts = [f"not hedged: {asset} is {quantity(delta)} over both venues" for asset, delta in summary.unhedged.items()]
    for name, venue in summary.venues.items():
        if venue.reported_secs_ago > _OLD_SECS:
            texts.append(f"{name} last reported {venue.reported_secs_ago:.0f} s ago: its balance and positions may have changed")
        if abs(venue.residual_usd) >= CENT:
            texts.append(f"{name}: {venue.residual_usd:+.2f} USD are not explained: a fill or a payment is not in the books")
    return texts
