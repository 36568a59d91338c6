"""Paradex' wire structs: the venue's field names, frozen and lenient.

The venue writes numbers as strings and `""` where it has none, so `decode` reads every empty string
as null and each field that may be empty allows it. Times are Unix milliseconds unless the name says
otherwise. Quotes and book levels are floats (hot market data); everything else is exact.

No struct holds a number that could not be one: what is not finite, or too large for any price, size
or time, is refused here, before it can reach a sum or Nautilus. Names are printable ASCII: Nautilus
ends the whole process over an identifier that is empty or holds anything else.
"""

import re
from decimal import Decimal
from typing import Annotated

import msgspec

MAX_MS = 9_000_000_000_000  # in the year 2255; as nanoseconds it still fits 63 bits
_MAX_TRADE_ID = 36  # a longer one does not fit Nautilus
_MAX_EXPONENT, _MIN_EXPONENT = 12, -30

type Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_MS)]
type SequenceNumber = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
type Name = Annotated[str, msgspec.Meta(pattern="^[!-~]{1,64}$")]
type HotPrice = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
type HotSize = Annotated[float, msgspec.Meta(ge=0, le=1e12)]

# Inside a JSON string a quote is escaped, so a colon followed by two quotes is always an empty value.
_EMPTY_VALUE = re.compile(rb':\s*""')


def fill_blanks(body: bytes) -> bytes:
    """Return JSON in which every empty string value has become null."""
    return _EMPTY_VALUE.sub(b":null", body)


def decode[T](kind: type[T], body: bytes) -> T:
    """Decode a JSON body; raises `msgspec.DecodeError` where it has another shape."""
    return msgspec.json.decode(fill_blanks(body), type=kind, strict=False)


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    """Common settings; unknown fields are ignored."""


class _Exact(_Wire, frozen=True, kw_only=True):
    """Base of the structs that hold exact numbers."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is Decimal and not (value.is_finite() and _MIN_EXPONENT <= value.adjusted() < _MAX_EXPONENT):
                raise ValueError(f"{name} is no number to reckon with: {value!s:.40}")


_is_name = re.compile("[!-~]{1,64}").fullmatch


class _Owned(_Exact, frozen=True, kw_only=True):
    """Base of what carries a client id: a foreign one that Nautilus cannot hold is as good as none."""

    client_id: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.client_id is not None and _is_name(self.client_id) is None:
            msgspec.structs.force_setattr(self, "client_id", None)


def _check_execution(trade_id: str | None, size: Decimal, price: Decimal) -> None:
    """Raise ValueError where something was traded that cannot be: the binary decoder knows no patterns."""
    if trade_id is not None and len(trade_id) > _MAX_TRADE_ID:
        raise ValueError(f"id {trade_id} is longer than {_MAX_TRADE_ID}")
    if size <= 0 or price < 0:
        raise ValueError(f"an execution of {size} at {price}")


class Page[Row](_Wire, frozen=True, kw_only=True):
    """A list answer, `next` being the cursor of the following page."""

    results: list[Row] | None = None
    next: str | None = None


class ErrorBody(_Wire, frozen=True, kw_only=True):
    """A refusal; an expired token comes without `error`."""

    error: str | None = None
    message: str | None = None


class SystemConfig(_Wire, frozen=True, kw_only=True):
    """What signing needs to know of the chain."""

    starknet_chain_id: str


class SystemTime(_Wire, frozen=True, kw_only=True):
    """The venue's clock."""

    server_time: Milliseconds


class SystemState(_Wire, frozen=True, kw_only=True):
    """`ok`, `maintenance`, `cancel_only` or `post_only`."""

    status: str


class Token(_Wire, frozen=True, kw_only=True):
    """A session token, valid for five minutes."""

    jwt_token: str


class MarginParams(_Exact, frozen=True, kw_only=True):
    """Fractions of notional; the maintenance fraction is `imf_base` times `mmf_factor`."""

    imf_base: Decimal | None = None
    mmf_factor: Decimal | None = None


class Fee(_Exact, frozen=True, kw_only=True):
    """A fraction of notional."""

    fee: Decimal | None = None


class FeePair(_Wire, frozen=True, kw_only=True):
    """Maker and taker side."""

    maker_fee: Fee | None = None
    taker_fee: Fee | None = None


class FeeConfig(_Wire, frozen=True, kw_only=True):
    """A market's override of the fee schedule."""

    api_fee: FeePair | None = None


