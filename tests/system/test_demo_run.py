"""The demo as a user runs it: one pair opened, funded and closed on both venues, booked to the cent."""

import re
import time
import urllib.request
from decimal import Decimal

import pytest
from conftest import ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
CENT = Decimal("0.005")


def test_the_demo_trades_one_pair_and_its_parts_add_up(bench):
    run = bench.node("demo", config=bench.config(mode="economic"))  # the mode it comes with
    run.saw("OPEN HYPE", 60)
    check_economic_entry(run.text())
    port = re.search(r"metrics on http://127\.0\.0\.1:(\d+)/metrics", run.text()).group(1)
    run.saw("funding received", 60)
    held, last = scrape(port), ""
    while run.process.poll() is None:  # bounded by the run's own max_secs
        last = scrape(port) or last
        time.sleep(0.2)
    assert run.end(1) == 0, run.text()
    check_money(run.document())
    check_pair(run.document())
    check_metrics_while_held(held)
    check_every_metric_was_set(last)
    assert "cycle complete: 1 cycle(s)" in run.text()
    assert Decimal(run.document()["net_usd"]) > 0


def check_economic_entry(text):
    """The gate was passed, not left out: the edge was met, and it was expected to bring something after all costs."""
    entry = re.search(r"signal enter HYPE: edge met, spread \+[\d.]+ % APR, expected edge \+([\d.]+) USD", text, re.IGNORECASE)
    assert entry, text
    assert float(entry.group(1)) > 5
    assert "entries by the economic rule" in text
    assert 'mode = "economic"' in (ROOT / "config/sim.toml").read_text()


def check_money(summary):
    parts = {"price_usd": Decimal(0), "funding_usd": Decimal(0), "fees_usd": Decimal(0)}
    change = Decimal(0)
    assert set(summary["venues"]) == {"HYPERLIQUID", "PARADEX"}
    for name, venue in summary["venues"].items():
        explained = sum(Decimal(venue[part]) for part in parts)
        booked = Decimal(venue["end_balance_usd"]) - Decimal(venue["start_balance_usd"])
        assert abs(booked - explained) < CENT, name
        assert venue["positions"] == {}
        paid = [Decimal(p["amount_usd"]) for p in summary["funding_payments"] if p["venue"] == name]
        assert paid, f"no funding on {name}"
        assert sum(paid) == Decimal(venue["funding_usd"])
        fees = [Decimal(f["fee_usd"]) for f in summary["fills"] if f["venue"] == name]
        assert sum(fees) == -Decimal(venue["fees_usd"])
        cash_of_fills = sum(-Decimal(f["quantity"]) * Decimal(f["price_usd"]) for f in summary["fills"] if f["venue"] == name)
        assert abs(cash_of_fills - Decimal(venue["price_usd"])) < Decimal("1e-18")
        change += booked
        parts = {part: total + Decimal(venue[part]) for part, total in parts.items()}
    assert parts["funding_usd"] > 0
    assert abs(change - Decimal(summary["net_usd"])) < CENT
    assert len({p["payment_id"] for p in summary["funding_payments"]}) == len(summary["funding_payments"])


def check_pair(summary):
    assert summary["cycles_completed"] == 1
    opened = {}
    for order in summary["orders"]:
        assert order["status"] in ("FILLED", "CANCELED"), order
        signed = Decimal(order["filled_quantity"]) * (1 if order["side"] == "BUY" else -1)
        if not order["reduce_only"]:
            opened[order["instrument_id"]] = opened.get(order["instrument_id"], Decimal(0)) + signed
    assert set(opened) == {"HYPE-USD-PERP.HYPERLIQUID", "HYPE-USD-PERP.PARADEX"}
    assert opened["HYPE-USD-PERP.HYPERLIQUID"] < 0 < opened["HYPE-USD-PERP.PARADEX"]
    assert sum(opened.values()) == 0
    ids = [order["client_order_id"] for order in summary["orders"]]
    assert len(set(ids)) == len(ids)


def scrape(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""  # the node has just ended


def series(text):
    return {key: float(v) for key, v in (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("farb_"))}


def check_every_metric_was_set(text):
    described = set(re.findall(r"^# TYPE (farb_\w+)", text, re.MULTILINE))
    names = {key.partition("{")[0] for key in series(text)}
    silent = described - names - {name.removesuffix("_count") for name in names}  # a histogram is told in parts
    makes_no_market = {"farb_rebates_usd_total", "farb_maker_markout_bps", "farb_maker_fills_total"}
    assert silent == {"farb_risk_refusals_total", "farb_alerts_total"} | makes_no_market, "refuses nothing, alarms nobody"


def check_metrics_while_held(text):
    value = series(text)
    assert value['farb_venue_connected{channel="private",venue="PARADEX"}'] == 1
    assert value['farb_leg_notional_usd{asset="HYPE",venue="HYPERLIQUID"}'] < -9000
    assert value['farb_leg_notional_usd{asset="HYPE",venue="PARADEX"}'] > 9000
    assert value['farb_funding_received_usd_total{asset="HYPE",venue="HYPERLIQUID"}'] > 0
    assert value['farb_funding_apr_ratio{instrument="HYPE-USD-PERP",venue="HYPERLIQUID"}'] > 0.5
    assert value['farb_spread_apr_ratio{asset="HYPE"}'] > 0.04
    assert 'farb_expected_edge_usd{asset="HYPE"}' in value
    assert value['farb_fees_paid_usd_total{liquidity="taker",venue="PARADEX"}'] > 0
