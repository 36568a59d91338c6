"""How large a pair may be: what the accounts, the limits and the books leave room for, and what must survive a move.

Every account bound is linear, so one reading of the room left serves all assets, and the same numbers size a
pair alone and share capital out between several.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from risk.limits import Limits
from risk.margin import bound_usd, equity_usd, free_usd, margin_rate
from risk.state import MarketView, Snapshot
from strategies.sizing import ZERO, Sized, sized, survival_rate

UNBOUNDED = Decimal("Infinity")


class Room(msgspec.Struct, frozen=True):
    """What new pairs may still take of each resource (USD of its own kind), by name; below zero where it is overdrawn.

    `strains` is by venue the share of all legs there that its equity lets survive, where that is less than 1.
    """

    left_usd: Mapping[str, Decimal]
    strains: Mapping[str, Decimal]


def adverse_move_of(limits: Limits, adverse_move: Decimal) -> Decimal:
    """Return the move to survive: the one configured, and never less than the limits demand."""
    return max(adverse_move, limits.liquidation_distance_ratio_min)


def room(snapshot: Snapshot, limits: Limits, adverse_move: Decimal) -> Room:
    """Return the room left on every venue whose account is known; what is not known bounds nothing here.

    A pair on an unknown account is refused by the risk rules, with the better reason.
    """
    move = adverse_move_of(limits, adverse_move)
    notionals = _notionals(snapshot)
    left: dict[str, Decimal] = {}
    if snapshot.accounts:
        equity = equity_usd(snapshot)
        left["ALLOCATION"] = equity * limits.allocation_ratio_max - bound_usd(snapshot, limits)
        left["GROSS_LIMIT"] = min(limits.gross_usd_max, equity * limits.gross_leverage_max) - sum(notionals.values(), ZERO)
    strains: dict[str, Decimal] = {}
    for venue, account in snapshot.accounts.items():
        held = {market: usd for market, usd in notionals.items() if market.venue == venue}
        needed = sum((usd * survival_rate(market.maintenance_rate, move) for market, usd in held.items()), ZERO)
        left[f"MARGIN {venue}"] = free_usd(snapshot, limits, venue)
        left[f"VENUE_LIMIT {venue}"] = limits.venue_usd_max - sum(held.values(), ZERO)
        left[f"SURVIVAL {venue}"] = account.equity_usd - needed
        if needed > max(ZERO, account.equity_usd):
            strains[venue] = max(ZERO, account.equity_usd) / needed
    return Room(left, strains)


def taken_per_usd(markets: tuple[MarketView, MarketView], limits: Limits, adverse_move: Decimal) -> dict[str, Decimal]:
    """Return what each dollar of a pair's notional (per leg) takes of every resource, by the names of `Room`."""
    move = adverse_move_of(limits, adverse_move)
    taken = {"ALLOCATION": sum((margin_rate(market, limits) for market in markets), ZERO), "GROSS_LIMIT": Decimal(2)}
    for market in markets:
        taken[f"MARGIN {market.venue}"] = margin_rate(market, limits) * (1 + limits.margin_buffer_ratio) + market.taker_fee_rate
        taken[f"VENUE_LIMIT {market.venue}"] = Decimal(1)
        taken[f"SURVIVAL {market.venue}"] = survival_rate(market.maintenance_rate, move)
    return taken


def pair_size(
    markets: tuple[MarketView, MarketView],
    room_left: Room,
    limits: Limits,
    *,
    cap_usd: Decimal,
    held_usd: Decimal,
    absorbable_usd: Decimal,
    adverse_move: Decimal,
) -> Sized:
    """Return how large a pair of `held_usd` per leg may become, `cap_usd` at most, and how large it may stay."""
    adding = {"PAIR_NOTIONAL": cap_usd, "POSITION_LIMIT": limits.position_usd_max, "DEPTH": held_usd + absorbable_usd}
    for name, per_usd in taken_per_usd(markets, limits, adverse_move).items():
        if name in room_left.left_usd:
            adding[name] = held_usd + room_left.left_usd[name] / per_usd
    standing = {"NOTHING": UNBOUNDED}
    for market in markets:
        if market.venue in room_left.strains:
            standing[f"SURVIVAL {market.venue}"] = held_usd * room_left.strains[market.venue]
    return sized(adding, standing)


def _notionals(snapshot: Snapshot) -> dict[MarketView, Decimal]:
    """Return the unsigned notional of every position, orders in flight included."""
    known = ((snapshot.markets.get(name), position) for name, position in snapshot.positions.items())
    return {market: position.worst_quantity() * market.mid_usd for market, position in known if market is not None}
