"""Show a walk on the terminal: its progress, and its tables in the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from backtests.walkforward.outcome import Outcome
from backtests.walkforward.sections import WORDS, Section, sections
from backtests.walkforward.walk import OnStep


@contextmanager
def progress(console: Console, steps: int) -> Iterator[OnStep]:
    """Show which step of the walk is under way."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Reading", total=steps)
        yield lambda text: bar.update(task, description=text, advance=1)


def show(console: Console, outcome: Outcome) -> None:
    """Print the tables, and what they cannot show."""
    for section in sections(outcome):
        console.print(_table(section))
    for text in outcome.limits:
        console.print(f"- {text}", style="dim", highlight=False)
    console.print(WORDS, style="dim")


def _table(section: Section) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(section.columns):
        is_text = number < section.texts
        table.add_column(name, justify="left" if is_text else "right", overflow="fold", no_wrap=not is_text)
    for before, row in zip((None, *section.rows), section.rows, strict=False):
        if before is not None and before[0] != row[0]:
            table.add_section()
        cells = list(row)
        if section.signed is not None:
            color = "green" if cells[section.signed].startswith("+") else "red"
            cells[section.signed] = f"[{color}]{cells[section.signed]}[/]"
        table.add_row(*cells)
    return table
