from pathlib import Path

import pytest

from config.load import ConfigError, load, redacted

ROOT = Path(__file__).parents[3]
SIM = (ROOT / "config/sim.toml").read_text()
LIVE = (ROOT / "config/live.toml").read_text()


@pytest.fixture
def write(tmp_path: Path):
    for name in ("limits.toml", "limits-live.toml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text())

    def _write(text: str) -> Path:
        path = tmp_path / "node.toml"
        path.write_text(text)
        return path

    return _write


@pytest.mark.parametrize("name", ["sim", "paper", "testnet", "live"])
def test_every_shipped_config_is_valid(name):
    config = load(ROOT / f"config/{name}.toml")
    assert config.mode == name
    assert (config.simulators is not None) == (name == "sim")


def test_only_a_simulator_config_compresses_the_funding_clock():
    assert load(ROOT / "config/sim.toml").clock.is_compressed
    assert not load(ROOT / "config/live.toml").clock.is_compressed


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("min_spread_apr = 0.04", "min_sperad_apr = 0.04", "unknown field `min_sperad_apr` - at `$.strategy`"),
        ("min_spread_apr = 0.04", "min_spread_apr = -1", "min_spread_apr must be a positive number, was -1 - at `$.strategy`"),
        ("min_spread_apr = 0.04", "min_spread_apr = nan", "min_spread_apr must be a positive number, was NaN - at `$.strategy`"),
        ("min_spread_apr = 0.04", "min_spread_apr = 4", "0.04 means 4 % a year; was 4 - at `$.strategy`"),
        ("adverse_move = 0.25", "adverse_move = nan", "adverse_move is a fraction between 0 and 1, was NaN - at `$.strategy`"),
        ("adverse_move = 0.25", "adverse_move = 25", "adverse_move is a fraction between 0 and 1, was 25 - at `$.strategy`"),
        ("leave_ratio = 0.5", "leave_ratio = -1", "leave_ratio must not be negative, was -1 - at `$.strategy`"),
        ("horizon_hours = 168", "horizon_hours = 0", "Expected `int` >= 1 - at `$.strategy.horizon_hours`"),
        ('mode = "economic"', 'mode = "hopeful"', "Invalid enum value 'hopeful' - at `$.strategy.mode`"),
        ("max_slippage_bps = 10", "max_slippage_bps = inf", "max_slippage_bps must be a positive number, was Infinity"),
        ('"SOL", "HYPE"]', '"SOL", "BTC"]', "assets names one twice: BTC, ETH, SOL, BTC - at `$.strategy`"),
        ("min_hold_hours = 4", "min_hold_hours = 720", "min_hold_hours 720 must lie below max_age_hours 720 - at `$.strategy`"),
        ('mode = "sim"', 'mode = "fun"', "Invalid enum value 'fun' - at `$.mode`"),
        ("hour_secs = 10.0", "hour_secs = 0", "> 0.0 - at `$.simulators.hour_secs`"),
        ("max_secs = 175", 'max_secs = "long"', "at `$.run.max_secs`"),
        ('limits = "limits.toml"', 'limits = "gone.toml"', "gone.toml: No such file"),
        ('limits = "limits.toml"', "", "the name of the limits file"),
        ("[venues.paradex]", "[venues.paradex", "not valid TOML"),
    ],
)
def test_a_bad_field_is_named_by_its_path(write, before, after, message):
    assert before in SIM
    with pytest.raises(ConfigError) as e:
        load(write(SIM.replace(before, after)))
    assert message in str(e.value)


def test_a_bad_limit_is_named_with_its_own_file(write, tmp_path):
    path = write(SIM)
    limits = tmp_path / "limits.toml"
    for line, message in (
        ("position_usd_max = -5", "limits.toml: position_usd_max must be a positive number, was -5"),
        ("position_usd_maximum = 5", "limits.toml: Object contains unknown field `position_usd_maximum`"),
        ('position_usd_max = "much"', "limits.toml: Invalid decimal string - at `$.position_usd_max`"),
        ("position_usd_max = ", "limits.toml: not valid TOML"),
        ("position_usd_max = 10_000", "limits.toml: every limit has to be written down, missing: venue_usd_max, gross_usd_max"),
    ):
        limits.write_text(line)
        with pytest.raises(ConfigError) as e:
            load(path)
        assert message in str(e.value)
        assert "node.toml" not in str(e.value)


def test_a_limits_file_cut_off_anywhere_is_refused_or_whole(write, tmp_path):
    text = (ROOT / "config/limits.toml").read_text()
    whole, path = load(write(SIM)).limits, tmp_path / "limits.toml"
    end = text.rindex("clean_cycles = 3") + len("clean_cycles = 3")
    for cut in range(0, len(text), 7):
        path.write_text(text[:cut])
        if cut < end:
            with pytest.raises(ConfigError):
                load(tmp_path / "node.toml")
        else:
            assert load(tmp_path / "node.toml").limits == whole


def test_a_literal_secret_is_refused_and_not_repeated(write):
    with pytest.raises(ConfigError) as e:
        load(write(SIM.replace("env:FARB_SIM_HYPERLIQUID_KEY", "0x" + "ab" * 32)))
    assert "never as the value itself - at `$.venues.hyperliquid.private_key`" in str(e.value)
    assert "abab" not in str(e.value)


def test_simulators_and_a_real_venue_never_meet(write):
    with pytest.raises(ConfigError, match=r"speaks to 127\.0\.0\.1 only"):
        load(write(SIM.replace("[venues.hyperliquid]", '[venues.hyperliquid]\nhttp_url = "https://api.hyperliquid.xyz"')))
    with pytest.raises(ConfigError, match="a compressed funding clock never meets a real venue"):
        load(write(LIVE + "\n[simulators]\nhour_secs = 10\n"))
    with pytest.raises(ConfigError, match="http_url: required when mode is 'live'"):
        load(write(LIVE.replace('http_url = "https://api.hyperliquid.xyz"', "")))


def test_the_printed_config_hides_what_its_secrets_are_called():
    text = redacted(load(ROOT / "config/live.toml"))
    assert '"private_key": "env:***"' in text
    assert "HYPERLIQUID_AGENT_KEY" not in text
    assert '"min_spread_apr": "0.04"' in text
