from decimal import Decimal

import msgspec
from prometheus_client import CollectorRegistry

from actors.pair_metrics import PairMetrics
from messages import Intent, LegState, LegUpdate, MakerMarkout, Outcome, PairResult, Side

D = Decimal
HALTED = PairResult(
    pair_id="HYPE-O1",
    asset="HYPE",
    intent=Intent.OPEN,
    outcome=Outcome.HALTED,
    is_clean=False,
    unhedged_quantity=D("1.5"),
    naked_usd_secs=D(120),
    reason="",
    ts_ns=1,
    leg_gap_ms=D("1.2"),
)


def leg(key: str, state: LegState) -> LegUpdate:
    return LegUpdate(
        pair_id="HYPE-O1",
        venue="PARADEX",
        instrument_id="HYPE-USD-PERP.PARADEX",
        client_order_id=key,
        state=state,
        side=Side.BUY,
        filled_quantity=D(0),
        average_price_usd=None,
        reason="",
        ts_ns=1,
    )


def test_legs_in_doubt_are_counted_until_they_are_out_of_it() -> None:
    registry = CollectorRegistry()
    metrics = PairMetrics(registry)
    for key in ("A1", "B1"):
        metrics.on_leg(leg(key, LegState.IN_DOUBT))
        metrics.on_leg(leg(key, LegState.IN_DOUBT))
    assert registry.get_sample_value("farb_legs_in_doubt", {"venue": "PARADEX"}) == 2
    metrics.on_leg(leg("A1", LegState.FILLED))
    metrics.on_leg(leg("B1", LegState.REJECTED))
    assert registry.get_sample_value("farb_legs_in_doubt", {"venue": "PARADEX"}) == 0


def test_results_add_up_and_the_last_one_shows_what_it_left() -> None:
    registry = CollectorRegistry()
    metrics = PairMetrics(registry)
    metrics.on_result(HALTED)
    metrics.on_result(
        msgspec.structs.replace(HALTED, outcome=Outcome.FLAT, is_clean=True, unhedged_quantity=D(0), leg_gap_ms=None)
    )
    labels = {"asset": "HYPE", "intent": "OPEN", "outcome": "HALTED", "clean": "no"}
    assert registry.get_sample_value("farb_pair_results_total", labels) == 1
    assert registry.get_sample_value("farb_naked_usd_seconds_total", {"asset": "HYPE"}) == 240
    assert registry.get_sample_value("farb_unhedged_quantity", {"asset": "HYPE"}) == 0
    assert registry.get_sample_value("farb_leg_gap_seconds_count") == 1
    assert registry.get_sample_value("farb_leg_gap_seconds_sum") == 0.0012


def test_markouts_show_their_running_mean_by_horizon() -> None:
    registry = CollectorRegistry()
    metrics = PairMetrics(registry)
    for horizon in (1.0, 30.0):
        metrics.on_markout(
            MakerMarkout(
                venue="PARADEX",
                instrument_id="HYPE-USD-PERP.PARADEX",
                horizon_secs=horizon,
                markout_bps=D(-2),
                mean_bps=D(-1),
                ts_ns=1,
            )
        )
    labels = {"venue": "PARADEX", "instrument": "HYPE-USD-PERP", "horizon": "30s"}
    assert registry.get_sample_value("farb_maker_markout_bps", labels) == -1
    assert registry.get_sample_value("farb_maker_fills_total", labels) == 1
