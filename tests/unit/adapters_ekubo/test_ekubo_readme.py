"""The capability matrix promises nothing that no test shows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README = ROOT / "adapters" / "ekubo" / "README.md"
TESTS = {
    name
    for folder in ("tests/unit/adapters_ekubo", "tests/venues", "tests/acceptance")
    for path in (ROOT / folder).glob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
}


def rows():
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in README.read_text().splitlines() if line[:1] == "|")
    return [row for row in cells if row[1] in ("yes", "no")]


def test_every_row_is_a_yes_or_a_no_in_full():
    lines = [
        line for line in README.read_text().splitlines() if line[:1] == "|" and not line.startswith(("|---", "| Capability"))
    ]
    assert len(rows()) == len(lines) > 25
    assert {len(row) for row in rows()} == {4}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_yes_names_tests_that_exist_and_a_no_its_reason(row):
    _, answer, how, tests = row
    named = re.findall(r"`(test_\w+)`", tests)
    if answer == "yes":
        assert named
        assert set(named) <= TESTS
    else:
        assert how
        assert not named


def test_every_module_is_named():
    listed = README.read_text().partition("## Modules")[2]
    modules = {path.stem for path in README.parent.glob("*.py")} - {"__init__", "config", "constants"}
    assert {module for module in modules if f"`{module}`" not in listed} == set()
