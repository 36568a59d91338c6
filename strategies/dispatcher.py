"""Turns decisions into pair plans: what to open after risk has agreed, what to close, what to repair."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from messages import Intent, Side, Signal
from risk.checks import Refused, evaluate
from risk.limits import Limits
from risk.margin import affordable_usd, allocatable_usd
from risk.state import MarketView, OrderIntent, Snapshot, TradeIntent
from strategies.pair_plan import LegPlan, PairPlan
from strategies.signals import PairState
from strategies.sizing import ZERO, LegRules, TooSmall, limit_price_usd, pair_quantity

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Market(msgspec.Struct, frozen=True):
    """One instrument: its best prices and what its venue accepts."""

    view: MarketView
    rules: LegRules

    def best_usd(self, side: Side) -> Decimal:
        """Return the best price a taker on `side` gets."""
        return self.view.ask_usd if side is Side.BUY else self.view.bid_usd


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a pair is opened: notional per leg (USD) and how far an order may reach (bps)."""

    pair_notional_usd: Decimal
    max_slippage_bps: Decimal


def pair_id(asset: str, letter: str, sequence: int, now_ns: int) -> str:
    """Return an id that no other pair has, over restarts too: the time at which it was planned is part of it."""
    digits, left = "", now_ns
    while left:
        left, digit = divmod(left, 36)
        digits = _DIGITS[digit] + digits
    return f"{asset}-{letter}{sequence}-{digits}"


def plan_open(
    identity: str, signal: Signal, markets: Mapping[str, Market], *, snapshot: Snapshot, limits: Limits, terms: Terms
) -> PairPlan | Refused:
    """Return the plan for an ENTER signal, or why nothing may be opened; `markets` is keyed by venue."""
    sides = {signal.long_venue: Side.BUY, signal.short_venue: Side.SELL}
    prices = {venue: _limit_usd(markets[venue], side, terms.max_slippage_bps) for venue, side in sides.items()}
    legs = [markets[venue] for venue in sides]
    notional_usd = _notional_usd(signal, legs, snapshot, limits, terms)
    size = pair_quantity(notional_usd, max(prices.values()), legs[0].rules, legs[1].rules)
    if isinstance(size, TooSmall):
        return Refused(reason="NOTHING_FITS", detail=size.detail, limit=notional_usd, value=terms.pair_notional_usd)
    verdict = evaluate(snapshot, _intent(signal.asset, sides, markets, prices, size.quantity), limits)
    if isinstance(verdict, Refused):
        return verdict
    first, second = (_leg(markets[venue], side, ZERO, size.quantity, side) for venue, side in sides.items())
    return PairPlan(pair_id=identity, asset=signal.asset, intent=Intent.OPEN, legs=(first, second))


def plan_close(
    identity: str, asset: str, quantities: Mapping[str, Decimal], markets: Mapping[str, Market], *, state: PairState
) -> PairPlan:
    """Return the plan that closes an open pair, or trims a broken one until its legs match.

    `quantities` are signed positions by venue. Legs on the same side, or one alone, are closed whole.
    """
    target = repaired_size(quantities) if state is PairState.BROKEN else ZERO
    first, second = (_closing_leg(markets[venue], quantity, target) for venue, quantity in quantities.items())
    return PairPlan(pair_id=identity, asset=asset, intent=Intent.CLOSE, legs=(first, second))


def plan_resize(
    identity: str,
    signal: Signal,
    quantities: Mapping[str, Decimal],
    markets: Mapping[str, Market],
    *,
    snapshot: Snapshot,
    limits: Limits,
    terms: Terms,
) -> PairPlan | Refused | None:
    """Return the plan for a RESIZE signal of an open pair, why it may not grow, or None where nothing is worth an order.

    `quantities` are signed positions by venue, opposite and equal. What is added has to pass the rules for itself,
    on top of what is held; a reduction passes always.
    """
    sides = {venue: Side.BUY if quantity > 0 else Side.SELL for venue, quantity in quantities.items()}
    prices = {venue: _limit_usd(markets[venue], side, terms.max_slippage_bps) for venue, side in sides.items()}
    held = min(abs(quantity) for quantity in quantities.values())
    price_usd, (first, second) = max(prices.values()), (markets[venue].rules for venue in sides)
    wanted_usd = held * price_usd if signal.target_usd is None else signal.target_usd
    change_usd = abs(max(wanted_usd, ZERO) - held * price_usd)
    size = pair_quantity(change_usd, price_usd, first, second)
    if isinstance(size, TooSmall):
        return None
    if wanted_usd < held * price_usd:
        target = max(held - size.quantity, ZERO)
        if any(rules.is_too_small(target, price_usd) for rules in (first, second)):
            target = ZERO  # what would be left could not be closed one day
        legs = [_closing_leg(markets[venue], quantity, target) for venue, quantity in quantities.items()]
        return PairPlan(pair_id=identity, asset=signal.asset, intent=Intent.CLOSE, legs=(legs[0], legs[1]))
    verdict = evaluate(snapshot, _intent(signal.asset, sides, markets, prices, size.quantity), limits)
    if isinstance(verdict, Refused):
        return verdict
    legs = [_leg(markets[v], side, abs(quantities[v]), held + size.quantity, side) for v, side in sides.items()]
    return PairPlan(pair_id=identity, asset=signal.asset, intent=Intent.OPEN, legs=(legs[0], legs[1]))


def repaired_size(quantities: Mapping[str, Decimal]) -> Decimal:
    """Return the size at which both legs match without adding to either."""
    lowest, highest = min(quantities.values()), max(quantities.values())
    return min(-lowest, highest) if lowest < 0 < highest else ZERO


def _notional_usd(signal: Signal, legs: list[Market], snapshot: Snapshot, limits: Limits, terms: Terms) -> Decimal:
    wanted_usd = terms.pair_notional_usd if signal.target_usd is None else signal.target_usd
    bounds = [wanted_usd, signal.absorbable_usd, limits.position_usd_max]
    views = tuple(leg.view for leg in legs)
    # An account that is not known bounds nothing here: the rules refuse it with the better reason.
    if all(view.venue in snapshot.accounts for view in views):
        bounds += [affordable_usd(snapshot, limits, view) for view in views]
        bounds.append(allocatable_usd(snapshot, limits, views))
    return min(bounds)


def _intent(
    scope: str, sides: Mapping[str, Side], markets: Mapping[str, Market], prices: Mapping[str, Decimal], quantity: Decimal
) -> TradeIntent:
    return TradeIntent(
        scope=scope,
        orders=tuple(
            OrderIntent(
                instrument_id=markets[venue].view.instrument_id,
                venue=venue,
                side=side,
                quantity=quantity,
                price_usd=prices[venue],
                reduce_only=False,
            )
            for venue, side in sides.items()
        ),
    )


def _limit_usd(market: Market, side: Side, slippage_bps: Decimal) -> Decimal:
    return limit_price_usd(market.best_usd(side), side, slippage_bps, market.rules.price_step)


def _closing_leg(market: Market, quantity: Decimal, target: Decimal) -> LegPlan:
    direction = Side.BUY if quantity >= 0 else Side.SELL
    return _leg(market, direction, abs(quantity), min(target, abs(quantity)), direction.opposite)


def _leg(market: Market, direction: Side, held: Decimal, target: Decimal, taking: Side) -> LegPlan:
    return LegPlan(
        venue=market.view.venue,
        instrument_id=market.view.instrument_id,
        direction=direction,
        held=held,
        target=target,
        reference_price_usd=market.best_usd(taking),
        rules=market.rules,
    )
