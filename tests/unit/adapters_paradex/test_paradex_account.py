from decimal import Decimal

import pytest

from adapters.paradex import reports
from adapters.paradex.account import AccountView
from adapters.paradex.account_feed import AccountFeed
from adapters.paradex.schemas import Account, Balance, BalanceEvent, FundingPaymentRow, Position
from messages import topics

MARKET = "BTC-USD-PERP"
D = Decimal


def account(value: str = "1000.5", free: str = "700", at: int = 1) -> Account:
    return Account(
        account_value=D(value), free_collateral=D(free), initial_margin_requirement=D(200),
        maintenance_margin_requirement=D(100), updated_at=at,
    )  # fmt: skip


def position(size: str = "-0.5", at: int = 1, **fields) -> Position:
    fields = {"unrealized_pnl": D("-2.5"), "unrealized_funding_pnl": D("0.5"), "status": "OPEN"} | fields
    return Position(market=MARKET, size=D(size), average_entry_price=D(60000), last_updated_at=at, **fields)


def payment(number: str = "p-1", amount: str = "1.25") -> FundingPaymentRow:
    return FundingPaymentRow(id=number, market=MARKET, payment=D(amount), fill_id="f-1", created_at=7)


def test_health_separates_price_profit_from_funding():
    view = AccountView()
    assert view.health(9) is None
    view.on_account(account())
    view.on_balances([Balance(token="DIME", size=D(5)), Balance(token="USDC", size=D(1002), last_updated_at=1)])
    view.on_positions([position(liquidation_price=D(0))], asked_ms=5)
    health = view.health(9)
    assert (health.equity_usd, health.cash_usd, health.ts_event_ns) == (D("1000.5"), D(1002), 1_000_000)
    (held,) = health.positions
    assert (held.quantity, held.unrealized_pnl_usd, held.liquidation_price_usd) == (D("-0.5"), D(-3), None)
    (accrual,) = view.accruals(9)
    assert (accrual.accrued_usd, accrual.position_quantity) == (D("0.5"), D("-0.5"))


def test_older_news_never_replaces_newer():
    view = AccountView()
    assert view.on_account(account(at=5))
    assert not view.on_account(account("1", at=4))
    view.on_balance_event(BalanceEvent(settlement_asset_balance_after=D(10), created_at=5))
    view.on_balances([Balance(token="USDC", size=D(11), last_updated_at=4)])
    assert view.cash_usd == D(10)
    assert view.on_position(position("0", at=5, status="CLOSED"))
    assert not view.on_position(position("1", at=4))
    assert view.accruals(0) == []


def test_a_list_of_positions_is_the_whole_truth():
    view = AccountView()
    view.on_positions([position(at=9000)], asked_ms=9000)
    view.on_positions([], asked_ms=9500)
    assert len(view.accruals(0)) == 1  # pushed while the list was on its way
    view.on_positions([], asked_ms=10_001)
    assert view.accruals(0) == []
    assert view.position_quantity(MARKET) == D("-0.5")  # what the payment of the closing fill was for


def test_a_payment_counts_once_from_push_and_rest():
    published = []
    feed = AccountFeed(
        http=None, emit_state=lambda _: None, publish=lambda topic, message: published.append((topic, message)), now_ns=lambda: 9
    )
    feed.on_push(position())
    feed.on_push(payment())
    feed.on_push(payment())
    feed.on_push(payment("p-2", "-3"))
    payments = [message for topic, message in published if topic == topics.FUNDING_PAYMENT]
    assert [(row.payment_id, row.amount_usd, row.position_quantity) for row in payments] == [
        ("p-1", D("1.25"), D("-0.5")),
        ("p-2", D(-3), D("-0.5")),
    ]


@pytest.mark.parametrize(
    ("value", "free", "expected"),
    [
        ("1000.12345678", "700.11111111", (D("1000.12345678"), D("700.11111111"))),
        ("1000", "1200", (D(1000), D(1000))),
        ("1000", "-5", (D(1000), D(0))),
        ("-20", "0", (D(-20), D(-20))),
    ],
)
def test_balances_add_up_to_the_digit(value, free, expected):
    balance = reports.account_balance(account(value, free))
    assert (balance.total.as_decimal(), balance.free.as_decimal()) == expected
    assert balance.total.as_decimal() - balance.locked.as_decimal() == balance.free.as_decimal()
