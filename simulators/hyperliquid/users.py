"""What the venue remembers of one user: money, orders, their history, fills and funding."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulators.accounts import ZERO, Account
from simulators.matching import Order

KEPT_NONCES = 100
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a stop (`sl`) or take-profit (`tp`) order comes to life, and whether as a market order."""

    price: Decimal
    is_market: bool
    tpsl: str
    is_buy: bool

    @property
    def fires_above(self) -> bool:
        """Whether a rising mark fires it."""
        return (self.tpsl == "sl") == self.is_buy

    def is_hit(self, mark_usd: Decimal) -> bool:
        """Whether the mark has reached the trigger price."""
        return mark_usd >= self.price if self.fires_above else mark_usd <= self.price


@dataclass(slots=True, kw_only=True)
class UserOrder:
    """An accepted order; `resting` is its remainder, in the book or waiting for its trigger.

    `kind` is the venue's word for the type, `is_stalled` marks an order that a fault keeps out of the
    book.
    """

    oid: int
    user: "User"
    coin: str
    is_buy: bool
    limit_price: Decimal
    size: Decimal
    tif: str
    reduce_only: bool
    cloid: str | None
    timestamp_ms: int
    resting: Order
    kind: str = "Limit"
    trigger: Trigger | None = None
    is_stalled: bool = False
    liquidation: dict[str, str] | None = None  # what fills say of a liquidation
    direction: str = ""  # what fills say instead of the effect on the position

    @property
    def remaining(self) -> Decimal:
        """What is not executed, in base units."""
        return self.resting.remaining


@dataclass(slots=True)
class FundingPaid:
    """Funding a user paid on one coin, in USD; negative when received."""

    all_time: Decimal = ZERO
    since_open: Decimal = ZERO
    since_change: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Agent:
    """A key that may trade for a user, not move the user's money."""

    address: str
    valid_until_ms: int


@dataclass(slots=True)
class NonceWindow:
    """The highest nonces a signer has used."""

    kept: set[int] = field(default_factory=set)

    def refusal(self, nonce: int, now_ms: int) -> str | None:
        """Return why a nonce is refused; None uses it up."""
        lowest = now_ms - 2 * DAY_MS
        if len(self.kept) >= KEPT_NONCES:
            lowest = max(lowest, min(self.kept))
        if nonce in self.kept:
            return f"Invalid nonce: duplicate nonce {nonce}"
        if nonce <= lowest:
            return f"Invalid nonce: nonce too low {nonce} < {lowest}"
        if nonce >= now_ms + DAY_MS:
            return f"Invalid nonce: nonce too high {nonce} > {now_ms + DAY_MS}"
        self.kept.add(nonce)
        if len(self.kept) > KEPT_NONCES:
            self.kept.remove(min(self.kept))
        return None


@dataclass(slots=True)
class User:
    """One funded address; rows kept here are already in the wire's shape."""

    address: str
    account: Account = field(default_factory=Account)
    spot_usdc: Decimal = ZERO
    open_orders: dict[int, UserOrder] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)  # order snapshots at each status change, oldest first
    record_by_oid: dict[int, dict[str, Any]] = field(default_factory=dict)
    oid_by_cloid: dict[str, int] = field(default_factory=dict)
    fills: list[dict[str, Any]] = field(default_factory=list)
    fundings: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    funding_paid: dict[str, FundingPaid] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    master: str | None = None  # the address a sub-account belongs to
    abstraction: str = "default"
    isolated: set[str] = field(default_factory=set)  # coins with isolated margin
    isolated_usd: dict[str, Decimal] = field(default_factory=dict)  # the part of the cash bound to an isolated position
    traded_usd: Decimal = ZERO
    requests: int = 0
    bought_requests: int = 0
    last_spare_request_ms: int = 0  # when the last request went through beyond the limit
    cancel_at_ms: int | None = None
    schedule_volume_usd: int = 1_000_000  # to be traded before cancels may be scheduled
    scheduled_cancels: dict[int, int] = field(default_factory=dict)  # triggered, by UTC day
    liquidated_at_ms: int | None = None  # when a part of a position was last liquidated

    @property
    def is_unified(self) -> bool:
        """Whether spot balances hold the money of the perpetual account."""
        return self.abstraction in ("unifiedAccount", "portfolioMargin")

    def find(self, oid: int | str) -> UserOrder | None:
        """Return an open order by order id or client order id."""
        number = self.oid_by_cloid.get(oid.lower(), -1) if isinstance(oid, str) else oid
        return self.open_orders.get(number)
