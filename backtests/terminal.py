"""Show a run on the terminal: its progress, and in the end the table that adds up."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from backtests.dataset import Dataset, iso
from backtests.engine import OnHour
from backtests.episodes import episodes
from backtests.instruments import NAMES
from backtests.result import Result, total_parts, venue_parts

ROWS = (
    ("price_usd", "Price"),
    ("funding_usd", "Funding"),
    ("fees_usd", "Fees"),
    ("cash_usd", "= change of cash"),
    ("open_price_usd", "Open price PnL"),
    ("open_funding_usd", "Accrued funding"),
    ("equity_usd", "= change of equity"),
)


@contextmanager
def progress(console: Console, dataset: Dataset) -> Iterator[OnHour]:
    """Show how far the run has come in simulated time."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[day]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Running", total=dataset.end_ns - dataset.start_ns, day="")
        yield lambda now_ns: bar.update(task, completed=now_ns - dataset.start_ns, day=iso(now_ns))


def announce(console: Console, dataset: Dataset, rule: str) -> None:
    """Say what the run is about to use."""
    assets = ", ".join(market.asset for market in dataset.markets)
    style = "yellow" if dataset.is_generated else "cyan"
    console.print(f"[bold]Backtest[/] {assets}, {iso(dataset.start_ns)} to {iso(dataset.end_ns)} UTC")
    console.print(f"Rule: {rule}", highlight=False)
    console.print(f"Data: [{style}]{dataset.label}[/]")
    for line in dataset.sources:
        console.print(f"  {line}", highlight=False)


def summarize(console: Console, result: Result) -> None:
    """Print the table of profit and loss; every column adds up to the cent."""
    venues = {pnl.venue: venue_parts(pnl) for pnl in result.venues}
    columns = {NAMES[venue]: parts for venue, parts in venues.items()} | {"Both venues": total_parts(venues)}
    table = Table(title="Profit and loss, USD", title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for field, title in ROWS:
        is_sum = title.startswith("=")
        cells = [_money(getattr(parts, field)) for parts in columns.values()]
        table.add_row(title, *cells, style="bold" if is_sum else None, end_section=is_sum)
    console.print(table)
    trades = episodes(result)
    console.print(
        f"{len(trades)} pair trades, {len(result.fills)} fills, {len(result.payments)} funding payments, "
        f"{len(result.refusals)} orders refused by risk, {result.wall_secs:.1f} s",
        highlight=False,
    )
    console.print("A simulation under stated assumptions: it says nothing about future results.", style="dim")


def _money(amount: Decimal) -> str:
    color = "green" if amount > 0 else "red" if amount < 0 else "default"
    return f"[{color}]{amount:,.2f}[/]"
