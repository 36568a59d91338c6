from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.matching import Book, Order, SelfTrade

D = Decimal


def order(number, owner, is_buy, price, size):
    return Order(str(number), owner, is_buy, None if price is None else D(price), D(size))


def rested(book, *orders):
    for item in orders:
        book.rest(item)
    return book


orders = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", "cid"]), st.booleans(), st.integers(90, 110), st.integers(1, 20)),
    min_size=1,
    max_size=40,
)


@given(orders)
def test_a_book_is_never_crossed_and_loses_no_size(rows):
    book, traded, canceled, given_size = Book(), D(0), D(0), D(0)
    for number, (owner, is_buy, price, size) in enumerate(rows):
        item = order(number, owner, is_buy, price, size)
        given_size += item.size
        taken = book.take(item)
        traded += 2 * taken.size
        canceled += sum((gone.remaining for gone in taken.canceled), D(0))
        if item.remaining:
            book.rest(item)
        assert all(trade.maker.owner != trade.taker.owner for trade in taken.trades)
        if book.best_bid is not None and book.best_ask is not None:
            assert book.best_bid < book.best_ask
    resting = sum((size for is_buy in (True, False) for _, size, _ in book.levels(is_buy, 100)), D(0))
    assert traded + canceled + resting == given_size


@given(orders)
def test_executions_respect_limits_and_walk_outwards(rows):
    book = Book()
    for number, (owner, is_buy, price, size) in enumerate(rows):
        item = order(number, owner, is_buy, price, size)
        prices = [trade.price for trade in book.take(item).trades]
        assert prices == sorted(prices, reverse=not is_buy)
        assert all(item.accepts(price) for price in prices)
        if item.remaining:
            book.rest(item)


def test_earlier_orders_at_a_price_trade_first():
    first, second = order(1, "ann", False, 100, 1), order(2, "bob", False, 100, 1)
    book = rested(Book(), first, second)
    taken = book.take(order(3, "cid", True, 100, "1.5"))
    assert [trade.maker for trade in taken.trades] == [first, second]
    assert second.remaining == D("0.5")
    assert book.levels(False, 5) == [(D(100), D("0.5"), 1)]


def test_a_market_order_takes_all_there_is():
    book = rested(Book(), order(1, None, True, 99, 1), order(2, None, True, 50, 2))
    taken = book.take(order(3, "ann", False, None, 5))
    assert (taken.size, taken.notional) == (D(3), D(199))
    assert book.best_bid is None


@pytest.mark.parametrize(
    ("rule", "canceled", "taker_canceled", "traded"),
    [
        (SelfTrade.CANCEL_RESTING, ["1"], False, D(1)),
        (SelfTrade.CANCEL_TAKING, [], True, D(0)),
        (SelfTrade.CANCEL_BOTH, ["1"], True, D(0)),
    ],
)
def test_an_owner_never_trades_with_itself(rule, canceled, taker_canceled, traded):
    book = rested(Book(), order(1, "ann", False, 100, 1), order(2, "bob", False, 101, 1))
    taken = book.take(order(3, "ann", True, 101, 1), rule)
    assert [gone.id for gone in taken.canceled] == canceled
    assert taken.taker_canceled is taker_canceled
    assert taken.size == traded


def test_the_house_trades_through_a_resting_user_and_keeps_the_user_in_front():
    book = Book()
    book.set_house([order(0, None, True, 99, 5)], [order(0, None, False, 101, 5)])
    mine = order(1, "ann", True, 100, 2)
    book.rest(mine)
    trades = book.set_house([order(0, None, True, 98, 5)], [order(0, None, False, 100, 5)])
    assert [(trade.maker, trade.price, trade.size) for trade in trades] == [(mine, D(100), D(2))]
    assert book.levels(False, 5) == [(D(100), D(3), 1)]
    assert book.levels(True, 5) == [(D(98), D(5), 1)]


def test_a_cancelled_order_is_gone_once():
    book = rested(Book(), order(1, "ann", True, 100, 1))
    assert book.would_cross(False, D(100))
    assert book.cancel("1") is not None
    assert book.cancel("1") is None
    assert book.best_bid is None
