"""Let a rule hold a pair hour by hour: funding as each venue charged it, costs at entry and exit, nothing else."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from backtests.walkforward.moments import Moment
from backtests.walkforward.series import Pair

GAP_HOURS_MAX = 24  # a position is not carried over a longer hole: it ends where the record ends


class Held(msgspec.Struct, frozen=True):
    """An open pair: +1 is short on Hyperliquid, -1 long; `hours` is how long it has been open."""

    side: int
    hours: int


class Rule(Protocol):
    """Decides what to hold from what is known at a moment."""

    def target(self, moment: Moment, held: Held | None) -> int:
        """Return the side to hold from now on, 0 for none."""


class Trade(msgspec.Struct, frozen=True):
    """One pair trade; money is a fraction of one leg's notional, costs are negative."""

    side: int
    opened: int
    closed: int
    funding: float
    cost: float

    @property
    def net(self) -> float:
        """What it brought."""
        return self.funding + self.cost

    @property
    def hours(self) -> int:
        """How long it was open."""
        return self.closed - self.opened


def trade(pair: Pair, moments: Sequence[Moment], rule: Rule, round_trip: float) -> list[Trade]:
    """Return the trades a rule makes over `moments`; each pays `round_trip` (a fraction of one leg, positive) in all.

    A decision at an hour's beginning comes after that hour's payment. It starts flat, and what is open at
    the end is closed there.
    """
    done: list[Trade] = []
    side, opened, funding, last = 0, 0, 0.0, 0
    for moment in moments:
        if side and moment.boundary - last > GAP_HOURS_MAX:
            done.append(Trade(side, opened, last, funding, -round_trip))
            side = 0
        if side:
            funding += side * sum(pair.paid(hour) for hour in range(last + 1, moment.boundary + 1))
        last = moment.boundary
        target = rule.target(moment, Held(side, last - opened) if side else None)
        if target == side:
            continue
        if side:
            done.append(Trade(side, opened, last, funding, -round_trip))
        side, opened, funding = target, last, 0.0
    if side and last > opened:
        done.append(Trade(side, opened, last, funding, -round_trip))
    return done


def opened_in(pair: Pair, trades: Sequence[Trade], window: range) -> list[Trade]:
    """Return the trades that were opened in a window, cut off at its end."""
    last = window.stop - 1
    return [_until(pair, each, last) for each in trades if each.opened in window and each.opened < last]


def _until(pair: Pair, whole: Trade, last: int) -> Trade:
    if whole.closed <= last:
        return whole
    funding = whole.side * sum(pair.paid(hour) for hour in range(whole.opened + 1, last + 1))
    return msgspec.structs.replace(whole, closed=last, funding=funding)
