"""Fills as a client asked for them: each execution, or those of one order at one time as one."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from simulators.hyperliquid import frames

SUMS = ("sz", "closedPnl", "fee")


def aggregated(fills: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return fills, oldest first, with the neighbours of one order, time and side merged at their mean price."""
    merged: list[list[dict[str, Any]]] = []
    for fill in fills:
        if merged and all(merged[-1][0][key] == fill[key] for key in ("oid", "time", "crossed")):
            merged[-1].append(fill)
        else:
            merged.append([fill])
    return [_merge(group) if len(group) > 1 else group[0] for group in merged]


def _merge(group: list[dict[str, Any]]) -> dict[str, Any]:
    totals = {key: sum((Decimal(fill[key]) for fill in group), Decimal(0)) for key in SUMS}
    notional = sum((Decimal(fill["sz"]) * Decimal(fill["px"]) for fill in group), Decimal(0))
    sums = {key: frames.number(total) for key, total in totals.items()}
    return {**group[0], **sums, "px": frames.ratio(notional / totals["sz"], 8)}
