"""The capability matrix promises nothing that no test shows."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| (?P<name>[^|]+) \| (?P<answer>yes|no) \| (?P<how>[^|]*)\| (?P<test>[^|]*)\|$")


def rows() -> list[re.Match[str]]:
    lines = (ROOT / "adapters/paradex/README.md").read_text().splitlines()
    return [match for match in map(ROW.match, lines) if match]


def written_tests() -> set[str]:
    """Return the names of all test functions that deal with this adapter."""
    files = [*(ROOT / "tests/unit/adapters_paradex").glob("test_*.py"), *(ROOT / "tests/venues").glob("test_paradex_adapter*.py")]
    found: set[str] = set()
    for file in files:
        nodes = ast.walk(ast.parse(file.read_text()))
        found |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return found


def test_every_yes_names_a_test_that_exists():
    known, promised = written_tests(), [row for row in rows() if row["answer"] == "yes"]
    assert len(promised) > 40
    missing = {row["name"]: row["test"] for row in promised if row["test"].strip().strip("`") not in known}
    assert missing == {}


def test_every_row_of_the_matrix_is_read():
    table = [line for line in (ROOT / "adapters/paradex/README.md").read_text().splitlines() if line.startswith("|")]
    headers = [line for line in table if line.startswith(("| Capability", "|---"))]
    assert len(rows()) == len(table) - len(headers)


def test_the_cases_that_must_not_be_missing_are_named():
    text = (ROOT / "adapters/paradex/README.md").read_text()
    for name in ("jwt_expiry_during_a_live_pair", "sequence_gap", "out_of_order_order_events", "24_hour_period_market"):
        assert name in text
