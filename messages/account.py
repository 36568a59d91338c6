"""What a venue says of the account, its cash and its own state."""

from decimal import Decimal
from enum import StrEnum

import msgspec


class VenueState(StrEnum):
    """Whether a venue, or one of our channels to it, can be traded on."""

    OK = "OK"
    STALE = "STALE"  # connected, but silent for longer than it should be
    DISCONNECTED = "DISCONNECTED"
    MAINTENANCE = "MAINTENANCE"
    CANCEL_ONLY = "CANCEL_ONLY"
    POST_ONLY = "POST_ONLY"
    LIQUIDATION = "LIQUIDATION"  # the venue is closing the account's positions
    DEGRADED = "DEGRADED"  # works, on terms that differ from those agreed (fees, funding index)


class VenueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one channel of a venue: `public`, `private` or `system`, or of an aspect of it (`account`, `fees`)."""

    venue: str
    channel: str
    state: VenueState
    detail: str
    ts_ns: int


class FundingPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Funding the venue has booked to the account's cash, exactly once per `payment_id`.

    `amount_usd` is positive when received. `payment_id` is the venue's own identity of the payment
    and never a rounded time. `rate_per_hour` is None where the venue does not settle at a rate.
    """

    venue: str
    instrument_id: str
    payment_id: str
    amount_usd: Decimal
    rate_per_hour: Decimal | None
    position_quantity: Decimal
    ts_event_ns: int


class FundingAccrual(msgspec.Struct, frozen=True, kw_only=True):
    """Funding that has accrued on an open position but is not yet in the account's cash.

    `accrued_usd` is the whole unrealised amount since it was last realised, positive when it will
    be received; `funding_index_usd` is cumulative USD per base unit.
    """

    venue: str
    instrument_id: str
    accrued_usd: Decimal
    funding_index_usd: Decimal | None
    position_quantity: Decimal
    ts_event_ns: int


class FundingIndex(msgspec.Struct, frozen=True, kw_only=True):
    """One sample of a venue's running funding index, as published: raw, never adjusted.

    `index_usd` is cumulative USD per base unit, `premium_usd` USD per base unit and funding period,
    `rate` the fraction per `period_hours`. `is_reset` marks a sample that does not continue the
    index before it: differences across it mean nothing.
    """

    venue: str
    instrument_id: str
    index_usd: Decimal
    premium_usd: Decimal | None
    rate: Decimal | None
    period_hours: int
    is_reset: bool
    ts_event_ns: int


class PositionHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One open position as the venue sees it; `quantity` is signed, prices are USD per base unit."""

    instrument_id: str
    quantity: Decimal
    entry_price_usd: Decimal
    unrealized_pnl_usd: Decimal  # price only: accrued funding is a FundingAccrual
    liquidation_price_usd: Decimal | None


class AccountHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One venue account: `equity_usd` = `cash_usd` + unrealised price PnL + accrued funding."""

    venue: str
    equity_usd: Decimal
    cash_usd: Decimal
    free_collateral_usd: Decimal
    initial_margin_usd: Decimal
    maintenance_margin_usd: Decimal
    positions: tuple[PositionHealth, ...]
    ts_event_ns: int


class GasPaid(msgspec.Struct, frozen=True, kw_only=True):
    """Gas the chain has charged to the account, exactly once per transaction, also of one that reverted.

    `amount_strk` is positive when paid; `amount_usd` is its value at the time, None where no price was known.
    """

    venue: str
    transaction_hash: str
    amount_strk: Decimal
    amount_usd: Decimal | None
    is_reverted: bool
    ts_event_ns: int