class Market(_Exact, frozen=True, kw_only=True):
    """One market's rules."""

    symbol: Name
    base_currency: str
    asset_kind: str | None = None
    order_size_increment: Decimal
    price_tick_size: Decimal
    min_notional: Decimal | None = None
    max_order_size: Decimal | None = None
    position_limit: Decimal | None = None
    price_bands_width: Decimal | None = None
    max_slippage: Decimal | None = None
    max_tob_spread: Decimal | None = None
    max_funding_rate: Decimal | None = None
    funding_period_hours: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    trading_mode: str | None = None
    delta1_cross_margin_params: MarginParams | None = None
    fee_config: FeeConfig | None = None


class Bbo(_Wire, frozen=True, kw_only=True, gc=False):
    """The best bid and offer in whole units of 1e-8, as SBE has them; a side is None where the book has none."""

    market: Name
    seq_no: SequenceNumber = 0
    bid_e8: int | None = None
    bid_size_e8: int | None = None
    ask_e8: int | None = None
    ask_size_e8: int | None = None
    last_updated_at: Milliseconds = 0


class BboMessage(_Exact, frozen=True, kw_only=True):
    """The JSON form of the best bid and offer."""

    market: Name
    seq_no: SequenceNumber = 0
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    last_updated_at: Milliseconds = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("bid", 1), ("ask", 1), ("bid_size", 0), ("ask_size", 0)):
            value = getattr(self, name)
            if value is not None and value.scaleb(8) < least:
                raise ValueError(f"{name} of {value} is too small")


class BookEntry(_Wire, frozen=True, kw_only=True):
    """One level of the JSON book."""

    side: str
    price: HotPrice
    size: HotSize


class BookMessage(_Wire, frozen=True, kw_only=True):
    """The JSON form of an order-book message."""

    market: Name
    seq_no: SequenceNumber = 0
    last_updated_at: Milliseconds = 0
    update_type: str = "s"
    inserts: list[BookEntry] = []
    updates: list[BookEntry] = []
    deletes: list[BookEntry] = []


class Book(_Wire, frozen=True, kw_only=True):
    """An order-book message as (price, size) rows, best first; size 0 removes a level of a delta."""

    market: str
    seq_no: SequenceNumber
    last_updated_at: Milliseconds
    is_snapshot: bool
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class BookSnapshot(_Wire, frozen=True, kw_only=True):
    """The REST form of a book: rows of (price, size), best first."""

    market: Name
    seq_no: SequenceNumber = 0
    last_updated_at: Milliseconds = 0
    bids: list[tuple[HotPrice, HotSize]] = []
    asks: list[tuple[HotPrice, HotSize]] = []


class Kline(_Wire, frozen=True, kw_only=True, array_like=True):
    """One bar: its opening time (ms), open, high, low, close and volume in base units."""

    start_at: Milliseconds
    open: HotPrice
    high: HotPrice
    low: HotPrice
    close: HotPrice
    volume: HotSize = 0.0

    def __post_init__(self) -> None:
        if not (self.low <= min(self.open, self.close) and max(self.open, self.close) <= self.high):
            raise ValueError("a bar whose prices are out of order")


class MarketEvent(_Wire, frozen=True, kw_only=True):
    """A market's rules have changed: CREATED, UPDATED, DELETED or SETTLED."""

    symbol: Name
    event_type: str | None = None
    updated_at: Milliseconds = 0


class Trade(_Exact, frozen=True, kw_only=True):
    """A public trade; `side` is the taker's."""

    id: Name | None = None
    market: Name
    side: str
    size: Decimal
    price: Decimal
    created_at: Milliseconds
    trade_type: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_execution(self.id, self.size, self.price)


class MarketSummary(_Exact, frozen=True, kw_only=True):
    """Mark and index of a market; `funding_rate` is per funding period of that market."""

    symbol: Name
    mark_price: Decimal | None = None
    underlying_price: Decimal | None = None
    last_traded_price: Decimal | None = None
    open_interest: Decimal | None = None
    external_fair_price: Decimal | None = None
    funding_rate: Decimal | None = None
    created_at: Milliseconds = 0


class FundingData(_Exact, frozen=True, kw_only=True):
    """Funding of a market: `funding_rate` per period, `funding_index` cumulative USDC per base unit."""

    market: Name
    funding_index: Decimal | None = None
    funding_premium: Decimal | None = None
    funding_rate: Decimal | None = None
    funding_rate_8h: Decimal | None = None
    funding_period_hours: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    impact_premium_rate: Decimal | None = None
    created_at: Milliseconds = 0


class RequestInfo(_Wire, frozen=True, kw_only=True):
    """How a modification fared."""

    id: str | None = None
    request_type: str | None = None
    status: str | None = None
    message: str | None = None


