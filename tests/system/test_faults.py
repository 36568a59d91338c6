"""Faults at the worst moments of whole runs: every one must end flat or hedged, and say which."""

import json
import socket
from decimal import Decimal

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]
CENT = Decimal("0.005")
ORDER = {"hyperliquid": "ws action:order", "paradex": "ws order.create"}


def held(document):
    return {name: venue["positions"] for name, venue in document["venues"].items() if venue["positions"]}


def check_books(document):
    """The parts explain every cent, and no order was filled twice over."""
    for name, venue in document["venues"].items():
        assert abs(Decimal(venue["residual_usd"])) < CENT, name
    ids = [order["client_order_id"] for order in document["orders"]]
    assert len(ids) == len(set(ids))


def largest_position(document):
    """Return the largest size (base units) that any fill left on any venue."""
    sizes, largest = {}, Decimal(0)
    for fill in document["fills"]:
        sizes[fill["venue"]] = sizes.get(fill["venue"], Decimal(0)) + Decimal(fill["quantity"])
        largest = max(largest, abs(sizes[fill["venue"]]))
    return largest


@pytest.mark.parametrize("venue", ["hyperliquid", "paradex"])
def test_replies_and_socket_lost_at_entry_and_at_exit_end_flat_and_explained(bench, venue):
    lost = {"venue": venue, "fault": "lose_reply", "path": ORDER[venue]}
    ready = bench.simulators(wide_hours=7, faults=[lost | {"at_secs": 0}, lost | {"at_hours": 5}])
    run = bench.node("lost", "--attach", str(ready))
    assert run.end(80) == 0, run.text()
    document = run.document()
    assert len(document["venues"]) == 2
    assert "private disconnected" in run.text()
    assert document["cycles_completed"] == 1
    assert (held(document), document["unhedged"]) == ({}, {})
    assert largest_position(document) * 38 < 10_000, "a lost reply is no reason to send again"
    check_books(document)


@pytest.mark.parametrize("stop", ["kill", "interrupt"])
def test_a_leg_whose_partner_is_in_doubt_is_never_left_alone(bench, stop):
    # Paradex answers the opening order with an error that says nothing, and never executes it.
    silent = {"venue": "paradex", "fault": "status", "path": ORDER["paradex"], "at_secs": 0, "status": 500}
    ready = bench.simulators(wide_hours=2, faults=[silent])
    run = bench.node("first", "--attach", str(ready), "--forever")
    run.saw("HYPERLIQUID SELL leg filled", 40)
    if stop == "kill":
        run.process.kill()
        run.process.wait()
        run = bench.node("second", "--attach", str(ready), "--forever")
        run.saw("HYPERLIQUID private ok", 40)
    run.interrupt()  # at once: with one leg alone
    assert run.end(60) == 0, run.text()
    document = run.document()
    assert len(document["venues"]) == 2
    assert (held(document), document["unhedged"]) == ({}, {})
    assert [order["reduce_only"] for order in document["orders"] if order["filled_quantity"] != "0"][-1:] == [True]
    check_books(document)


def test_a_flatten_leaves_both_legs_where_one_venue_cannot_be_traded_on(bench):
    closed = {"venue": "paradex", "fault": "system_state", "reason": "maintenance", "at_hours": 2.5}
    ready = bench.simulators(wide_hours=50, faults=[closed])
    run = bench.node("away", "--attach", str(ready), "--flatten")
    run.saw("PARADEX BUY leg filled", 40)
    run.saw("PARADEX system maintenance", 40)
    run.interrupt()
    run.saw("stopping", 10)
    with pytest.raises(AssertionError, match="still running"):
        run.end(7)  # it waits for the venue, and touches neither leg meanwhile
    run.interrupt()
    assert run.end(20) == 1, "what was asked for was not done"
    document = run.document()
    assert len(held(document)) == 2
    assert document["unhedged"] == {}
    assert "still open" in run.text()
    assert "CLOSE" not in run.text()


def test_venues_that_die_mid_run_are_told_and_the_end_is_orderly(bench):
    ready = bench.simulators(wide_hours=50)
    run = bench.node("bereft", "--attach", str(ready), "--forever")
    run.saw("PARADEX BUY leg filled", 40)
    bench.venues.process.kill()
    run.saw("PARADEX private disconnected", 20)
    run.saw("HYPERLIQUID private disconnected", 20)
    run.interrupt()
    assert run.end(40) == 0, "hedged, as far as anybody can know"
    document = run.document()
    assert len(held(document)) == 2
    assert "Traceback" not in run.text()


def test_a_venue_that_cannot_be_reached_at_the_start_is_named(bench):
    document = json.loads(bench.simulators().read_text())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # never listens: every connection is refused
        away = f"127.0.0.1:{taken.getsockname()[1]}/v1"
        document["paradex"] |= {"http_url": f"http://{away}", "ws_url": f"ws://{away}"}
        ready = bench.folder / "away.json"
        ready.write_text(json.dumps(document))
        run = bench.node("unstarted", "--attach", str(ready))
        assert run.end(60) == 1, run.text()
    assert "could not start: no connection to PARADEX (data, trading)" in run.text()
    assert "HYPERLIQUID (" not in run.text()
    assert "Traceback" not in run.text()
