"""Quotes as Nautilus objects and as messages; pure."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import CurrencyType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair, Instrument
from nautilus_trader.model.objects import Currency, Price, Quantity

from adapters.ekubo.constants import VENUE_NAME
from adapters.ekubo.impact import Amounts
from adapters.ekubo.pools import PoolKey
from adapters.ekubo.schemas import Number, Quote, Route
from adapters.ekubo.tokens import Pair, Token
from messages import SwapHop, SwapQuote

_PRECISION = 8  # decimals of prices and sizes; on chain they may have more
_KEY_FIELDS = ("token0", "token1", "fee", "tickSpacing", "extension")


class SwapQuoteData(Data):  # type: ignore[misc]  # Nautilus has no stubs
    """A swap quote on its way through Nautilus' data engine, to whoever has asked for it."""

    def __init__(self, quote: SwapQuote) -> None:
        self.quote = quote
        self.instrument_id = InstrumentId.from_str(quote.instrument_id)

    @property
    def ts_event(self) -> int:
        """When it was quoted."""
        return self.quote.ts_ns

    @property
    def ts_init(self) -> int:
        """The same."""
        return self.quote.ts_ns

    def __repr__(self) -> str:
        return f"SwapQuoteData({self.quote})"


def instrument_id(symbol: str) -> InstrumentId:
    """Return the id of a pair: `ETH-USDC` is `ETH-USDC.EKUBO`."""
    return InstrumentId(Symbol(symbol), Venue(VENUE_NAME))


def currency(token: Token) -> Currency:
    """Return a token's currency: the one Nautilus knows under this code, or else a new one."""
    known = Currency.from_internal_map(token.code)
    if known is not None:
        return known
    return Currency(token.code, min(token.decimals, _PRECISION), 0, token.code, CurrencyType.CRYPTO)


def instrument(pair: Pair, ts_ns: int) -> CurrencyPair:
    """Return a pair as an instrument; what pools and aggregator take is in the price, so its fees are zero."""
    base, quote = currency(pair.base), currency(pair.quote)
    price_precision = min(pair.quote.decimals, _PRECISION)
    size_precision = min(pair.base.decimals, base.precision, _PRECISION)
    step = Quantity(Decimal(1).scaleb(-size_precision), size_precision)
    return CurrencyPair(
        instrument_id=instrument_id(pair.symbol),
        raw_symbol=Symbol(pair.symbol),
        base_currency=base,
        quote_currency=quote,
        price_precision=price_precision,
        size_precision=size_precision,
        price_increment=Price(Decimal(1).scaleb(-price_precision), price_precision),
        size_increment=step,
        min_quantity=step,
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        ts_event=ts_ns,
        ts_init=ts_ns,
        info={
            "base_address": hex(pair.base.address),
            "quote_address": hex(pair.quote.address),
            "base_decimals": pair.base.decimals,
            "quote_decimals": pair.quote.decimals,
        },
    )


def amounts(quote: Quote) -> Amounts:
    """Return what a quote exchanges."""
    return Amounts(int(quote.sell_amount), int(quote.buy_amount))


def quote_tick(pair: Pair, of: Instrument, *, ask: Quote, bid: Quote, ts_ns: int) -> QuoteTick | None:
    """Return both sides as a tick, None where they cross: the pool has moved between them.

    `ask` sells the quote token, `bid` what that bought. Prices are rounded away from each other, sizes down.
    """
    ask_price = pair.price(int(ask.buy_amount), int(ask.sell_amount))
    bid_price = pair.price(int(bid.sell_amount), int(bid.buy_amount))
    bid_rounded, ask_rounded = _rounded(bid_price, of, ROUND_FLOOR), _rounded(ask_price, of, ROUND_CEILING)
    size = _size(pair.base.amount(int(ask.buy_amount)), of)
    if bid_rounded >= ask_rounded or bid_rounded <= 0 or size <= 0:
        return None
    return QuoteTick(
        instrument_id=of.id,
        bid_price=Price(bid_rounded, of.price_precision),
        ask_price=Price(ask_rounded, of.price_precision),
        bid_size=Quantity(size, of.size_precision),
        ask_size=Quantity(size, of.size_precision),
        ts_event=ts_ns,
        ts_init=ts_ns,
    )


def _rounded(price: Decimal, of: Instrument, rounding: str) -> Decimal:
    return price.quantize(Decimal(1).scaleb(-of.price_precision), rounding)


def _size(amount: Decimal, of: Instrument) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-of.size_precision), ROUND_FLOOR)


def pool_key(route: Route) -> PoolKey | None:
    """Return the pool of a hop through Ekubo, None where the quote does not tell it."""
    told: Mapping[str, Any] = route.route_info or {}
    try:
        words = [int(Number.parse(told.get(name))) for name in _KEY_FIELDS]
    except ValueError:
        return None
    return PoolKey(*words)


def single_pool(quote: Quote) -> PoolKey | None:
    """Return the one pool a quote goes through, None where it is split, leads on, or does not tell its pool."""
    if len(quote.routes) != 1 or quote.routes[0].routes:
        return None
    return pool_key(quote.routes[0])


def route_hops(routes: Sequence[Route], code_of: Callable[[int], str]) -> tuple[SwapHop, ...]:
    """Return the hops of a route in the order in which they are made; `code_of` names a token by its address."""
    hops: list[SwapHop] = []
    for route in routes:
        hops.append(
            SwapHop(
                exchange=route.name,
                address=hex(route.address),
                sell_token=code_of(route.sell_token_address),
                buy_token=code_of(route.buy_token_address),
                share=route.percent,
            )
        )
        hops += route_hops(route.routes, code_of)
    return tuple(hops)
