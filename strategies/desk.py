"""What the strategy keeps per asset between evaluations: readings on their way to being believed, pauses, failures."""

from collections.abc import Sequence

import msgspec

from messages import Action, Intent, Outcome, Signal
from strategies.holdings import Confirmation, Holding
from strategies.pair_orders import Done
from strategies.pair_plan import PairPlan
from strategies.signals import PairState

LONGEST_ENTRY_PAUSE_NS = 3_600_000_000_000
LONGEST_REPAIR_PAUSE_NS = 300_000_000_000


class AssetDesk:
    """One asset's state of affairs; none of it is a position.

    After a pair order nothing is begun for `pause_ns`; before another opening, and before another attempt at legs
    that would not close, the pause doubles with each failure in a row: each one costs fees.
    """

    def __init__(self, asset: str, venues: Sequence[str], *, confirmations: int, pause_ns: int) -> None:
        self.asset, self.venues = asset, tuple(venues)
        self.holding: Holding | None = None  # the last confirmed reading
        self.reading: Holding | None = None  # the latest one, confirmed or not
        self._published: Signal | None = None
        self.failures = self.stuck = 0
        self.is_leaving = False  # an exit has begun and the asset has not been flat since
        self._confirmation = Confirmation(confirmations)
        self._pause_ns = pause_ns
        self._enter_from_ns = self._close_from_ns = 0

    @property
    def state(self) -> PairState:
        """The confirmed state; what is not confirmed is busy."""
        return PairState.BUSY if self.holding is None else self.holding.state

    def busy(self) -> None:
        """Orders are under way: whatever was read before means nothing any more."""
        self._confirmation.forget()
        self.holding = None

    def observe(self, reading: Holding) -> bool:
        """Take a reading in; return whether it makes the confirmed state another one."""
        self.reading = reading
        confirmed, known = self._confirmation.observe(reading), self.holding
        self.holding = confirmed or known
        return confirmed is not None and (known is None or confirmed.state is not known.state)

    def is_news(self, signal: Signal) -> bool:
        """Return whether a signal asks for something or says what the last one did not."""
        known, self._published = self._published, signal
        is_same = known is not None and msgspec.structs.replace(known, ts_ns=signal.ts_ns) == signal
        return signal.action is not Action.HOLD or not is_same

    def broken(self, now_ns: int) -> Holding | None:
        """Return the confirmed holding if its legs do not match and something may be done about it now."""
        return self.holding if self.state is PairState.BROKEN and self.may_close(now_ns) else None

    def may_enter(self, now_ns: int) -> bool:
        """Return whether no pause keeps from opening."""
        return not 0 < self._enter_from_ns - now_ns <= LONGEST_ENTRY_PAUSE_NS

    def may_close(self, now_ns: int) -> bool:
        """Return whether no pause keeps from closing; a clock that went back holds nothing up."""
        return not 0 < self._close_from_ns - now_ns <= LONGEST_REPAIR_PAUSE_NS

    def pause(self, now_ns: int) -> None:
        """Begin nothing for a while."""
        self._close_from_ns = now_ns + min(self._pause_ns * 2 ** min(self.stuck, 20), LONGEST_REPAIR_PAUSE_NS)
        self._enter_from_ns = now_ns + min(self._pause_ns * 2 ** min(self.failures, 20), LONGEST_ENTRY_PAUSE_NS)

    def ended(self, plan: PairPlan, done: Done, now_ns: int) -> bool:
        """Take in how a pair order ended; return whether a cycle is complete: held, left, and flat again.

        An order may begin and end between two readings: what was believed before it is forgotten here as well.
        """
        self.busy()
        whole = all(leg.target == 0 for leg in plan.legs)
        wanted = Outcome.FLAT if plan.intent is Intent.CLOSE and whole else Outcome.HEDGED
        self.failures = 0 if done.outcome is wanted else self.failures + 1
        self.stuck = self.stuck + 1 if done.outcome is Outcome.HALTED else 0
        self.pause(now_ns)
        # A cycle also ends where an exit got stuck and a repair ended it.
        is_complete = done.outcome is Outcome.FLAT and self.is_leaving
        self.is_leaving = self.is_leaving and not is_complete
        return is_complete
