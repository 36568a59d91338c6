"""Hyperliquid's wire structs, nothing else: frozen, the venue's field names in snake case.

Market-data numbers are floats (decoded with `strict=False`: they arrive as strings), everything
about money, sizes of ours and funding is Decimal. Unknown fields are ignored, fields the venue
leaves out at times have a default.

No struct holds a number that could not be one: what is not finite, or too large for any price, size
or time, is refused here, before it can reach a sum or Nautilus. Names are printable ASCII: Nautilus
ends the whole process over an identifier that is empty or holds anything else.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

_MAX_MS = 9_000_000_000_000  # in the year 2255; as nanoseconds it still fits 63 bits
_MAX_EXPONENT, _MIN_EXPONENT = 12, -30

type Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=_MAX_MS)]
type VenueId = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
type Name = Annotated[str, msgspec.Meta(pattern="^[!-~]{1,64}$")]
type HotPrice = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
type HotSize = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Base of all wire structs: `sz_decimals` here is `szDecimals` there."""


class Exact(Wire, frozen=True):
    """Base of the structs that hold exact numbers."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is Decimal and not (value.is_finite() and _MIN_EXPONENT <= value.adjusted() < _MAX_EXPONENT):
                raise ValueError(f"{name} is no number to reckon with: {value!s:.40}")


# Market data


class Level(Wire, frozen=True):
    """One price level."""

    px: HotPrice
    sz: HotSize


class BboData(Wire, frozen=True):
    """Best bid and ask, either of them null on an empty side; `time` is Unix milliseconds."""

    coin: str
    time: Milliseconds
    bbo: tuple[Level | None, Level | None]


class BookLevel(Level, frozen=True):
    """One price level of a whole book; `n` orders make it up."""

    n: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0


class BookData(Wire, frozen=True):
    """A whole book: bids from the best down, asks from the best up; `fast` ones are short and frequent."""

    coin: str
    levels: tuple[list[BookLevel], list[BookLevel]]
    time: Milliseconds = 0
    fast: bool = False


class TradeData(Wire, frozen=True):
    """A public trade; `side` is the aggressor's, B or A."""

    coin: str
    side: str
    px: HotPrice
    sz: HotSize
    time: Milliseconds
    tid: VenueId


class AssetContext(Exact, frozen=True):
    """Prices and the current funding rate per hour; prices are null where there is no book."""

    funding: Decimal
    oracle_px: HotPrice
    mark_px: HotPrice | None = None
    mid_px: HotPrice | None = None
    open_interest: HotSize = 0.0
    premium: Decimal | None = None


class AssetContextData(Wire, frozen=True):
    """The context of one coin."""

    coin: str
    ctx: AssetContext


class PerpMeta(Wire, frozen=True):
    """One perpetual of the universe; its asset id is its place there."""

    name: Name
    sz_decimals: int
    max_leverage: int
    is_delisted: bool = False
    only_isolated: bool = False
    margin_table_id: int | None = None


class Candle(Wire, frozen=True, rename=None):
    """A bar of coin `s` and interval `i` over [`t`, `T`] in Unix milliseconds."""

    t: Milliseconds
    T: Milliseconds
    s: str
    i: str
    o: HotPrice
    h: HotPrice
    l: HotPrice  # noqa: E741 - the venue's name
    c: HotPrice
    v: HotSize


class FundingHistoryRow(Exact, frozen=True):
    """One settled hour; the rate is per hour."""

    coin: Name
    funding_rate: Decimal
    time: Milliseconds
    premium: Decimal | None = None


# Account


class Leverage(Wire, frozen=True):
    """`type` is cross or isolated."""

    type: str
    value: int


class Position(Exact, frozen=True):
    """One open position; `szi` is signed, long positive."""

    coin: Name
    szi: Decimal
    leverage: Leverage
    position_value: Decimal
    unrealized_pnl: Decimal
    margin_used: Decimal
    entry_px: Decimal | None = None
    liquidation_px: Decimal | None = None
    max_leverage: int | None = None


class AssetPosition(Wire, frozen=True):
    """A position in its envelope."""

    position: Position


class MarginSummary(Exact, frozen=True):
    """USD totals over all positions."""

    account_value: Decimal
    total_margin_used: Decimal
    total_ntl_pos: Decimal = Decimal(0)
    total_raw_usd: Decimal = Decimal(0)


class ClearinghouseState(Exact, frozen=True):
    """The perpetuals account as of `time` (the venue's clock; 0 where an old answer leaves it out)."""

    margin_summary: MarginSummary
    withdrawable: Decimal
    asset_positions: list[AssetPosition]
    cross_maintenance_margin_used: Decimal = Decimal(0)
    time: Milliseconds = 0


class SpotBalance(Exact, frozen=True):
    """A spot balance; `hold` is bound in orders."""

    coin: Name
    total: Decimal
    hold: Decimal = Decimal(0)


class SpotState(Wire, frozen=True):
    """The spot account; no margin for perpetuals in the standard account mode."""

    balances: list[SpotBalance]


class Order(Exact, frozen=True):
    """An order; `sz` is what is left of `orig_sz` (see notes on terminal orders in `orders`)."""

    coin: Name
    side: str
    limit_px: Decimal
    sz: Decimal
    oid: VenueId
    timestamp: Milliseconds
    orig_sz: Decimal | None = None
    cloid: str | None = None
    reduce_only: bool = False
    is_trigger: bool = False
    tif: str | None = None
    order_type: str | None = None


class OrderUpdate(Wire, frozen=True):
    """An order with its status; a partial fill alone sends none."""

    order: Order
    status: str
    status_timestamp: Milliseconds


class OrderStatusAnswer(Wire, frozen=True):
    """`status` is `order` (then `order` is there) or `unknownOid`."""

    status: str
    order: OrderUpdate | None = None


