"""The price grid, and wire structs as Nautilus objects."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.enums import BookAction, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId

from adapters.hyperliquid import grid, parsing, schemas

PRICES = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal("9999999"), places=8).filter(lambda price: price > 0)
SZ_DECIMALS = st.integers(0, 5)


def btc():
    return parsing.instrument(
        schemas.PerpMeta("BTC", 5, 40), 3, maker_fee=Decimal("0.00015"), taker_fee=Decimal("0.00045"), ts_ns=1
    )


def is_on_grid(price, sz_decimals):
    """The venue's rule, written down independently: as text, digit by digit."""
    if price == price.to_integral_value():
        return True
    whole, _, decimals = f"{price.normalize():f}".partition(".")
    figures = (whole + decimals).lstrip("0")
    return len(decimals) <= 6 - sz_decimals and len(figures) <= 5


@given(PRICES, SZ_DECIMALS, st.booleans())
def test_rounded_prices_are_on_the_grid_and_on_the_asked_side(price, sz_decimals, up):
    rounded = grid.round_price(price, sz_decimals, up=up)
    assert is_on_grid(rounded, sz_decimals)
    assert rounded >= price if up else rounded <= price


@given(PRICES, SZ_DECIMALS)
def test_no_grid_price_lies_between(price, sz_decimals):
    down, up = (grid.round_price(price, sz_decimals, up=up) for up in (False, True))
    assert (down == up) == is_on_grid(price, sz_decimals)
    assert grid.round_price(down, sz_decimals, up=True) == down
    assert grid.round_price(up, sz_decimals, up=False) == up


@pytest.mark.parametrize(
    ("price", "sz_decimals", "up", "expected"),
    [
        ("98450.5", 5, False, "98450"),
        ("98450.5", 5, True, "98451"),
        ("123456", 5, False, "123456"),
        ("1670.15", 4, False, "1670.1"),
        ("0.00123456", 0, True, "0.001235"),
        ("9999.96", 4, True, "10000"),
        ("38.12345", 2, False, "38.123"),
        ("0.0000001", 0, False, "0"),
        ("0", 0, True, "0"),
    ],
)
def test_prices_worked_out_by_hand(price, sz_decimals, up, expected):
    assert grid.round_price(Decimal(price), sz_decimals, up=up) == Decimal(expected)


@given(PRICES.filter(lambda price: price > 1), SZ_DECIMALS, st.integers(0, 500))
def test_market_bounds_allow_at_least_the_slippage(best, sz_decimals, bps):
    buy = grid.bounded_price(best, sz_decimals, is_buy=True, slippage_bps=bps)
    sell = grid.bounded_price(best, sz_decimals, is_buy=False, slippage_bps=bps)
    assert buy >= best * (1 + Decimal(bps) / 10_000)
    assert sell <= best * (1 - Decimal(bps) / 10_000)


def test_symbols_go_there_and_back():
    assert parsing.instrument_id("HYPE") == InstrumentId.from_str("HYPE-USD-PERP.HYPERLIQUID")
    assert parsing.coin(parsing.instrument_id("HYPE")) == "HYPE"


def test_instrument_carries_the_venues_rules():
    made = btc()
    assert (made.price_precision, made.size_precision) == (1, 5)
    assert made.info == {"szDecimals": 5, "asset": 3, "maxLeverage": 40, "marginTiers": []}
    assert (made.margin_init, made.margin_maint) == (Decimal("0.025"), Decimal("0.0125"))
    assert made.min_notional.as_decimal() == 10
    assert not made.is_inverse


def test_one_sided_markets_have_no_quote():
    data = schemas.BboData("BTC", 1, (None, schemas.Level(84144.0, 1.0)))
    assert parsing.quote(data, btc(), 2) is None


def test_quote_keeps_prices_sizes_and_times():
    data = schemas.BboData("BTC", 1790232237145, (schemas.Level(84143.0, 10.25923), schemas.Level(84144.0, 50.66422)))
    tick = parsing.quote(data, btc(), 7)
    assert (str(tick.bid_price), str(tick.ask_size)) == ("84143.0", "50.66422")
    assert (tick.ts_event, tick.ts_init) == (1790232237145000000, 7)


def test_book_is_one_snapshot_closed_by_its_last_delta():
    levels = ([schemas.Level(10.0, 1.0), schemas.Level(9.0, 0.0)], [schemas.Level(11.0, 2.0)])
    deltas = parsing.book_snapshot(schemas.BookData("BTC", levels, 5), btc(), 7).deltas
    assert [delta.action for delta in deltas] == [BookAction.CLEAR, BookAction.ADD, BookAction.ADD]
    assert all(delta.flags & RecordFlag.F_SNAPSHOT for delta in deltas)
    assert [bool(delta.flags & RecordFlag.F_LAST) for delta in deltas] == [False, False, True]


def test_empty_book_is_a_closed_clear():
    (delta,) = parsing.book_snapshot(schemas.BookData("BTC", ([], []), 5), btc(), 7).deltas
    assert delta.action == BookAction.CLEAR
    assert delta.flags & RecordFlag.F_LAST


def test_funding_stays_exact_and_hourly():
    context = schemas.AssetContext(Decimal("0.0000018952"), 84198.0, 84148.0)
    update = parsing.funding_rate(context, btc(), next_funding_ns=99, ts_init=7)
    assert update.rate == Decimal("0.0000018952")
    assert (update.interval, update.next_funding_ns, update.ts_event) == (60, 99, 7)
    assert parsing.mark_price(schemas.AssetContext(Decimal(0), 1.0), btc(), 7) is None
