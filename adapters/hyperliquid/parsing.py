"""Hyperliquid's market data as Nautilus objects, its symbols and its price grid: all pure."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import (
    BookOrder,
    FundingRateUpdate,
    IndexPriceUpdate,
    MarkPriceUpdate,
    OrderBookDelta,
    OrderBookDeltas,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.model.enums import AggressorSide, BookAction, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CryptoPerpetual, Instrument
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from adapters.hyperliquid.constants import (
    FUNDING_INTERVAL_MINS,
    MAX_SIGNIFICANT_FIGURES,
    MIN_NOTIONAL_USD,
    PERP_MAX_DECIMALS,
    VENUE_NAME,
)
from adapters.hyperliquid.schemas import AssetContext, BboData, BookData, FundingHistoryRow, Level, PerpMeta, TradeData

_SUFFIX = "-USD-PERP"


def instrument_id(coin: str) -> InstrumentId:
    """Return the id of a coin's perpetual: `BTC` is `BTC-USD-PERP.HYPERLIQUID`."""
    return InstrumentId(Symbol(f"{coin}{_SUFFIX}"), Venue(VENUE_NAME))


def coin(instrument: InstrumentId) -> str:
    """Return the venue's name of an instrument."""
    return str(instrument.symbol.value).removesuffix(_SUFFIX)


def round_price(price: Decimal, sz_decimals: int, *, up: bool) -> Decimal:
    """Return the nearest price the venue takes, not below (`up`) or not above `price`.

    Such a price has at most 5 significant figures and 6 - `sz_decimals` decimals; whole numbers are
    always allowed. A positive price may round down to zero, which the caller must not send.
    """
    if price == 0:
        return Decimal(0)
    significant = MAX_SIGNIFICANT_FIGURES - 1 - price.adjusted()
    decimals = max(0, min(PERP_MAX_DECIMALS - sz_decimals, significant))
    return price.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_CEILING if up else ROUND_FLOOR)


def bounded_price(best: Decimal, sz_decimals: int, *, is_buy: bool, slippage_bps: int) -> Decimal:
    """Return the limit of a market order: `best` moved against us by the slippage, then on the grid.

    Rounded away from the market: at five figures the grid may be coarser than the slippage.
    """
    factor = 1 + Decimal(slippage_bps if is_buy else -slippage_bps) / 10_000
    return round_price(best * factor, sz_decimals, up=is_buy)


def instrument(meta: PerpMeta, asset: int, *, maker_fee: Decimal, taker_fee: Decimal, ts_ns: int) -> CryptoPerpetual:
    """Return the perpetual with asset id `asset`.

    The venue's grid is no single tick, so the increment is the finest one and prices are brought on
    the grid when an order is sent. Margin fractions are those of the lowest tier.
    """
    price_precision = PERP_MAX_DECIMALS - meta.sz_decimals
    margin_init = Decimal(1) / meta.max_leverage
    return CryptoPerpetual(
        instrument_id=instrument_id(meta.name),
        raw_symbol=Symbol(meta.name),
        base_currency=Currency.from_str(meta.name),
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
        info={"szDecimals": meta.sz_decimals, "asset": asset, "maxLeverage": meta.max_leverage},
    )


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


def trade(data: TradeData, of: Instrument, ts_init: int) -> TradeTick:
    """Return a public trade."""
    side = AggressorSide.BUYER if data.side == "B" else AggressorSide.SELLER
    price, size = Price(data.px, of.price_precision), Quantity(data.sz, of.size_precision)
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


def settled_funding_rate(row: FundingHistoryRow, of: InstrumentId, ts_init: int) -> FundingRateUpdate:
    """Return a settled rate per hour, stamped with the moment of settlement."""
    return FundingRateUpdate(of, row.funding_rate, row.time * 1_000_000, ts_init, FUNDING_INTERVAL_MINS, None)


def _book_orders(levels: Sequence[Level], side: OrderSide, of: Instrument) -> list[BookOrder]:
    price, size = of.price_precision, of.size_precision
    return [BookOrder(side, Price(level.px, price), Quantity(level.sz, size), 0) for level in levels if level.sz > 0]


def _increment[T: (Price, Quantity)](kind: type[T], precision: int) -> T:
    return kind(Decimal(1).scaleb(-precision), precision)
