"""Shares the room out between all pairs that want it, those that are open already included.

Every asset's decision is made alone first; here they meet. A pair that is open may be given up for better
ones, but only where these are worth more than what staying brings and coming back would cost.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from messages import Action, Signal
from risk.limits import Limits
from risk.state import MarketView
from strategies.allocator import Option, allocate, carries
from strategies.bounds import Room, taken_per_usd
from strategies.costs import TooThin
from strategies.prospect import EdgeTerms, Prospect
from strategies.signals import EDGE_HELD, AssetView, Rules, entry_value_usd, leave_below_usd, stay_value_usd
from strategies.sizing import ZERO

PARTS = (Decimal("0.75"), Decimal("0.5"), Decimal("0.25"))  # of the size wanted, where not all fits


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What an asset's decision was made of: `markets` and `prospect` are those of its direction, None where unknown."""

    view: AssetView
    markets: tuple[MarketView, MarketView] | None = None
    prospect: Prospect | None = None


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """What sharing goes by: the rules of the decisions, how edges are worked out, what limits and accounts leave."""

    rules: Rules
    terms: EdgeTerms
    limits: Limits
    adverse_move: Decimal
    room: Room

    def share_out(self, looks: Mapping[str, Look], signals: Mapping[str, Signal]) -> dict[str, Signal]:
        """Return the signals after sharing: entries and growth as far as there is room, exits that make room."""
        wanting = {asset for asset, signal in signals.items() if _adds(looks[asset], signal)}
        if not wanting:
            return dict(signals)
        wanted = [self._wanted(looks[asset], signals[asset]) for asset in sorted(wanting)]
        holding = {asset for asset in looks if asset not in wanting and self._is_movable(looks[asset], signals[asset])}
        held = [self._held(looks[asset]) for asset in sorted(holding)]
        free = {name: max(ZERO, left) for name, left in self.room.left_usd.items()}
        whole = {name: left + sum((option.takes_usd.get(name, ZERO) for option in held), ZERO) for name, left in free.items()}
        if not carries(free, wanted):
            wanted += [part for asset in sorted(wanting) for part in self._parts(looks[asset], signals[asset])]
        chosen = allocate([*wanted, *held], whole)
        dropped = holding - set(chosen)
        now = allocate(wanted, free) if dropped else chosen
        shared = dict(signals)
        for asset in dropped:
            better = max((chosen[name] for name in wanting & set(chosen)), key=lambda option: option.value_usd)
            shared[asset] = _replaced(signals[asset], Action.EXIT, f"BETTER_PAIR {better.asset}")
        for asset in wanting:
            shared[asset] = self._admitted(looks[asset], signals[asset], chosen.get(asset), now.get(asset))
        return shared

    def _admitted(self, look: Look, signal: Signal, chosen: Option | None, now: Option | None) -> Signal:
        """Return an entry as it may go ahead: smaller, or later, where there is not enough for all of it now."""
        if chosen is None:
            return _replaced(signal, Action.HOLD, "NO_ROOM_BESIDE_BETTER_PAIRS")
        if now is None:
            return _replaced(signal, Action.HOLD, "WAITS_FOR_ROOM")
        return msgspec.structs.replace(signal, target_usd=look.view.held_usd + now.notional_usd)

    def _is_movable(self, look: Look, signal: Signal) -> bool:
        """Whether an open pair may be given up for others: it can be valued and its minimum hold is over."""
        view = look.view
        is_old = (view.age_hours or ZERO) >= self.rules.min_hold_hours
        is_tradable = all(venue.blocked is None for venue in view.venues.values())
        # Held for its edge, and for no other reason: what is held because its rates are stale is not given up either.
        is_steady = signal.reason == EDGE_HELD and view.held is not None and look.markets is not None
        return self.rules.is_economic and is_steady and is_old and is_tradable and self._stay_value_usd(look) > 0

    def _held(self, look: Look) -> Option:
        return self._option(look, look.view.held_usd, self._stay_value_usd(look))

    def _stay_value_usd(self, look: Look) -> Decimal:
        """Return what giving an open pair up would cost: what staying brings, and the coming back."""
        edge = look.view.edge
        return ZERO if edge is None else stay_value_usd(edge) - leave_below_usd(edge, self.rules)

    def _wanted(self, look: Look, signal: Signal) -> Option:
        assert signal.target_usd is not None
        edge = look.view.edge if signal.action is Action.ENTER else look.view.growth
        added_usd = signal.target_usd - look.view.held_usd
        is_valued = self.rules.is_economic and edge is not None
        value_usd = entry_value_usd(edge, self.rules) if is_valued and edge else signal.spread_apr * added_usd
        return self._option(look, added_usd, value_usd)

    def _parts(self, look: Look, signal: Signal) -> list[Option]:
        """Return the smaller sizes of what is wanted; costs are worked out for each, for depth is not linear."""
        assert signal.target_usd is not None
        found = []
        for part in PARTS:
            added_usd = (signal.target_usd - look.view.held_usd) * part
            value_usd = signal.spread_apr * added_usd
            if self.rules.is_economic:
                edge = None if look.prospect is None else look.prospect.edge(added_usd, self.terms)
                value_usd = ZERO if edge is None or isinstance(edge, TooThin) else entry_value_usd(edge, self.rules)
            found.append(self._option(look, added_usd, value_usd))
        return found

    def _option(self, look: Look, notional_usd: Decimal, value_usd: Decimal) -> Option:
        assert look.markets is not None
        rates = taken_per_usd(look.markets, self.limits, self.adverse_move)
        return Option(
            asset=look.view.asset,
            long_venue=look.markets[0].venue,
            short_venue=look.markets[1].venue,
            notional_usd=notional_usd,
            value_usd=value_usd,
            takes_usd={name: rate * notional_usd for name, rate in rates.items()},
        )


def _adds(look: Look, signal: Signal) -> bool:
    is_growth = signal.action is Action.RESIZE and (signal.target_usd or ZERO) > look.view.held_usd
    return (signal.action is Action.ENTER or is_growth) and look.markets is not None


def _replaced(signal: Signal, action: Action, reason: str) -> Signal:
    return msgspec.structs.replace(signal, action=action, reason=reason, target_usd=None)
