"""What testnet and live need before they may start."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from config.load import load
from config.requirements import unmet
from config.schema import DeadManSection

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["sim", "paper", "testnet", "live"])
def test_the_configs_that_are_given_meet_what_is_required(name):
    assert unmet(load(ROOT / f"config/{name}.toml")) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"daily_loss_usd_max": Decimal(8_001)}, "daily_loss_usd_max at most 8000"),
        ({"drawdown_ratio_max": Decimal(0)}, "drawdown_ratio_max above 0"),
        ({"drawdown_ratio_max": Decimal("0.6")}, "at most 0.5"),
    ],
)
def test_a_loss_limit_that_would_stop_nothing_is_none(changes, words):
    config = load(ROOT / "config/live.toml")
    (found,) = unmet(msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, **changes)))
    assert found.startswith("mode 'live' needs limits: ")
    assert words in found


def test_positions_have_to_start_small():
    config = load(ROOT / "config/testnet.toml")
    limits = msgspec.structs.replace(config.limits, canary=msgspec.structs.replace(config.limits.canary, enabled=False))
    assert unmet(msgspec.structs.replace(config, limits=limits)) == [
        "mode 'testnet' needs limits: [canary] enabled = true: positions start small"
    ]


@pytest.mark.parametrize("changes", [{"silence_secs": 61.0}, {"scheduled_cancel_secs": 301.0}])
def test_a_dead_man_has_to_be_noticed_in_time(changes):
    config = load(ROOT / "config/live.toml")
    (found,) = unmet(msgspec.structs.replace(config, deadman=DeadManSection(**changes)))
    assert f"needs deadman.{next(iter(changes))} at most" in found


@pytest.mark.parametrize("venue", ["hyperliquid", "paradex"])
@pytest.mark.parametrize("name", ["private_key", "account_address"])
def test_each_venue_needs_a_key_and_the_account_it_is_for(venue, name):
    config = load(ROOT / "config/live.toml")
    section = msgspec.structs.replace(getattr(config.venues, venue), **{name: None})
    venues = msgspec.structs.replace(config.venues, **{venue: section})
    assert unmet(msgspec.structs.replace(config, venues=venues)) == [f"mode 'live' needs venues.{venue}.{name}"]
