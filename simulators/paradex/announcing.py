"""How the venue tells what happened: orders and fills in either sequence, then money, with the faults of telling."""

from collections.abc import Callable, Iterable
from copy import copy
from random import Random

from simulators.faults import FaultBoard, FaultKind
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.feed import Feed
from simulators.paradex.records import VenueOrder
from simulators.paradex.settlement import Settled

Schedule = Callable[[float, Callable[[], None]], object]
FILL_LATE_SECS = (0.001, 0.01)


class Announcer:
    """Puts events onto the feed; `schedule(delay_secs, callback)` is the event loop's."""

    def __init__(self, feed: Feed, faults: FaultBoard, dice: Random, schedule: Schedule) -> None:
        self.feed = feed
        self._faults, self._dice, self._schedule = faults, dice, schedule

    def order(self, account: ParadexAccount, order: VenueOrder) -> None:
        """Tell an order as it is now."""
        self.feed.order(account, copy(order))
        if self._faults.take(FaultKind.DUPLICATE_ORDER_EVENT, f"orders.{order.market}"):
            self.feed.order(account, copy(order))

    def trades(self, settled: list[Settled], also: Iterable[tuple[ParadexAccount, VenueOrder]]) -> None:
        """Tell the orders and fills of some trades, and other orders with them; an order filled up is closed."""
        orders = {order.id: (account, order) for account, order in also}
        for item in settled:
            if not item.order.remaining:
                item.order.status = "CLOSED"
            orders[item.order.id] = (item.account, item.order)
        fault = self._faults.take(FaultKind.DELAY_FILL, f"fills.{settled[0].fill.market}") if settled else None
        fills_first = fault is None and self._dice.random() < 0.5
        if fills_first:
            self._fills(settled)
        for account, order in orders.values():
            self.order(account, order)
        if settled and not fills_first:
            self._schedule(fault.secs if fault else self._dice.uniform(*FILL_LATE_SECS), lambda: self._fills(settled))
        for account, order in orders.values():
            if order.status == "OPEN" and not any(item.account is account for item in settled):
                self.feed.account(account)  # a resting order binds margin

    def money(self, settled: list[Settled]) -> list[tuple[ParadexAccount, str]]:
        """Tell what trades did to cash, positions and accounts; return which positions they touched."""
        for item in settled:
            self.feed.balance_event(item.account, item.balance)
            if item.payment:
                self.feed.funding_payment(item.account, item.payment)
        touched = {(id(item.account), item.fill.market): (item.account, item.fill.market) for item in settled}
        for account, market in touched.values():
            self.feed.position(account, market)
            self.feed.account(account)
        return list(touched.values())

    def _fills(self, settled: list[Settled]) -> None:
        for item in settled:
            self.feed.fill(item.account, item.fill)
            if self._faults.take(FaultKind.DUPLICATE_FILL, f"fills.{item.fill.market}"):
                self.feed.fill(item.account, item.fill)
