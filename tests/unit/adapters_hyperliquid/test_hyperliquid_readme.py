"""The capability matrix promises nothing that no test shows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README = ROOT / "adapters" / "hyperliquid" / "README.md"
TESTS = {
    name
    for folder in ("tests/unit/adapters_hyperliquid", "tests/venues")
    for path in (ROOT / folder).glob("test_hyperliquid_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
}


def rows():
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in README.read_text().splitlines() if line[:1] == "|")
    return [row for row in cells if row[1] in ("yes", "no")]


def test_every_row_is_a_yes_or_a_no_in_full():
    lines = [
        line for line in README.read_text().splitlines() if line[:1] == "|" and not line.startswith(("|---", "| Capability"))
    ]
    assert len(rows()) == len(lines) > 60
    assert {len(row) for row in rows()} == {5}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_yes_names_tests_that_exist_and_a_no_its_reason(row):
    _, answer, how, tests, _ = row
    named = re.findall(r"`(test_\w+)`", tests)
    if answer == "yes":
        assert named
        assert set(named) <= TESTS
    else:
        assert how
        assert not named


def test_what_nautilus_own_adapter_offers_is_missing_only_for_a_stated_reason():
    missing = {row[0] for row in rows() if row[1] == "no" and row[4] not in ("no", "undetected")}
    assert missing == {
        "spot, outcome markets (HIP-4)",
        "mids of all coins, trades with their wallets",
        "trigger orders",
        "brackets",
        "trading on other exchanges (HIP-3)",
    }
