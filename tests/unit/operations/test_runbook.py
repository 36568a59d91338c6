"""The runbook knows every alert there is, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
RAISED = re.compile(r'(?:Severity\.[A-Z]+, |name=|_keep\()"([A-Z][A-Za-z]+)"')
NAMED = re.compile(r"^_ALERTS = \{\n(.+?)^\}", re.MULTILINE | re.DOTALL)  # names by what they are raised for


def test_each_alert_is_explained_and_none_is_made_up():
    sources = [path for room in ("actors", "adapters", "strategies", "operations") for path in (ROOT / room).rglob("*.py")]
    texts = [path.read_text() for path in sources]
    raised = {name for text in texts for name in RAISED.findall(text)}
    raised |= {name for text in texts for table in NAMED.findall(text) for name in re.findall(r'"([A-Z][a-z]\w+)"', table)}
    alerts = (ROOT / "RUNBOOK.md").read_text().partition("## Alerts")[2].partition("\n## ")[0]
    explained = {name for row in re.findall(r"^\| (`.+?) \|", alerts, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert len(raised) > 10
    assert explained == raised
