"""Holds a decision back until it has been asked for long enough: one noisy print neither enters nor exits."""

import msgspec

from messages import Action, FundingClock, Signal
from strategies.signals import Rules


class Memory(msgspec.Struct, frozen=True):
    """What an asset's decisions have been asking for since `since_ns` without a break."""

    wanted: tuple[Action, str, str]
    since_ns: int


# What nobody has to ask for twice: orders from outside, ends by age, and sizes an account could not survive.
_AT_ONCE = ("MAXIMUM_AGE", "CLOSE_ONLY", "ABOVE_")


def persisted(memory: Memory | None, signal: Signal, rules: Rules, clock: FundingClock) -> tuple[Memory, Signal]:
    """Return the new memory and the signal, held back until it has been asked for long enough.

    One noisy print then neither enters nor exits; with no persistence, and in threshold mode, the signal
    passes as it is.
    """
    wanted = (signal.action, signal.long_venue, signal.short_venue)
    if memory is None or memory.wanted != wanted:
        memory = Memory(wanted, signal.ts_ns)
    is_ripe = clock.hours(signal.ts_ns - memory.since_ns) >= rules.persistence_hours
    if signal.action is Action.HOLD or not rules.is_economic or is_ripe or signal.reason.startswith(_AT_ONCE):
        return memory, signal
    held_back = f"NOT_PERSISTENT {signal.reason}"
    return memory, msgspec.structs.replace(signal, action=Action.HOLD, reason=held_back, target_usd=None)
