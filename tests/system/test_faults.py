"""Faults at the worst moments of whole runs: every one must end flat or hedged, and say which."""

import json
import socket
import urllib.request
from decimal import Decimal

import pytest
from conftest import eventually

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
    lost = {"venue": venue, "fault": "lose_reply", "path": ORDER[venue], "at_secs": 0, "count": 2}
    ready = bench.simulators(wide_hours=500, faults=[lost])
    run = bench.node("lost", "--attach", str(ready), "--forever", "--flatten")
    for leg in ("HYPERLIQUID SELL", "PARADEX BUY"):
        run.saw(f"{leg} leg filled", 60)
    run.interrupt()
    assert run.end(60) == 0, run.text()
    document = run.document()
    assert len(document["venues"]) == 2
    assert run.text().count(f"{venue.upper()} private disconnected") == 2, "both its replies were lost"
    assert document["cycles_completed"] == 1
    assert (held(document), document["unhedged"]) == ({}, {})
    assert largest_position(document) * 38 < 10_000, "a lost reply is no reason to send again"
    check_books(document)


@pytest.mark.parametrize("stop", ["kill", "interrupt"])
def test_a_leg_whose_partner_is_in_doubt_is_never_left_alone(bench, stop):
    # Paradex answers the opening order with an error that says nothing, and never executes it.
    silent = {"venue": "paradex", "fault": "status", "path": ORDER["paradex"], "at_secs": 0, "status": 500}
    ready = bench.simulators(wide_hours=500, faults=[silent])
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


def test_with_one_venue_dead_a_flatten_leaves_both_legs_and_says_so(bench):
    ready = bench.separate_simulators()
    run = bench.node("bereft", "--attach", str(ready), "--forever", "--flatten")
    run.saw("funding received", 60)  # the last clip is long done
    bench.venues["paradex"].process.kill()
    run.saw("PARADEX private disconnected", 20)
    run.interrupt()
    run.saw("stopping", 10)
    with pytest.raises(AssertionError, match="still running"):
        run.end(7)  # it waits for the venue, and touches neither leg meanwhile
    run.interrupt()
    assert run.end(30) == 1, "what was asked for was not done"
    document = run.document()
    assert len(held(document)) == 2
    assert document["unhedged"] == {}
    assert "still open" in run.text()
    assert "CLOSE" not in run.text()
    assert "Traceback" not in run.text()


def test_a_venue_that_cannot_be_reached_at_the_start_is_named(bench):
    document = json.loads(bench.simulators().read_text())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # never listens: every connection is refused
        away = f"127.0.0.1:{taken.getsockname()[1]}/v1"
        document["paradex"] |= {"http_url": f"http://{away}", "ws_url": f"ws://{away}"}
        ready = bench.folder / "away.json"
        ready.write_text(json.dumps(document))
        config = bench.config(**{"max_secs = 175": "max_secs = 175\nstart_timeout_secs = 9"})
        run = bench.node("unstarted", "--attach", str(ready), config=config)
        assert run.end(60) == 1, run.text()
    assert "could not start: no connection to PARADEX (data, trading)" in run.text()
    assert "HYPERLIQUID (" not in run.text()
    assert "Traceback" not in run.text()


def test_a_reader_that_goes_away_at_the_entry_does_no_harm(bench):
    ready = bench.simulators(wide_hours=500)
    run = bench.node("unread", "--attach", str(ready), "--forever", "--flatten", through_pipe=True)
    port = None
    for line in run.process.stdout:
        if b"metrics on" in line:
            port = int(line.split(b"/metrics")[0].rpartition(b":")[2])
        if b"signal ENTER" in line:
            break
    run.process.stdout.close()  # every line from here on fails to be written, in the middle of opening a pair
    eventually(lambda: {abs(notional) > 9_000 for notional in legs_usd(port)} == {True}, 30, "both legs")
    run.interrupt()
    run.end(60)
    document = run.document()
    assert document["cycles_completed"] == 1
    assert (held(document), document["unhedged"]) == ({}, {})
    check_books(document)


def legs_usd(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith('farb_leg_notional_usd{asset="HYPE"')]
