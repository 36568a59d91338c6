"""Turns what is known of an asset into a decision: enter, hold, resize or exit, always with the reason.

Two modes. `threshold` is the plain rule: spread and depth met, or not. `economic` asks for these too
before it enters, and besides that the expected funding has to pay for the whole round trip with a margin;
it leaves a pair only when staying is expected to cost a share of another round trip, so that noise
around zero trades nothing. In both, stale or insane data keeps from entering and from growing. It never is
the reason to leave, and it stops no exit that has another reason.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from messages import Action, Edge, Signal
from strategies.funding import Direction, FundingRate, best_direction
from strategies.sizing import BPS, ZERO, Sized

EDGE_HELD = "EDGE_HELD"  # the reason to stay in a pair that is worth it


class SignalMode(StrEnum):
    """Which rule decides."""

    THRESHOLD = "threshold"
    ECONOMIC = "economic"


class PairState(StrEnum):
    """Where an asset's two legs stand."""

    FLAT = "FLAT"
    OPEN = "OPEN"  # both legs, equal and opposite
    BUSY = "BUSY"  # orders are under way
    BROKEN = "BROKEN"  # one leg alone, or legs that do not match


class VenueView(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's side of an asset; ages are wall seconds, None means never seen.

    `funding` is the venue's rate of this moment, freed of the noise of how the venue publishes it.
    """

    funding: FundingRate | None
    funding_age_secs: float | None
    market_age_secs: float | None
    is_market_sane: bool
    absorbable_usd: Decimal  # the lesser of what its bids and its asks take inside the slippage limit
    blocked: str | None  # why the venue cannot be traded on


class AssetView(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision about one asset looks at.

    `held` is the direction of the open pair, `held_usd` its notional per leg, `age_hours` the funding hours it
    has been open; `entry_block` says why nothing may be added now, whatever the rates are, `exit_order` why the
    pair has to be closed, whatever it earns. `sized` is how much is allowed. `edge` is what the pair held, or
    the best one to enter, is expected to bring, `growth` the same of what `sized` allows beyond what is held;
    where one is None, `edge_gap` says what is missing.
    """

    asset: str
    venues: Mapping[str, VenueView]
    state: PairState
    held: Direction | None
    now_ns: int
    held_usd: Decimal = ZERO
    age_hours: Decimal | None = None
    entry_block: str | None = None
    exit_order: str | None = None
    sized: Sized | None = None
    edge: Edge | None = None
    growth: Edge | None = None
    edge_gap: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds: spreads are annual fractions, `_hours` funding hours, ratios fractions.

    `margin_bps` (of the notional per leg) is what an entry has to bring beyond its costs, after
    `error_weight` standard errors of the forecast. `leave_ratio` is the share of a round trip's costs that
    staying may be expected to lose before the pair is left. A pair is left by its economics after
    `min_hold_hours` at the earliest and closed at `max_age_hours` at the latest; sizes are changed only by
    more than `resize_ratio` of what is held.
    """

    mode: SignalMode = SignalMode.ECONOMIC
    min_spread_apr: Decimal
    min_absorbable_usd: Decimal
    data_age_secs_max: float
    funding_age_secs_max: float
    apr_sane_max: Decimal
    margin_bps: Decimal = Decimal(2)
    error_weight: Decimal = ZERO
    leave_ratio: Decimal = Decimal("0.5")
    min_hold_hours: Decimal = ZERO
    max_age_hours: Decimal | None = None
    persistence_hours: Decimal = ZERO
    resize_ratio: Decimal = Decimal("0.25")

    @property
    def is_economic(self) -> bool:
        """Whether the expected edge counts."""
        return self.mode is SignalMode.ECONOMIC


def direction_of(view: AssetView, rules: Rules) -> Direction | None:
    """Return the direction a decision is about: that of the open pair, else the one with the wider spread."""
    if view.state is PairState.OPEN:
        return view.held
    aprs = _sane_aprs(view, rules)
    return best_direction(aprs) if len(aprs) == len(view.venues) else None


def decide(view: AssetView, rules: Rules) -> Signal:
    """Return the decision of this moment, before any persistence."""
    aprs = _sane_aprs(view, rules)
    if view.state is PairState.OPEN and view.held is not None:
        return _decide_open(view, rules, aprs, view.held)
    direction = best_direction(aprs) if len(aprs) == len(view.venues) else None
    reason = next(_objections(view, rules, aprs, direction), None)
    if reason is not None or view.sized is None:
        return _signal(view, Action.HOLD, direction, aprs, reason or "SIZE_UNKNOWN")
    return _signal(view, Action.ENTER, direction, aprs, "EDGE_MET" if rules.is_economic else "SPREAD_MET", view.sized.target_usd)


def entry_value_usd(edge: Edge, rules: Rules) -> Decimal:
    """Return what an entry is worth beyond its margin: above zero it pays."""
    return edge.net_usd - rules.error_weight * edge.funding_error_usd - rules.margin_bps * BPS * edge.notional_usd


def stay_value_usd(edge: Edge) -> Decimal:
    """Return what staying over the horizon is expected to bring; the exit costs the same now or then."""
    return edge.funding_usd + edge.basis_usd


def leave_below_usd(edge: Edge, rules: Rules) -> Decimal:
    """Return the value of staying below which a pair is left: a share of the round trip that coming back would cost."""
    return rules.leave_ratio * (edge.cost_usd - edge.basis_usd)


def _decide_open(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], held: Direction) -> Signal:
    reason = _reason_to_leave(view, rules, aprs, held)
    if reason is not None:
        return _signal(view, Action.EXIT, held, aprs, reason)
    if view.sized is not None and view.sized.ceiling_usd < view.held_usd * (1 - rules.resize_ratio):
        return _signal(view, Action.RESIZE, held, aprs, f"ABOVE_{view.sized.ceiling}", view.sized.ceiling_usd)
    obstacle = next(_growth_objections(view, rules, aprs, held), None)
    if obstacle is None and view.sized is not None:
        return _signal(view, Action.RESIZE, held, aprs, "ROOM_TO_GROW", view.sized.target_usd)
    return _signal(view, Action.HOLD, held, aprs, _reason_to_stay(view, rules, aprs))


def _reason_to_leave(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], held: Direction) -> str | None:
    """Return why an open pair is closed; rates that are not known, or not believed, are no reason."""
    if view.exit_order is not None:
        return view.exit_order
    if rules.is_economic and rules.max_age_hours is not None and _age(view) >= rules.max_age_hours:
        return "MAXIMUM_AGE"
    if len(aprs) < len(view.venues):
        return None
    return _economic_exit(view, rules, aprs, held) if rules.is_economic else _threshold_exit(view, rules, aprs, held)


def _threshold_exit(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], held: Direction) -> str | None:
    spread_apr = held.spread_apr(aprs)
    if spread_apr < rules.min_spread_apr:
        return "SPREAD_FLIPPED" if spread_apr < 0 else "SPREAD_ERODED"
    is_depth_known = are_markets_usable(view, rules) and _blocked(view) is None
    return "DEPTH_BELOW_MINIMUM" if is_depth_known and _absorbable_usd(view) < rules.min_absorbable_usd else None


def _economic_exit(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], held: Direction) -> str | None:
    if _age(view) < rules.min_hold_hours:
        return None
    if view.edge is None:  # the plain sign is left: an entry the other way would be due
        return "SPREAD_FLIPPED" if held.spread_apr(aprs) <= -rules.min_spread_apr else None
    if stay_value_usd(view.edge) >= leave_below_usd(view.edge, rules):
        return None
    return "FUNDING_FLIPPED" if view.edge.funding_usd < 0 else "EDGE_LOST"


def _reason_to_stay(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal]) -> str:
    if len(aprs) < len(view.venues):
        return "FUNDING_STALE"
    if not rules.is_economic:
        return "SPREAD_HELD"
    if view.edge is None:
        return f"EDGE_UNKNOWN {view.edge_gap}".rstrip()
    is_early = _age(view) < rules.min_hold_hours and stay_value_usd(view.edge) < leave_below_usd(view.edge, rules)
    return "MINIMUM_HOLD" if is_early else EDGE_HELD


def _objections(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], direction: Direction | None) -> Iterator[str]:
    """Yield the reasons against entering, the plainest first."""
    if view.state is not PairState.FLAT:
        yield f"PAIR_{view.state.value}"
    yield from _market_objections(view, rules, aprs, direction)
    if view.sized is not None and view.sized.target_usd <= 0:
        yield f"NO_ROOM {view.sized.bound}"
    if rules.is_economic:
        yield from _edge_objections(view.edge, view.edge_gap, rules)


def _growth_objections(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], held: Direction) -> Iterator[str]:
    """Yield the reasons against adding to an open pair: those against entering it, for what would be added."""
    yield from _market_objections(view, rules, aprs, held)
    if view.sized is None or view.sized.target_usd <= view.held_usd * (1 + rules.resize_ratio):
        yield "AT_SIZE"
    if rules.is_economic:
        yield from _edge_objections(view.growth, view.edge_gap, rules)


def _market_objections(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], direction: Direction | None) -> Iterator[str]:
    if len(aprs) < len(view.venues):
        yield "FUNDING_STALE"
    if direction is None:
        yield "RATES_EQUAL"
    elif direction.spread_apr(aprs) < rules.min_spread_apr:
        yield "SPREAD_BELOW_MINIMUM"
    blocked = _blocked(view)
    if blocked is not None:
        yield blocked
    if not are_markets_usable(view, rules):
        yield "MARKET_STALE"
    if _absorbable_usd(view) < rules.min_absorbable_usd:
        yield "DEPTH_BELOW_MINIMUM"
    if view.entry_block is not None:
        yield view.entry_block


def _edge_objections(edge: Edge | None, gap: str, rules: Rules) -> Iterator[str]:
    if edge is None:
        yield f"EDGE_UNKNOWN {gap}".rstrip()
    elif entry_value_usd(edge, rules) <= 0:
        yield "EDGE_BELOW_MARGIN"


def _age(view: AssetView) -> Decimal:
    """Return how long a pair has been open; one of unknown age is as good as new."""
    return view.age_hours or ZERO


def _sane_aprs(view: AssetView, rules: Rules) -> dict[str, Decimal]:
    """Return the annual rate of every venue whose funding is fresh and believable."""
    aprs: dict[str, Decimal] = {}
    for name, venue in view.venues.items():
        if venue.funding is None or not _is_fresh(venue.funding_age_secs, rules.funding_age_secs_max):
            continue
        if venue.funding.rate.is_finite() and abs(venue.funding.apr) <= rules.apr_sane_max:
            aprs[name] = venue.funding.apr
    return aprs


def are_markets_usable(view: AssetView, rules: Rules) -> bool:
    """Return whether both venues' best prices are fresh, positive and not crossed."""
    venues = view.venues.values()
    return all(venue.is_market_sane and _is_fresh(venue.market_age_secs, rules.data_age_secs_max) for venue in venues)


def _is_fresh(age_secs: float | None, age_secs_max: float) -> bool:
    return age_secs is not None and age_secs <= age_secs_max


def _blocked(view: AssetView) -> str | None:
    reasons = [f"VENUE_BLOCKED {name}: {venue.blocked}" for name, venue in view.venues.items() if venue.blocked is not None]
    return reasons[0] if reasons else None


def _absorbable_usd(view: AssetView) -> Decimal:
    return min((venue.absorbable_usd for venue in view.venues.values()), default=ZERO)


def _signal(  # noqa: PLR0917 - the parts of one signal, in its own order
    view: AssetView,
    action: Action,
    direction: Direction | None,
    aprs: Mapping[str, Decimal],
    reason: str,
    target_usd: Decimal | None = None,
) -> Signal:
    is_known = direction is not None and direction.long_venue in aprs and direction.short_venue in aprs
    return Signal(
        action=action,
        asset=view.asset,
        long_venue="" if direction is None else direction.long_venue,
        short_venue="" if direction is None else direction.short_venue,
        spread_apr=direction.spread_apr(aprs) if direction is not None and is_known else ZERO,
        absorbable_usd=_absorbable_usd(view),
        reason=reason,
        ts_ns=view.now_ns,
        edge=view.edge,
        target_usd=target_usd,
    )
