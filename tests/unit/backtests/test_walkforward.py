"""The walk: what is known when, what a rule earns, what is chosen on what, and that nobody looks ahead."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walk_fixtures import START, eight_hourly, noisy, pair, write_folder

from backtests.__main__ import main
from backtests.dataset import HOUR_NS, KnownRate, SettledRate
from backtests.walkforward import lookahead, walk
from backtests.walkforward.costs import round_trip_share
from backtests.walkforward.errors import WARMUP_HOURS, forecast_errors
from backtests.walkforward.folds import choose, folds
from backtests.walkforward.gate import GRID, Gate, Parameters, rates_of_a_week
from backtests.walkforward.moments import moments
from backtests.walkforward.series import PARADEX, accruing_leg, load, settled_leg
from backtests.walkforward.trading import Trade, opened_in, trade
from strategies.funding import Publication
from strategies.signals import SignalMode

HORIZONS = (72, 168)
NO_COST = 0.0
ALWAYS = Parameters(168, Decimal(0))


class Schedule:
    """Holds what it is told to from a boundary on."""

    def __init__(self, changes):
        self.changes = changes

    def target(self, moment, held):
        known = [side for boundary, side in self.changes.items() if boundary <= moment.boundary]
        return known[-1] if known else 0


# What is known, and when.


def test_a_row_is_known_when_it_is_paid_and_pays_for_the_hours_before():
    leg = settled_leg("BYBIT", eight_hourly(["0.0001"]))
    assert leg.covered == frozenset(range(START, START + 8))
    assert leg.charged == {START + 8: pytest.approx(0.0008)}
    (row,) = leg.published
    assert (row.ts_ns, row.kind, row.rate.rate_per_hour) == ((START + 8) * HOUR_NS, Publication.SETTLED, Decimal("0.0001"))


def test_nothing_is_published_before_the_boundary_at_which_it_is_charged():
    two = pair(noisy("a", 240), noisy("b", 30))
    for leg in (two.hyperliquid, two.other):
        assert {row.ts_ns // HOUR_NS for row in leg.published} == set(leg.charged)


def test_a_hole_stays_a_hole():
    two = pair(["0.00001"] * 10 + [None] * 3 + ["0.00001"] * 11, ["0.00001"] * 3)
    assert [hour for hour in two.boundaries if not two.is_known(hour)] == [START + 11, START + 12, START + 13]
    assert two.paid(START + 12) == 0.0
    assert {moment.boundary for moment in moments(two, HORIZONS)} == {b for b in two.boundaries if two.is_known(b)} - {
        b for b in two.boundaries if b < START + 8
    }


def test_rows_from_the_periods_that_are_left_out_are_not_read():
    may_2026 = 1_778_000_000_000_000_000
    assert settled_leg("BYBIT", [SettledRate(may_2026, Decimal("0.1"), Decimal(8))]).published == ()


def test_a_paradex_sample_is_charged_over_the_block_it_closes_and_told_again_until_it_is_old():
    stamp = (START + 4) * HOUR_NS - 3_000_000_000
    leg = accruing_leg(PARADEX, [KnownRate(stamp, Decimal("0.0008"), Decimal(8))])
    assert leg.charged == {START + n: pytest.approx(0.0001) for n in (1, 2, 3, 4)}
    assert leg.covered == frozenset(range(START, START + 4))
    assert [row.ts_ns // HOUR_NS - START for row in leg.published] == [3, 4, 5, 6, 7]
    assert {row.kind for row in leg.published} == {Publication.IN_FORCE}


# What a rule earns.


def test_a_pair_earns_what_both_venues_charge_while_it_is_held_and_pays_one_round_trip():
    here = [f"{n}e-5" for n in range(1, 25)]
    two = pair(here, ["1e-5", "2e-5", "3e-5"])
    found = moments(two, HORIZONS)
    done = trade(two, found, Schedule({START + 8: 1, START + 17: 0}), 0.002)
    (only,) = done
    received = sum(n * 1e-5 for n in range(9, 18))  # the payment at the entry's own boundary was before it
    assert (only.side, only.opened, only.closed) == (1, START + 8, START + 17)
    assert only.funding == pytest.approx(received - 8 * 2e-5)
    assert only.net == pytest.approx(only.funding - 0.002)


@settings(max_examples=6, deadline=None)
@given(st.integers(min_value=0, max_value=10**6))
def test_the_opposite_market_makes_the_opposite_trades_with_the_same_net(seed):
    here, there = noisy(seed, 320, deviation=0.0002), noisy(seed + 1, 40, deviation=0.0002)
    straight = pair(here, there)
    turned = pair([f"{-Decimal(x)}" for x in here], [f"{-Decimal(x)}" for x in there])
    for mode in SignalMode:
        ours, theirs = (
            trade(each, moments(each, (168,)), Gate(each, Decimal("0.01"), ALWAYS, mode=mode), 0.001)
            for each in (straight, turned)
        )
        assert [(t.opened, t.closed, -t.side) for t in ours] == [(t.opened, t.closed, t.side) for t in theirs]
        assert sum(t.net for t in ours) == pytest.approx(sum(t.net for t in theirs))


def test_a_pair_is_not_carried_over_a_hole_but_over_a_missing_hour():
    two = pair(["1e-5"] * 20 + [None] + ["1e-5"] * 27, ["0"] * 6)
    (short,) = trade(two, moments(two, HORIZONS), Schedule({START + 8: 1}), NO_COST)
    assert short.hours == 40
    assert short.funding == pytest.approx(39e-5)
    wide = pair(["1e-5"] * 20 + [None] * 40 + ["1e-5"] * 20, ["0"] * 10)
    first, second = trade(wide, moments(wide, HORIZONS), Schedule({START + 8: 1}), NO_COST)
    assert (first.closed, second.opened) == (START + 20, START + 61)


def test_a_window_shows_the_trades_it_opened_cut_off_at_its_end():
    two = pair(["1e-5"] * 48, ["0"] * 6)
    done = trade(two, moments(two, HORIZONS), Schedule({START + 8: 1, START + 12: 0, START + 20: 1}), 0.001)
    window = range(START + 10, START + 31)
    assert opened_in(two, done, window) == [Trade(1, START + 20, START + 30, pytest.approx(10e-5), -0.001)]


def test_costs_are_four_taker_fees_and_the_walk_of_both_books_and_double_at_twice_the_scale():
    two = pair(["1e-5"] * 24, ["0"] * 3)
    once, twice = (round_trip_share(two, Decimal(scale)) for scale in (1, 2))
    assert once > 2 * (0.00045 + 0.00055)
    assert twice == pytest.approx(2 * once, rel=1e-3)


# The gate.


def persistent(spread_per_hour, days=30):
    return pair([f"{spread_per_hour}"] * (24 * days), ["0"] * (3 * days))


@pytest.mark.parametrize(
    ("spread_per_hour", "mode", "trades"),
    [
        ("0.0000045", SignalMode.THRESHOLD, 0),  # 3.9 % a year
        ("0.0000047", SignalMode.THRESHOLD, 1),  # 4.1 %
        ("0.0000047", SignalMode.ECONOMIC, 0),  # 8 bps a week do not pay for 20
        ("0.00003", SignalMode.ECONOMIC, 1),  # 50 bps a week do
    ],
)
def test_both_modes_are_those_of_the_strategy(spread_per_hour, mode, trades):
    two = persistent(spread_per_hour)
    done = trade(two, moments(two, (168,)), Gate(two, Decimal(1), ALWAYS, mode=mode), NO_COST)
    assert len(done) == trades


def test_what_pays_once_may_not_pay_twice():
    two = persistent("0.000016")  # 27 bps a week
    found = moments(two, (168,))
    assert [len(trade(two, found, Gate(two, Decimal(scale), ALWAYS), NO_COST)) for scale in (1, 2)] == [1, 0]


def test_the_mean_of_a_week_enters_later_than_the_spread_of_now():
    two = pair(["0"] * 336 + ["0.00001"] * 336, ["0"] * 84)
    found = moments(two, (168,))
    now, week = (
        trade(two, found, Gate(two, Decimal(1), mode=SignalMode.THRESHOLD, **rates), NO_COST)
        for rates in ({}, {"rates": rates_of_a_week})
    )
    assert week[0].opened > now[0].opened + 48


# Windows.


def test_windows_follow_one_another_and_never_overlap_their_training():
    every = list(folds(range(1_000, 5_000)))
    for fold in every:
        assert fold.train.stop == fold.test.start
        assert len(fold.train) == 24 * 90
    assert [fold.test.stop for fold in every[:-1]] == [fold.test.start for fold in every[1:]]
    assert every[-1].test.stop == 5_000


def test_parameters_are_chosen_by_their_training_alone_and_caution_wins_a_draw():
    trades = {each: [] for each in GRID}
    assert choose(GRID, trades.__getitem__) == GRID[0]
    trades[GRID[4]] = [Trade(1, 0, 5, 0.01, -0.001)]
    assert choose(GRID, trades.__getitem__) == GRID[4]


# Nobody looks ahead.


@pytest.fixture(scope="module")
def volatile():
    return pair(noisy("x", 960, deviation=0.0002), noisy("y", 120, deviation=0.0002))


class Cheat:
    """Looks up what will be charged in the next hour."""

    def __init__(self, two):
        self.two = two

    def target(self, moment, held):
        return 1 if self.two.paid(moment.boundary + 1) > 0 else -1


def test_no_decision_of_the_gate_changes_with_the_future(volatile):
    cut = START + 600
    for mode in SignalMode:
        assert lookahead.first_leak(volatile, lambda two: Gate(two, Decimal("0.01"), ALWAYS, mode=mode), (168,), cut) is None  # noqa: B023


def test_the_detector_catches_a_rule_that_peeks(volatile):
    cut = START + 600
    assert lookahead.first_leak(volatile, Cheat, (168,), cut) == cut - 1


def test_the_other_future_would_have_changed_decisions_had_it_been_known(volatile):
    cut = START + 600
    plain, other = (
        lookahead.decisions(each, lambda two: Gate(two, Decimal(1), mode=SignalMode.THRESHOLD), (168,))
        for each in (volatile, lookahead.with_other_future(volatile, cut))
    )
    assert {b: side for b, side in plain.items() if b < cut} == {b: side for b, side in other.items() if b < cut}
    assert plain != other


def test_funding_seen_one_step_ahead_changes_the_result(volatile):
    found = moments(volatile, (168,))
    nets = [
        sum(t.net for t in trade(volatile, seen, Gate(volatile, Decimal(1), mode=SignalMode.THRESHOLD), NO_COST))
        for seen in (found, lookahead.seen_early(found, 1))
    ]
    assert nets[1] > nets[0] + 0.001


def test_a_record_can_be_cut_short(volatile):
    short = lookahead.until(volatile, START + 100)
    assert short.boundaries.stop == START + 97  # the other venue's last whole interval
    assert moments(short, (168,)) == [moment for moment in moments(volatile, (168,)) if moment.boundary < START + 97]


# Forecasts.


def test_errors_are_those_of_plain_forecasts_of_what_was_charged():
    two = pair([f"{(-1) ** n * 1e-5:.10f}" for n in range(24 * 60)], ["0"] * 180)
    errors = forecast_errors(two, moments(two, (72,)), 72)
    assert errors.last_apr == pytest.approx(0.0876, rel=1e-3)  # nearly always as far off as it can be
    assert errors.day_apr == pytest.approx(0.0, abs=5e-4)
    assert errors.ours_apr < errors.last_apr / 10
    assert errors.forecasts <= 24 * 60 - WARMUP_HOURS - 64  # nine tenths of a horizon have to be on record


def test_too_short_a_record_has_no_errors():
    two = pair(noisy("a", 240), noisy("b", 30))
    assert forecast_errors(two, moments(two, (72,)), 72) is None


def test_ours_beats_the_plain_forecasts_on_recorded_bitcoin_and_admits_its_size(shared_data):
    whole = load(shared_data, "BTC", "BYBIT")
    two = lookahead.until(whole, whole.boundaries.start + 24 * 120)
    errors = forecast_errors(two, moments(two, (168,)), 168)
    assert errors.ours_apr < errors.best_benchmark_apr
    assert errors.ours_apr / 2 < errors.stated_apr < errors.ours_apr * 3


# The command.


def test_the_command_prints_tables_and_writes_a_page_and_figures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(walk, "GRID", GRID[-2:])
    write_folder(tmp_path, days=100)
    out, figures = tmp_path / "walk.html", tmp_path / "walk.json"
    code = main(["walkforward", "--data", str(tmp_path), "--assets", "BTC", "--out", str(out), "--json", str(figures)])
    assert code == 0
    document = json.loads(figures.read_bytes())
    assert {row["rule"] for row in document["lines"]} == {
        "4 % now",
        "4 % 7-day mean",
        "economic default",
        "economic chosen",
    }
    assert {row["cost_scale"] for row in document["lines"]} == {1, 2}
    assert {row["label"] for row in document["lines"]} == {
        "BTC Bybit (proxy)",
        "BTC Binance (proxy)",
        "BTC Paradex",
    }
    assert all(look["first_leak_ns"] is None for look in document["looks"])
    assert all(row["train_start_ns"] < row["test_start_ns"] < row["test_end_ns"] for row in document["chosen"])
    html, printed = out.read_text(encoding="utf-8"), capsys.readouterr().out
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", html)
    assert "says nothing about future results" in html
    assert "nothing about future results" in " ".join(printed.split())
    assert html.count("<table>") == 4


@pytest.mark.parametrize("words", [["--assets", "DOGE"], ["--data", "nowhere"], ["--bogus"]])
def test_a_wrong_call_is_one_line_and_exit_code_2(words, capsys, monkeypatch):
    monkeypatch.delenv("FARB_SHARED_DATA", raising=False)
    assert main(["walkforward", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
