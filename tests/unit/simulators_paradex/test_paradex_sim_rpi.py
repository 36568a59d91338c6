"""Retail price improvement: a better book for interactive takers."""

from decimal import Decimal

import pytest

from simulators.matching import Book, Order, SelfTrade
from simulators.paradex import payloads
from simulators.paradex.errors import ApiError
from simulators.paradex.rpi import RpiOrder, house_quotes, take_best

BTC = "BTC-USD-PERP"


def test_the_interactive_book_is_the_book_and_better_prices_inside_its_spread(desk):
    market = desk.exchange.markets[BTC]
    for _ in range(5):
        desk.step()
        api, interactive = market.bbo(), market.bbo(interactive=True)
        assert api.bid < interactive.bid < interactive.ask < api.ask
        assert api.seq == interactive.seq
        deep, deeper = market.snapshot(), market.snapshot(interactive=True)
        assert set(deep.bids) <= set(deeper.bids)
        assert [price for price, _ in deeper.bids] == sorted((price for price, _ in deeper.bids), reverse=True)
        assert [price for price, _ in deeper.asks] == sorted(price for price, _ in deeper.asks)


def test_rest_shows_both_best_prices_beside_either_book(desk):
    market = desk.exchange.markets[BTC]
    body = payloads.book_rest(market.snapshot(5), market.bbo(), market.bbo(interactive=True))
    assert body["bids"][0] == body["best_bid_api"]
    assert Decimal(body["best_bid_interactive"][0]) > Decimal(body["best_bid_api"][0])
    assert Decimal(body["best_ask_interactive"][0]) < Decimal(body["best_ask_api"][0])


def test_only_interactive_takers_meet_the_better_price(desk):
    market = desk.exchange.markets[BTC]
    best = market.bbo(interactive=True)
    retail = desk.queue(desk.trader, interactive=True, type="MARKET", size="0.001")
    desk.run()
    (fill,) = desk.fills(retail)
    assert (fill.price, fill.fill_type, fill.flags, fill.fee) == (best.ask, "RPI", ("interactive", "rpi"), 0)
    api = market.bbo().ask
    pro = desk.order(type="MARKET", size="0.001")
    (fill,) = desk.fills(pro)
    assert (fill.price, fill.fill_type, fill.flags) == (api, "FILL", ())
    assert [trade.trade_type for trade in list(market.trades)[-2:]] == ["RPI", "FILL"]


def test_a_large_interactive_order_goes_on_into_the_book_by_price(desk):
    market = desk.exchange.markets[BTC]
    size = market.bbo(interactive=True).ask_size + market.bbo().ask_size
    order = desk.queue(desk.trader, interactive=True, type="MARKET", size=str(size))
    desk.run()
    fills = desk.fills(order)
    assert [fill.fill_type for fill in fills] == ["RPI", "FILL"]
    assert fills[0].price < fills[1].price


def test_rpi_orders_need_whitelisting_and_then_rest_for_retail_alone(desk):
    with pytest.raises(ApiError, match="RPI_ACCOUNT_NOT_WHITELISTED"):
        desk.queue(desk.trader, price=desk.price(0), instruction="RPI")
    desk.settings.rpi_accounts.add(desk.trader.address)
    market = desk.exchange.markets[BTC]
    tick = market.terms.tick
    price = market.bbo(interactive=True).ask - tick
    quote = desk.order(side="SELL", price=str(price), size="0.01", instruction="RPI")
    assert quote.status == "OPEN"
    assert market.bbo(interactive=True).ask == price
    assert market.bbo().ask > price
    pro = desk.order(desk.second, type="MARKET", size="0.001")
    assert quote.remaining == Decimal("0.01")
    retail = desk.queue(desk.second, interactive=True, type="MARKET", size="0.01")
    desk.run()
    assert (quote.status, pro.remaining, retail.remaining) == ("CLOSED", 0, 0)
    (fill,) = desk.fills(quote)
    assert (fill.is_maker, fill.fill_type, fill.fee, fill.flags) == (True, "RPI", 0, ("rpi",))


def test_an_rpi_order_never_takes_and_can_be_cancelled(desk):
    desk.settings.rpi_accounts.add(desk.trader.address)
    market = desk.exchange.markets[BTC]
    crossing = desk.order(price=str(market.bbo(interactive=True).ask), instruction="RPI")
    assert crossing.cancel_reason == "POST_ONLY_WOULD_CROSS"
    quote = desk.order(price=desk.price(-30), instruction="RPI")
    desk.engine.cancel(desk.trader, quote)
    desk.run()
    assert (quote.status, market.rpi.get(quote.id)) == ("CLOSED", None)


def book(*orders):
    made = Book()
    for order in orders:
        made.rest(order)
    return made


def ask(price, size, kind=Order, owner=None, name=""):
    return kind(name, owner, False, Decimal(price), Decimal(size))


def test_at_one_price_the_public_book_goes_first():
    main, rpi = book(ask("100", 1), ask("102", 1)), book(ask("100", 1, RpiOrder), ask("101", 1, RpiOrder))
    taker = Order("t", "me", True, Decimal("101.5"), Decimal(5))
    taken = take_best(taker, (main, rpi), SelfTrade.CANCEL_RESTING)
    assert [(trade.price, isinstance(trade.maker, RpiOrder)) for trade in taken.trades] == [
        (100, False),
        (100, True),
        (101, True),
    ]
    assert (taker.remaining, taker.price) == (2, Decimal("101.5"))


def test_a_taker_that_meets_itself_stops_or_goes_on_as_its_rule_says():
    def books():
        return book(ask("101", 1)), book(ask("100", 1, RpiOrder, "me", "mine"))

    taker = Order("t", "me", True, Decimal(105), Decimal(1))
    assert take_best(taker, books(), SelfTrade.CANCEL_TAKING).taker_canceled
    assert taker.remaining == 1
    taken = take_best(taker, books(), SelfTrade.CANCEL_RESTING)
    assert ([order.id for order in taken.canceled], [trade.price for trade in taken.trades]) == (["mine"], [101])


def test_the_house_improves_nothing_where_the_tick_leaves_no_room():
    narrow = book(ask("100.1", 1), Order("", None, True, Decimal(100), Decimal(1)))
    assert house_quotes(narrow, Decimal("0.1")) == ([], [])
    assert house_quotes(Book(), Decimal("0.1")) == ([], [])
