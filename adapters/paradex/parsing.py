"""Wire structs to Nautilus market data; pure, and the one place where symbols are spelled."""

from decimal import Decimal

from nautilus_trader.core.nautilus_pyo3 import FIXED_PRECISION
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import (
    Bar,
    BarType,
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
from nautilus_trader.model.enums import (
    AggressorSide,
    BarAggregation,
    BookAction,
    CurrencyType,
    OrderSide,
    PriceType,
    RecordFlag,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from adapters.paradex.constants import (
    DEFAULT_FUNDING_PERIOD_HOURS,
    DEFAULT_MAKER_FEE,
    DEFAULT_TAKER_FEE,
    VENUE,
)
from adapters.paradex.schemas import Bbo, Book, BookSnapshot, Fee, FeePair, FundingData, Kline, Market, MarketSummary, Trade

_NS_PER_MS = 1_000_000
_RAW_PER_E8 = 10 ** (FIXED_PRECISION - 8)  # Nautilus' own whole numbers in one of 1e-8
_STEPS_E8 = tuple(10 ** max(0, 8 - precision) for precision in range(FIXED_PRECISION + 1))  # the grid of each precision


def market_symbol(base: str) -> str:
    """Return the perpetual of a base name: `BTC` becomes `BTC-USD-PERP`; a full symbol stays."""
    return base if base.endswith("-PERP") else f"{base}-USD-PERP"


def instrument_id(market: str) -> InstrumentId:
    """Return the Nautilus id of a Paradex market."""
    return InstrumentId(Symbol(market), VENUE)


def nanos(time_ms: int) -> int:
    """Return Unix nanoseconds of Unix milliseconds."""
    return time_ms * _NS_PER_MS


def currency(code: str) -> Currency:
    """Return a crypto currency with eight decimals, or Nautilus' own definition of it."""
    return Currency.from_internal_map(code) or Currency(code, 8, 0, code, CurrencyType.CRYPTO)


def instrument(market: Market, ts_init: int, fees: tuple[Decimal, Decimal] | None = None) -> CryptoPerpetual:
    """Return the instrument of a market; `fees` are the account's own (maker, taker) fractions."""
    maker_fee, taker_fee = fees or market_fees(market)
    margin = market.delta1_cross_margin_params
    margin_init = (margin.imf_base if margin else None) or Decimal(0)
    maintenance_share = (margin.mmf_factor if margin else None) or Decimal(0)
    tick, step = market.price_tick_size.normalize(), market.order_size_increment.normalize()
    return CryptoPerpetual(
        instrument_id=instrument_id(market.symbol),
        raw_symbol=Symbol(market.symbol),
        base_currency=currency(market.base_currency),
        quote_currency=USDC,
        settlement_currency=USDC,
        is_inverse=False,
        price_precision=_decimals(tick),
        size_precision=_decimals(step),
        price_increment=Price.from_str(f"{tick:f}"),
        size_increment=Quantity.from_str(f"{step:f}"),
        max_quantity=None if market.max_order_size is None else Quantity(market.max_order_size, _decimals(step)),
        min_notional=None if market.min_notional is None else Money(market.min_notional, USDC),
        margin_init=margin_init,
        margin_maint=margin_init * maintenance_share,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        ts_event=ts_init,
        ts_init=ts_init,
        info=_info(market),
    )


def market_fees(market: Market) -> tuple[Decimal, Decimal]:
    """Return a market's (maker, taker) fees as fractions, the published schedule where it names none."""
    pair = (None if market.fee_config is None else market.fee_config.api_fee) or FeePair()
    return _fee(pair.maker_fee, DEFAULT_MAKER_FEE), _fee(pair.taker_fee, DEFAULT_TAKER_FEE)


def _fee(fee: Fee | None, default: Decimal) -> Decimal:
    return default if fee is None or fee.fee is None else fee.fee


def _decimals(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _info(market: Market) -> dict[str, object]:
    """Return the rules Nautilus has no field for; decimals as text, as instruments are serialised."""
    return {
        "funding_period_hours": market.funding_period_hours or DEFAULT_FUNDING_PERIOD_HOURS,
        "price_bands_width": _as_text(market.price_bands_width),
        "position_limit": _as_text(market.position_limit),
        "max_slippage": _as_text(market.max_slippage),
        "max_tob_spread": _as_text(market.max_tob_spread),
        "max_funding_rate": _as_text(market.max_funding_rate),
        "trading_mode": market.trading_mode,
    }


def _as_text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def quote(bbo: Bbo, perpetual: CryptoPerpetual, ts_init: int) -> QuoteTick | None:
    """Return a quote, None while either side of the book is empty.

    Whole numbers go to Nautilus as they are, which takes them on the instrument's grid only; a venue
    off its own grid is rounded to it.
    """
    bid, ask, bid_size, ask_size = bbo.bid_e8, bbo.ask_e8, bbo.bid_size_e8, bbo.ask_size_e8
    if bid is None or ask is None or bid_size is None or ask_size is None:
        return None
    prices, sizes = perpetual.price_precision, perpetual.size_precision
    price_step, size_step = _STEPS_E8[prices], _STEPS_E8[sizes]
    if bid % price_step or ask % price_step or bid_size % size_step or ask_size % size_step:
        bid, ask = (round(value / price_step) * price_step for value in (bid, ask))
        bid_size, ask_size = (round(value / size_step) * size_step for value in (bid_size, ask_size))
    return QuoteTick.from_raw(
        perpetual.id,
        bid * _RAW_PER_E8,
        ask * _RAW_PER_E8,
        prices,
        prices,
        bid_size * _RAW_PER_E8,
        ask_size * _RAW_PER_E8,
        sizes,
        sizes,
        bbo.last_updated_at * _NS_PER_MS,
        ts_init,
    )


def book_snapshot(book: Book, perpetual: CryptoPerpetual, ts_init: int) -> OrderBookDeltas:
    """Return a snapshot as a clear followed by its levels."""
    rows = [(BookAction.CLEAR, None)] + [row for row in _book_rows(book, perpetual, BookAction.ADD) if row[0] == BookAction.ADD]
    return _deltas(rows, book, perpetual, ts_init, RecordFlag.F_SNAPSHOT)


def whole_book(snapshot: BookSnapshot) -> Book:
    """Return a REST book in the form of a stream's snapshot."""
    return Book(
        market=snapshot.market,
        seq_no=snapshot.seq_no,
        last_updated_at=snapshot.last_updated_at,
        is_snapshot=True,
        bids=snapshot.bids,
        asks=snapshot.asks,
    )


def bar_minutes(bar_type: BarType) -> int | None:
    """Return the venue's resolution for a bar type, None where it keeps no such bars."""
    spec = bar_type.spec
    minutes = {BarAggregation.MINUTE: 1, BarAggregation.HOUR: 60}.get(spec.aggregation, 0) * spec.step
    is_kept = spec.price_type == PriceType.LAST and minutes in (1, 3, 5, 15, 30, 60)
    return minutes if is_kept else None


def bar(row: Kline, bar_type: BarType, perpetual: CryptoPerpetual, ts_init: int) -> Bar:
    """Return a bar, stamped with its close as Nautilus' own bars are."""
    prices = (Price(value, perpetual.price_precision) for value in (row.open, row.high, row.low, row.close))
    closed_ms = row.start_at + (bar_minutes(bar_type) or 0) * 60_000
    return Bar(bar_type, *prices, Quantity(row.volume, perpetual.size_precision), nanos(closed_ms), ts_init)


def book_changes(book: Book, perpetual: CryptoPerpetual, ts_init: int) -> OrderBookDeltas | None:
    """Return a delta's changed levels, None for one that changes nothing."""
    rows = _book_rows(book, perpetual, BookAction.UPDATE)
    return _deltas(rows, book, perpetual, ts_init, 0) if rows else None


def book_clear(perpetual: CryptoPerpetual, at_ms: int, ts_init: int) -> OrderBookDeltas:
    """Return the end of a book that can no longer be trusted."""
    clear = OrderBookDelta(perpetual.id, BookAction.CLEAR, None, RecordFlag.F_LAST, 0, nanos(at_ms), ts_init)
    return OrderBookDeltas(perpetual.id, [clear])


def book_depth(
    best: tuple[list[tuple[float, float]], list[tuple[float, float]]], book: Book, perpetual: CryptoPerpetual, ts_init: int
) -> OrderBookDepth10 | None:
    """Return the best ten levels (fewer where one side has fewer), None for an empty side."""
    levels = min(*(len(side) for side in best), 10)
    if levels == 0:
        return None
    bids, asks = (
        [_book_order(side, price, size, perpetual) for price, size in rows[:levels]]
        for side, rows in zip((OrderSide.BUY, OrderSide.SELL), best, strict=True)
    )
    ts_event, flags = nanos(book.last_updated_at), RecordFlag.F_SNAPSHOT | RecordFlag.F_LAST
    return OrderBookDepth10(perpetual.id, bids, asks, [1] * levels, [1] * levels, flags, book.seq_no, ts_event, ts_init)


def _book_rows(book: Book, perpetual: CryptoPerpetual, kept: BookAction) -> list[tuple[BookAction, BookOrder | None]]:
    levels = [(OrderSide.BUY, *row) for row in book.bids] + [(OrderSide.SELL, *row) for row in book.asks]
    orders = [_book_order(side, price, size, perpetual) for side, price, size in levels]
    return [(kept if order.size > 0 else BookAction.DELETE, order) for order in orders]


def _book_order(side: OrderSide, price: float, size: float, perpetual: CryptoPerpetual) -> BookOrder:
    return BookOrder(side, Price(price, perpetual.price_precision), Quantity(size, perpetual.size_precision), 0)


def _deltas(
    rows: list[tuple[BookAction, BookOrder | None]], book: Book, perpetual: CryptoPerpetual, ts_init: int, flags: int
) -> OrderBookDeltas:
    ts_event, last = nanos(book.last_updated_at), len(rows) - 1
    return OrderBookDeltas(
        perpetual.id,
        [
            OrderBookDelta(
                perpetual.id,
                action,
                order,
                flags | (RecordFlag.F_LAST if number == last else 0),
                book.seq_no,
                ts_event,
                ts_init,
            )
            for number, (action, order) in enumerate(rows)
        ],
    )


def trade_tick(trade: Trade, perpetual: CryptoPerpetual, ts_init: int) -> TradeTick | None:
    """Return a public trade, None for one whose size rounds to nothing."""
    size = Quantity(trade.size, perpetual.size_precision)
    if size.raw == 0:
        return None
    return TradeTick(
        perpetual.id,
        Price(trade.price, perpetual.price_precision),
        size,
        AggressorSide.BUYER if trade.side == "BUY" else AggressorSide.SELLER,
        TradeId(trade.id or f"{trade.created_at}"),
        nanos(trade.created_at),
        ts_init,
    )


def mark_price(summary: MarketSummary, perpetual: CryptoPerpetual, ts_init: int) -> MarkPriceUpdate | None:
    """Return the mark price, rounded to the instrument's precision."""
    if summary.mark_price is None:
        return None
    price = Price(summary.mark_price, perpetual.price_precision)
    return MarkPriceUpdate(perpetual.id, price, nanos(summary.created_at), ts_init)


def index_price(summary: MarketSummary, perpetual: CryptoPerpetual, ts_init: int) -> IndexPriceUpdate | None:
    """Return the price of the underlying, rounded to the instrument's precision."""
    if summary.underlying_price is None:
        return None
    price = Price(summary.underlying_price, perpetual.price_precision)
    return IndexPriceUpdate(perpetual.id, price, nanos(summary.created_at), ts_init)


def funding_rate(data: FundingData, perpetual: CryptoPerpetual, ts_init: int) -> FundingRateUpdate | None:
    """Return the running funding rate: a fraction per the market's own period, in minutes `interval`.

    Funding accrues by the second, so there is no next settlement.
    """
    if data.funding_rate is None:
        return None
    period_hours = data.funding_period_hours or perpetual.info["funding_period_hours"]
    return FundingRateUpdate(perpetual.id, data.funding_rate, nanos(data.created_at), ts_init, period_hours * 60, None)
