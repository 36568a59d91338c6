"""Write a run's figures as JSON: what the report shows, for programs; money as text, so no digit is lost."""

from typing import Any

import msgspec

from backtests.assumptions import assumptions
from backtests.dataset import iso
from backtests.episodes import episodes
from backtests.result import Result, total_parts, venue_parts


def encode(result: Result) -> bytes:
    """Return the summary as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(summary(result)), indent=2) + b"\n"


def summary(result: Result) -> dict[str, Any]:
    """Return period, data, PnL per venue (in cents that add up, and exact), trades, limits and assumptions."""
    dataset = result.dataset
    rows = {pnl.venue: venue_parts(pnl) for pnl in result.venues}
    return {
        "rule": result.rule,
        "data": dataset.label,
        "is_generated": dataset.is_generated,
        "assets": [market.asset for market in dataset.markets],
        "start_utc": iso(dataset.start_ns),
        "end_utc": iso(dataset.end_ns),
        "start_usd_per_venue": result.start_usd,
        "pnl": {venue: msgspec.to_builtins(parts) for venue, parts in rows.items()},
        "pnl_total": msgspec.to_builtins(total_parts(rows)),
        "exact": {pnl.venue: msgspec.to_builtins(pnl) | {"residual_usd": str(pnl.residual_usd)} for pnl in result.venues},
        "trades": episodes(result),
        "fills": len(result.fills),
        "funding_payments": len(result.payments),
        "refused_orders": len(result.refusals),
        "gaps": dataset.gaps(),
        "sources": dataset.sources,
        "limits": dataset.limits,
        "assumptions": assumptions(result),
        "wall_secs": round(result.wall_secs, 3),
    }
