"""Draw snapshots: a live terminal on rich, or plain lines where no terminal listens."""

import contextlib
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.books import VenuePnl
from actors.view import Snapshot

ZERO = Decimal(0)
_STATE_STYLES = {"OK": "green", "STALE": "yellow", "POST_ONLY": "yellow"}


def usd(value: Decimal | None, places: int = 2) -> Text:
    """Return an amount of dollars, coloured by its sign."""
    if value is None:
        return Text("–", style="dim")
    shown = round(value, places) + ZERO  # adding zero turns -0.00 into 0.00
    style = "green" if shown > 0 else "red" if shown < 0 else ""
    return Text(f"{shown:+,.{places}f}", style=style)


def percent(value: Decimal | None) -> Text:
    """Return a fraction as a percentage."""
    return Text("–", style="dim") if value is None else Text(f"{value * 100:+,.2f} %", style="red" if value < 0 else "")


_TEXT_COLUMNS = ("venue", "asset", "connection", "decision")  # columns of text; all others are numbers


def words(code: str) -> str:
    """Return a reason as words: SPREAD_HELD reads "spread held"."""
    return code.replace("_", " ").lower()


def quantity(value: Decimal) -> str:
    """Return a signed base quantity without trailing zeros."""
    return f"{value.normalize():+f}"


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, expand=True, show_edge=False
    )
    for column in columns:
        table.add_column(column, justify="left" if column in _TEXT_COLUMNS else "right", no_wrap=True)
    return table


def _venues(snapshot: Snapshot, title: str) -> Table:
    table = _table(title, "venue", "connection", "equity USD", "free collateral USD", "margin used USD")
    for row in snapshot.venues:
        states = Text("  ").join(Text(f"{name} {state}", style=_STATE_STYLES.get(state, "red")) for name, state in row.channels)
        health = row.health
        money: tuple[str, ...] = ("–", "–", "–")
        if health is not None:
            money = tuple(f"{x:,.2f}" for x in (health.equity_usd, health.free_collateral_usd, health.initial_margin_usd))
        table.add_row(row.venue, states if row.channels else Text("connecting", style="yellow"), *money)
    return table


def _assets(snapshot: Snapshot, title: str) -> Table:
    names = [row.venue for row in snapshot.venues]
    columns = [f"{name.capitalize()} APR" for name in names]
    table = _table(title, "asset", *columns, "spread", "edge USD", "absorbable USD", "price USD", "decision")
    for row in snapshot.assets:
        known = [apr for apr in row.aprs if apr is not None]
        spread = max(known) - min(known) if len(known) == len(row.aprs) else None
        mid = next((m for m in row.mids_usd if m is not None), None)
        decision, absorbable, edge = Text("waiting for data", style="dim"), "–", usd(None)
        if row.signal is not None:
            style = {"ENTER": "bold green", "EXIT": "bold yellow"}.get(row.signal.action, "")
            decision, absorbable = (
                Text(f"{row.signal.action.lower()}: {words(row.signal.reason)}", style=style),
                f"{row.signal.absorbable_usd:,.0f}",
            )
            edge = usd(None if row.signal.edge is None else row.signal.edge.net_usd)
        decision.truncate(46, overflow="ellipsis")
        price = "–" if mid is None else f"{mid:,.2f}"
        table.add_row(row.asset, *map(percent, row.aprs), percent(spread), edge, absorbable, price, decision)
    return table


def _legs(snapshot: Snapshot, title: str) -> RenderableType:
    table = _table(title, "asset", "venue", "quantity", "entry USD", "mark USD", "notional USD", "unrealised USD")
    delta: dict[str, Decimal] = {}
    for leg in snapshot.legs:
        notional = None if leg.mark_usd is None else leg.quantity * leg.mark_usd
        mark = "–" if leg.mark_usd is None else f"{leg.mark_usd:,.3f}"
        table.add_row(
            leg.asset, leg.venue, quantity(leg.quantity), f"{leg.entry_usd:,.3f}", mark, usd(notional), usd(leg.unrealized_usd)
        )
        delta[leg.asset] = delta.get(leg.asset, ZERO) + leg.quantity
    if not snapshot.legs:
        return Group(table, Text("  flat", style="dim"))
    deltas = Text("  ").join(
        Text(f"{asset} delta {quantity(net)}", style="green" if net == 0 else "bold red") for asset, net in delta.items()
    )
    return Group(table, Text("  ") + deltas)


def total_cash_usd(pnl: VenuePnl) -> Decimal:
    """Return the cash result of a venue: price, funding and fees together."""
    return pnl.price_usd + pnl.funding_usd + pnl.fees_usd


