"""What a round trip costs in the walk: the strategy's own cost functions over modelled books and list-price fees."""

from decimal import Decimal

from backtests.books import BPS, SHAPES, BookShape
from backtests.instruments import FEES, HYPERLIQUID, PARADEX, Fees
from backtests.walkforward.series import Pair
from strategies.costs import LegMarket, TooThin, round_trip
from strategies.sizing import Level

NOTIONAL_USD = Decimal(9_900)  # per leg, what a pair is opened with by default
PRICE_USD = Decimal(1_000)  # costs are shares of the notional: any price will do
# Fractions of the notional, lowest tier; the exchanges' are those of their USDT-margined perpetuals.
FEE_RATES = {
    "HYPERLIQUID": FEES[HYPERLIQUID],
    "PARADEX": FEES[PARADEX],
    "BYBIT": Fees(maker=Decimal("0.0002"), taker=Decimal("0.00055")),
    "BINANCE": Fees(maker=Decimal("0.0002"), taker=Decimal("0.0005")),
}


def markets(pair: Pair, scale: Decimal) -> dict[str, LegMarket]:
    """Return both venues' modelled books and fees, every cost times `scale`."""
    return {leg.venue: _market(leg.venue, scale) for leg in (pair.hyperliquid, pair.other)}


def _market(venue: str, scale: Decimal) -> LegMarket:
    shape = SHAPES[PARADEX if venue == "PARADEX" else HYPERLIQUID]
    fees = FEE_RATES[venue]
    return LegMarket(
        venue=venue,
        bids=_levels(shape, -scale),
        asks=_levels(shape, scale),
        maker_fee_rate=fees.maker * scale,
        taker_fee_rate=fees.taker * scale,
    )


def _levels(shape: BookShape, away: Decimal) -> list[Level]:
    distances = (shape.half_spread_bps + number * shape.spacing_bps for number in range(shape.levels))
    return [(PRICE_USD * (1 + away * distance / BPS), shape.level_usd / PRICE_USD) for distance in distances]


def round_trip_share(pair: Pair, scale: Decimal) -> float:
    """Return what four taker fills cost, a positive fraction of one leg's notional; own impact on funding is not paid here."""
    both = markets(pair, scale)
    trip = round_trip(both[pair.other.venue], both[pair.hyperliquid.venue], NOTIONAL_USD / PRICE_USD, impact_hours=Decimal(0))
    if isinstance(trip, TooThin):
        raise ValueError(f"the modelled book of {trip.venue} takes only {trip.available}")
    return float(-(trip.fees_usd + trip.slippage_usd) / trip.notional_usd)
