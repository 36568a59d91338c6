"""Turns what is known of an asset into a decision: enter, hold or exit, always with the reason."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from messages import Action, FundingClock, Signal
from strategies.funding import Direction, FundingRate, best_direction

ZERO = Decimal(0)


class PairState(StrEnum):
    """Where an asset's two legs stand."""

    FLAT = "FLAT"
    OPEN = "OPEN"  # both legs, equal and opposite
    BUSY = "BUSY"  # orders are under way
    BROKEN = "BROKEN"  # one leg alone, or legs that do not match


class VenueView(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's side of an asset; ages are wall seconds, None means never seen."""

    funding: FundingRate | None
    funding_age_secs: float | None
    market_age_secs: float | None
    is_market_sane: bool
    absorbable_usd: Decimal  # the lesser of what its bids and its asks take inside the slippage limit
    blocked: str | None  # why the venue cannot be traded on


class AssetView(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision about one asset looks at.

    `held` is the direction of the open pair; `entry_block` says why nothing may be opened now,
    whatever the rates are (a pair elsewhere, a cool-down, an account that does not agree).
    """

    asset: str
    venues: Mapping[str, VenueView]
    state: PairState
    held: Direction | None
    entry_block: str | None
    now_ns: int


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds: spreads are annual fractions, persistence counts funding hours."""

    min_spread_apr: Decimal
    exit_spread_apr: Decimal
    min_absorbable_usd: Decimal
    data_age_secs_max: float
    funding_age_secs_max: float
    apr_sane_max: Decimal
    persistence_hours: Decimal = ZERO


def decide(view: AssetView, rules: Rules) -> Signal:
    """Return the decision of this moment, before any persistence.

    Stale or insane data blocks entries and causes no exit. An exit needs no depth, but both venues
    open for trading and a usable market on each: closed at an unknown price, a leg may stay alone.
    """
    aprs = _sane_aprs(view, rules)
    if view.state is PairState.OPEN and view.held is not None:
        return _decide_open(view, rules, aprs, view.held)
    direction = best_direction(aprs) if len(aprs) == len(view.venues) else None
    reason = next(_objections(view, rules, aprs, direction), None)
    action = Action.ENTER if reason is None else Action.HOLD
    return _signal(view, action, direction, aprs, reason or "SPREAD_MET")


def _decide_open(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], held: Direction) -> Signal:
    blocked = _blocked(view)
    if len(aprs) < len(view.venues):
        return _signal(view, Action.HOLD, held, aprs, "FUNDING_STALE")
    spread_apr = held.spread_apr(aprs)
    if spread_apr >= rules.exit_spread_apr:
        return _signal(view, Action.HOLD, held, aprs, "SPREAD_HELD")
    if blocked is not None:
        return _signal(view, Action.HOLD, held, aprs, blocked)
    if not _are_markets_usable(view, rules):
        return _signal(view, Action.HOLD, held, aprs, "MARKET_STALE")
    return _signal(view, Action.EXIT, held, aprs, "SPREAD_FLIPPED" if spread_apr < 0 else "SPREAD_ERODED")


def _objections(view: AssetView, rules: Rules, aprs: Mapping[str, Decimal], direction: Direction | None) -> Iterator[str]:
    """Yield the reasons against entering, the plainest first."""
    if view.state is not PairState.FLAT:
        yield f"PAIR_{view.state.value}"
    if len(aprs) < len(view.venues):
        yield "FUNDING_STALE"
    if direction is None:
        yield "RATES_EQUAL"
    elif direction.spread_apr(aprs) < rules.min_spread_apr:
        yield "SPREAD_BELOW_MINIMUM"
    blocked = _blocked(view)
    if blocked is not None:
        yield blocked
    if not _are_markets_usable(view, rules):
        yield "MARKET_STALE"
    if _absorbable_usd(view) < rules.min_absorbable_usd:
        yield "DEPTH_BELOW_MINIMUM"
    if view.entry_block is not None:
        yield view.entry_block


def _sane_aprs(view: AssetView, rules: Rules) -> dict[str, Decimal]:
    """Return the annual rate of every venue whose funding is fresh and believable."""
    aprs: dict[str, Decimal] = {}
    for name, venue in view.venues.items():
        if venue.funding is None or not _is_fresh(venue.funding_age_secs, rules.funding_age_secs_max):
            continue
        if venue.funding.rate.is_finite() and abs(venue.funding.apr) <= rules.apr_sane_max:
            aprs[name] = venue.funding.apr
    return aprs


def _are_markets_usable(view: AssetView, rules: Rules) -> bool:
    venues = view.venues.values()
    return all(venue.is_market_sane and _is_fresh(venue.market_age_secs, rules.data_age_secs_max) for venue in venues)


def _is_fresh(age_secs: float | None, age_secs_max: float) -> bool:
    return age_secs is not None and age_secs <= age_secs_max


def _blocked(view: AssetView) -> str | None:
    reasons = [f"VENUE_BLOCKED {name}: {venue.blocked}" for name, venue in view.venues.items() if venue.blocked is not None]
    return reasons[0] if reasons else None


def _absorbable_usd(view: AssetView) -> Decimal:
    return min((venue.absorbable_usd for venue in view.venues.values()), default=ZERO)


def _signal(view: AssetView, action: Action, direction: Direction | None, aprs: Mapping[str, Decimal], reason: str) -> Signal:
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
    )


class Memory(msgspec.Struct, frozen=True):
    """What an asset's decisions have been asking for since `since_ns` without a break."""

    wanted: tuple[Action, str, str]
    since_ns: int


def persisted(memory: Memory | None, signal: Signal, rules: Rules, clock: FundingClock) -> tuple[Memory, Signal]:
    """Return the new memory and the signal, held back until it has been asked for long enough.

    One noisy print then neither enters nor exits; with no persistence the signal passes as it is.
    """
    wanted = (signal.action, signal.long_venue, signal.short_venue)
    if memory is None or memory.wanted != wanted:
        memory = Memory(wanted, signal.ts_ns)
    if signal.action is Action.HOLD or clock.hours(signal.ts_ns - memory.since_ns) >= rules.persistence_hours:
        return memory, signal
    return memory, msgspec.structs.replace(signal, action=Action.HOLD, reason=f"NOT_PERSISTENT {signal.reason}")
