"""Ask the venues after a restart for the funding they booked while no node was listening."""

from collections.abc import Mapping

import msgspec

from config.schema import AppConfig

HOURS_AGAIN = 2.0  # what is booked already is told again and not booked twice; stamps and rows may come late
NS_PER_MS = 1_000_000


def asking_for_missed_funding(config: AppConfig, known_ns: Mapping[str, int], now_ns: int) -> AppConfig:
    """Return the config with both execution clients told how far back to ask; `known_ns` says by venue what is booked.

    A venue that is not in it has never been seen: nothing of its past is ours. What the config asks for by
    itself is kept where it reaches further.
    """
    venues = config.venues
    hyperliquid, paradex = known_ns.get("HYPERLIQUID"), known_ns.get("PARADEX")
    if hyperliquid is not None:
        hours = float(config.clock.hours(max(0, now_ns - hyperliquid))) + HOURS_AGAIN
        longest = max(hours, venues.hyperliquid.funding_lookback_hours)
        venues = msgspec.structs.replace(
            venues, hyperliquid=msgspec.structs.replace(venues.hyperliquid, funding_lookback_hours=longest)
        )
    if paradex is not None:
        since_ms = max(0, (paradex - config.clock.wall_ns(HOURS_AGAIN)) // NS_PER_MS)
        told_ms = venues.paradex.funding_since_ms
        earliest = since_ms if told_ms is None else min(since_ms, told_ms)
        venues = msgspec.structs.replace(venues, paradex=msgspec.structs.replace(venues.paradex, funding_since_ms=earliest))
    return msgspec.structs.replace(config, venues=venues)
