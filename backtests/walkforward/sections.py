"""A walk as tables of text: what the terminal prints and the page shows."""

from collections.abc import Iterator

import msgspec

from backtests.dataset import iso
from backtests.walkforward.errors import ForecastErrors
from backtests.walkforward.outcome import Chosen, Line, LookAhead, Outcome

WORDS = "A calculation on past funding under stated assumptions: it says nothing about future results."


class Section(msgspec.Struct, frozen=True):
    """A table: `texts` says how many columns from the left are words, the others are figures; `signed` is a column or None."""

    title: str
    columns: tuple[str, ...]
    texts: int
    rows: tuple[tuple[str, ...], ...]
    signed: int | None = None  # the column whose sign gives a row its colour


def sections(outcome: Outcome) -> Iterator[Section]:
    """Yield the tables in the order in which they are read."""
    yield Section(
        "Forecast of Hyperliquid less the other venue, out of sample: root mean squared error, % a year",
        ("Against", "Hours", "Number", "Last", "24 h", "7 d", "Zero", "Ours", "Ours/best", "Stated"),
        1,
        tuple(map(_errors, outcome.errors)),
    )
    yield Section(
        "Rules over all test windows, Hyperliquid against each: bps of one leg's notional",
        ("Against", "Rule", "Costs", "Trades", "Won", "Held", "Funding", "Cost", "Net", "Worst", "% a year"),
        3,
        tuple(map(_line, outcome.lines)),
        signed=8,
    )
    yield Section(
        "Economic gate, parameters chosen on the training window alone: bps",
        ("Against", "Costs", "Parameters", "Trained from", "Tested from", "To", "Training", "Test", "Trades"),
        3,
        tuple(map(_chosen, outcome.chosen)),
        signed=7,
    )
    yield Section(
        "Look-ahead: another future must change no earlier decision; an hour's foresight must change the net (bps)",
        ("Against", "Future changed", "Decisions changed", "Net", "With foresight"),
        3,
        tuple(map(_look, outcome.looks)),
    )


def _errors(row: ForecastErrors) -> tuple[str, ...]:
    shares = (row.last_apr, row.day_apr, row.week_apr, row.zero_apr, row.ours_apr)
    ratio, stated = f"{row.ours_apr / row.best_benchmark_apr:.2f}", f"{row.stated_apr * 100:.2f}"
    return (row.label, str(row.horizon_hours), f"{row.forecasts:,}", *(f"{share * 100:.2f}" for share in shares), ratio, stated)


def _line(row: Line) -> tuple[str, ...]:
    return (
        row.label,
        row.rule,
        f"{row.cost_scale}x",
        str(row.trades),
        str(row.won),
        f"{row.hours_held / row.hours_known:.0%}" if row.hours_known else "",
        *(f"{value:+,.1f}" for value in (row.funding_bps, row.cost_bps, row.net_bps, row.worst_bps)),
        f"{row.net_apr * 100:+.2f}",
    )


def _chosen(row: Chosen) -> tuple[str, ...]:
    days = (iso(ts_ns)[:10] for ts_ns in (row.train_start_ns, row.test_start_ns, row.test_end_ns))
    nets = (f"{row.train_net_bps:+.1f}", f"{row.test_net_bps:+.1f}")
    return (row.label, f"{row.cost_scale}x", row.parameters, *days, *nets, str(row.test_trades))


def _look(row: LookAhead) -> tuple[str, ...]:
    leak = "none" if row.first_leak_ns is None else f"LEAK at {iso(row.first_leak_ns)}"
    return (row.label, iso(row.cut_ns), leak, f"{row.net_bps:+.1f}", f"{row.early_net_bps:+.1f}")
