from decimal import Decimal

import pytest

from simulators.faults import Fault, FaultKind
from simulators.paradex import payloads, sbe
from simulators.paradex.health import liquidation_share
from simulators.paradex.margin import account_value, account_view, initial_margin, liquidation_price, maintenance_margin
from simulators.paradex.settings import Settings

BTC, ETH = "BTC-USD-PERP", "ETH-USD-PERP"


def required_over_value(desk):
    markets = desk.exchange.markets
    return maintenance_margin(desk.trader, markets) / account_value(desk.trader, markets)


def endanger(desk, value_usd):
    """Leave the trader an account worth `value_usd`."""
    desk.trader.money.cash_usd += Decimal(value_usd) - account_value(desk.trader, desk.exchange.markets)


def hold(desk, market=BTC, size="1", side="BUY"):
    desk.trader.money.cash_usd += 10**6
    desk.order(market=market, type="MARKET", size=size, side=side)
    held = abs(desk.trader.money.size(market))
    assert held == Decimal(size)
    return held


def test_a_healthy_account_is_left_alone(desk):
    hold(desk)
    for _ in range(3):
        desk.step(5.0)
    assert not desk.trader.liquidations
    assert desk.trader.status == "ACTIVE"


def test_every_position_loses_the_same_least_share_when_maintenance_margin_exceeds_the_value(desk):
    held = {BTC: hold(desk), ETH: hold(desk, ETH, "10", "SELL")}
    required = maintenance_margin(desk.trader, desk.exchange.markets)
    endanger(desk, required * Decimal("0.98"))
    before = desk.trader.money.cash_usd
    desk.step(5.0)
    (liquidation,) = desk.trader.liquidations
    share = liquidation.share
    assert 0 < share < 1
    assert share % Decimal("0.05") == 0
    assert required_over_value(desk) < Decimal("0.9")
    fills = [fill for fill in desk.trader.fills if fill.fill_type == "LIQUIDATION"]
    assert {fill.market: fill.is_buy for fill in fills} == {BTC: False, ETH: True}
    for fill in fills:
        step = desk.exchange.markets[fill.market].terms.size_step
        assert share * held[fill.market] <= fill.size < share * held[fill.market] + step
        assert abs(desk.trader.money.size(fill.market)) == held[fill.market] - fill.size
    penalty = sum(fill.fee for fill in fills)
    assert penalty == liquidation.penalty_usd == pytest.approx(share * Decimal("0.7") * required, rel=Decimal("0.02"))
    moved = sum(fill.realized_pnl + fill.realized_funding - fill.fee for fill in fills)
    assert desk.trader.money.cash_usd == before + moved


@pytest.mark.parametrize(
    ("value", "share"),
    [("99.9", "0.3"), ("98", "0.35"), ("90", "0.55"), ("70", "1"), ("0", "1"), ("-5", "1")],
)
def test_the_share_is_the_least_that_brings_the_ratio_below_ninety_percent(value, share):
    value, required = Decimal(value), Decimal(100)
    settings = Settings()
    found = liquidation_share(value, required, settings)

    def ratio_is_safe(part):
        return (1 - part) * required < Decimal("0.9") * (value - part * Decimal("0.7") * required)

    if found < 1:
        assert ratio_is_safe(found)
    assert not ratio_is_safe(found - Decimal("0.05"))
    assert found == Decimal(share)


def test_the_account_shows_its_liquidation_and_is_active_again_once_healthy(desk):
    hold(desk)
    endanger(desk, maintenance_margin(desk.trader, desk.exchange.markets) * Decimal("0.98"))
    desk.step(5.0)
    view = account_view(desk.trader, desk.exchange.markets, 1)
    assert payloads.account(view, 1)["status"] == "LIQUIDATION"
    assert sbe.account(view, 1, 2)[8 + 112] == 2
    desk.trader.money.cash_usd += 10**6
    desk.step(5.0)
    assert payloads.account(account_view(desk.trader, desk.exchange.markets, 1), 1)["status"] == "ACTIVE"
    assert len(desk.trader.liquidations) == 1


def test_a_liquidation_is_told_as_a_closed_reduce_only_order_and_a_fill_of_its_kind(desk):
    hold(desk)
    endanger(desk, 1)
    desk.feed.events.clear()
    desk.step(5.0)
    desk.run()
    (fill,) = desk.told("fill")
    assert payloads.fill(fill)["fill_type"] == "LIQUIDATION"
    assert sbe.fill(fill, 1, 2)[8 + 16] == 2
    order = next(order for order in desk.told("order") if order.id == fill.order_id)
    assert (order.status, order.remaining, order.flags, order.cancel_reason) == ("CLOSED", 0, ("REDUCE_ONLY",), "")
    trades = [trade for trade in desk.exchange.markets[BTC].trades if trade.trade_type == "LIQUIDATION"]
    assert [trade.size for trade in trades] == [fill.size]


