"""What a pair costs and what it is expected to bring: fees, the walk of the live books, own impact, basis, gas.

All amounts are cash in USD, positive when received: what costs is negative, here as everywhere.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from messages import HOURS_PER_YEAR, Edge, Side
from strategies.forecast import Forecast
from strategies.sizing import BPS, ZERO, Insufficient, Level, Walk, walk

ONE = Decimal(1)
FUNDING_PERIOD_HOURS = 8  # both venues turn a premium into a rate per 8 hours
# The share of a move of its own book that reaches a venue's funding premium. Paradex takes a weighted median of itself
# (3.5) and five others (1.2 each); a venue that is not listed looks at its own book alone.
PREMIUM_WEIGHTS = {"PARADEX": Decimal("3.5") / Decimal("9.5")}


class LegMarket(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's side of an asset as far as costs go: live book, best level first, and the account's own fees.

    Fee rates are fractions of the notional.
    """

    venue: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    maker_fee_rate: Decimal
    taker_fee_rate: Decimal

    @property
    def premium_weight(self) -> Decimal:
        """The share of a move of this book that reaches the venue's own funding premium."""
        return PREMIUM_WEIGHTS.get(self.venue, ONE)

    @property
    def mid_usd(self) -> Decimal:
        """The middle of the best prices; both sides must hold something."""
        return (self.bids[0][0] + self.asks[0][0]) / 2

    def taken_by(self, side: Side) -> Sequence[Level]:
        """Return the levels that a taker on `side` trades with."""
        return self.asks if side is Side.BUY else self.bids


class TooThin(msgspec.Struct, frozen=True):
    """A book does not hold what an order would take, only `available` base units: no cost can be named."""

    venue: str
    side: Side
    available: Decimal


class Fill(msgspec.Struct, frozen=True):
    """What one order costs: fee, distance of its average price from the middle, and how far it moves the book.

    `fee_usd` and `slippage_usd` are cash (negative); `moved_usd` is the unsigned distance between the
    best and the worst price taken, USD per base unit.
    """

    notional_usd: Decimal
    fee_usd: Decimal
    slippage_usd: Decimal
    moved_usd: Decimal


class Starknet(msgspec.Struct, frozen=True, kw_only=True):
    """What moving a pair's collateral through Starknet costs, per round trip: swaps and the gas of each.

    `swap_bps` is a swap's fee and price impact together, of the notional swapped. A pair of perpetuals
    needs none, so the default costs nothing.
    """

    swaps: int = 0
    gas_usd: Decimal = ZERO
    swap_bps: Decimal = ZERO

    def cost_usd(self, notional_usd: Decimal) -> Decimal:
        """Return gas and swaps of a pair of `notional_usd` per leg, as cash."""
        return -self.swaps * (self.gas_usd + notional_usd * self.swap_bps * BPS)


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    """The four fills of a pair at `quantity` base units, as cash; `notional_usd` is the mean of both legs."""

    quantity: Decimal
    notional_usd: Decimal
    fees_usd: Decimal
    slippage_usd: Decimal
    impact_usd: Decimal


def taker_fill(market: LegMarket, side: Side, quantity: Decimal) -> Fill | TooThin:
    """Return what taking `quantity` at once costs, walked through the live book."""
    levels = market.taken_by(side)
    taken = walk(levels, quantity)
    if isinstance(taken, Insufficient) or not (market.bids and market.asks):
        return TooThin(market.venue, side, taken.available if isinstance(taken, Insufficient) else quantity)
    return _fill(market, side, quantity, taken)