def pnl_table(pnls: list[VenuePnl], title: str = "Profit and loss since start (USD)") -> Table:
    """Return the table of PnL parts per venue with their sum."""
    table = _table(title, "venue", "price", "funding", "fees", "cash result", "unrealised price", "accrued funding")
    rows = [
        (p.price_usd, p.funding_usd, p.fees_usd, total_cash_usd(p), p.unrealized_price_usd, p.accrued_funding_usd) for p in pnls
    ]
    for pnl, row in zip(pnls, rows, strict=True):
        table.add_row(pnl.venue, *map(usd, row))
    table.add_section()
    table.add_row(Text("both", style="bold"), *(usd(sum(column, ZERO)) for column in zip(*rows, strict=True)))
    return table


def render(snapshot: Snapshot, height: int = 44) -> RenderableType:
    """Return one frame of the live view, at most `height` lines: titles and events give way first."""
    minutes, secs = divmod(int(snapshot.uptime_secs), 60)
    head = (
        f"{snapshot.title}   up {minutes}:{secs:02d}   {snapshot.funding_hours:.1f} funding hours   "
        f"next hourly funding in {snapshot.next_hour_secs:.0f} s"
    )
    pnls = [row.pnl for row in snapshot.venues if row.pnl is not None]
    tables: tuple[tuple[Callable[[str], RenderableType], str], ...] = (
        (partial(_venues, snapshot), "Venues"),
        (partial(_assets, snapshot), "Funding"),
        (partial(_legs, snapshot), "Legs"),
        (partial(pnl_table, pnls), "Profit and loss since start (USD)"),
    )
    used = 15 + len(snapshot.assets) + 2 * len(snapshot.venues) + max(1, len(snapshot.legs))
    has_titles = height >= used + 2 * len(tables)
    used += 2 * len(tables) if has_titles else 0
    parts: list[RenderableType] = []
    for draw, title in tables:
        parts += [draw(title), Text()] if has_titles else [draw("")]
    events = snapshot.events[max(0, len(snapshot.events) - max(0, height - used)) :]
    if events:
        parts.append(Text("\n".join(events), style="dim", overflow="ellipsis", no_wrap=True))
    return Panel(Group(*parts), title=head, border_style="blue")


def _flat(snapshot: Snapshot) -> str:
    """Return why nothing is open: what keeps the asset with the widest spread from being entered."""
    signals = [row.signal for row in snapshot.assets if row.signal is not None]
    if not signals:
        return "flat, waiting for data"
    widest = max(signals, key=lambda signal: abs(signal.spread_apr))
    edge = "" if widest.edge is None else f", edge {usd(widest.edge.net_usd)} USD"
    return f"flat, {widest.asset} {percent(widest.spread_apr)} APR{edge}: {words(widest.reason)}"


class LiveScreen:
    """A live terminal: frames are drawn by rich's own thread, never on the event loop."""

    def __init__(self, console: Console) -> None:
        self._snapshot: Snapshot | None = None
        self._console = console
        self._live = Live(console=console, get_renderable=self._frame, refresh_per_second=2, transient=False)

    def __enter__(self) -> "LiveScreen":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._live.stop()

    def _frame(self) -> RenderableType:
        snapshot = self._snapshot
        return Text("connecting to the venues …") if snapshot is None else render(snapshot, self._console.height - 1)

    def show(self, snapshot: Snapshot) -> None:
        """See `Screen.show`."""
        self._snapshot = snapshot

    def event(self, line: str) -> None:
        """See `Screen.event`; events are part of the next frame."""


class LineScreen:
    """Plain lines: every event as it happens and one line of state each ten seconds."""

    def __init__(self, every_secs: float = 10.0) -> None:
        self._every_secs, self._last = every_secs, time.monotonic()

    def __enter__(self) -> "LineScreen":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, snapshot: Snapshot) -> None:
        """See `Screen.show`."""
        if time.monotonic() - self._last < self._every_secs:
            return
        self._last = time.monotonic()
        pnls = [row.pnl for row in snapshot.venues if row.pnl is not None]
        legs = ", ".join(f"{leg.asset} {quantity(leg.quantity)} {leg.venue}" for leg in snapshot.legs) or _flat(snapshot)
        result = sum((total_cash_usd(p) + p.unrealized_price_usd + p.accrued_funding_usd for p in pnls), ZERO)
        self.event(f"{snapshot.funding_hours:6.1f} funding hours  {legs}  result {result:+,.2f} USD")

    def event(self, line: str) -> None:
        """See `Screen.event`; a run goes on though nobody reads its lines any more."""
        with contextlib.suppress(OSError):
            print(line, file=sys.stdout, flush=True)
