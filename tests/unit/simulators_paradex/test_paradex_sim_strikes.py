"""Faults of the exchange itself, with the test's own clock."""

from decimal import Decimal

import pytest

from simulators.faults import Fault, FaultKind
from simulators.paradex import payloads, sbe
from simulators.paradex.auth import Caller
from simulators.paradex.errors import TokenError
from simulators.paradex.margin import account_value, account_view

BTC, ETH = "BTC-USD-PERP", "ETH-USD-PERP"


def strike(desk, kind, **fields):
    desk.faults.inject(Fault(kind=kind, **fields))


def test_a_rollback_undoes_every_fill_after_a_moment_with_a_trade_bust_each(desk):
    desk.order(type="MARKET", size="0.02")
    desk.order(desk.second, type="MARKET", side="SELL", size="0.01")
    for _ in range(3):
        desk.step(20.0)
    cash, second_cash = desk.trader.money.cash_usd, desk.second.money.cash_usd
    view = desk.exchange.publisher.position_view(desk.trader, BTC)
    desk.order(type="MARKET", side="SELL", size="0.01")  # realises funding and profit
    desk.order(type="MARKET", side="SELL", size="0.03")  # turns the position
    desk.order(market=ETH, type="MARKET", size="0.5")
    desk.order(desk.second, type="MARKET", size="0.01")
    undone = [fill.id for fill in desk.trader.fills if fill.created_ms > view.updated_ms + 30_000]
    second_undone = [fill.id for fill in desk.second.fills if fill.created_ms > view.updated_ms + 30_000]
    desk.feed.events.clear()
    strike(desk, FaultKind.ROLLBACK, secs=30.0)
    desk.step(0.0)
    assert (desk.trader.money.cash_usd, desk.second.money.cash_usd) == (cash, second_cash)
    after = desk.exchange.publisher.position_view(desk.trader, BTC)
    for name in ("size", "cost", "cached_index", "realized_pnl", "realized_funding"):
        assert getattr(after, name) == getattr(view, name), name
    assert desk.trader.money.size(ETH) == 0
    assert [bust.fill_id for bust in desk.told("trade_bust")] == [*undone[::-1], *second_undone[::-1]]
    assert sum(event.realized_funding for event in desk.trader.balance_events) == sum(p.payment for p in desk.trader.payments)


def test_a_rollback_happens_once(desk):
    desk.order(type="MARKET", size="0.02")
    assert desk.exchange.rollback(60.0, desk.now_ns) == len(desk.trader.fills)
    assert desk.exchange.rollback(60.0, desk.now_ns) == 0
    with pytest.raises(KeyError):
        desk.engine.bust(desk.trader, desk.trader.fills[0].id)
    assert desk.trader.money.cash_usd == 20_000


def test_busting_an_earlier_fill_keeps_the_books_balanced(desk):
    first = desk.order(type="MARKET", size="0.02")
    desk.step(30.0)
    desk.order(type="MARKET", size="0.01")
    desk.engine.bust(desk.trader, desk.fills(first)[0].id)
    left = Decimal("0.03") - desk.fills(first)[0].size
    assert desk.trader.money.size(BTC) == left
    cash = Decimal(20_000)
    for event in desk.trader.balance_events:
        assert event.before == cash
        cash += event.realized_pnl + event.realized_funding - event.fees
        assert event.after == cash
    assert desk.trader.money.cash_usd == cash


def test_the_index_starts_again_at_zero_and_owes_nobody_anything(desk):
    desk.order(type="MARKET", size="0.5")
    for _ in range(5):
        desk.step(20.0)
    market = desk.exchange.markets[BTC]
    value = account_value(desk.trader, desk.exchange.markets)
    accrued = desk.trader.unrealized_funding(BTC, market.funding.index)
    other = desk.exchange.markets[ETH].funding.index
    strike(desk, FaultKind.RESET_INDEX, path=BTC)
    desk.step(0.0)
    assert accrued < 0
    assert market.history.samples[-1].index == 0
    assert [sample.index for sample in desk.told("funding") if sample.market == BTC][-1] == 0
    assert desk.exchange.markets[ETH].funding.index == other
    assert desk.trader.unrealized_funding(BTC, market.funding.index) == accrued
    assert account_value(desk.trader, desk.exchange.markets) == pytest.approx(value, abs=Decimal(20))
    rows = market.history.newest_first(None, None, 3)
    assert (rows[0].index, rows[1].index > 23_000) == (0, True)


