"""Permits: what the gate let through, once each, exactly as it was when it was judged."""

from typing import Any

from nautilus_trader.execution.messages import ModifyOrder


class Permits:
    """One-use permits of commands, kept by the identity of the command object.

    A strategy cannot make one: it would have to be in this register, which only the gate writes. The command is
    held until its permit is used, so no other object can take its identity; what it asked when it was judged is
    compared when the permit is used, so an order cannot grow in between.
    """

    def __init__(self) -> None:
        self._issued: dict[int, tuple[Any, list[Any], tuple[Any, ...]]] = {}

    def issue(self, command: Any, orders: list[Any]) -> None:
        """Let a command pass once; permits whose orders ended without them are forgotten."""
        over = [key for key, (_, held, _) in self._issued.items() if all(order.is_closed for order in held)]
        for key in over:
            del self._issued[key]
        self._issued[id(command)] = (command, orders, _asked(command, orders))

    def redeem(self, command: Any, orders: list[Any]) -> bool:
        """Return whether a command may pass, as it is now, and take its permit."""
        entry = self._issued.pop(id(command), None)
        return entry is not None and entry[2] == _asked(command, orders)

    def __len__(self) -> int:
        return len(self._issued)


def _asked(command: Any, orders: list[Any]) -> tuple[Any, ...]:
    if isinstance(command, ModifyOrder):  # what the order is meanwhile is another command's doing
        return (command.client_order_id, command.quantity, command.price, command.trigger_price)
    return tuple(
        (
            order.client_order_id,
            order.instrument_id,
            order.side,
            order.quantity,
            order.price if order.has_price else None,
            order.is_reduce_only,
        )
        for order in orders
    )
