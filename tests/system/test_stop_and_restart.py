"""Stopping, killing and restarting a node while a pair is open."""

from decimal import Decimal
from itertools import accumulate, groupby

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def test_a_killed_node_adopts_its_pair_and_opens_the_next_one_only_when_that_is_closed(bench):
    ready = bench.simulators(wide_hours=7, again_hours=(9, 12))
    first = bench.node("first", "--attach", str(ready))
    first.saw("OPEN HYPE", 60)
    first.saw("funding received", 60)
    first.process.kill()
    first.process.wait()
    config = bench.config(**{"stop_after_cycles = 1": "stop_after_cycles = 2"})
    second = bench.node("second", "--attach", str(ready), config=config)
    assert second.end(120) == 0, second.text()
    words = [line.split()[1] for line in second.text().splitlines() if " HYPE: " in line and "signal" not in line]
    turns = [word for word, _ in groupby(words)]  # a pair is traded in parts
    assert turns == ["CLOSE", "OPEN", "CLOSE"], "the adopted pair is closed before another is opened"
    summary = second.document()
    assert summary["cycles_completed"] == 2
    assert summary["unhedged"] == {}
    for name, venue in summary["venues"].items():
        assert venue["positions"] == {}, name
        assert abs(Decimal(venue["residual_usd"])) < Decimal("0.005"), name
        fills = [Decimal(fill["quantity"]) for fill in summary["fills"] if fill["venue"] == name]
        side = 1 if fills[0] > 0 else -1  # what closes the adopted leg
        sizes = list(accumulate(fills, initial=-side * adopted(summary, name)))
        assert all(size * side <= 0 for size in sizes), "a leg is never turned round"
        assert max(map(abs, sizes)) * 38 < 10_000, "there are never two pairs"
        assert sizes[-1] == 0
    for name, venue in summary["since_first_start"].items():  # the killed run's fills and payments are in these books
        assert abs(Decimal(venue["residual_usd"])) < Decimal("0.005"), name
        assert Decimal(venue["fees_usd"]) < Decimal(summary["venues"][name]["fees_usd"]), name
    payments = [(payment["venue"], payment["payment_id"]) for payment in summary["funding_payments"]]
    assert len(payments) == len(set(payments)) > 4


def adopted(summary, venue):
    """Return the size of the leg that the first pair order of the run has closed, in however many parts."""
    orders = [order for order in summary["orders"] if order["instrument_id"].endswith(venue) and order["reduce_only"]]
    first = orders[0]["client_order_id"].rpartition("-")[0]
    return sum(Decimal(order["filled_quantity"]) for order in orders if order["client_order_id"].startswith(f"{first}-"))


def test_ctrl_c_stops_and_says_what_is_still_open(bench):
    run = bench.node("stopped", "--forever")
    run.saw("OPEN HYPE", 60)
    run.saw("funding received", 60)
    run.interrupt()
    assert run.end(30) == 0, run.text()
    assert "interrupted" in run.text()
    positions = {name: venue["positions"] for name, venue in run.document()["venues"].items()}
    held = [Decimal(quantity) for venue in positions.values() for quantity in venue.values()]
    assert len(held) == 2
    assert sum(held) == 0
    assert "still open" in run.text()


def test_ctrl_c_with_flatten_closes_both_legs_first(bench):
    run = bench.node("flattened", "--forever", "--flatten")
    run.saw("OPEN HYPE", 60)
    run.saw("funding received", 60)
    run.interrupt()
    assert run.end(45) == 0, run.text()
    for name, venue in run.document()["venues"].items():
        assert venue["positions"] == {}, name
        assert abs(Decimal(venue["residual_usd"])) < Decimal("0.005"), name


def test_ctrl_c_before_anything_is_open_is_an_orderly_end_too(bench):
    run = bench.node("early", "--forever")
    run.saw("private ok", 60)
    run.interrupt()
    assert run.end(30) == 0, run.text()
    assert "Traceback" not in run.text()


@pytest.mark.parametrize("secs", [0.4, 2.5])
def test_ctrl_c_while_everything_is_being_loaded_is_not_lost(bench, secs):
    run = bench.node("loading", "--forever")
    with pytest.raises(AssertionError, match="still running"):
        run.end(secs)
    run.interrupt()
    assert run.end(30) in (0, 130), run.text()
    assert "interrupted" in run.text()
    assert "Traceback" not in run.text()
