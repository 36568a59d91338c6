"""Writes down that other limits are in force: in the log and on the bus, for whoever asks later."""

from typing import Any

from messages import LimitsChanged, topics
from risk.in_force import Swap


def audit(actor: Any, swap: Swap | None, why: str) -> None:
    """Log and publish a swap of limits; None is no swap and nothing to tell."""
    if swap is None:
        return
    actor.log.warning(f"limits {swap.old_hash} -> {swap.new_hash}, {why}: {'; '.join(swap.changes)}")
    message = LimitsChanged(
        old_hash=swap.old_hash, new_hash=swap.new_hash, changes=swap.changes, ts_ns=actor.clock.timestamp_ns()
    )
    actor.msgbus.publish(topic=topics.LIMITS_CHANGED, msg=message)