def _fill(market: LegMarket, side: Side, quantity: Decimal, taken: Walk) -> Fill:
    notional_usd = quantity * taken.average_price_usd
    return Fill(
        notional_usd=notional_usd,
        fee_usd=-notional_usd * market.taker_fee_rate,
        slippage_usd=-side.sign * (taken.average_price_usd - market.mid_usd) * quantity,
        moved_usd=abs(taken.worst_price_usd - market.taken_by(side)[0][0]),
    )


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of a pair rests on `venue` before it is taken, and fills there in time with probability `fill_chance`.

    `markout_bps` is the middle some time after such a fill against its price, positive when it went our way: the
    half spread earned and the adverse move that filled it in one figure. `wait_bps` is what waiting costs.
    """

    venue: str
    fill_chance: Decimal
    markout_bps: Decimal
    wait_bps: Decimal


def resting_fill(market: LegMarket, side: Side, quantity: Decimal, resting: Resting) -> Fill | TooThin:
    """Return what a leg is expected to cost that rests first and is taken where it has not filled in time."""
    taken = taker_fill(market, side, quantity)
    if isinstance(taken, TooThin):
        return taken
    chance, notional_usd = resting.fill_chance, quantity * market.mid_usd
    rested_usd = notional_usd * resting.markout_bps * BPS
    return Fill(
        notional_usd=notional_usd,
        fee_usd=chance * -notional_usd * market.maker_fee_rate + (1 - chance) * taken.fee_usd,
        slippage_usd=chance * rested_usd + (1 - chance) * taken.slippage_usd - notional_usd * resting.wait_bps * BPS,
        moved_usd=(1 - chance) * taken.moved_usd,
    )


def round_trip(
    long: LegMarket,
    short: LegMarket,
    quantity: Decimal,
    *,
    impact_hours: Decimal,
    is_open: bool = False,
    resting: Resting | None = None,
) -> RoundTrip | TooThin:
    """Return the costs of entering and leaving a pair at the books of this moment.

    Each leg buys and sells once, so each walks both sides of its book; with `resting` the leg on that venue tries
    to be a maker both times. `impact_hours` is how long a book stays where an own order has pushed it, in funding
    hours. Of a pair that `is_open`, the entry has pushed its books long ago: it has no impact to come.
    """
    fills: dict[tuple[str, Side], Fill] = {}
    for market in (long, short):
        for side in (Side.BUY, Side.SELL):
            rests = resting is not None and resting.venue == market.venue
            fill = resting_fill(market, side, quantity, resting) if rests and resting else taker_fill(market, side, quantity)
            if isinstance(fill, TooThin):
                return fill
            fills[market.venue, side] = fill
    entries = ((long, fills[long.venue, Side.BUY]), (short, fills[short.venue, Side.SELL]))
    impacts = (_impact_usd(market, fill, quantity, impact_hours) for market, fill in entries)
    return RoundTrip(
        quantity=quantity,
        notional_usd=quantity * (long.mid_usd + short.mid_usd) / 2,
        fees_usd=sum((fill.fee_usd for fill in fills.values()), ZERO),
        slippage_usd=sum((fill.slippage_usd for fill in fills.values()), ZERO),
        impact_usd=ZERO if is_open else sum(impacts, ZERO),
    )


def _impact_usd(market: LegMarket, fill: Fill, quantity: Decimal, impact_hours: Decimal) -> Decimal:
    """Return the funding that an own entry costs by moving the venue's premium against us.

    A buy lifts the premium and with it what longs pay, a sell lowers what shorts receive. The whole move is
    charged for `impact_hours`; the clamp that swallows small premiums is left out, so this is an upper bound.
    """
    return -fill.moved_usd * quantity * market.premium_weight * impact_hours / FUNDING_PERIOD_HOURS


def basis_fraction(long: LegMarket, short: LegMarket) -> Decimal:
    """Return how far the short venue's middle lies above the long venue's, as a fraction of what lies between them."""
    return 2 * (short.mid_usd - long.mid_usd) / (short.mid_usd + long.mid_usd)


def expected_basis_usd(basis: Decimal, mean: Decimal | None, notional_usd: Decimal) -> Decimal:
    """Return what the pair earns when the basis goes back to its mean, as cash; nothing where no mean is known.

    The short leg is sold `basis` above the long one (a fraction) and bought back at `mean` above it.
    """
    return ZERO if mean is None else (basis - mean) * notional_usd


def edge(trip: RoundTrip, forecast: Forecast, *, horizon_hours: Decimal, basis_usd: Decimal, gas_usd: Decimal) -> Edge:
    """Return what a pair is expected to bring over the horizon, in its parts.

    `forecast` is of the differential that the pair receives, short venue less long venue, per year.
    """
    per_apr_usd = trip.notional_usd * horizon_hours / HOURS_PER_YEAR
    funding_usd = forecast.apr_mean * per_apr_usd
    cost_usd = trip.fees_usd + trip.slippage_usd + trip.impact_usd + basis_usd + gas_usd
    return Edge(
        notional_usd=trip.notional_usd,
        horizon_hours=horizon_hours,
        funding_usd=funding_usd,
        fees_usd=trip.fees_usd,
        slippage_usd=trip.slippage_usd,
        impact_usd=trip.impact_usd,
        basis_usd=basis_usd,
        gas_usd=gas_usd,
        funding_error_usd=forecast.apr_error * per_apr_usd,
        break_even_hours=break_even_hours(cost_usd, funding_usd / horizon_hours),
    )


def break_even_hours(cost_usd: Decimal, funding_usd_per_hour: Decimal) -> Decimal | None:
    """Return the funding hours after which funding has paid the costs (cash, negative), None if it never does."""
    if cost_usd >= 0:
        return ZERO
    return -cost_usd / funding_usd_per_hour if funding_usd_per_hour > 0 else None
