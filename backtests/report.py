"""Write a run as one HTML file that needs nothing else: table, figures, trades, data and assumptions."""

from collections.abc import Iterable
from decimal import Decimal
from html import escape
from pathlib import Path
from string import Template

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from backtests.assumptions import assumptions
from backtests.charts import account_figure, asset_figure
from backtests.dataset import iso
from backtests.episodes import Episode, episodes
from backtests.instruments import NAMES
from backtests.result import Parts, Result, total_parts, venue_parts

FOLDER = Path(__file__).parent
COLUMNS = (
    ("price_usd", "Price"),
    ("funding_usd", "Funding"),
    ("fees_usd", "Fees"),
    ("cash_usd", "Change of cash"),
    ("open_price_usd", "Open price PnL"),
    ("open_funding_usd", "Accrued funding"),
    ("equity_usd", "Change of equity"),
)
HOUR_NS = 3_600_000_000_000
SHOWN_TRADES = 200


def write(result: Result, path: Path) -> None:
    """Write the report to `path`; raise OSError if that is not possible."""
    path.write_text(render(result), encoding="utf-8")


def render(result: Result) -> str:
    """Return the report as HTML."""
    dataset = result.dataset
    rows = {pnl.venue: venue_parts(pnl) for pnl in result.venues}
    trades = episodes(result)
    gaps = [f"Gap in {gap.series}: {iso(gap.start_ns)} .. {iso(gap.end_ns)} UTC, left empty" for gap in dataset.gaps()]
    return Template((FOLDER / "report.html").read_text(encoding="utf-8")).substitute(
        css=(FOLDER / "report.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        assets=escape(", ".join(market.asset for market in dataset.markets)),
        period=f"{iso(dataset.start_ns)} to {iso(dataset.end_ns)}",
        hours=f"{dataset.hours:,.0f}",
        rule=escape(result.rule),
        label=escape(dataset.label),
        label_class="generated" if dataset.is_generated else "",
        cards=_cards(result, total_parts(rows), trades),
        table=_table(rows),
        table_note=_table_note(result),
        account=_div(account_figure(result)),
        markets="".join(
            f'<h2>{escape(market.asset)}</h2><div class="panel">{_div(asset_figure(result, market))}</div>'
            for market in dataset.markets
        ),
        trades=_trades(trades),
        trades_note=_trades_note(trades, result),
        sources=_items(dataset.sources),
        limits=_items((*dataset.limits, *gaps)),
        assumptions=_items(assumptions(result)),
    )


def _cards(result: Result, total: Parts, trades: list[Episode]) -> str:
    cards = (
        ("Change of equity, USD", _money(total.equity_usd)),
        ("Funding booked and accrued, USD", _money(total.funding_usd + total.open_funding_usd)),
        ("Fees, USD", _money(total.fees_usd)),
        ("Price, closed and open, USD", _money(total.price_usd + total.open_price_usd)),
        ("Pair trades", str(len(trades))),
        ("Orders refused by risk", str(len(result.refusals))),
    )
    return "".join(
        f'<div class="card"><div class="name">{name}</div><div class="value">{value}</div></div>' for name, value in cards
    )


def _table(rows: dict[str, Parts]) -> str:
    head = "".join(f"<th>{title}</th>" for _, title in COLUMNS)
    body = "".join(_table_row(NAMES[venue], parts) for venue, parts in rows.items())
    total = _table_row("Both venues", total_parts(rows), "sum")
    return f"<table><thead><tr><th>USD</th>{head}</tr></thead><tbody>{body}{total}</tbody></table>"


def _table_row(name: str, parts: Parts, css_class: str = "") -> str:
    cells = "".join(f"<td>{_money(getattr(parts, column))}</td>" for column, _ in COLUMNS)
    return f'<tr class="{css_class}"><td>{name}</td>{cells}</tr>'


def _table_note(result: Result) -> str:
    residual = sum((abs(pnl.residual_usd) for pnl in result.venues), Decimal(0))
    return (
        "Price + funding + fees = change of cash, as the simulated venues report it; with the two open columns it is the change "
        f"of equity. Before rounding to cents the parts and the venues' own balances differ by {residual:.6f} USD in all."
    )


def _trades(trades: list[Episode]) -> str:
    titles = ("Asset", "Long / short", "Opened, UTC", "Closed, UTC", "Hours", "Peak size", "Peak USD")
    money = ("Price", "Funding", "Fees", "Net USD")
    head = "".join(f'<th class="{"left" if i < 4 else ""}">{title}</th>' for i, title in enumerate((*titles, *money)))
    if not trades:
        return "<p>No position was opened.</p>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_trade, trades[:SHOWN_TRADES]))}</tbody></table>"


def _trade(trade: Episode) -> str:
    short = next(name for venue, name in NAMES.items() if venue != trade.long_venue)
    closed = "open" if trade.closed_ns is None else iso(trade.closed_ns)
    hours = "" if trade.closed_ns is None else f"{(trade.closed_ns - trade.opened_ns) / HOUR_NS:,.1f}"
    texts = (escape(trade.asset), f"{NAMES[trade.long_venue]} / {short}", iso(trade.opened_ns), closed)
    figures = (hours, f"{trade.peak_quantity}", f"{trade.peak_notional_usd:,.0f}")
    money = (trade.price_usd, trade.funding_usd, trade.fees_usd, trade.net_usd)
    cells = (
        *(f'<td class="left">{text}</td>' for text in texts),
        *(f"<td>{figure}</td>" for figure in figures),
        *(f"<td>{_money(amount)}</td>" for amount in money),
    )
    return f"<tr>{''.join(cells)}</tr>"


def _trades_note(trades: list[Episode], result: Result) -> str:
    hidden = f"The first {SHOWN_TRADES} of {len(trades)}. " if len(trades) > SHOWN_TRADES else ""
    return (
        f"{hidden}{len(result.fills)} fills, {len(result.payments)} funding payments. Amounts are what has become cash: an open "
        "pair shows what was booked so far. Every figure is rounded on its own."
    )


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)


def _money(amount: Decimal) -> str:
    shown = amount.quantize(Decimal("0.01"))
    css_class = "good" if shown > 0 else "bad" if shown < 0 else ""
    return f'<span class="{css_class}">{f"{shown:+,.2f}" if shown else "0.00"}</span>'


def _div(figure: go.Figure) -> str:
    html: str = figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
    return html
