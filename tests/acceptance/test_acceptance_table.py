"""Which of Nautilus' cases apply to which venue, and that each of them is tested here under its name."""

import ast
import re
from pathlib import Path

import pytest
from acceptance_venues import DOORS

BOTH, HYPERLIQUID, NEITHER = ("hyperliquid", "paradex"), ("hyperliquid",), ()
CASES = {
    **dict.fromkeys(("D01", "D02", "D03", "D10", "D11", "D12", "D13", "D14"), BOTH),
    **dict.fromkeys(("D20", "D30", "D31", "D50", "D51", "D52", "D53", "D70", "D71", "D72"), BOTH),
    **dict.fromkeys(("D40", "D41"), BOTH),  # optional: skipped where an adapter does not offer it
    **dict.fromkeys(("E01", "E02", "E06", "E10", "E11", "E12", "E13", "E14"), BOTH),
    **dict.fromkeys(("E03", "E63"), HYPERLIQUID),
    **dict.fromkeys(("E30", "E31", "E36", "E40", "E41", "E42", "E43", "E44"), BOTH),
    **dict.fromkeys(("E60", "E61", "E70", "E71", "E72", "E73", "E74", "E75", "E76", "E77", "E78"), BOTH),
    **dict.fromkeys(("E80", "E81", "E82", "E83", "E84", "E85", "E86", "E87"), BOTH),
    # Neither venue keeps a history of books or quotes
    **dict.fromkeys(("D15", "D21"), NEITHER),
    # FOK, quote quantities, GTD and DAY, display quantities: not at these venues, denied before sending (E73)
    **dict.fromkeys(("E04", "E05", "E15", "E16", "E17", "E18", "E19", "E62"), NEITHER),
    # Trigger orders and brackets are denied (E72), so there is none to modify
    **dict.fromkeys(("E20", "E21", "E22", "E23", "E24", "E25", "E26", "E27", "E32", "E33", "E50", "E51", "E52", "E53"), NEITHER),
}
# A pool has no book: nothing rests there, and nothing can be changed or taken back (adapters/ekubo/README.md)
SWAPS = ("D01", "D20", "E01", "E02", "E03", "E06", "E13", "E14", "E72", "E73", "E74")


def cases_in(pattern: str) -> set[str]:
    """Return the cases that functions of these files are named after."""
    return {
        case
        for path in Path(__file__).parent.glob(pattern)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef)
        for case in re.findall(r"(?<=_)[DE]\d\d(?=_)", node.name)
    }


TESTED = cases_in("test_acceptance_*.py")


@pytest.mark.parametrize(("case", "venue"), [(case, venue) for case, venues in CASES.items() for venue in venues])
def test_a_case_that_applies_is_tested(case: str, venue: str):
    assert case in TESTED
    assert venue in DOORS  # the fixtures run every test on each of these


def test_no_test_names_a_case_that_does_not_apply():
    assert {case for case, venues in CASES.items() if venues} >= TESTED


def test_the_cases_that_apply_to_swaps_are_tested_on_ekubo():
    assert cases_in("test_acceptance_swaps.py") == set(SWAPS)