def test_a_queued_cancel_may_lose_to_a_fill(desk):
    order = desk.order(price=desk.price(-20), size="0.01")
    strike(desk, FaultKind.FILL_BEFORE_CANCEL, path=BTC)
    desk.trading.cancel(Caller(desk.trader, False), order)
    desk.run()
    (fill,) = desk.fills(order)
    assert (order.status, order.remaining, order.cancel_reason) == ("CLOSED", 0, "")
    assert (fill.is_maker, fill.price, desk.trader.money.size(BTC)) == (True, order.price, Decimal("0.01"))
    assert desk.exchange.markets[BTC].core.book.get(order.id) is None


def test_a_fill_may_be_told_twice_and_counts_once(desk):
    strike(desk, FaultKind.DUPLICATE_FILL)
    order = desk.order(type="MARKET", size="0.001")
    desk.run()
    (fill,) = desk.fills(order)
    assert desk.told("fill") == [fill, fill]
    assert desk.trader.money.size(BTC) == Decimal("0.001")


def test_one_order_of_a_batch_may_fail_while_the_others_go_on(desk):
    strike(desk, FaultKind.FAIL_BATCH_ITEM, path="leg-2", reason="INTERNAL_ERROR")
    bodies = [desk.body(desk.trader, price=desk.price(-10), client_id=f"leg-{n}") for n in (1, 2, 3)]
    first, second, third = desk.trading.create_batch(Caller(desk.trader, False), bodies)
    assert (first.status, second.code, third.status) == ("NEW", "INTERNAL_ERROR", "NEW")
    assert {order.client_id for order in desk.trader.orders.values()} == {"leg-1", "leg-3"}


def test_one_leg_of_a_batch_may_be_closed_by_the_risk_check(desk):
    strike(desk, FaultKind.REJECT_NEXT_ORDER, path="leg-2", reason="NOT_ENOUGH_MARGIN")
    bodies = [desk.body(desk.trader, type="MARKET", client_id=f"leg-{n}") for n in (1, 2)]
    first, second = desk.trading.create_batch(Caller(desk.trader, False), bodies)
    desk.run()
    assert (first.remaining, second.cancel_reason, second.remaining) == (0, "NOT_ENOUGH_MARGIN", second.size)


def test_revoked_tokens_are_worth_nothing_and_new_ones_work(desk):
    registry, now_secs = desk.exchange.registry, desk.now_ns // 10**9
    old = registry.token(desk.trader, now_secs)
    assert desk.exchange.authenticate(old).account is desk.trader
    strike(desk, FaultKind.REVOKE_TOKENS)
    desk.step(0.0)
    with pytest.raises(TokenError, match="revoked"):
        desk.exchange.authenticate(old)
    assert desk.exchange.authenticate(registry.token(desk.trader, now_secs)).account is desk.trader


@pytest.mark.parametrize("offset_secs", [400.0, -400.0])
def test_a_wrong_clock_refuses_orders_signed_by_a_right_one(desk, offset_secs):
    desk.settings.clock_offset_secs = 200.0
    assert desk.order(price=desk.price(-10)).status == "OPEN"  # within the receive window of 300 s
    strike(desk, FaultKind.CLOCK_OFFSET, secs=offset_secs)
    desk.step(0.0)
    with pytest.raises(Exception, match="INVALID_TIMESTAMP"):
        desk.queue(desk.trader, price=desk.price(-10))


@pytest.mark.parametrize(("status", "code"), [("RESYNC", 254), ("LIQUIDATION", 2)])
def test_an_account_may_show_any_status_for_a_while(desk, status, code):
    strike(desk, FaultKind.ACCOUNT_STATUS, reason=status, secs=2.0)
    desk.step(1.0)
    view = account_view(desk.trader, desk.exchange.markets, 1)
    assert (payloads.account(view, 1)["status"], sbe.account(view, 1, 2)[8 + 112]) == (status, code)
    desk.step(2.0)
    assert desk.trader.status == "ACTIVE"


def test_best_prices_may_be_published_wider_than_the_market_allows(desk):
    market = desk.exchange.markets[BTC]
    strike(desk, FaultKind.WIDE_BBO, path=BTC, reason="0.15", secs=2.0)
    desk.step(0.5)
    wide = market.bbo()
    assert wide.ask / wide.bid - 1 > Decimal("0.3")
    assert desk.exchange.markets[ETH].bbo().ask / desk.exchange.markets[ETH].bbo().bid - 1 < Decimal("0.01")
    assert wide.bid < market.core.book.best_bid  # the book itself is as it was
    desk.step(2.0)
    assert market.bbo().ask / market.bbo().bid - 1 < Decimal("0.01")
