from pathlib import Path

import msgspec
import pytest

from config.load import load
from operations.missed_funding import HOURS_AGAIN, asking_for_missed_funding

ROOT = Path(__file__).parents[3]
HOUR_NS = 3_600_000_000_000
NOW_NS = 490_000 * HOUR_NS


@pytest.fixture(scope="module")
def live():
    return load(ROOT / "config/live.toml")


def test_a_first_start_asks_for_nothing_of_the_past(live):
    assert asking_for_missed_funding(live, {}, NOW_NS) == live


def test_a_restart_asks_both_venues_from_what_is_booked_on(live):
    asked = asking_for_missed_funding(
        live, {"HYPERLIQUID": NOW_NS - 30 * HOUR_NS, "PARADEX": NOW_NS - 50 * HOUR_NS}, NOW_NS
    ).venues
    assert asked.hyperliquid.funding_lookback_hours == 30 + HOURS_AGAIN
    assert asked.paradex.funding_since_ms == (NOW_NS - round((50 + HOURS_AGAIN) * HOUR_NS)) // 1_000_000


def test_what_the_config_asks_for_itself_is_kept_where_it_reaches_further(live):
    venues = live.venues
    venues = msgspec.structs.replace(
        venues,
        hyperliquid=msgspec.structs.replace(venues.hyperliquid, funding_lookback_hours=1_000.0),
        paradex=msgspec.structs.replace(venues.paradex, funding_since_ms=5),
    )
    config = msgspec.structs.replace(live, venues=venues)
    assert asking_for_missed_funding(config, {"HYPERLIQUID": NOW_NS, "PARADEX": NOW_NS}, NOW_NS) == config


def test_hours_are_funding_hours():
    sim = load(ROOT / "config/sim.toml")  # ten wall seconds to the hour
    asked = asking_for_missed_funding(sim, {"HYPERLIQUID": NOW_NS - 60_000_000_000}, NOW_NS).venues
    assert asked.hyperliquid.funding_lookback_hours == 6 + HOURS_AGAIN
