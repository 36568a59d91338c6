"""The gate in a real engine: native denials, in-flight counting, and no way round it on stop."""

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.enums import OrderSide, OrderStatus
from scripted_scene import HL, Scene, Scripted

from risk.in_force import LimitsInForce
from risk.limits import Limits


def statuses(orders: list[Any]) -> list[OrderStatus]:
    return [order.status for order in orders]


FILLED, DENIED = OrderStatus.FILLED, OrderStatus.DENIED


def test_an_order_over_the_limit_is_denied_natively_and_told() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    (order,) = scene.run((5, lambda: strategy.market(OrderSide.BUY, "251")))
    assert order.status == DENIED
    assert order.last_event.reason.startswith("POSITION_LIMIT: HYPE-USD-PERP.HYPERLIQUID would reach 10042.51 USD")
    (refused,) = scene.refused
    assert (refused.scope, refused.reason) == (order.client_order_id.value, "POSITION_LIMIT")
    assert (refused.limit, refused.value) == (10_000, Decimal("10042.51"))


def test_what_is_held_counts() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    orders = scene.run(
        (5, lambda: strategy.market(OrderSide.BUY, "200")),
        (6, lambda: strategy.market(OrderSide.BUY, "50")),
        (7, lambda: strategy.market(OrderSide.BUY, "49")),
    )
    assert statuses(orders) == [FILLED, DENIED, FILLED]
    assert scene.net() == 249


@pytest.mark.parametrize("latency_secs", [0.0, 3.0])
def test_orders_in_flight_count_too(latency_secs: float) -> None:
    strategy = Scripted()
    scene = Scene(strategy, latency_secs=latency_secs)

    def three_at_once() -> None:
        for _ in range(3):
            strategy.market(OrderSide.BUY, "100")

    orders = scene.run((5, three_at_once))
    assert sorted(statuses(orders), key=str) == sorted([FILLED, FILLED, DENIED], key=str)
    assert scene.net() == 200


def test_resting_orders_count_until_they_are_gone() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []
    orders = scene.run(
        (5, lambda: resting.append(strategy.resting("200"))),
        (6, lambda: strategy.market(OrderSide.BUY, "100")),
        (7, lambda: strategy.cancel_order(resting[0])),
        (8, lambda: strategy.market(OrderSide.BUY, "100")),
    )
    assert statuses(orders) == [OrderStatus.CANCELED, DENIED, FILLED]


def test_reducing_passes_when_nothing_else_does() -> None:
    strategy = Scripted()
    scene = Scene(strategy)

    def stop_reporting() -> None:
        strategy.clock.cancel_timer("health")

    tight = Limits(account_age_secs_max=1.0)
    scene.gate._limits = LimitsInForce(tight)
    orders = scene.run(
        (3, lambda: strategy.market(OrderSide.BUY, "200")),
        (4, stop_reporting),
        (8, lambda: strategy.market(OrderSide.BUY, "1")),
        (9, lambda: strategy.market(OrderSide.SELL, "50")),
        (10, lambda: strategy.market(OrderSide.SELL, "400")),  # would flip
        (11, lambda: strategy.market(OrderSide.SELL, "400", reduce_only=True)),
    )
    assert statuses(orders) == [FILLED, DENIED, FILLED, DENIED, FILLED]
    assert {refused.reason for refused in scene.refused} == {"ACCOUNT_STALE"}
    assert scene.net() == 0


def test_what_a_strategy_sends_while_it_stops_passes_the_gate_as_well() -> None:
    strategy = Scripted(on_stopping=lambda own: own.market(OrderSide.BUY, "251"))
    scene = Scene(strategy)
    (order,) = scene.run((5, lambda: None))
    assert order.status == DENIED


def test_a_list_is_refused_as_a_whole() -> None:
    strategy = Scripted()
    scene = Scene(strategy)

    def two_in_a_list() -> None:
        quantity = strategy.cache.instrument(HL).make_qty(150)
        orders = [strategy.order_factory.market(HL, OrderSide.BUY, quantity) for _ in range(2)]
        strategy.submit_order_list(strategy.order_factory.create_list(orders))

    assert statuses(scene.run((5, two_in_a_list))) == [DENIED, DENIED]
    assert len(scene.refused) == 1


def test_a_modification_may_not_raise_what_an_order_could_not_have_asked_for() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []

    def resize(quantity: int) -> None:
        strategy.modify_order(resting[0], strategy.cache.instrument(HL).make_qty(quantity))

    (order,) = scene.run((5, lambda: resting.append(strategy.resting("200"))), (6, lambda: resize(260)), (7, lambda: resize(240)))
    assert order.quantity.as_decimal() == 240
    (reason,) = strategy.rejected_modifications
    assert reason.startswith("POSITION_LIMIT")


def test_a_market_order_is_judged_by_the_price_it_would_get() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    scene.gate._limits = LimitsInForce(Limits(price_deviation_bps_max=Decimal(1)))
    (order,) = scene.run((5, lambda: strategy.market(OrderSide.BUY, "1")))
    assert order.last_event.reason.startswith("PRICE_DEVIATION")


def test_listening_twice_takes_over_once() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    scene.gate.listen()
    (order,) = scene.run((5, lambda: strategy.market(OrderSide.BUY, "1")))
    assert order.status == FILLED


def test_a_modification_may_not_ask_a_price_that_an_order_could_not() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []

    def reprice(price: float) -> None:
        strategy.modify_order(resting[0], price=strategy.cache.instrument(HL).make_price(price))

    (order,) = scene.run(
        (5, lambda: resting.append(strategy.resting("10"))), (6, lambda: reprice(44)), (7, lambda: reprice(39.9))
    )
    (reason,) = strategy.rejected_modifications
    assert reason.startswith("PRICE_DEVIATION")
    assert order.price.as_double() == 39.9


def test_a_modification_counts_instead_of_the_order_it_replaces() -> None:
    strategy = Scripted()
    scene = Scene(strategy)
    resting: list[Any] = []

    def reprice() -> None:  # the old order and the new one together would be beyond the limit
        strategy.modify_order(resting[0], price=strategy.cache.instrument(HL).make_price(39.9))

    (order,) = scene.run((5, lambda: resting.append(strategy.resting("200"))), (6, reprice))
    assert strategy.rejected_modifications == []
    assert order.price.as_double() == 39.9
