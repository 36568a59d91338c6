"""The runbook knows every alert there is, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
RAISED = re.compile(r'(?:Severity\.[A-Z]+, |name=|_keep\()"([A-Z][A-Za-z]+)"')


def test_each_alert_is_explained_and_none_is_made_up():
    sources = [path for room in ("actors", "adapters", "strategies", "operations") for path in (ROOT / room).rglob("*.py")]
    raised = {name for path in sources for name in RAISED.findall(path.read_text())}
    alerts = (ROOT / "RUNBOOK.md").read_text().partition("## Alerts")[2].partition("\n## ")[0]
    explained = {name for row in re.findall(r"^\| (`.+?) \|", alerts, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert len(raised) > 10
    assert explained == raised
