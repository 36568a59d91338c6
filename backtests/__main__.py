"""`python -m backtests`: run the strategy over recorded (or generated) funding and write a report; `walkforward`: judge rules."""

import argparse
import os
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from rich.console import Console

from backtests import data, sample
from backtests.dataset import DataError, Dataset, Period, parse_utc_ns
from backtests.instruments import ASSETS
from backtests.walkforward import command as walkforward

USAGE_ERROR = 2
DEFAULT_OUT = Path("var/backtest.html")
DEFAULT_CAPITAL_USD = "20000"
MAX_CAPITAL_USD = 1_000_000_000
DEFAULT_SEED = 7
MODES = ("economic", "threshold")  # of `strategies.signals.SignalMode`, which takes seconds to import


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 when the report is written, 2 when the arguments or the data cannot be used."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["walkforward"]:
        return _walk_forward(words[1:])
    try:
        options = _parser().parse_args(words)
        assets, period, capital_usd = _assets(options.assets), _period(options), _capital(options.capital)
        dataset = _dataset(options, assets, period)
        _check_folders(options)
    except DataError as e:
        print(f"backtests: {e}", file=sys.stderr)
        return USAGE_ERROR
    return _run(dataset, capital_usd, options)


def _walk_forward(words: Sequence[str]) -> int:
    parser = _Parser(prog="python -m backtests walkforward", description="Judge rules on windows they were not chosen on.")
    try:
        options = walkforward.arguments(parser).parse_args(words)
        assets, folder = walkforward.assets(options.assets), options.data or _shared_folder()
        if folder is None or not folder.is_dir():
            raise DataError("recorded data is needed: --data DIR or FARB_SHARED_DATA")
        _check_folders(options)
        walkforward.run(folder, assets, options.out, options.json)
    except DataError as e:
        print(f"backtests: {e}", file=sys.stderr)
        return USAGE_ERROR
    except OSError as e:
        print(f"backtests: cannot write {e.filename}: {e.strerror}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def _check_folders(options: argparse.Namespace) -> None:
    """Fail before the run rather than after it; only the defaults' own folder is made."""
    if options.out in (DEFAULT_OUT, walkforward.DEFAULT_OUT):
        try:
            DEFAULT_OUT.parent.mkdir(exist_ok=True)
        except OSError as e:
            raise DataError(f"cannot make the folder {DEFAULT_OUT.parent}: {e.strerror}") from None
    for path in filter(None, (options.out, options.json)):
        if not path.parent.is_dir():
            raise DataError(f"no such folder: {path.parent}")


def _run(dataset: Dataset, capital_usd: Decimal, options: argparse.Namespace) -> int:
    from backtests import engine, report, summary, terminal  # noqa: PLC0415  # seconds, once the arguments are valid
    from backtests.trader import describe, funding_arbitrage, settings  # noqa: PLC0415

    console, section = Console(), settings(options.mode)
    terminal.announce(console, dataset, describe(section))
    with terminal.progress(console, dataset) as on_hour:
        result = engine.run(dataset, funding_arbitrage(section), capital_usd, on_hour, rule=describe(section))
    try:
        report.write(result, options.out)
        if options.json is not None:
            options.json.write_bytes(summary.encode(result))
    except OSError as e:
        print(f"backtests: cannot write {e.filename}: {e.strerror}", file=sys.stderr)
        return USAGE_ERROR
    terminal.summarize(console, result)
    console.print(f"Report: {options.out}", highlight=False)
    return 0


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> Any:
        raise DataError(f"{message} (see --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m backtests", description="Run the strategy over past funding and write a report.")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of recorded series (default: FARB_SHARED_DATA)")
    parser.add_argument("--sample", action="store_true", help="use the generated sample even where recorded data is found")
    parser.add_argument("--assets", metavar="BTC,...", help=f"of {', '.join(ASSETS)} (default: BTC, or all of a sample)")
    parser.add_argument("--start", metavar="ISO", help="first moment, UTC (default: where the data begins)")
    parser.add_argument("--end", metavar="ISO", help="last moment, UTC (default: where the data ends)")
    parser.add_argument("--capital", metavar="USD", default=DEFAULT_CAPITAL_USD, help="cash on each venue (default: 20000)")
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help=f"the rule that decides (default: {MODES[0]})")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the basis model and of the generated sample")
    parser.add_argument("--out", type=Path, metavar="FILE", default=DEFAULT_OUT, help=f"report (default: {DEFAULT_OUT})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the summary as JSON")
    return parser


def _assets(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    assets = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    unknown = [asset for asset in assets if asset not in ASSETS]
    if unknown or not assets:
        raise DataError(f"unknown asset {', '.join(unknown) or repr(text)} (known: {', '.join(ASSETS)})")
    return assets


def _period(options: argparse.Namespace) -> Period:
    start_ns = None if options.start is None else parse_utc_ns(options.start)
    end_ns = None if options.end is None else parse_utc_ns(options.end)
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        raise DataError(f"--end {options.end} must lie after --start {options.start}")
    return Period(start_ns, end_ns)


def _capital(text: str) -> Decimal:
    try:
        capital_usd = Decimal(text)
    except InvalidOperation:
        capital_usd = Decimal("NaN")
    if not capital_usd.is_finite() or not 1 <= capital_usd <= MAX_CAPITAL_USD:
        raise DataError(f"--capital must be a positive amount up to {MAX_CAPITAL_USD:,} USD, was {text!r}")
    return capital_usd


def _dataset(options: argparse.Namespace, assets: tuple[str, ...] | None, period: Period) -> Dataset:
    """Return the recorded data that was named or is found; without any, the generated sample."""
    if options.sample and options.data is not None:
        raise DataError("--sample and --data exclude each other")
    folder = None if options.sample else options.data or _default_folder()
    if folder is None:
        return sample.generate(assets or ASSETS, period, options.seed)
    recorded = tuple(asset for asset in ASSETS if data.is_recorded(folder, asset))
    return data.load(folder, assets or recorded or ASSETS, period, options.seed)


def _default_folder() -> Path | None:
    """Return the shared folder where it holds what a run needs."""
    folder = _shared_folder()
    return folder if folder is not None and any(data.is_recorded(folder, asset) for asset in ASSETS) else None


def _shared_folder() -> Path | None:
    """Return the folder of recorded data beside the checkout or named by the environment, where there is one."""
    named = os.environ.get("FARB_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


if __name__ == "__main__":
    sys.exit(main())
