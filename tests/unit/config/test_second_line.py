"""Nautilus' own RiskEngine behind the gate: its limits come from the same file."""

from pathlib import Path

import msgspec

from config.load import load
from config.node import instrument_ids, node_config

ROOT = Path(__file__).parents[3]


def test_the_second_line_follows_the_limits_file(tmp_path: Path) -> None:
    config = load(ROOT / "config/paper.toml")
    limits = msgspec.structs.replace(config.limits, position_usd_max=700, orders_per_minute_max=9)
    second = node_config(msgspec.structs.replace(config, limits=limits), log_dir=tmp_path).risk_engine
    assert second.max_order_submit_rate == "9/00:00:01"
    assert second.max_notional_per_order == {str(one): 1_400 for one in instrument_ids(config)}
    assert not second.bypass
