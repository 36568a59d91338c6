"""Stopping, killing and restarting a node while a pair is open."""

from decimal import Decimal

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def test_a_killed_node_adopts_its_pair_and_opens_no_second_one(bench):
    ready = bench.simulators()
    first = bench.node("first", "--attach", str(ready))
    first.saw("OPEN HYPE", 60)
    first.saw("funding received", 60)
    first.process.kill()
    first.process.wait()
    second = bench.node("second", "--attach", str(ready))
    assert second.end(120) == 0, second.text()
    assert "OPEN " not in second.text()
    assert "CLOSE HYPE" in second.text()
    summary = second.document()
    assert summary["cycles_completed"] == 1
    for name, venue in summary["venues"].items():
        assert venue["positions"] == {}, name
        assert abs(Decimal(venue["residual_usd"])) < Decimal("0.005"), name
        fills = [Decimal(fill["quantity"]) for fill in summary["fills"] if fill["venue"] == name]
        assert len({quantity > 0 for quantity in fills}) == 1, "the adopted leg is only ever closed"


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
