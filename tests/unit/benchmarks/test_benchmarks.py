import json
from decimal import Decimal

import pytest

from adapters.hyperliquid import stream as hyperliquid_stream
from adapters.paradex import sbe
from benchmarks import __main__ as cli
from benchmarks import decoding, journal, signing_hyperliquid, signing_paradex
from benchmarks.legs.run import outcomes as leg_outcomes
from benchmarks.measure import Timings, interleaved
from benchmarks.outcome import Outcome
from benchmarks.ticks import run as ticks
from benchmarks.ticks import wire
from benchmarks.ticks.run import TicksError


def outcome(ratio: float, goal: float | None, *, is_floor: bool) -> Outcome:
    return Outcome(path="p", ours_us=1.0, against="a", is_floor=is_floor, against_us=2.0, ratio=ratio, goal=goal)


def test_a_goal_is_at_least_against_a_baseline_and_at_most_against_a_floor():
    assert outcome(12.1, 12, is_floor=False).is_met is True
    assert outcome(11.9, 12, is_floor=False).is_met is False
    assert outcome(1.3, 1.4, is_floor=True).is_met is True
    assert outcome(1.5, 1.4, is_floor=True).is_met is False
    assert outcome(1.5, None, is_floor=True).is_met is None


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    timings = Timings({"slow": [10.0, 40.0, 90.0], "fast": [5.0, 10.0, 30.0]})
    assert timings.ratio("slow", "fast") == 3.0  # of 2, 4 and 3; the medians' own ratio would be 4
    assert timings.call_us("slow") == 0.04


def test_candidates_take_turns_and_the_slower_one_is_seen():
    calls = []
    found = interleaved(
        {"one": lambda _: calls.append(1), "many": lambda _: calls.extend(range(300))}, [None] * 5, rounds=3, slice_ns=200_000
    )
    assert {name: len(rounds) for name, rounds in found.rounds_ns.items()} == {"one": 3, "many": 3}
    assert found.ratio("many", "one") > 2


def test_both_signers_of_hyperliquid_make_the_same_request():
    signing_hyperliquid.check(signing_hyperliquid.terms(4), signing_hyperliquid.ours(), signing_hyperliquid.vendors())


def test_a_wrong_order_is_noticed_before_it_is_timed():
    orders, sign = signing_hyperliquid.terms(1), signing_hyperliquid.ours()
    wrong = signing_hyperliquid.Terms(not orders[0].is_buy, orders[0].price, orders[0].size, orders[0].cloid)
    with pytest.raises(AssertionError):
        signing_hyperliquid.check(orders, lambda _order, nonce_ms: sign(wrong, nonce_ms), signing_hyperliquid.vendors())


def test_both_signers_of_paradex_sign_the_same_order():
    signing_paradex.check(signing_paradex.terms(2), signing_paradex.ours(), signing_paradex.vendors())


def test_a_decoder_that_differs_is_noticed_before_it_is_timed():
    btc = decoding.hyperliquid_btc()
    frames = decoding.hyperliquid_bbo_frames()[:2]
    plain = decoding.hyperliquid_quote_plain(btc)
    with pytest.raises(AssertionError):
        decoding.compare("p", frames, decoding.hyperliquid_quote(btc), lambda _: plain(frames[0]), rounds=1, goal=5)


def test_ticks_are_what_the_adapters_read():
    text, is_text = wire.tick("hyperliquid", Decimal(61000), 3)
    frame = hyperliquid_stream.decode(text)
    assert is_text
    assert (frame.data.bbo[0].px, frame.data.bbo[1].px) == (61003.0, 61004.0)
    binary, is_text = wire.tick("paradex", Decimal(61000), 3)
    quote = sbe.decode(binary)
    assert not is_text
    assert (quote.bid_e8, quote.ask_e8, quote.bid_size_e8) == (6_100_300_000_000, 6_100_400_000_000, 50_300_000)


def test_a_round_with_a_missing_order_counts_for_none_and_is_told_of():
    rounds = [[100_000, 250_000, 300_000, 400_000], [200_000, None, 500_000, 1], [100_000, 200_000, 400_000, 400_000]]
    free, gated, gate, planner = ticks._outcomes("hyperliquid", rounds)
    assert (free.ratio, gated.ratio, gated.goal) == (2.25, 3.5, 3.0)
    assert gated.against_us == 100.0
    assert (gate.ratio, gate.ours_us, gate.goal) == (pytest.approx((1 / 6 + 1 / 2) / 2), 125.0, 0.05)
    assert (planner.ratio, planner.goal) == (0.125, None)
    assert free.note == "2 rounds, 1 without an order"
    with pytest.raises(ticks.TicksError):
        ticks._outcomes("paradex", [[None, 1, 1, 1]])


def test_the_report_has_a_row_for_every_outcome_and_never_fails(tmp_path, capsys):
    file = tmp_path / "bench.json"
    assert cli.main(["--no-ticks", "--rounds", "1", "--json", str(file)]) == 0
    rows = json.loads(file.read_text())
    shown = capsys.readouterr().out
    assert len(rows) == 8
    for row in rows:
        assert row["path"] in shown
        assert row["ratio"] > 0
        assert (row["is_met"] is None) == (row["goal"] is None)


def test_leg_gaps_are_ratios_to_tick_to_order_of_the_same_round() -> None:
    found = {"single": [2_000, 4_000, None, 2_000], "taker": [1_000, 2_000, 1, 1_000], "maker": [4_000, 4_000, 1, None]}
    taker, maker = leg_outcomes(found)
    assert (taker.ratio, maker.ratio) == (0.5, 1.5)
    assert maker.is_met
    assert "2 rounds, 2 lost" in taker.note
    assert taker.ours_us == 1.5


def test_leg_gaps_of_no_whole_round_are_said_not_to_be_measured() -> None:
    with pytest.raises(TicksError):
        leg_outcomes({"single": [None], "taker": [1], "maker": [1]})


def test_the_journal_is_measured_on_a_disk() -> None:
    (outcome,) = journal.run(5)
    assert outcome.ours_us > 0
    assert outcome.ratio > 0
