"""Hyperliquid's market data as Nautilus objects, its symbols and its price grid: all pure."""

from collections.abc import Sequence
from decimal import Decimal

from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import (
    BookOrder,
    FundingRateUpdate,
    IndexPriceUpdate,
    MarkPriceUpdate,
    OrderBookDelta,
    OrderBookDeltas,
    OrderBookDepth10,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.model.enums import AggressorSide, BookAction, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CryptoPerpetual, Instrument
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from adapters.hyperliquid.constants import (
    FUNDING_INTERVAL_MINS,
    MIN_NOTIONAL_USD,
    PERP_MAX_DECIMALS,
    VENUE_NAME,
)
from adapters.hyperliquid.listing_schemas import PredictedRate
from adapters.hyperliquid.margin import Tier
from adapters.hyperliquid.schemas import (
    AssetContext,
    BboData,
    BookData,
    BookLevel,
    FundingHistoryRow,
    Level,
    PerpMeta,
    TradeData,
)
from messages import OpenInterest, PredictedFunding, hourly_rate

_SUFFIX = "-USD-PERP"
_DEPTH = 10
_SOURCE_PERIOD_HOURS = {"HlPerp": 1, "BinPerp": 8, "BybitPerp": 8}  # where the venue does not say


def instrument_id(coin: str) -> InstrumentId:
    """Return the id of a coin's perpetual: `BTC` is `BTC-USD-PERP.HYPERLIQUID`."""
    return InstrumentId(Symbol(f"{coin}{_SUFFIX}"), Venue(VENUE_NAME))


def coin(instrument: InstrumentId) -> str:
    """Return the venue's name of an instrument."""
    return str(instrument.symbol.value).removesuffix(_SUFFIX)


def instrument(
    meta: PerpMeta, asset: int, *, maker_fee: Decimal, taker_fee: Decimal, ts_ns: int, tiers: Sequence[Tier] = ()
) -> CryptoPerpetual:
    """Return the perpetual with asset id `asset`.

    The venue's grid is no single tick, so the increment is the finest one and prices are brought on
    the grid when an order is sent. Margin fractions are those of the lowest tier; all of them are in
    `info`, as [lower bound in USD, maximum leverage].
    """
    price_precision = PERP_MAX_DECIMALS - meta.sz_decimals
    margin_init = Decimal(1) / meta.max_leverage
    return CryptoPerpetual(
        instrument_id=instrument_id(meta.name),
        raw_symbol=Symbol(meta.name),
        base_currency=Currency.from_str(meta.name.rpartition(":")[2]),
        quote_currency=USDC,
        settlement_currency=USDC,
        is_inverse=False,
        price_precision=price_precision,
        size_precision=meta.sz_decimals,
        price_increment=_increment(Price, price_precision),
        size_increment=_increment(Quantity, meta.sz_decimals),
        min_quantity=_increment(Quantity, meta.sz_decimals),
        min_notional=Money(MIN_NOTIONAL_USD, USDC),
        margin_init=margin_init,
        margin_maint=margin_init / 2,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        ts_event=ts_ns,
        ts_init=ts_ns,
        info={
            "szDecimals": meta.sz_decimals,
            "asset": asset,
            "maxLeverage": meta.max_leverage,
            "marginTiers": [[str(tier.lower_usd), tier.max_leverage] for tier in tiers],
        },
    )


def margin_tiers(of: Instrument) -> tuple[Tier, ...]:
    """Return an instrument's margin tiers; without a table the maximum leverage holds for every size."""
    rows = of.info["marginTiers"] or [["0", of.info["maxLeverage"]]]
    return tuple(Tier(Decimal(lower_usd), max_leverage) for lower_usd, max_leverage in rows)


def quote(data: BboData, of: Instrument, ts_init: int) -> QuoteTick | None:
    """Return the best bid and ask, None where one side is empty."""
    bid, ask = data.bbo
    if bid is None or ask is None:
        return None
    price, size = of.price_precision, of.size_precision
    return QuoteTick(
        of.id,
        Price(bid.px, price),
        Price(ask.px, price),
        Quantity(bid.sz, size),
        Quantity(ask.sz, size),
        data.time * 1_000_000,
        ts_init,
    )


def book_snapshot(data: BookData, of: Instrument, ts_init: int) -> OrderBookDeltas:
    """Return the whole book as one event: a clear and an add per level, the last one closing it."""
    ts_event = data.time * 1_000_000 or ts_init
    bids, asks = data.levels
    orders = [*_book_orders(bids, OrderSide.BUY, of), *_book_orders(asks, OrderSide.SELL, of)]
    snapshot, last = RecordFlag.F_SNAPSHOT, RecordFlag.F_SNAPSHOT | RecordFlag.F_LAST
    deltas = [OrderBookDelta(of.id, BookAction.CLEAR, None, last if not orders else snapshot, 0, ts_event, ts_init)]
    for i, order in enumerate(orders, 1):
        flags = last if i == len(orders) else snapshot
        deltas.append(OrderBookDelta(of.id, BookAction.ADD, order, flags, 0, ts_event, ts_init))
    return OrderBookDeltas(of.id, deltas)


def book_depth(data: BookData, of: Instrument, ts_init: int) -> OrderBookDepth10:
    """Return the best ten levels a side; what is missing has size 0."""
    bids, asks = ([level for level in side if level.sz > 0][:_DEPTH] for side in data.levels)
    flags = RecordFlag.F_SNAPSHOT | RecordFlag.F_LAST
    return OrderBookDepth10(
        of.id,
        _padded(bids, OrderSide.BUY, of),
        _padded(asks, OrderSide.SELL, of),
        _counts(bids),
        _counts(asks),
        flags,
        0,
        data.time * 1_000_000 or ts_init,
        ts_init,
    )


def trade(data: TradeData, of: Instrument, ts_init: int) -> TradeTick | None:
    """Return a public trade, None for one whose size rounds to nothing."""
    side = AggressorSide.BUYER if data.side == "B" else AggressorSide.SELLER
    price, size = Price(data.px, of.price_precision), Quantity(data.sz, of.size_precision)
    if size.raw == 0:
        return None
    return TradeTick(of.id, price, size, side, TradeId(str(data.tid)), data.time * 1_000_000, ts_init)


def mark_price(context: AssetContext, of: Instrument, ts_init: int) -> MarkPriceUpdate | None:
    """Return the mark price; the venue sends no time with it."""
    if context.mark_px is None:
        return None
    return MarkPriceUpdate(of.id, Price(context.mark_px, of.price_precision), ts_init, ts_init)


def index_price(context: AssetContext, of: Instrument, ts_init: int) -> IndexPriceUpdate:
    """Return the oracle price, on which funding is paid."""
    return IndexPriceUpdate(of.id, Price(context.oracle_px, of.price_precision), ts_init, ts_init)


def funding_rate(context: AssetContext, of: Instrument, *, next_funding_ns: int, ts_init: int) -> FundingRateUpdate:
    """Return the rate per hour as it stands in the running hour; it can change until it is paid."""
    return FundingRateUpdate(of.id, context.funding, ts_init, ts_init, FUNDING_INTERVAL_MINS, next_funding_ns)


def open_interest(context: AssetContext, of: InstrumentId, ts_ns: int) -> OpenInterest:
    """Return the open contracts in base units."""
    return OpenInterest(venue=VENUE_NAME, instrument_id=of.value, quantity=context.open_interest, ts_ns=ts_ns)


def predicted_funding(source: str, rate: PredictedRate, of: InstrumentId, ts_ns: int) -> PredictedFunding | None:
    """Return what an exchange is about to charge, per hour; None where its period is not known."""
    period_hours = rate.funding_interval_hours or _SOURCE_PERIOD_HOURS.get(source)
    if period_hours is None:
        return None
    return PredictedFunding(
        venue=VENUE_NAME,
        source=source,
        instrument_id=of.value,
        rate_per_hour=hourly_rate(rate.funding_rate, Decimal(period_hours)),
        period_hours=period_hours,
        next_funding_ns=rate.next_funding_time * 1_000_000,
        ts_ns=ts_ns,
    )


def settled_funding_rate(row: FundingHistoryRow, of: InstrumentId, ts_init: int) -> FundingRateUpdate:
    """Return a settled rate per hour, stamped with the moment of settlement."""
    return FundingRateUpdate(of, row.funding_rate, row.time * 1_000_000, ts_init, FUNDING_INTERVAL_MINS, None)


def _book_orders(levels: Sequence[Level], side: OrderSide, of: Instrument) -> list[BookOrder]:
    price, size = of.price_precision, of.size_precision
    least = 0.5 * 10.0**-size  # what is smaller is nothing once it is rounded
    return [BookOrder(side, Price(level.px, price), Quantity(level.sz, size), 0) for level in levels if level.sz > least]


def _padded(levels: Sequence[BookLevel], side: OrderSide, of: Instrument) -> list[BookOrder]:
    nothing = BookOrder(side, Price(0, of.price_precision), Quantity(0, of.size_precision), 0)
    orders = _book_orders(levels, side, of)
    return orders + [nothing] * (_DEPTH - len(orders))


def _counts(levels: Sequence[BookLevel]) -> list[int]:
    return [level.n for level in levels] + [0] * (_DEPTH - len(levels))


def _increment[T: (Price, Quantity)](kind: type[T], precision: int) -> T:
    return kind(Decimal(1).scaleb(-precision), precision)
