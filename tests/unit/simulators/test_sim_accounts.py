from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from simulators.accounts import Account

D = Decimal
prices = st.integers(1, 100_000_000).map(lambda cents: D(cents) / 1000)
sizes = st.integers(1, 10_000_000).map(lambda units: D(units) / 100_000)
fees = st.integers(-1000, 1_000_000).map(lambda units: D(units) / 1_000_000)
fills = st.lists(st.tuples(st.booleans(), sizes, prices, fees), min_size=1, max_size=30)


@given(fills, prices)
def test_cash_and_open_profit_are_conserved(rows, mark):
    account = Account(cash_usd=D(1000))
    expected = D(1000)
    for is_buy, size, price, fee in rows:
        account.apply_fill("X", is_buy, size, price, fee)
        expected += (size if is_buy else -size) * (mark - price) - fee
    assert account.equity_usd({"X": mark}) == expected


@given(fills, prices)
def test_closing_all_leaves_a_flat_account_with_all_profit_realised(rows, last):
    account = Account()
    realized, paid = D(0), D(0)
    for is_buy, size, price, fee in rows:
        effect = account.apply_fill("X", is_buy, size, price, fee)
        assert effect.size_after - effect.size_before == (size if is_buy else -size)
        realized += effect.realized_usd
        paid += fee
    size = account.size("X")
    if size:
        realized += account.apply_fill("X", size < 0, abs(size), last).realized_usd
    assert account.size("X") == 0
    assert account.positions == {}
    assert account.cash_usd == realized - paid


def test_a_reduction_realises_against_the_average_entry():
    account = Account()
    account.apply_fill("X", True, D(1), D(100))
    account.apply_fill("X", True, D(1), D(110))
    assert account.positions["X"].entry_usd == D(105)
    assert account.apply_fill("X", False, D("0.5"), D(115)).realized_usd == D(5)
    assert account.positions["X"].entry_usd == D(105)


def test_a_flip_realises_the_old_side_and_opens_the_new_at_its_price():
    account = Account()
    account.apply_fill("X", False, D(2), D(100))
    effect = account.apply_fill("X", True, D(3), D(90))
    assert (effect.size_before, effect.size_after, effect.realized_usd) == (D(-2), D(1), D(20))
    assert account.positions["X"].entry_usd == D(90)


def test_initial_margin_follows_the_leverage():
    account = Account(default_leverage=10)
    account.apply_fill("X", False, D(2), D(100))
    assert account.initial_margin_usd({"X": D(110)}) == D(22)
    account.leverage["X"] = 5
    assert account.initial_margin_usd({"X": D(110)}) == D(44)