def test_health_is_checked_every_five_seconds_and_not_during_maintenance(desk):
    hold(desk)
    desk.step(5.0)
    endanger(desk, 1)
    desk.step(2.0)
    assert not desk.trader.liquidations
    desk.exchange.set_system_state("post_only")
    desk.step(6.0)
    assert not desk.trader.liquidations
    desk.exchange.set_system_state("ok")
    desk.step(0.2)
    assert len(desk.trader.liquidations) == 1


def test_an_account_below_its_initial_margin_loses_the_orders_that_add_risk_and_only_those(desk):
    hold(desk)
    adding = [desk.order(price=desk.price(-100 - n), size="0.5") for n in range(2)]
    hedging = desk.order(price=desk.price(100), side="SELL", size="0.5")
    reducing = desk.order(price=desk.price(150), side="SELL", size="0.5", flags=["REDUCE_ONLY"])
    position_only = initial_margin(desk.trader, desk.exchange.markets)
    endanger(desk, position_only * Decimal("0.9"))
    assert not desk.trader.liquidations
    desk.step(5.0)
    assert [(order.status, order.cancel_reason) for order in adding] == [
        ("OPEN", ""),
        ("CLOSED", "DELEVERAGED"),
    ]
    assert (hedging.status, reducing.status) == ("OPEN", "OPEN")
    endanger(desk, initial_margin(desk.trader, desk.exchange.markets) * Decimal("0.7"))
    desk.step(5.0)
    assert [order.status for order in adding] == ["CLOSED", "CLOSED"]
    assert (hedging.status, reducing.status) == ("OPEN", "OPEN")


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_at_the_liquidation_price_maintenance_margin_equals_the_value(desk, side):
    hold(desk, side=side)
    hold(desk, ETH, "3")
    endanger(desk, 9_000)
    markets = desk.exchange.markets
    price = liquidation_price(desk.trader, BTC, markets)
    assert (price < markets[BTC].mark_usd) == (side == "BUY")
    view = desk.exchange.publisher.position_view(desk.trader, BTC)
    assert payloads.position(view, 1)["liquidation_price"] == payloads.text(price)
    markets[BTC].core.mark_usd = price
    value, required = account_value(desk.trader, markets), maintenance_margin(desk.trader, markets)
    assert value == pytest.approx(required, abs=Decimal("0.0001"))


def test_a_position_that_cannot_be_liquidated_has_no_liquidation_price(desk):
    assert liquidation_price(desk.trader, BTC, desk.exchange.markets) is None
    hold(desk, size="0.01")
    assert liquidation_price(desk.trader, BTC, desk.exchange.markets) is None


def test_a_price_shock_moves_mark_and_index_and_liquidates(desk):
    hold(desk, size="5")
    endanger(desk, 20_000)
    before = desk.exchange.markets[BTC].mark_usd
    desk.faults.inject(Fault(kind=FaultKind.PRICE_SHOCK, path=BTC, reason="-0.04", secs=8.0))
    desk.step(5.0)
    assert desk.exchange.markets[BTC].mark_usd < before * Decimal("0.97")
    assert desk.trader.liquidations
    desk.step(8.0)
    assert desk.exchange.markets[BTC].mark_usd > before * Decimal("0.99")


def test_positions_and_account_are_told_again_when_the_mark_moves_and_not_otherwise(desk):
    desk.order(type="MARKET", size="0.1")
    desk.step(1.0)
    desk.feed.events.clear()
    desk.step(1.0)
    assert desk.told("position") == [BTC]
    assert len(desk.told("account")) == 1
    desk.exchange.set_system_state("cancel_only")  # the mark stands still
    desk.feed.events.clear()
    desk.step(1.0)
    assert not desk.told("position")


def test_the_history_of_an_account_holds_value_and_traded_volume(desk):
    desk.step(5.0)
    order = desk.order(type="MARKET", size="0.01")
    desk.step(5.0)
    first, last = desk.trader.values[0], desk.trader.values[-1]
    assert (first.value_usd, first.volume_usd) == (20_000, 0)
    assert last.volume_usd == order.filled_usd
    assert last.value_usd < 20_000
