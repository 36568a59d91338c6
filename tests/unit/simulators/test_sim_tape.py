from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import FundingClock
from simulators.replay import read_replay
from simulators.tape import ASSETS, TapeClock, premium_from_rate_8h, rate_8h_from_premium, scenario

D = Decimal


@given(st.integers(0, 10_000), st.sampled_from(ASSETS), st.floats(-50, 500))
def test_a_tape_is_a_function_of_its_seed(seed, asset, hours):
    assert scenario("demo", seed).at(hours, asset) == scenario("demo", seed).at(hours, asset)


@given(st.integers(0, 10_000))
def test_a_short_demonstration_moves_no_price_by_much(seed):
    tape = scenario("demo", seed)
    for asset in ASSETS:
        prices = [tape.at(hours, asset).oracle_usd for hours in range(20)]
        assert max(prices) / min(prices) < D("1.015")


@given(st.integers(0, 10_000))
def test_prices_are_correlated_but_not_equal(seed):
    tape = scenario("calm", seed)
    moves = {asset: tape.at(24, asset).oracle_usd / tape.at(0, asset).oracle_usd for asset in ASSETS}
    assert len(set(moves.values())) == len(ASSETS)


def rates_8h(tape, asset, hours):
    point = tape.at(hours, asset)
    return rate_8h_from_premium(float(point.hyperliquid_premium)), rate_8h_from_premium(float(point.paradex_premium))


def test_the_demonstration_opens_one_spread_and_turns_it_round_for_good():
    tape = scenario("demo", 7)
    for asset in ASSETS:
        assert rates_8h(tape, asset, 0.9) == pytest.approx((0.0001, 0.0001))
    for asset in ("BTC", "ETH", "SOL"):
        for hours in range(30):
            assert rates_8h(tape, asset, hours) == pytest.approx((0.0001, 0.0001))
    for hours in (2, 5, 10.5):
        hyperliquid, paradex = rates_8h(tape, "HYPE", hours)
        assert 3 < hyperliquid * 1095 < 5
        assert paradex == pytest.approx(0.0001)
    for hours in (11.5, 12, 20, 200):
        hyperliquid, paradex = rates_8h(tape, "HYPE", hours)
        assert -5 < (hyperliquid - paradex) * 1095 < -3


def test_the_calm_scenario_never_leaves_the_interest_rate():
    tape = scenario("calm", 3)
    for asset in ASSETS:
        for hours in range(0, 200, 3):
            assert rates_8h(tape, asset, hours) == pytest.approx((0.0001, 0.0001))


@given(st.floats(-0.01, 0.01))
def test_a_rate_comes_back_from_its_premium(rate):
    assert rate_8h_from_premium(premium_from_rate_8h(rate)) == pytest.approx(rate, abs=1e-12)


def test_whole_tape_hours_are_funding_hours():
    clock = TapeClock(FundingClock(10.0), start_ns=1_795_000_003_500_000_000)
    boundary = clock.funding.next_hour_ns(clock.start_ns)
    assert clock.hours(boundary) == 0.0
    assert clock.hours(boundary + 25_000_000_000) == 2.5
    assert -1 < clock.hours(clock.start_ns) < 0


def write(tmp_path, text):
    path = tmp_path / "tape.csv"
    path.write_text("hour,asset,hyperliquid_rate_per_hour,paradex_rate_8h,price_usd\n" + text)
    return path


def test_a_replay_publishes_the_recorded_rates(tmp_path):
    tape = read_replay(write(tmp_path, "0,BTC,0.00002,0.0003,80000\n1,BTC,-0.0001,,81000\n"), seed=1)
    first, second, later = tape.at(0.5, "BTC"), tape.at(1.0, "BTC"), tape.at(99, "BTC")
    assert (first.hyperliquid_rate_per_hour, first.paradex_rate_8h, first.oracle_usd) == (D("0.00002"), D("0.0003"), D(80500))
    assert (second.hyperliquid_rate_per_hour, second.paradex_rate_8h) == (D("-0.0001"), D("0.0003"))
    assert later.hyperliquid_rate_per_hour == D("-0.0001")
    assert tape.at(-3, "BTC").hyperliquid_rate_per_hour == D("0.00002")
    assert tape.at(0.5, "ETH").hyperliquid_rate_per_hour is None
    assert rate_8h_from_premium(float(second.hyperliquid_premium)) == pytest.approx(-0.0008)


@pytest.mark.parametrize(
    "text", ["0,BTC,x,0.0001,\n", "0,PEPE,0.1,0.1,\n", "1,BTC,0.1,0.1,\n1,BTC,0.1,0.1,\n", "zero,BTC,0.1,0.1,\n", ""]
)
def test_a_broken_replay_says_where(tmp_path, text):
    with pytest.raises(ValueError, match="tape"):
        read_replay(write(tmp_path, text), seed=1)


def test_a_missing_column_or_file_is_named(tmp_path):
    path = tmp_path / "tape.csv"
    path.write_text("hour,asset\n")
    with pytest.raises(ValueError, match="no column hyperliquid_rate_per_hour"):
        read_replay(path, seed=1)
    with pytest.raises(ValueError, match="absent"):
        read_replay(tmp_path / "absent.csv", seed=1)


def test_a_recorded_series_replays(tmp_path, shared_data):
    import csv
    import gzip

    with gzip.open(shared_data / "funding" / "hyperliquid_hype.csv.gz", "rt") as file:
        recorded = [row["rate_per_hour"] for row in csv.DictReader(file)][:200]
    path = write(tmp_path, "".join(f"{hour},HYPE,{rate},0.0001,\n" for hour, rate in enumerate(recorded)))
    tape = read_replay(path, seed=1)
    assert [tape.at(hour + 0.5, "HYPE").hyperliquid_rate_per_hour for hour in range(200)] == [D(rate) for rate in recorded]
