"""Model the order books nobody recorded: a fixed shape of levels around a price, and say so."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, QuoteTick
from nautilus_trader.model.enums import BookAction, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.instruments import CryptoPerpetual

from backtests.instruments import HYPERLIQUID, PARADEX

BPS = Decimal(10_000)


class BookShape(msgspec.Struct, frozen=True):
    """Levels a side: half the spread and the distance between levels (bps), USD per level, number of levels."""

    half_spread_bps: Decimal
    spacing_bps: Decimal
    level_usd: Decimal
    levels: int

    def describe(self) -> str:
        """Say in one line what the shape assumes."""
        return (
            f"half spread {self.half_spread_bps} bps, {self.levels} levels a side, {self.spacing_bps} bps apart, "
            f"{self.level_usd:,} USD each"
        )


SHAPES = {
    HYPERLIQUID: BookShape(Decimal("0.1"), Decimal("1"), Decimal(50_000), 10),
    PARADEX: BookShape(Decimal("0.5"), Decimal("1"), Decimal(10_000), 10),
}


def price_step(instrument: CryptoPerpetual, price: Decimal) -> Decimal:
    """Return the price grid at `price`: the tick, on Hyperliquid no finer than five significant figures."""
    tick: Decimal = instrument.price_increment.as_decimal()
    if instrument.id.venue != HYPERLIQUID:
        return tick
    five_figures = Decimal(1).scaleb(price.adjusted() - 4)
    return max(tick, min(five_figures, Decimal(1)))


def levels(instrument: CryptoPerpetual, middle_usd: Decimal, shape: BookShape, side: OrderSide) -> list[tuple[Decimal, Decimal]]:
    """Return one side of the book, best first, as (price USD, size base units) on the instrument's grids."""
    step, away = price_step(instrument, middle_usd), 1 if side == OrderSide.SELL else -1
    rounding = ROUND_CEILING if side == OrderSide.SELL else ROUND_FLOOR
    merged: dict[Decimal, Decimal] = {}
    for number in range(shape.levels):
        distance = shape.half_spread_bps + number * shape.spacing_bps
        price = (middle_usd * (1 + away * distance / BPS) / step).to_integral_value(rounding) * step
        merged[price] = merged.get(price, Decimal(0)) + shape.level_usd / middle_usd
    return list(merged.items())


def snapshot(instrument: CryptoPerpetual, middle_usd: Decimal, ts_ns: int) -> tuple[OrderBookDeltas, QuoteTick]:
    """Return the modelled book at a moment, as the snapshot and the top of book a live stream would deliver."""
    shape = SHAPES[Venue(instrument.id.venue.value)]
    deltas = [OrderBookDelta.clear(instrument.id, 0, ts_ns, ts_ns)]
    best = {}
    for side in (OrderSide.BUY, OrderSide.SELL):
        rows = levels(instrument, middle_usd, shape, side)
        best[side] = rows[0]
        deltas += [_add(instrument, side, price, size, ts_ns) for price, size in rows]
    last = deltas[-1]
    deltas[-1] = OrderBookDelta(
        last.instrument_id, last.action, last.order, RecordFlag.F_LAST | RecordFlag.F_SNAPSHOT, 0, ts_ns, ts_ns
    )
    (bid, bid_size), (ask, ask_size) = best[OrderSide.BUY], best[OrderSide.SELL]
    quote = QuoteTick(
        instrument.id,
        instrument.make_price(bid),
        instrument.make_price(ask),
        instrument.make_qty(bid_size),
        instrument.make_qty(ask_size),
        ts_ns,
        ts_ns,
    )
    return OrderBookDeltas(instrument.id, deltas), quote


def _add(instrument: CryptoPerpetual, side: OrderSide, price: Decimal, size: Decimal, ts_ns: int) -> OrderBookDelta:
    order = BookOrder(side, instrument.make_price(price), instrument.make_qty(size), 0)
    return OrderBookDelta(instrument.id, BookAction.ADD, order, RecordFlag.F_SNAPSHOT, 0, ts_ns, ts_ns)
