"""Random trading of two accounts: what the venue's records say must agree with each other."""

import random
from decimal import Decimal

import pytest

STP = ("EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", None)


def trade_at_random(desk, rng):
    account, market = rng.choice([desk.trader, desk.second]), rng.choice(list(desk.exchange.markets.values()))
    size = (Decimal(rng.uniform(15, 4000)) / market.mark_usd).quantize(market.terms.size_step)
    fields = {"market": market.symbol, "side": rng.choice(["BUY", "SELL"]), "size": str(size), "stp": rng.choice(STP)}
    fields["flags"] = rng.choice([[], [], ["REDUCE_ONLY"]])
    if rng.random() < 0.4:
        fields["type"] = "MARKET"
    else:
        fields["price"] = desk.price(rng.randint(-6, 6), market=market.symbol)
        fields["instruction"] = rng.choice(["GTC", "IOC", "POST_ONLY"])
    order = desk.queue(account, **fields)
    desk.run(0.06)
    if rng.random() < 0.3 and order.is_live:
        desk.engine.cancel(account, order)
    if rng.random() < 0.5:
        desk.step(rng.choice([0.2, 0.2, 5, 40]))


@pytest.mark.parametrize("prorata", [False, True])
def test_cash_positions_orders_and_book_agree_after_random_trading(make_desk, prorata):
    desk, rng = make_desk(11, 10.0), random.Random(11)
    desk.settings.prorata_funding = prorata
    for _ in range(120):
        trade_at_random(desk, rng)
    for account in (desk.trader, desk.second):
        fills = list(account.fills)
        assert len(fills) > 10
        assert account.money.cash_usd == 20_000 + sum(f.realized_pnl + f.realized_funding - f.fee for f in fills)
        assert sum(payment.payment for payment in account.payments) == sum(fill.realized_funding for fill in fills)
        for market in desk.exchange.markets.values():
            signed = [fill.size if fill.is_buy else -fill.size for fill in fills if fill.market == market.symbol]
            assert account.money.size(market.symbol) == sum(signed)
        for order in account.orders.values():
            assert sum(fill.size for fill in fills if fill.order_id == order.id) == order.size - order.remaining
            rests = desk.exchange.markets[order.market].core.book.get(order.id) is not None
            assert rests == (order.status == "OPEN")
