"""The README of the simulated Paradex promises no test and no fault that is not there."""

import re
from pathlib import Path

from simulators.faults import FaultKind

ROOT = Path(__file__).parents[3]
README = (ROOT / "simulators/paradex/README.md").read_text()


def test_every_test_the_readme_names_exists():
    sources = "\n".join(path.read_text() for path in ROOT.glob("tests/**/test_paradex_s*.py"))
    existing = set(re.findall(r"def (test_\w+)\(", sources))
    named = set(re.findall(r"`(test_\w+)`", README))
    assert len(named) > 40
    assert named - existing == set()


def test_every_fault_this_venue_strikes_with_is_in_the_readme_and_the_other_way_round():
    venue = "\n".join(path.read_text() for path in (ROOT / "simulators/paradex").glob("*.py"))
    struck = {*re.findall(r"FaultKind\.(\w+)", venue), "FREEZE_STREAM"}  # the board itself answers for that
    table = README[README.index("| failure |") :]
    named = {name for name in FaultKind.__members__ if re.search(rf"\b{name}\b", table)}
    assert named == struck
