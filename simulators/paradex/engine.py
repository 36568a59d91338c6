"""The exchange behind the wire: the life of an order from 201/NEW through the risk check to CLOSED.

Everything after NEW happens later, after a seeded delay: the answer to a request never tells the
outcome. `schedule(delay_secs, callback)` is the event loop's, `now_ns` the wall clock.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from decimal import Decimal

from simulators.faults import FaultBoard, FaultKind
from simulators.matching import Book, Order, SelfTrade, Trade
from simulators.paradex import checks
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.announcing import Announcer, Schedule
from simulators.paradex.errors import ApiError
from simulators.paradex.feed import Feed
from simulators.paradex.ids import Ids
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import ModifyState, VenueOrder
from simulators.paradex.requests import OrderRequest
from simulators.paradex.rpi import RpiOrder
from simulators.paradex.settings import Settings
from simulators.paradex.settlement import Settled, Settlement, takes_retail_slot

SELF_TRADE_RULES = {
    "EXPIRE_MAKER": SelfTrade.CANCEL_RESTING,
    "EXPIRE_TAKER": SelfTrade.CANCEL_TAKING,
    "EXPIRE_BOTH": SelfTrade.CANCEL_BOTH,
}


class Engine:
    """Orders, matching and settlement of all markets."""

    def __init__(
        self,
        *,
        markets: dict[str, ParadexMarket],
        settings: Settings,
        faults: FaultBoard,
        ids: Ids,
        feed: Feed,
        schedule: Schedule,
        now_ns: Callable[[], int],
        seed: int,
    ) -> None:
        self.markets, self.settings, self.faults, self.ids = markets, settings, faults, ids
        self.system_state = "ok"
        self._schedule, self._now_ns = schedule, now_ns
        self._random = random.Random(f"{seed}/paradex/engine")
        self._orders: dict[str, tuple[ParadexAccount, VenueOrder]] = {}
        self._waiting: list[tuple[ParadexAccount, VenueOrder]] = []  # conditional orders
        self._settlement = Settlement(self._orders, settings, ids)
        self._announcer = Announcer(feed, faults, self._random, schedule)

    @property
    def feed(self) -> Feed:
        """Whoever is told what happens."""
        return self._announcer.feed

    @feed.setter
    def feed(self, feed: Feed) -> None:
        self._announcer.feed = feed

    def submit(self, account: ParadexAccount, request: OrderRequest, *, is_interactive: bool) -> VenueOrder:
        """Queue an order and return it as NEW. Raise ApiError when it is refused at once."""
        self._check_state(request)
        if request.instruction == "RPI" and account.address not in self.settings.rpi_accounts:
            raise ApiError("RPI_ACCOUNT_NOT_WHITELISTED")
        live = account.live_orders(request.market)
        if len(live) >= self.markets[request.market].terms.max_open_orders:
            raise ApiError("REQUEST_NOT_ALLOWED", "too many open orders")
        if request.client_id and any(order.client_id == request.client_id for order in account.live_orders()):
            raise ApiError("DUPLICATED_CLIENT_ID")
        order = self._new_order(account, request, is_interactive=is_interactive)
        self.feed.order(account, copy(order))
        self._later(lambda: self._admit(account, order), bump=is_interactive)
        return order

    def cancel(
        self, account: ParadexAccount, order: VenueOrder, reason: str = checks.USER_CANCELED, *, bump: bool = False
    ) -> None:
        """Queue a cancellation; the order may still trade until it is processed."""
        self._later(lambda: self._cancel(account, order, reason), bump=bump)

    def cancel_all(
        self, account: ParadexAccount, market: str | None = None, reason: str = checks.USER_CANCELED, *, bump: bool = False
    ) -> None:
        """Queue the cancellation of all live orders, or of one market's."""
        for order in account.live_orders(market):
            self.cancel(account, order, reason, bump=bump)

    def modify(self, account: ParadexAccount, order: VenueOrder, request: OrderRequest, *, is_interactive: bool) -> VenueOrder:
        """Queue a change of size (the new total) and price. Raise ApiError when the order does not rest."""
        self._check_state(request)
        if order.status != "OPEN":
            raise ApiError("ORDER_IS_CLOSED" if not order.is_live else "ORDER_IS_NOT_OPEN")
        if (request.market, request.is_buy, request.kind) != (order.market, order.is_buy, order.kind):
            raise ApiError("VALIDATION_ERROR", "only size and price can be modified")
        now_ms = self._now_ns() // 1_000_000
        order.modify, order.updated_ms = ModifyState(self.ids.order_id(now_ms), "PENDING"), now_ms
        self.feed.order(account, copy(order))
        self._later(lambda: self._change(account, order, request), bump=is_interactive)
        return order

    def step(self, now_ns: int) -> None:
        """Advance every market: house quotes, fills of resting orders, triggers, funding and publications."""
        for market in self.markets.values():
            trades = market.step(now_ns, self.system_state)
            prints = list(market.core.prints)[-len(trades) :] if trades else []
            self._announce(self._settlement.settle(market, trades, prints, now_ns // 1_000_000))
            if self.system_state == "ok":
                self._trigger(market)
            elif self.system_state == "post_only":
                self._drop_far_orders(market)
            self.feed.book(market)
            self.feed.summary(market)
            if sample := market.due_sample(now_ns):
                self.feed.funding(market, sample)

    def close(self, account: ParadexAccount, order: VenueOrder, reason: str) -> None:
        """End a live order at once; nothing happens to a closed one."""
        self._close(account, order, reason)

    def liquidate(self, account: ParadexAccount, market: ParadexMarket, size: Decimal, penalty_usd: Decimal) -> None:
        """Take `size` of a position over at the mark price, as a closed market order of the account shows."""
        is_buy = account.money.size(market.symbol) < 0
        price = market.core.round_price(market.mark_usd, up=is_buy)
        now_ms = self._now_ns() // 1_000_000
        request = OrderRequest(
            market=market.symbol,
            is_buy=is_buy,
            kind="MARKET",
            size=size,
            price=price,
            instruction="GTC",
            stp="EXPIRE_TAKER",
            flags=("REDUCE_ONLY",),
            client_id="",
            trigger_price=None,
            signed_ms=now_ms,
        )
        order = self._new_order(account, request, is_interactive=False)
        self._announce([self._settlement.liquidate(account, order, market, penalty_usd, now_ms)])
        self.feed.book(market)

    def rollback(self, accounts: Iterable[ParadexAccount], since_ms: int) -> int:
        """Undo every fill since a moment, latest first, with a trade bust each; return how many there were."""
        undone = 0
        for account in accounts:
            busted = {bust.fill_id for bust in account.busts}
            recent = [fill for fill in reversed(account.fills) if fill.created_ms >= since_ms and fill.id not in busted]
            for fill in recent:
                self.bust(account, fill.id)
            undone += len(recent)
        return undone

    def bust(self, account: ParadexAccount, fill_id: str) -> None:
        """Revert a fill of an account, as the chain does when it rejects one.

        Raise KeyError when the account has no such fill or it was reverted before.
        """
        fill = next((fill for fill in account.fills if fill.id == fill_id), None)
        if fill is None or any(bust.fill_id == fill_id for bust in account.busts):
            raise KeyError(fill_id)
        bust, settled = self._settlement.bust(account, fill, self.markets[fill.market], self._now_ns() // 1_000_000)
        self.feed.trade_bust(account, bust)
        self._announce_money([settled])

    def _check_state(self, request: OrderRequest) -> None:
        if self.system_state == "maintenance":
            raise ApiError("SERVICE_UNAVAILABLE", "system is under maintenance", status=503)
        if self.system_state == "cancel_only":
            raise ApiError("SYSTEM_STATUS_CANCEL_ONLY")
        if self.system_state == "post_only" and request.instruction not in ("POST_ONLY", "RPI"):
            raise ApiError("SYSTEM_STATUS_POST_ONLY")

    def _new_order(self, account: ParadexAccount, request: OrderRequest, *, is_interactive: bool) -> VenueOrder:
        now_ns = self._now_ns()
        now_ms = now_ns // 1_000_000
        order = VenueOrder(
            id=self.ids.order_id(now_ms),
            account=account.address_text,
            market=request.market,
            is_buy=request.is_buy,
            kind=request.kind,
            size=request.size,
            price=request.price,
            instruction=request.instruction,
            stp=request.stp,
            flags=request.flags,
            client_id=request.client_id,
            trigger_price=request.trigger_price,
            signed_ms=request.signed_ms,
            created_ms=now_ms,
            is_interactive=is_interactive and takes_retail_slot(account, now_ns / 1e9),
            remaining=request.size,
            updated_ms=now_ms,
        )
        account.add(order)
        self._orders[order.id] = (account, order)
        return order

    def _later(self, action: Callable[[], None], *, bump: bool) -> None:
        delay = self._random.uniform(*self.settings.latency_secs) + (self.settings.retail_bump_secs if bump else 0.0)
        self._schedule(delay, action)

    def _admit(self, account: ParadexAccount, order: VenueOrder) -> None:
        """Let a queued order through the risk check, or close it."""
        if not order.is_live:
            return
        if fault := self.faults.take(FaultKind.REJECT_NEXT_ORDER, f"order {order.market} {order.client_id}"):
            self._close(account, order, fault.reason or checks.NOT_ENOUGH_MARGIN)
        elif order.is_conditional:
            self._waiting.append((account, order))
            self._set_status(account, order, "UNTRIGGERED")
        else:
            self._execute(account, order)

    def _execute(self, account: ParadexAccount, order: VenueOrder) -> None:
        if reason := checks.refusal(order, account, self.markets):
            self._close(account, order, reason)
        else:
            self._match(account, order)

    def _match(self, account: ParadexAccount, order: VenueOrder) -> None:
        market = self.markets[order.market]
        limit = checks.market_limit(order, market) if order.is_market else order.price
        if limit is None:
            self._close(account, order, checks.NO_LIQUIDITY)
            return
        resting = _book_order(account, order, limit)
        taken = market.take(resting, SELF_TRADE_RULES[order.stp], retail=order.is_interactive)
        settled = self._settle(market, taken.trades)
        self._finish(order, market, resting, taken_out=taken.taker_canceled)
        self._announce(settled, also=[(account, order)])
        for maker in taken.canceled:
            self._close(*self._orders[maker.id], checks.SELF_TRADE)
        self.feed.book(market)

    def _finish(self, order: VenueOrder, market: ParadexMarket, resting: Order, *, taken_out: bool) -> None:
        """Decide what becomes of an order that has taken what it could."""
        if not order.remaining:
            order.status = "CLOSED"
        elif taken_out:
            order.status, order.cancel_reason = "CLOSED", checks.SELF_TRADE
        elif order.is_market or order.instruction == "IOC":
            order.status, order.cancel_reason = "CLOSED", checks.IOC_REMAINDER
        else:
            order.status = "OPEN"
            market.book_of(order.instruction).rest(resting)
        order.updated_ms = self._now_ns() // 1_000_000

    def _settle(self, market: ParadexMarket, trades: Sequence[Trade]) -> list[Settled]:
        now_ns = self._now_ns()
        prints = market.core.record(trades, now_ns)
        return self._settlement.settle(market, trades, prints, now_ns // 1_000_000)

    def _change(self, account: ParadexAccount, order: VenueOrder, request: OrderRequest) -> None:
        """Apply a queued modification, or leave the order as it was and say why."""
        assert order.modify is not None
        filled = order.size - order.remaining
        if order.status != "OPEN" or request.size <= filled:
            self._answer_modify(
                account, order, "REJECTED", "order is not open" if not order.is_live else "size is filled already"
            )
            return
        before = (order.size, order.remaining, order.price)
        self._book(order).cancel(order.id)
        order.size, order.remaining, order.price, order.status = request.size, request.size - filled, request.price, "NEW"
        reason = checks.refusal(order, account, self.markets)
        if reason:
            order.size, order.remaining, order.price = before
            self._rest_again(account, order)
            self._answer_modify(account, order, "REJECTED", reason)
            return
        order.modify, order.signed_ms = ModifyState(order.modify.id, "SUCCESS"), request.signed_ms
        self._match(account, order)

    def _rest_again(self, account: ParadexAccount, order: VenueOrder) -> None:
        order.status = "OPEN"
        self._book(order).rest(_book_order(account, order, order.price))

    def _answer_modify(self, account: ParadexAccount, order: VenueOrder, status: str, message: str) -> None:
        assert order.modify is not None
        order.modify = ModifyState(order.modify.id, status, message)
        self._announcer.order(account, order)

    def _book(self, order: VenueOrder) -> Book:
        return self.markets[order.market].book_of(order.instruction)

    def _cancel(self, account: ParadexAccount, order: VenueOrder, reason: str) -> None:
        """Process a queued cancellation, unless a fault lets a fill come first."""
        fault = order.status == "OPEN" and self.faults.take(FaultKind.FILL_BEFORE_CANCEL, f"order {order.market}")
        resting = self._book(order).cancel(order.id) if fault else None
        if resting is None or resting.price is None:
            self._close(account, order, reason)
            return
        market = self.markets[order.market]
        house = Order("", None, not order.is_buy, resting.price, resting.remaining)
        trade = Trade(resting, house, resting.price, resting.remaining)
        self._announce(self._settle(market, [trade]))
        self.feed.book(market)

    def _drop_far_orders(self, market: ParadexMarket) -> None:
        """Cancel what would trade far from the outside price once the system is back."""
        live = [pair for pair in self._orders.values() if pair[1].status == "OPEN" and pair[1].market == market.symbol]
        for account, order in live:
            if checks.is_far_through_fair(order, market.core.oracle_usd):
                self._close(account, order, checks.MAINTENANCE)

    def _close(self, account: ParadexAccount, order: VenueOrder, reason: str) -> None:
        """End a live order without a trade; nothing happens to a closed one."""
        if not order.is_live:
            return
        rested = self._book(order).cancel(order.id)
        order.cancel_reason = reason
        self._set_status(account, order, "CLOSED")
        if rested is not None:
            self.feed.book(self.markets[order.market])
            self.feed.account(account)

    def _set_status(self, account: ParadexAccount, order: VenueOrder, status: str) -> None:
        order.status, order.updated_ms = status, self._now_ns() // 1_000_000
        self._announcer.order(account, order)

    def _trigger(self, market: ParadexMarket) -> None:
        self._waiting = [pair for pair in self._waiting if pair[1].status == "UNTRIGGERED"]
        for account, order in self._waiting:
            if order.market == market.symbol and _is_triggered(order, market.mark_usd):
                self._execute(account, order)

    def _announce(self, settled: list[Settled], also: Iterable[tuple[ParadexAccount, VenueOrder]] = ()) -> None:
        self._announcer.trades(settled, also)
        self._announce_money(settled)

    def _announce_money(self, settled: list[Settled]) -> None:
        for account, market in self._announcer.money(settled):
            self._drop_reductions(account, market)

    def _drop_reductions(self, account: ParadexAccount, market: str) -> None:
        """Close resting reduce-only orders that the changed position no longer covers."""
        for order in account.live_orders(market):
            if order.status == "OPEN" and order.reduce_only and not checks.fits_reduction(order, account):
                self._close(account, order, checks.REDUCE_ONLY_WILL_INCREASE)


def _book_order(account: ParadexAccount, order: VenueOrder, limit: Decimal | None) -> Order:
    kind = RpiOrder if order.instruction == "RPI" else Order
    return kind(order.id, account.address_text, order.is_buy, limit, order.remaining)


def _is_triggered(order: VenueOrder, mark: Decimal) -> bool:
    """Whether the mark price has reached the trigger: stops follow the move, take-profits wait against it."""
    assert order.trigger_price is not None
    above = order.is_buy != order.kind.startswith("TAKE_PROFIT")
    if "STOP_CONDITION_ABOVE_TRIGGER" in order.flags or "STOP_CONDITION_BELOW_TRIGGER" in order.flags:
        above = "STOP_CONDITION_ABOVE_TRIGGER" in order.flags
    return mark >= order.trigger_price if above else mark <= order.trigger_price
