"""The strategy's own gate in the walk: `strategies.signals.decide`, fed with what was known at each hour."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from backtests.dataset import HOUR_NS
from backtests.walkforward.costs import NOTIONAL_USD, PRICE_USD, markets
from backtests.walkforward.moments import SEEN_NS, Moment
from backtests.walkforward.series import HYPERLIQUID, Pair
from backtests.walkforward.trading import Held
from messages import HOURS_PER_YEAR, Action, Edge, Side
from strategies.arb_config import FundingArbConfig
from strategies.costs import RoundTrip, TooThin, edge, round_trip
from strategies.funding import Direction, FundingRate
from strategies.signals import AssetView, PairState, SignalMode, VenueView, decide, direction_of
from strategies.sizing import ZERO, Sized, absorbable_usd

YEAR = Decimal(HOURS_PER_YEAR)
SIZED = Sized(target_usd=NOTIONAL_USD, bound="PAIR_NOTIONAL", ceiling_usd=NOTIONAL_USD, ceiling="PAIR_NOTIONAL")

type Rates = Callable[[Moment], tuple[float, float] | None]


class Parameters(msgspec.Struct, frozen=True):
    """What is chosen on a training window: horizon, and standard errors held back; the rest is as a node has it by default."""

    horizon_hours: int
    error_weight: Decimal

    def __str__(self) -> str:
        return f"{self.horizon_hours} h, {self.error_weight} errors"


HORIZONS = (72, 168, 336)
# The most cautious first: it is taken where all do equally well.
GRID = tuple(Parameters(horizon, weight) for weight in (Decimal(1), Decimal("0.5"), Decimal(0)) for horizon in HORIZONS)
DEFAULT = Parameters(FundingArbConfig().horizon_hours, FundingArbConfig().error_weight)


def rates_now(moment: Moment) -> tuple[float, float]:
    """Return both venues' annual rates as they are known now."""
    return moment.hyperliquid_apr, moment.other_apr


def rates_of_a_week(moment: Moment) -> tuple[float, float] | None:
    """Return the mean differential of the last 7 days as if Hyperliquid charged it and the other nothing."""
    week_apr = moment.candidates[2]
    return None if week_apr is None else (week_apr, 0.0)


class Gate:
    """One pair through the gate, with every cost times `scale`."""

    def __init__(
        self,
        pair: Pair,
        scale: Decimal,
        parameters: Parameters = DEFAULT,
        *,
        mode: SignalMode = SignalMode.ECONOMIC,
        rates: Rates = rates_now,
    ) -> None:
        settings = FundingArbConfig(
            mode=mode,
            horizon_hours=parameters.horizon_hours,
            error_weight=parameters.error_weight,
            persistence_hours=ZERO,  # one look an hour decides
        )
        self._pair, self._rules, self._rates = pair, settings.rules, rates
        self._terms, self._markets = settings.edge_terms, markets(pair, scale)
        self._absorbable_usd = min(
            absorbable_usd(market.taken_by(side), settings.max_slippage_bps) for market in self._markets.values() for side in Side
        )
        self._trips: dict[tuple[str, bool], RoundTrip] = {}

    def target(self, moment: Moment, held: Held | None) -> int:
        """Return the side to hold: what the signal of this moment asks for."""
        signal = decide(self._view(moment, held), self._rules)
        if signal.action is Action.ENTER:
            return 1 if signal.short_venue == HYPERLIQUID else -1
        return 0 if signal.action is Action.EXIT or held is None else held.side

    def _view(self, moment: Moment, held: Held | None) -> AssetView:
        known = self._rates(moment)
        venues = (HYPERLIQUID, self._pair.other.venue)
        funding = (None, None) if known is None else tuple(FundingRate(Decimal(repr(apr)), YEAR) for apr in known)
        view = AssetView(
            asset=self._pair.asset,
            venues={venue: self._venue(rate) for venue, rate in zip(venues, funding, strict=True)},
            state=PairState.FLAT if held is None else PairState.OPEN,
            held=None if held is None else self._direction(held.side),
            now_ns=moment.boundary * HOUR_NS + SEEN_NS,
            held_usd=ZERO if held is None else NOTIONAL_USD,
            age_hours=None if held is None else Decimal(held.hours),
            sized=SIZED,
        )
        direction = direction_of(view, self._rules) if self._rules.is_economic else None
        return view if direction is None else msgspec.structs.replace(view, edge=self._edge(moment, direction, held))

    def _venue(self, funding: FundingRate | None) -> VenueView:
        return VenueView(
            funding=funding,
            funding_age_secs=0.0,
            market_age_secs=0.0,
            is_market_sane=True,
            absorbable_usd=self._absorbable_usd,
            blocked=None,
        )

    def _direction(self, side: int) -> Direction:
        other = self._pair.other.venue
        return self._pair.direction if side > 0 else Direction(long_venue=HYPERLIQUID, short_venue=other)

    def _edge(self, moment: Moment, direction: Direction, held: Held | None) -> Edge:
        made = moment.forecasts[int(self._terms.horizon_hours)]
        if direction != self._pair.direction:
            made = msgspec.structs.replace(made, apr_mean=-made.apr_mean)
        trip = self._trip(direction, held is not None)
        return edge(trip, made, horizon_hours=self._terms.horizon_hours, basis_usd=ZERO, gas_usd=ZERO)

    def _trip(self, direction: Direction, is_open: bool) -> RoundTrip:
        """Return a direction's four fills: the modelled books never move, so they are walked once."""
        key = (direction.short_venue, is_open)
        if key not in self._trips:
            long, short = self._markets[direction.long_venue], self._markets[direction.short_venue]
            quantity = NOTIONAL_USD / PRICE_USD
            trip = round_trip(long, short, quantity, impact_hours=self._terms.impact_hours, is_open=is_open)
            if isinstance(trip, TooThin):
                raise ValueError(f"the modelled book of {trip.venue} takes only {trip.available}")
            self._trips[key] = trip
        return self._trips[key]
