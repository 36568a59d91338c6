"""The table of faults names every known failure, knobs that exist and tests that exist."""

import re
from pathlib import Path

import pytest

from simulators.faults import FaultKind
from simulators.hyperliquid.hooks import Hooks

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "simulators" / "hyperliquid" / "FAULTS.md").read_text()
TESTS = (ROOT / "tests" / "venues" / "test_hyperliquid_sim_failures.py").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if re.match(r"\| \d+ \|", line)]
KINDS = {kind.value for kind in FaultKind}


def test_every_known_failure_has_a_row():
    assert [int(row[0]) for row in ROWS] == list(range(1, 23))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"failure {row[0]}")
def test_knobs_and_tests_of_a_row_exist(row):
    _, _, knobs, tests = row
    names = re.findall(r"`([a-z_0-9]+)`", tests)
    assert any(name.startswith(f"test_{row[0]}_") for name in names)
    assert all(re.search(rf"async def {name}\(", TESTS) for name in names)
    for knob in re.findall(r"`([a-z_.]+)(?:\([^`]*)?`", knobs):
        if knob.startswith("hooks."):
            assert hasattr(Hooks, knob.removeprefix("hooks."))
        elif "." not in knob and knob not in ("events_first", "ip", "address"):
            assert knob in KINDS
    assert "always on" in knobs or any(kind in knobs for kind in KINDS) or "hooks." in knobs


def test_every_test_of_a_known_failure_is_in_the_table():
    numbered = re.findall(r"async def (test_\d+_\w+)\(", TESTS)
    assert len(numbered) > 30
    assert {name for name in numbered if name not in TABLE} <= {
        "test_6_without_a_fault_the_reply_comes_first_and_fills_as_subscribed"
    }
