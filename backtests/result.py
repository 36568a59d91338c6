"""What a run leaves behind: hourly series, the cash rows and one table of profit and loss that adds up."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from actors.books import FillRow, VenuePnl
from backtests.dataset import Dataset
from messages import FundingPayment, RiskRefused, Signal

CENT = Decimal("0.01")
ZERO = Decimal(0)


class HourRow(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one venue at an hour; money in USD, cumulative since the start where it is a flow."""

    ts_ns: int
    venue: str
    equity_usd: Decimal
    cash_usd: Decimal
    funding_usd: Decimal  # booked to cash
    accrued_usd: Decimal  # not booked yet
    fees_usd: Decimal  # negative when paid


class QuantityRow(msgspec.Struct, frozen=True):
    """The signed position in one instrument after a fill."""

    ts_ns: int
    instrument_id: str
    quantity: Decimal


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One finished run."""

    dataset: Dataset
    rule: str  # what decided, in words
    start_usd: Decimal  # on each venue
    venues: tuple[VenuePnl, ...]
    hours: tuple[HourRow, ...]
    quantities: tuple[QuantityRow, ...]
    fills: tuple[FillRow, ...]
    payments: tuple[FundingPayment, ...]
    signals: tuple[Signal, ...]
    refusals: tuple[RiskRefused, ...]
    wall_secs: float


class Parts(msgspec.Struct, frozen=True):
    """A row of the table, in whole cents; `cash_usd` = price + funding + fees, `equity_usd` = cash + the two open parts."""

    price_usd: Decimal
    funding_usd: Decimal
    fees_usd: Decimal
    cash_usd: Decimal
    open_price_usd: Decimal
    open_funding_usd: Decimal
    equity_usd: Decimal


def cents(parts: Mapping[str, Decimal], total: Decimal) -> dict[str, Decimal]:
    """Round to cents so that the parts add up to the rounded total; the largest rounding loss takes what is left over.

    Raises ValueError where the parts miss the total by a cent or more: then a row is missing, and
    rounding must not hide it.
    """
    missing = total - sum(parts.values(), ZERO)
    if abs(missing) >= CENT:
        raise ValueError(f"the parts {dict(parts)} miss the total {total} by {missing}")
    rounded = {name: value.quantize(CENT, ROUND_HALF_EVEN) for name, value in parts.items()}
    left = total.quantize(CENT, ROUND_HALF_EVEN) - sum(rounded.values(), ZERO)
    by_loss = sorted(parts, key=lambda name: parts[name] - rounded[name], reverse=left > 0)
    for name in by_loss[: int(abs(left) / CENT)]:
        rounded[name] += CENT if left > 0 else -CENT
    return rounded


def venue_parts(pnl: VenuePnl) -> Parts:
    """Return a venue's result in cents that add up."""
    cash = cents({"price": pnl.price_usd, "funding": pnl.funding_usd, "fees": pnl.fees_usd}, pnl.change_usd)
    change = sum(cash.values(), ZERO)
    open_price = pnl.unrealized_price_usd.quantize(CENT, ROUND_HALF_EVEN)
    open_funding = pnl.accrued_funding_usd.quantize(CENT, ROUND_HALF_EVEN)
    return Parts(
        cash["price"], cash["funding"], cash["fees"], change, open_price, open_funding, change + open_price + open_funding
    )


def total_parts(rows: Mapping[str, Parts]) -> Parts:
    """Return the sum of the venues' rows, cent by cent."""
    return Parts(*(sum((getattr(row, name) for row in rows.values()), ZERO) for name in Parts.__struct_fields__))
