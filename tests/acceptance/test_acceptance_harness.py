"""The suite's own instruments: what reads histories reads all of them."""

from harness import history, names


class OrderFilled: ...


class OrderCanceled: ...


def test_fills_in_a_row_count_as_one_and_nothing_else_does():
    events = [OrderFilled(), OrderFilled(), OrderCanceled(), OrderFilled(), OrderCanceled(), OrderCanceled()]
    assert names(events) == ["OrderFilled", "OrderCanceled", "OrderFilled", "OrderCanceled", "OrderCanceled"]
    assert history(type("Order", (), {"events": events})) == ["Filled", "Canceled", "Filled", "Canceled", "Canceled"]
