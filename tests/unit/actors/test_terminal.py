import io
from decimal import Decimal

import msgspec
from rich.console import Console

from actors.books import VenuePnl
from actors.terminal import LineScreen, percent, pnl_table, render, usd
from actors.view import AssetRow, LegRow, Snapshot, VenueRow
from messages import AccountHealth, Action, Signal


def drawn(renderable) -> str:
    console = Console(file=io.StringIO(), width=130)
    console.print(renderable)
    return console.file.getvalue()


def pnl(venue, price, funding, fees):
    return VenuePnl(
        venue=venue,
        start_cash_usd=Decimal(1000),
        end_cash_usd=Decimal(1000) + Decimal(price) + Decimal(funding) + Decimal(fees),
        price_usd=Decimal(price),
        funding_usd=Decimal(funding),
        fees_usd=Decimal(fees),
        unrealized_price_usd=Decimal("-3.5"),
        accrued_funding_usd=Decimal("0.75"),
        equity_usd=Decimal(1000),
    )


def snapshot():
    health = AccountHealth(
        venue="HYPERLIQUID",
        equity_usd=Decimal("20000.12"),
        cash_usd=Decimal(20000),
        free_collateral_usd=Decimal("19000.5"),
        initial_margin_usd=Decimal("999.62"),
        maintenance_margin_usd=Decimal(500),
        positions=(),
        ts_event_ns=1,
    )
    signal = Signal(
        action=Action.ENTER,
        asset="HYPE",
        long_venue="PARADEX",
        short_venue="HYPERLIQUID",
        spread_apr=Decimal("2.5"),
        absorbable_usd=Decimal(54321),
        reason="SPREAD_MET",
        ts_ns=1,
    )
    return Snapshot(
        title="test",
        uptime_secs=75,
        funding_hours=Decimal("7.5"),
        next_hour_secs=3,
        venues=(
            VenueRow("HYPERLIQUID", (("private", "OK"), ("public", "STALE")), health, pnl("HYPERLIQUID", "1.5", "20.25", "-9")),
            VenueRow("PARADEX", (), None, None),
        ),
        assets=(
            AssetRow("HYPE", (Decimal("2.6"), Decimal("0.1")), (Decimal(38), None), signal),
            AssetRow("BTC", (Decimal("-0.05"), None), (None, None), None),
        ),
        legs=(
            LegRow("HYPE", "HYPERLIQUID", Decimal(-250), Decimal(38), Decimal("38.1"), Decimal(-25)),
            LegRow("HYPE", "PARADEX", Decimal(250), Decimal(38), None, Decimal(24)),
        ),
        events=("12:00:00  signal ENTER HYPE",),
    )


def test_a_frame_shows_connections_funding_legs_delta_and_parts_of_the_result():
    text = drawn(render(snapshot()))
    for part in (
        "private OK",
        "public STALE",
        "20,000.12",
        "+260.00 %",
        "+250.00 %",
        "54,321",
        "enter: spread met",
        "waiting for data",
        "HYPE delta +0",
        "-9,525.00",
        "+20.25",
        "+12.75",
        "connecting",
        "up 1:15",
        "signal ENTER HYPE",
    ):
        assert part in text, part


def test_the_table_of_parts_sums_both_venues():
    text = drawn(pnl_table([pnl("HYPERLIQUID", "1", "2", "-0.5"), pnl("PARADEX", "-4", "3", "-0.25")]))
    both = next(line for line in text.splitlines() if line.startswith(" both") or line.startswith("both"))
    assert both.split()[1:5] == ["-3.00", "+5.00", "-0.75", "+1.25"]


def test_amounts_have_a_sign_and_nothing_is_minus_zero():
    assert str(usd(Decimal("1234.5"))) == "+1,234.50"
    assert str(usd(Decimal("-0.004"))) == "+0.00"
    assert str(usd(None)) == "–"
    assert str(percent(Decimal("-0.0123"))) == "-1.23 %"


def test_plain_lines_say_what_is_open_and_what_it_earned(capsys):
    screen = LineScreen(every_secs=0)
    screen.show(snapshot())
    screen.event("12:00:01  something")
    lines = capsys.readouterr().out.splitlines()
    assert "HYPE -250 HYPERLIQUID, HYPE +250 PARADEX" in lines[0]
    assert "result +10.00 USD" in lines[0]
    assert lines[1] == "12:00:01  something"


def test_a_line_without_legs_says_what_keeps_the_widest_spread_from_being_entered(capsys):
    flat = msgspec.structs.replace(snapshot(), legs=())
    LineScreen(every_secs=0).show(flat)
    assert "flat, HYPE" in capsys.readouterr().out
    LineScreen(every_secs=0).show(msgspec.structs.replace(flat, assets=()))
    assert "flat, waiting for data" in capsys.readouterr().out


def test_a_line_that_nobody_can_read_does_no_harm(monkeypatch):
    class Gone:
        def write(self, _text):
            raise BrokenPipeError

        flush = write

    monkeypatch.setattr("sys.stdout", Gone())
    LineScreen().event("something")


def test_a_frame_fits_the_terminal_and_gives_up_titles_and_events_first():
    for height in (24, 30, 34, 50):
        lines = drawn(render(snapshot(), height)).splitlines()
        assert len(lines) <= height
        assert any("both" in line for line in lines), "the result is never cut off"
    assert "Profit and loss" not in drawn(render(snapshot(), 24))
    assert "Profit and loss" in drawn(render(snapshot(), 50))
