"""Wire structs to Nautilus market data; pure, and the one place where symbols are spelled."""

from decimal import Decimal

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
from nautilus_trader.model.enums import AggressorSide, BookAction, CurrencyType, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from adapters.paradex.constants import (
    DEFAULT_FUNDING_PERIOD_HOURS,
    DEFAULT_MAKER_FEE,
    DEFAULT_TAKER_FEE,
    VENUE,
)
from adapters.paradex.schemas import Bbo, Book, Fee, FeePair, FundingData, Market, MarketSummary, Trade

_NS_PER_MS = 1_000_000


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
    """Return a quote, None while either side of the book is empty."""
    if bbo.bid is None or bbo.ask is None or bbo.bid_size is None or bbo.ask_size is None:
        return None
    prices, sizes = perpetual.price_precision, perpetual.size_precision
    return QuoteTick(
        perpetual.id,
        Price(bbo.bid, prices),
        Price(bbo.ask, prices),
        Quantity(bbo.bid_size, sizes),
        Quantity(bbo.ask_size, sizes),
        nanos(bbo.last_updated_at),
        ts_init,
    )


def book_snapshot(book: Book, perpetual: CryptoPerpetual, ts_init: int) -> OrderBookDeltas:
    """Return a snapshot as a clear followed by its levels."""
    ts_event = nanos(book.last_updated_at)
    levels = [(OrderSide.BUY, *row) for row in book.bids] + [(OrderSide.SELL, *row) for row in book.asks]
    orders: list[BookOrder | None] = [None]  # the clear
    for side, price, size in levels:
        if size > 0:
            quantity = Quantity(size, perpetual.size_precision)
            orders.append(BookOrder(side, Price(price, perpetual.price_precision), quantity, 0))
    deltas = []
    for number, order in enumerate(orders, start=1):
        action = BookAction.CLEAR if order is None else BookAction.ADD
        flags = RecordFlag.F_SNAPSHOT | (RecordFlag.F_LAST if number == len(orders) else 0)
        deltas.append(OrderBookDelta(perpetual.id, action, order, flags, book.seq_no, ts_event, ts_init))
    return OrderBookDeltas(perpetual.id, deltas)


def trade_tick(trade: Trade, perpetual: CryptoPerpetual, ts_init: int) -> TradeTick:
    """Return a public trade."""
    return TradeTick(
        perpetual.id,
        Price(trade.price, perpetual.price_precision),
        Quantity(trade.size, perpetual.size_precision),
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
