"""`python -m backtests walkforward`: judge forecasts and rules on windows they were not chosen on."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from backtests.dataset import DataError
from backtests.walkforward.walk import ASSETS

DEFAULT_OUT = Path("var/walkforward.html")


def arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add what the command takes to a parser."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of recorded series (default: FARB_SHARED_DATA)")
    parser.add_argument("--assets", metavar="BTC,...", default=",".join(ASSETS), help=f"of {', '.join(ASSETS)} (default: all)")
    parser.add_argument("--out", type=Path, metavar="FILE", default=DEFAULT_OUT, help=f"page (default: {DEFAULT_OUT})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    return parser


def assets(text: str) -> tuple[str, ...]:
    """Return the assets named; raise `DataError` for one without a record."""
    named = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    if not named or not set(named) <= set(ASSETS):
        raise DataError(f"no walk-forward record of {text!r} (known: {', '.join(ASSETS)})")
    return named


def run(folder: Path, names: Sequence[str], out: Path, json: Path | None) -> None:
    """Walk, show and write; raise `DataError` for data that cannot be used and OSError for files that cannot be written."""
    from backtests.walkforward import page, tables, walk  # noqa: PLC0415  # seconds, once the arguments are valid

    console = Console()
    with tables.progress(console, walk.steps(names)) as on_step:
        outcome = walk.walk(folder, names, on_step)
    out.write_text(page.render(outcome), encoding="utf-8")
    if json is not None:
        json.write_bytes(page.encode(outcome))
    tables.show(console, outcome)
    console.print(f"{outcome.wall_secs:.0f} s. Page: {out}", highlight=False)
