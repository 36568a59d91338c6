"""Write a walk as one HTML file that needs nothing else, and as JSON."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

import msgspec

from backtests.walkforward.outcome import Outcome
from backtests.walkforward.sections import WORDS, Section, sections

FOLDER = Path(__file__).parent


def render(outcome: Outcome) -> str:
    """Return the page."""
    return Template((FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        css=(FOLDER.parent / "report.css").read_text(encoding="utf-8"),
        words=escape(WORDS),
        sections="".join(map(_section, sections(outcome))),
        sources=_items(outcome.sources),
        limits=_items(outcome.limits),
    )


def encode(outcome: Outcome) -> bytes:
    """Return the figures as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(outcome), indent=2) + b"\n"


def _section(section: Section) -> str:
    head = "".join(_cell("th", title, number < section.texts) for number, title in enumerate(section.columns))
    body = "".join(f"<tr>{_row(section, row)}</tr>" for row in section.rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<h2>{escape(section.title)}</h2><div class="panel">{table}</div>'


def _row(section: Section, row: tuple[str, ...]) -> str:
    cells = []
    for number, text in enumerate(row):
        tone = ("good" if text.startswith("+") else "bad") if number == section.signed else ""
        cells.append(_cell("td", text, number < section.texts, tone))
    return "".join(cells)


def _cell(tag: str, text: str, is_left: bool, tone: str = "") -> str:
    css_class = " ".join(filter(None, ("left" if is_left else "", tone)))
    return f'<{tag} class="{css_class}">{escape(text)}</{tag}>'


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)
