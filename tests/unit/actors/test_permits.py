"""Permits: once, for one object, and for what it asked when it was judged."""

from types import SimpleNamespace
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity

from actors.permits import Permits

HL = InstrumentId.from_str("HYPE-USD-PERP.HYPERLIQUID")


def order(quantity: int = 1, *, key: str = "O-1") -> Any:
    return SimpleNamespace(
        client_order_id=ClientOrderId(key),
        instrument_id=HL,
        side=1,
        quantity=Quantity.from_int(quantity),
        has_price=True,
        price=Price.from_str("40.0"),
        is_reduce_only=False,
        is_closed=False,
    )


def modify(quantity: int) -> ModifyOrder:
    key = ClientOrderId("O-1")
    asked = Quantity.from_int(quantity)
    return ModifyOrder(TraderId("T-1"), StrategyId("S-1"), HL, key, None, asked, None, None, UUID4(), 0)


def test_a_permit_is_good_once_and_for_its_own_object() -> None:
    permits, command, one = Permits(), object(), order()
    permits.issue(command, [one])
    assert not permits.redeem(object(), [one])
    assert permits.redeem(command, [one])
    assert not permits.redeem(command, [one])


def test_an_order_that_grew_after_it_was_judged_has_no_permit() -> None:
    for change in ({"quantity": Quantity.from_int(2)}, {"price": Price.from_str("41.0")}, {"side": 2}, {"is_reduce_only": True}):
        permits, command, one = Permits(), object(), order()
        permits.issue(command, [one])
        vars(one).update(change)
        assert not permits.redeem(command, [one]), change
        vars(one).update(vars(order()))
        assert not permits.redeem(command, [one]), "a permit shown in vain is used up"


def test_a_list_that_got_another_order_has_no_permit() -> None:
    permits, command = Permits(), object()
    permits.issue(command, [order()])
    assert not permits.redeem(command, [order(), order(key="O-2")])


def test_a_modifications_permit_does_not_ask_what_became_of_the_order_meanwhile() -> None:
    permits, command, one = Permits(), modify(5), order()
    permits.issue(command, [one])
    one.quantity = Quantity.from_int(3)
    assert permits.redeem(command, [])
    assert not permits.redeem(modify(5), [])


def test_permits_of_orders_that_ended_without_them_are_forgotten() -> None:
    permits, ended = Permits(), order()
    permits.issue(object(), [ended])
    ended.is_closed = True
    permits.issue(object(), [order(key="O-2")])
    assert len(permits) == 1