class Order(_Owned, frozen=True, kw_only=True):
    """An order; `status` is NEW, UNTRIGGERED, OPEN or CLOSED."""

    id: Name
    market: Name
    side: str
    type: str
    size: Decimal
    remaining_size: Decimal | None = None
    price: Decimal | None = None
    status: str
    instruction: str | None = None
    cancel_reason: str | None = None
    avg_fill_price: Decimal | None = None
    flags: list[str] | None = None
    created_at: Milliseconds = 0
    last_updated_at: Milliseconds = 0
    seq_no: SequenceNumber = 0
    request_info: RequestInfo | None = None


class Fill(_Owned, frozen=True, kw_only=True):
    """One of our fills; `side` is ours, `fee` positive when paid, `realized_funding` when received."""

    id: Name
    market: Name
    order_id: Name
    side: str
    liquidity: str | None = None
    price: Decimal
    size: Decimal
    remaining_size: Decimal | None = None
    fee: Decimal | None = None
    fee_currency: Name | None = None
    fill_type: str | None = None
    flags: list[str] | None = None
    realized_pnl: Decimal | None = None
    realized_funding: Decimal | None = None
    created_at: Milliseconds = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_execution(self.id, self.size, self.price)


class Position(_Exact, frozen=True, kw_only=True):
    """A position of signed `size`; `unrealized_pnl` includes the running funding."""

    market: Name
    status: str | None = None
    side: str | None = None
    size: Decimal
    average_entry_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    unrealized_funding_pnl: Decimal | None = None
    cached_funding_index: Decimal | None = None
    liquidation_price: Decimal | None = None
    last_updated_at: Milliseconds = 0
    seq_no: SequenceNumber = 0


class Account(_Exact, frozen=True, kw_only=True):
    """The margin account in USD; `account_value` includes unrealised PnL and funding."""

    account_value: Decimal
    free_collateral: Decimal | None = None
    initial_margin_requirement: Decimal | None = None
    maintenance_margin_requirement: Decimal | None = None
    status: str | None = None
    seq_no: SequenceNumber = 0
    updated_at: Milliseconds = 0


class FeeRates(_Exact, frozen=True, kw_only=True):
    """The account's own perpetual fees, fractions of notional."""

    maker_rate: Decimal | None = None
    taker_rate: Decimal | None = None


class AccountInfo(_Wire, frozen=True, kw_only=True):
    """Who the account is."""

    account: str
    fees: FeeRates | None = None


class Subkey(_Wire, frozen=True, kw_only=True):
    """A key registered beside the main one; `state` is pending, active or revoked."""

    public_key: str
    state: str | None = None


class Balance(_Exact, frozen=True, kw_only=True):
    """A token balance, realised PnL, funding and fees included."""

    token: str
    size: Decimal
    last_updated_at: Milliseconds = 0


class BalanceEvent(_Exact, frozen=True, kw_only=True):
    """A change of the settlement balance."""

    market: Name | None = None
    fill_id: str | None = None
    settlement_asset_balance_after: Decimal | None = None
    created_at: Milliseconds = 0


class FundingPaymentRow(_Exact, frozen=True, kw_only=True):
    """Funding realised into the balance, positive when received."""

    id: Name
    market: Name
    payment: Decimal
    index: Decimal | None = None
    fill_id: str | None = None
    created_at: Milliseconds = 0


class TradeBust(_Wire, frozen=True, kw_only=True):
    """A fill the chain has reverted."""

    busted_fill_id: str | None = None
    created_at: Milliseconds = 0


class Heartbeat(_Wire, frozen=True, kw_only=True):
    """The venue's sign of life on a quiet socket."""

    timestamp_us: int


class RpcError(_Wire, frozen=True, kw_only=True):
    """The error of a JSON-RPC reply."""

    code: int
    message: str | None = None
    data: msgspec.Raw = msgspec.Raw()


class Envelope(_Wire, frozen=True, kw_only=True):
    """A JSON-RPC frame: a reply has an id, a push has a method."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw()  # empty where absent
    result: msgspec.Raw = msgspec.Raw()
    error: RpcError | None = None


class PushParams(_Wire, frozen=True, kw_only=True):
    """The parameters of a push."""

    channel: str
    data: msgspec.Raw


class OrderReply(_Wire, frozen=True, kw_only=True):
    """The provisional answer to an order RPC."""

    order: Order


class BatchItem(_Wire, frozen=True, kw_only=True):
    """What became of one order of a batch: the order, or the code of a refusal."""

    order: Order | None = None
    error: str | None = None
    message: str | None = None


class BatchReply(_Wire, frozen=True, kw_only=True):
    """The answer to a batch of orders, in their order."""

    results: list[BatchItem] = []


type Payload = (
    Bbo
    | Book
    | Trade
    | MarketEvent
    | MarketSummary
    | FundingData
    | Order
    | Fill
    | Position
    | Account
    | BalanceEvent
    | FundingPaymentRow
    | TradeBust
    | Heartbeat
)
