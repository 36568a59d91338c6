"""Cut a run into pair trades: from the first fill of an asset until both legs are flat again."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from actors.books import FillRow, Holding
from backtests.result import ZERO, Result
from messages import FundingPayment


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One pair trade; `closed_ns` None while it is open, money in USD as booked to cash so far."""

    asset: str
    long_venue: str
    opened_ns: int
    closed_ns: int | None
    peak_quantity: Decimal
    peak_notional_usd: Decimal
    price_usd: Decimal
    funding_usd: Decimal
    fees_usd: Decimal
    fills: int

    @property
    def net_usd(self) -> Decimal:
        """What the trade brought to cash."""
        return self.price_usd + self.funding_usd + self.fees_usd


class _Open:
    """An episode being built."""

    def __init__(self, asset: str, first: FillRow) -> None:
        self.asset, self.first = asset, first
        self.holdings: dict[str, Holding] = {}
        self.price_usd = self.funding_usd = self.fees_usd = self.peak = self.peak_usd = ZERO
        self.fills = 0

    def add(self, fill: FillRow) -> None:
        holding = self.holdings.setdefault(fill.venue, Holding())
        self.price_usd += holding.apply(fill.quantity, fill.price_usd)
        self.fees_usd -= fill.fee_usd
        self.fills += 1
        if abs(holding.quantity) > self.peak:
            self.peak, self.peak_usd = abs(holding.quantity), abs(holding.quantity) * fill.price_usd

    @property
    def is_flat(self) -> bool:
        return all(not holding.quantity for holding in self.holdings.values())

    def done(self, closed_ns: int | None) -> Episode:
        venue = self.first.venue
        other = "PARADEX" if venue == "HYPERLIQUID" else "HYPERLIQUID"
        return Episode(
            asset=self.asset,
            long_venue=venue if self.first.quantity > 0 else other,
            opened_ns=self.first.ts_event_ns,
            closed_ns=closed_ns,
            peak_quantity=self.peak,
            peak_notional_usd=self.peak_usd,
            price_usd=self.price_usd,
            funding_usd=self.funding_usd,
            fees_usd=self.fees_usd,
            fills=self.fills,
        )


def episodes(result: Result) -> list[Episode]:
    """Return the run's pair trades in the order they were opened; together they hold every fill and every payment."""
    return sorted(
        (episode for market in result.dataset.markets for episode in _of_asset(market.asset, result)),
        key=lambda episode: episode.opened_ns,
    )


def _of_asset(asset: str, result: Result) -> Iterator[Episode]:
    current: _Open | None = None
    touched_ns = 0
    for row in _in_order(asset, result.fills, result.payments):
        if isinstance(row, FundingPayment):
            assert current is not None  # funding is paid on a position, and a position has a fill
            current.funding_usd += row.amount_usd
            continue
        if current is not None and current.is_flat:  # a payment made by the closing fill itself still belonged to it
            yield current.done(touched_ns)
            current = None
        current = current or _Open(asset, row)
        current.add(row)
        touched_ns = row.ts_event_ns
    if current is not None:
        yield current.done(touched_ns if current.is_flat else None)


def _in_order(asset: str, fills: Iterable[FillRow], payments: Iterable[FundingPayment]) -> list[FillRow | FundingPayment]:
    """Return an asset's rows by time; at the same time fills first, since a touch pays on the position it changes."""
    prefix = f"{asset}-USD-PERP."
    rows: list[FillRow | FundingPayment] = [row for row in fills if row.instrument_id.startswith(prefix)]
    rows += [row for row in payments if row.instrument_id.startswith(prefix)]
    return sorted(rows, key=lambda row: row.ts_event_ns)
