"""The report's figures: what the account did, and for every asset what both venues charged and how the legs stood."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backtests.dataset import Market
from backtests.instruments import HYPERLIQUID, NAMES, PARADEX
from backtests.result import HourRow, Result
from messages import HOURS_PER_YEAR

COLORS = {"HYPERLIQUID": "#0f766e", "PARADEX": "#7c3aed", "total": "#0f172a", "spread": "#c2410c", "basis": "#475569"}
ROW_PX = 250
BPS = 10_000


def account_figure(result: Result) -> go.Figure:
    """Draw the change of equity, funding and fees, in USD since the start."""
    titles = (
        "Change of equity, both venues together",
        "Change of equity on each venue (the legs mirror the price)",
        "Funding received, cumulative",
        "Fees, cumulative",
    )
    figure = _rows(titles, result)
    start = result.start_usd
    _lines(figure, 1, result, lambda row: row.equity_usd - start, ("total",))
    _lines(figure, 2, result, lambda row: row.equity_usd - start, ("HYPERLIQUID", "PARADEX"))
    _lines(figure, 3, result, lambda row: row.funding_usd + row.accrued_usd, ("HYPERLIQUID", "PARADEX", "total"))
    _lines(figure, 4, result, lambda row: row.fees_usd, ("HYPERLIQUID", "PARADEX", "total"))
    for row in range(1, len(titles) + 1):
        figure.update_yaxes(title_text="USD", row=row, col=1)
    return figure


def asset_figure(result: Result, market: Market) -> go.Figure:
    """Draw an asset's funding APR on both venues, their spread, the basis and the signed positions."""
    titles = (
        "Funding rate, annualised",
        "Spread: Paradex less Hyperliquid, annualised",
        "Basis: Paradex over Hyperliquid (see limits: prices modelled)",
        "Position on each leg",
    )
    figure = _rows(titles, result)
    _rates(figure, market)
    _spread(figure, market)
    _basis(figure, market)
    _positions(figure, result, market)
    units = ("% per year", "% per year", "basis points", f"{market.asset}, long positive")
    for row, unit in enumerate(units, start=1):
        figure.update_yaxes(title_text=unit, row=row, col=1)
    return figure


def _rows(titles: tuple[str, ...], result: Result) -> go.Figure:
    figure = make_subplots(rows=len(titles), cols=1, shared_xaxes=True, vertical_spacing=0.07, subplot_titles=titles)
    figure.update_layout(
        template="plotly_white",
        height=ROW_PX * len(titles) + 80,
        margin={"l": 70, "r": 20, "t": 80, "b": 50},
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#334155"},
        legend={"orientation": "h", "y": 1.0, "yref": "container", "yanchor": "top", "x": 0, "xanchor": "left"},
        hovermode="x unified",
    )
    figure.update_annotations(x=0, xanchor="left", font={"size": 14, "color": "#0f172a"})
    figure.update_xaxes(range=_times((result.dataset.start_ns, result.dataset.end_ns)))
    figure.update_xaxes(title_text="time (UTC)", row=len(titles), col=1)
    return figure


def _lines(figure: go.Figure, row: int, result: Result, value: Callable[[HourRow], Decimal], shown: tuple[str, ...]) -> None:
    """Add a line for each venue shown and, if wanted, for their sum."""
    series: dict[str, dict[int, Decimal]] = {venue: {} for venue in NAMES}
    for hour in result.hours:
        total = series.setdefault("total", {})
        series[hour.venue][hour.ts_ns] = value(hour)
        total[hour.ts_ns] = total.get(hour.ts_ns, Decimal(0)) + value(hour)
    for key in shown:
        points = [(ts_ns, float(amount)) for ts_ns, amount in series.get(key, {}).items()]
        _add(figure, row, points, key, width=2.2 if key == "total" else 1.5)


def _rates(figure: go.Figure, market: Market) -> None:
    settled = [(row.ts_ns, _percent_apr(row.rate_per_hour)) for row in market.settled]
    charged = [(block.start_ns, _percent_apr(block.rate / block.period_hours)) for block in market.charged]
    _add(figure, 1, settled, "HYPERLIQUID", shape="vh")
    _add(figure, 1, charged, "PARADEX", shape="hv")


def _spread(figure: go.Figure, market: Market) -> None:
    """Set every settled hour against the rate Paradex charged at its end."""
    blocks = list(market.charged)
    points = []
    for row in market.settled:
        while len(blocks) > 1 and blocks[0].end_ns < row.ts_ns:
            blocks.pop(0)
        if blocks and blocks[0].start_ns <= row.ts_ns <= blocks[0].end_ns:
            paradex_per_hour = blocks[0].rate / blocks[0].period_hours
            points.append((row.ts_ns, _percent_apr(paradex_per_hour - row.rate_per_hour)))
    _add(figure, 2, points, "spread")
    figure.add_hline(y=0, line={"color": "#94a3b8", "width": 1}, row=2, col=1)


def _basis(figure: go.Figure, market: Market) -> None:
    points = [(point.ts_ns, float(point.paradex_usd / point.hyperliquid_usd - 1) * BPS) for point in market.prices]
    _add(figure, 3, points, "basis")


def _positions(figure: go.Figure, result: Result, market: Market) -> None:
    for venue in (HYPERLIQUID, PARADEX):
        key = f"{market.asset}-USD-PERP.{venue}"
        points = [(row.ts_ns, float(row.quantity)) for row in result.quantities if row.instrument_id == key]
        held = points[-1][1] if points else 0.0
        whole = [(result.dataset.start_ns, 0.0), *points, (result.dataset.end_ns, held)]
        _add(figure, 4, whole, venue.value, shape="hv")
    _fills(figure, result, market)


def _fills(figure: go.Figure, result: Result, market: Market) -> None:
    """Mark every execution on the position chart."""
    prefix = f"{market.asset}-USD-PERP."
    fills = [fill for fill in result.fills if fill.instrument_id.startswith(prefix)]
    figure.add_trace(
        go.Scatter(
            x=_times(fill.ts_event_ns for fill in fills),
            y=[float(fill.quantity) for fill in fills],
            text=[f"{NAMES[fill.venue]} {fill.quantity:+} @ {fill.price_usd:,}" for fill in fills],
            mode="markers",
            marker={
                "symbol": ["triangle-up" if fill.quantity > 0 else "triangle-down" for fill in fills],
                "color": [COLORS[fill.venue] for fill in fills],
                "size": 9,
            },
            name="Fills (signed size)",
            hovertemplate="%{text}<extra></extra>",
        ),
        row=4,
        col=1,
    )


def _percent_apr(rate_per_hour: Decimal) -> float:
    return float(rate_per_hour * HOURS_PER_YEAR * 100)


def _times(stamps_ns: Iterable[int]) -> list[datetime]:
    return [datetime.fromtimestamp(ts_ns / 1e9, UTC) for ts_ns in stamps_ns]


def _add(
    figure: go.Figure, row: int, points: list[tuple[int, float]], key: str, *, width: float = 1.5, shape: str = "linear"
) -> None:
    """Add a line; lines of one key share a colour and one entry in the legend."""
    is_new = all(trace.legendgroup != key for trace in figure.data)
    trace = go.Scatter(
        x=_times(ts_ns for ts_ns, _ in points),
        y=[value for _, value in points],
        name=NAMES.get(key, key.capitalize()),
        legendgroup=key,
        showlegend=is_new,
        mode="lines",
        line={"color": COLORS[key], "width": width, "shape": shape},
        hovertemplate="%{y:,.4g}",
    )
    figure.add_trace(trace, row=row, col=1)
