"""What a summary admits: legs that do not match, old reports, money it cannot explain."""

import io
from decimal import Decimal
from types import SimpleNamespace
from typing import ClassVar

import msgspec
from rich.console import Console

from actors.books import VenuePnl
from messages import AccountHealth, PositionHealth
from operations.summary import show, summarise

ZERO = Decimal(0)
NOW_NS = 1_000_000_000_000


class Books:
    """A ledger of two venues as a test describes them: position and cash at the end, and how old the report is."""

    fills, payments, gas, whole_gas_usd = (), (), (), ZERO
    before: ClassVar = {}  # what the book since the first start says otherwise
    venues = ("HYPERLIQUID", "PARADEX")

    def __init__(self, **venues):
        self._venues = venues

    def health(self, venue):
        quantity, cash_usd, age_secs = self._venues[venue]
        position = PositionHealth(
            instrument_id=f"HYPE-USD-PERP.{venue}",
            quantity=Decimal(quantity),
            entry_price_usd=Decimal(38),
            unrealized_pnl_usd=ZERO,
            liquidation_price_usd=None,
        )
        return AccountHealth(
            venue=venue,
            equity_usd=Decimal(cash_usd),
            cash_usd=Decimal(cash_usd),
            free_collateral_usd=Decimal(cash_usd),
            initial_margin_usd=ZERO,
            maintenance_margin_usd=ZERO,
            positions=(position,) if position.quantity else (),
            ts_event_ns=NOW_NS - round(age_secs * 1e9),
        )

    def pnl(self, venue):
        end_usd = self.health(venue).cash_usd
        zeros = dict.fromkeys(("price_usd", "funding_usd", "fees_usd", "unrealized_price_usd", "accrued_funding_usd"), ZERO)
        return VenuePnl(venue=venue, start_cash_usd=Decimal(1000), end_cash_usd=end_usd, equity_usd=end_usd, **zeros)

    def whole_pnl(self, venue):
        return msgspec.structs.replace(self.pnl(venue), **self.before)


def shown(books):
    strategy = SimpleNamespace(id=None, cycles_completed=0, cache=SimpleNamespace(orders=lambda strategy_id: []))
    assembled = SimpleNamespace(ledger=books, strategy=strategy)
    summary = summarise(assembled, mode="sim", ended_because="interrupted", wall_secs=1.0, now_ns=NOW_NS)
    console = Console(file=io.StringIO(), width=160)
    show(summary, books, console)
    return summary, console.file.getvalue()


def test_a_hedged_pair_is_open_and_nothing_else():
    summary, text = shown(Books(HYPERLIQUID=("-5", "1000", 1), PARADEX=("5", "1000", 1)))
    assert summary.unhedged == {}
    assert "still open: HYPE-USD-PERP -5 on HYPERLIQUID, HYPE-USD-PERP +5 on PARADEX" in text
    assert "not hedged" not in text
    assert "last reported" not in text
    assert "not explained" not in text


def test_a_leg_alone_is_called_not_hedged():
    summary, text = shown(Books(HYPERLIQUID=("-5", "1000", 1), PARADEX=("3", "1000", 1)))
    assert summary.unhedged == {"HYPE": Decimal(-2)}
    assert "not hedged: HYPE is -2 over both venues" in text


def test_an_old_report_and_unexplained_money_are_named():
    summary, text = shown(Books(HYPERLIQUID=("0", "1000.50", 1), PARADEX=("0", "1000.004", 40)))
    assert "HYPERLIQUID: +0.50 USD are not explained" in text
    assert "PARADEX: " not in text
    assert "PARADEX last reported 40 s ago" in text
    assert summary.venues["PARADEX"].reported_secs_ago == 40


def test_earlier_runs_are_summed_up_beside_this_one():
    books = Books(HYPERLIQUID=("0", "1000", 1), PARADEX=("0", "1000", 1))
    summary, text = shown(books)
    assert summary.since_first_start == summary.venues
    assert "since the first start" not in text
    books.before = {"funding_usd": Decimal("12.34"), "start_cash_usd": Decimal("987.66")}
    summary, text = shown(books)
    assert summary.since_first_start["PARADEX"].funding_usd == Decimal("12.34")
    assert summary.venues["PARADEX"].funding_usd == 0
    assert "since the first start" in text
    assert "12.34" in text
