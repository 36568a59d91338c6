from copy import copy
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from simulators.paradex.accounts import Execution, open_account
from simulators.paradex.records import to_cash

SIZES = st.integers(1, 500).map(lambda n: Decimal(n) * Decimal("0.00001"))
PRICES = st.integers(800_000, 880_000).map(lambda n: Decimal(n) / 10)
MOVES = st.integers(-(10**9), 10**9).map(lambda n: Decimal(n) / 10**10)


def fill(is_buy, size, price, index, fee="0"):
    return Execution("BTC-USD-PERP", is_buy, Decimal(size), Decimal(price), Decimal(fee), Decimal(index), 1)


def account(cash="20000"):
    return open_account(1, 2, "0x1", Decimal(cash), 0)


@given(st.lists(st.tuples(st.booleans(), SIZES, PRICES, MOVES), min_size=1, max_size=40), st.booleans())
def test_cash_moves_by_profit_plus_funding_minus_fees_exactly(trades, prorata):
    user, index, expected = account(), Decimal("23784.07241073547335"), Decimal(20_000)
    for is_buy, size, price, move in trades:
        index += move
        fee = to_cash(size * price * Decimal("0.00045"))
        booked = user.book(fill(is_buy, size, price, index, fee), "1", prorata=prorata)
        expected += booked.realized_pnl + booked.realized_funding - fee
        assert user.money.cash_usd == expected == booked.cash_after
        assert -booked.cash_after.as_tuple().exponent <= 8


@given(st.lists(st.tuples(st.booleans(), SIZES, PRICES, MOVES), min_size=1, max_size=40), st.booleans())
def test_price_profit_and_funding_of_a_closed_position_are_what_the_tape_paid(trades, prorata):
    user, index, size, paid, funding = account(), Decimal(100), Decimal(0), Decimal(0), Decimal(0)
    for is_buy, wanted, price, move in [*trades, (True, None, Decimal(84_000), Decimal("0.5"))]:
        funding -= size * move
        index += move
        change = -size if wanted is None else wanted if is_buy else -wanted
        if change:
            user.book(fill(change > 0, abs(change), price, index), "1", prorata=prorata)
        paid -= change * price
        size += change
    assert user.money.size("BTC-USD-PERP") == 0
    assert abs(user.money.cash_usd - 20_000 - paid - funding) < Decimal("0.000001")


def test_a_partial_reduction_realises_the_whole_funding_by_default():
    user = account()
    user.book(fill(True, 4, 100, 10), "1", prorata=False)
    booked = user.book(fill(False, 1, 100, 12), "1", prorata=False)
    assert booked.realized_funding == -8
    assert user.unrealized_funding("BTC-USD-PERP", Decimal(12)) == 0


def test_a_partial_reduction_may_realise_its_share_only():
    user = account()
    user.book(fill(True, 4, 100, 10), "1", prorata=True)
    booked = user.book(fill(False, 1, 100, 12), "1", prorata=True)
    assert booked.realized_funding == -2
    assert user.unrealized_funding("BTC-USD-PERP", Decimal(12)) == -6


def test_a_position_shows_running_funding_within_its_unrealised_profit():
    user = account()
    user.book(fill(False, 2, 100, 10), "1", prorata=False)
    view = user.position_view("BTC-USD-PERP", Decimal(90), Decimal(13), Decimal(50), None)
    assert (view.size, view.unrealized_funding, view.unrealized_pnl, view.is_long) == (-2, 6, 26, False)
    assert view.cached_index == 10


def test_a_closed_position_stays_visible_and_a_new_one_begins_afresh():
    user = account()
    user.book(fill(True, 2, 100, 10), "1", prorata=False)
    user.book(fill(False, 2, 110, 11), "1", prorata=False)
    closed = user.position_view("BTC-USD-PERP", Decimal(90), Decimal(13), Decimal(50), None)
    assert (closed.status, closed.size, closed.realized_pnl, closed.realized_funding) == ("CLOSED", 0, 18, -2)
    user.book(fill(True, 1, 100, 20), "1", prorata=False)
    opened = user.position_view("BTC-USD-PERP", Decimal(100), Decimal(20), Decimal(50), None)
    assert (opened.status, opened.realized_pnl, opened.unrealized_pnl) == ("OPEN", 0, 0)


@given(st.lists(st.tuples(st.booleans(), SIZES, PRICES, MOVES), min_size=2, max_size=20), st.integers(1, 19), st.booleans())
def test_reverting_the_latest_fills_restores_money_position_and_funding_exactly(trades, kept, prorata):
    user, index, past = account(), Decimal(100), []
    for number, (is_buy, size, price, move) in enumerate(trades):
        index += move
        user.book(fill(is_buy, size, price, index, "0.1"), str(number), prorata=prorata)
        past.append((user.money.cash_usd, copy(user.money.positions.get("BTC-USD-PERP")), copy(user.states["BTC-USD-PERP"])))
    kept = min(kept, len(trades) - 1)
    for number in range(len(trades) - 1, kept - 1, -1):
        assert user.revert("BTC-USD-PERP", str(number), 5) is not None
    cash, position, state = past[kept - 1]
    assert user.money.cash_usd == cash
    assert user.money.positions.get("BTC-USD-PERP") == position
    assert replace(user.states["BTC-USD-PERP"], updated_ms=0) == replace(state, updated_ms=0)


def test_only_the_latest_fill_of_a_market_can_be_reverted_exactly():
    user = account()
    user.book(fill(True, 2, 100, 10), "1", prorata=False)
    user.book(fill(True, 1, 101, 10), "2", prorata=False)
    assert user.revert("BTC-USD-PERP", "1", 5) is None
    assert user.money.size("BTC-USD-PERP") == 3


def test_an_index_set_back_leaves_what_is_accrued():
    user = account()
    user.book(fill(True, 2, 100, 10), "1", prorata=False)
    user.book(fill(True, 1, 100, 11), "2", prorata=False)
    assert user.unrealized_funding("BTC-USD-PERP", Decimal(13)) == -6
    user.rebase_funding("BTC-USD-PERP", Decimal(13))
    assert user.unrealized_funding("BTC-USD-PERP", Decimal(0)) == -6
    user.revert("BTC-USD-PERP", "2", 5)
    assert user.unrealized_funding("BTC-USD-PERP", Decimal(0)) == -6
