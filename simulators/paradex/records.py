"""What the venue remembers and publishes, in exact decimals; how it looks on the wire is told elsewhere.

Times are Unix milliseconds, money is USDC, sizes are base units and signed where a position is meant.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
CASH_QUANTUM = Decimal("0.00000001")  # the venue's ledger keeps 8 decimals

LIVE = ("NEW", "UNTRIGGERED", "OPEN")


def to_cash(value: Decimal) -> Decimal:
    """Round an amount of USDC to the ledger's 8 decimals."""
    return value.quantize(CASH_QUANTUM, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class ModifyState:
    """How far a modification has come: PENDING, then SUCCESS or REJECTED with a reason."""

    id: str
    status: str
    message: str = ""


@dataclass(slots=True)
class VenueOrder:
    """One order from 201/NEW to CLOSED; `price` and `trigger_price` are None where they do not apply."""

    id: str
    account: str
    market: str
    is_buy: bool
    kind: str
    size: Decimal
    price: Decimal | None
    instruction: str
    stp: str
    flags: tuple[str, ...]
    client_id: str
    trigger_price: Decimal | None
    signed_ms: int
    created_ms: int
    is_interactive: bool
    remaining: Decimal = ZERO
    status: str = "NEW"
    cancel_reason: str = ""
    filled_usd: Decimal = ZERO
    updated_ms: int = 0
    modify: ModifyState | None = None

    @property
    def side(self) -> str:
        """BUY or SELL."""
        return "BUY" if self.is_buy else "SELL"

    @property
    def is_live(self) -> bool:
        """Whether it may still trade."""
        return self.status in LIVE

    @property
    def is_market(self) -> bool:
        """Whether it takes any price."""
        return self.kind.endswith("MARKET")

    @property
    def is_conditional(self) -> bool:
        """Whether it waits for a trigger price."""
        return self.kind not in ("LIMIT", "MARKET")

    @property
    def reduce_only(self) -> bool:
        """Whether it may only shrink a position."""
        return "REDUCE_ONLY" in self.flags

    @property
    def average_price(self) -> Decimal | None:
        """The average execution price, None while unfilled."""
        filled = self.size - self.remaining
        return to_cash(self.filled_usd / filled) if self.filled_usd and filled else None


@dataclass(frozen=True, slots=True)
class FillRecord:
    """One side of an execution; `fee` positive when paid, `realized_funding` positive when received."""

    id: str
    account: str
    market: str
    order_id: str
    client_id: str
    is_buy: bool
    is_maker: bool
    price: Decimal
    size: Decimal
    remaining: Decimal
    fee: Decimal
    realized_pnl: Decimal
    realized_funding: Decimal
    underlying_price: Decimal
    trade_id: str
    book_seq: int
    flags: tuple[str, ...]
    created_ms: int
    fill_type: str = "FILL"


@dataclass(frozen=True, slots=True)
class FundingPaymentRecord:
    """Funding realised by a fill; `payment` positive when received."""

    id: str
    account: str
    market: str
    payment: Decimal
    index: Decimal
    fill_id: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class BalanceEvent:
    """What one fill did to the cash: after = before + pnl + funding - fees."""

    market: str
    fill_id: str
    fees: Decimal
    realized_pnl: Decimal
    realized_funding: Decimal
    funding_index: Decimal
    before: Decimal
    after: Decimal
    created_ms: int


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position at one moment; `unrealized_pnl` includes the running funding."""

    account: str
    market: str
    size: Decimal
    entry_price: Decimal
    cost: Decimal
    unrealized_pnl: Decimal
    unrealized_funding: Decimal
    realized_pnl: Decimal
    realized_funding: Decimal
    cached_index: Decimal
    leverage: Decimal
    created_ms: int
    updated_ms: int
    closed_ms: int
    last_fill_id: str
    is_long: bool
    mark_price: Decimal
    liquidation_price: Decimal | None

    @property
    def status(self) -> str:
        """OPEN or CLOSED."""
        return "CLOSED" if self.closed_ms else "OPEN"


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account's money and margin at one moment."""

    account: str
    total_collateral: Decimal
    account_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    updated_ms: int
    status: str = "ACTIVE"

    @property
    def free_collateral(self) -> Decimal:
        """Account value in excess of initial margin."""
        return self.account_value - self.initial_margin

    @property
    def margin_cushion(self) -> Decimal:
        """Account value in excess of maintenance margin."""
        return self.account_value - self.maintenance_margin


@dataclass(frozen=True, slots=True)
class TradeBust:
    """A fill reverted after the fact."""

    account: str
    fill_id: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Liquidation:
    """A partial liquidation of a whole account: the share of every position that was taken."""

    id: str
    share: Decimal
    penalty_usd: Decimal
    created_ms: int


@dataclass(frozen=True, slots=True)
class ValueSample:
    """An account at one moment of its history: value and cumulative traded notional in USDC."""

    time_ms: int
    value_usd: Decimal
    volume_usd: Decimal


@dataclass(frozen=True, slots=True)
class Bbo:
    """The best prices; None for an empty side."""

    market: str
    seq: int
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None
    time_ms: int


Level = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class BookUpdate:
    """A whole book, or the levels that changed (size 0 deletes) with the prices that are new."""

    market: str
    seq: int
    is_snapshot: bool
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    time_ms: int
    new_prices: frozenset[Decimal] = frozenset()


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """A public trade; the side is the taker's."""

    id: str
    market: str
    is_buy: bool
    size: Decimal
    price: Decimal
    time_ms: int
    seq: int
    trade_type: str = "FILL"


@dataclass(frozen=True, slots=True)
class SummaryView:
    """A market's ticker; `funding_rate` is a fraction per the market's funding period."""

    market: str
    seq: int
    mark_price: Decimal
    index_price: Decimal
    last_price: Decimal
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None
    volume_24h_usd: Decimal
    total_volume_usd: Decimal
    open_interest: Decimal
    funding_rate: Decimal
    price_change_24h: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class ComparedRate:
    """A market's funding rate on some venue, a fraction per hour."""

    market: str
    source: str
    rate_per_hour: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class FundingSample:
    """Funding at one moment: index in USDC per base unit, premium the same per period, rate per period."""

    market: str
    index: Decimal
    premium_usd: Decimal
    rate: Decimal
    period_hours: int
    impact_premium_rate: Decimal
    time_ms: int

    @property
    def rate_8h(self) -> Decimal:
        """The rate normalised to 8 hours."""
        return self.rate * 8 / self.period_hours