class Liquidation(Wire, frozen=True):
    """Who was liquidated; the counterparty's fill carries it as well."""

    liquidated_user: str | None = None
    method: str | None = None


class Fill(Exact, frozen=True):
    """One execution; (coin, tid, oid) is unique, `crossed` means taker, `fee` is negative as rebate."""

    coin: Name
    px: Decimal
    sz: Decimal
    side: str
    time: Milliseconds
    oid: VenueId
    crossed: bool
    fee: Decimal
    tid: VenueId = 0
    start_position: Decimal | None = None
    dir: str = ""
    cloid: str | None = None
    fee_token: str = "USDC"  # noqa: S105 - a currency
    liquidation: Liquidation | None = None


class FundingRow(Exact, frozen=True):
    """One funding payment; `usdc` is positive when received."""

    time: Milliseconds
    coin: Name
    usdc: Decimal
    szi: Decimal
    funding_rate: Decimal
    n_samples: int | None = None


# Answers to actions


class Resting(Wire, frozen=True):
    """The order rests."""

    oid: VenueId


class Filled(Exact, frozen=True):
    """The order matched at once, wholly or in part."""

    oid: VenueId
    total_sz: Decimal
    avg_px: Decimal


class ItemStatus(Wire, frozen=True):
    """What became of one order or cancel: exactly one field is set."""

    resting: Resting | None = None
    filled: Filled | None = None
    error: str | None = None


type Item = ItemStatus | str
"""A bare word stands for `success`, `waitingForFill` and the like."""


class ActionData(Wire, frozen=True):
    """One item per order, by position."""

    statuses: list[ItemStatus | str] = []


class ActionResult(Wire, frozen=True):
    """The venue's answer to an accepted action."""

    type: str
    data: ActionData = ActionData()


class ActionAnswer(Wire, frozen=True):
    """`status` is ok (then `response` is an ActionResult) or err (then it is a text)."""

    status: str
    response: msgspec.Raw


# WebSocket frames, told apart by `channel`


class Frame(Wire, frozen=True, tag_field="channel"):
    """Base of the frames."""


class BboFrame(Frame, frozen=True, tag="bbo"):
    """Best bid and ask."""

    data: BboData


class BookFrame(Frame, frozen=True, tag="l2Book"):
    """A whole book."""

    data: BookData


class TradesFrame(Frame, frozen=True, tag="trades"):
    """Public trades; the first frame of a subscription repeats the last 30."""

    data: list[TradeData]


class CandleFrame(Frame, frozen=True, tag="candle"):
    """The running bar, again and again until the next begins."""

    data: Candle


class AssetContextFrame(Frame, frozen=True, tag="activeAssetCtx"):
    """Mark, oracle and funding."""

    data: AssetContextData


class OrderUpdatesFrame(Frame, frozen=True, tag="orderUpdates"):
    """Order states; there is no snapshot."""

    data: list[OrderUpdate]


class UserFillsData(Wire, frozen=True):
    """Fills; the first frame of a subscription is a snapshot of recent ones."""

    user: str
    fills: list[Fill]
    is_snapshot: bool = False


class UserFillsFrame(Frame, frozen=True, tag="userFills"):
    """Executions."""

    data: UserFillsData


class UserFundingsData(Wire, frozen=True):
    """Funding payments; the first frame of a subscription is a snapshot."""

    user: str
    fundings: list[FundingRow]
    is_snapshot: bool = False


class UserFundingsFrame(Frame, frozen=True, tag="userFundings"):
    """Funding payments."""

    data: UserFundingsData


class ClearinghouseData(Wire, frozen=True):
    """The account."""

    clearinghouse_state: ClearinghouseState
    user: str = ""


class ClearinghouseFrame(Frame, frozen=True, tag="clearinghouseState"):
    """The account."""

    data: ClearinghouseData


class SpotData(Wire, frozen=True):
    """The spot account."""

    spot_state: SpotState


class SpotFrame(Frame, frozen=True, tag="spotState"):
    """The spot account."""

    data: SpotData


class NamedStream(Wire, frozen=True):
    """What tells a stream from the others; the account's have no coin."""

    type: str
    coin: str | None = None
    fast: bool = False
    interval: str | None = None


class AcknowledgedSubscription(Wire, frozen=True):
    """`method` is subscribe or unsubscribe; the subscription comes back with defaults filled in."""

    method: str
    subscription: NamedStream


class SubscriptionFrame(Frame, frozen=True, tag="subscriptionResponse"):
    """A subscription was taken."""

    data: AcknowledgedSubscription


class PostResponse(Wire, frozen=True):
    """`type` is action, info or error; of an error the payload is a text like an HTTP status line."""

    type: str
    payload: msgspec.Raw


class PostData(Wire, frozen=True):
    """An answer, by the id of the request."""

    id: int
    response: PostResponse


class PostFrame(Frame, frozen=True, tag="post"):
    """The answer to a request sent over the socket."""

    data: PostData


class ErrorFrame(Frame, frozen=True, tag="error"):
    """The venue did not like a message; the socket stays open."""

    data: str


class PongFrame(Frame, frozen=True, tag="pong"):
    """The answer to a ping."""


type AnyFrame = (
    BboFrame
    | BookFrame
    | TradesFrame
    | CandleFrame
    | AssetContextFrame
    | OrderUpdatesFrame
    | UserFillsFrame
    | UserFundingsFrame
    | ClearinghouseFrame
    | SpotFrame
    | SubscriptionFrame
    | PostFrame
    | ErrorFrame
    | PongFrame
)


class AnyChannel(Wire, frozen=True):
    """Only the channel, to tell a frame that is not ours from a broken one."""

    channel: str
