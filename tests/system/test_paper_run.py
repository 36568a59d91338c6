"""Paper mode: live market data from sockets, fills by Nautilus' sandbox, no keys and no orders on any venue."""

import json
from decimal import Decimal

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PAPER = """
mode = "paper"
limits = "limits.toml"
[venues.hyperliquid]
http_url = "{hyperliquid[http_url]}"
ws_url = "{hyperliquid[ws_url]}"
[venues.paradex]
http_url = "{paradex[http_url]}"
ws_url = "{paradex[ws_url]}"
[strategy]
mode = "threshold"   # the economic one would wait a quarter of a real hour
"""


def test_a_paper_run_opens_and_flattens_a_pair_without_keys(bench):
    # A paper run has the real funding clock, and so its venues must have it too.
    ready = json.loads(bench.simulators(hour_secs=3600, wide_hours=24).read_text())
    bench.config()
    config = bench.folder / "paper.toml"
    config.write_text(PAPER.format(**ready))
    run = bench.node("paper", "--flatten", config=config)
    run.saw("OPEN HYPE", 60)
    run.saw("PARADEX BUY leg filled", 60)  # the resting leg comes first, and has 20 s
    run.interrupt()
    assert run.end(45) == 0, run.text()
    summary = run.document()
    assert summary["cycles_completed"] == 1
    for name, venue in summary["venues"].items():
        assert Decimal(venue["start_balance_usd"]) == 20_000
        assert venue["positions"] == {}, name
        assert abs(Decimal(venue["residual_usd"])) < Decimal("0.005"), name
        assert Decimal(venue["fees_usd"]) < 0
