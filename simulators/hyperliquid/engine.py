"""Orders, matching and accounts of the venue; knows no HTTP, no sockets and no signatures."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from simulators.accounts import ZERO, Account
from simulators.candles import MINUTE_MS
from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.hyperliquid import frames
from simulators.hyperliquid.events import Event
from simulators.hyperliquid.funding import premium_of
from simulators.hyperliquid.margin import Margin, bind_fill, coin_named
from simulators.hyperliquid.past import past_candles
from simulators.hyperliquid.rules import NewOrder, Refusal, refusal
from simulators.hyperliquid.settlement import CASH_STEP_USD, Settlement
from simulators.hyperliquid.universe import LISTED, MAKER_RATE, TAKER_RATE
from simulators.hyperliquid.users import DAY_MS, FundingPaid, User, UserOrder
from simulators.market import Market, Print
from simulators.matching import Order, Taken, Trade
from simulators.tape import Tape, TapeClock

DEFAULT_LEVERAGE = 20
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted order and what it executed at once."""

    order: UserOrder
    filled: Decimal
    average_price: Decimal


class Engine:
    """The venue's state; every change of a user's state leaves an event in `outbox`."""

    def __init__(self, tape: Tape, clock: TapeClock, seed: int, faults: FaultBoard) -> None:
        self.markets = {coin.name: Market(coin.market_spec(), seed) for coin in LISTED}
        self.users: dict[str, User] = {}
        self.outbox: list[Event] = []
        self.settlement = Settlement(self.markets, self.users, self.outbox, tape=tape, clock=clock, faults=faults)
        self.funding = self.settlement.funding
        self.clock, self.tape = clock, tape
        self.shocks: dict[str, Decimal] = {}  # factors on the tape's prices
        self._faults = faults
        self._with_past: set[str] = set()
        self._orders: dict[str, UserOrder] = {}
        self._oid = 57_118_842_000 + seed
        self._random = random.Random(f"{seed}/hyperliquid")
        self.step(clock.start_ns)

    def add_user(self, address: str, cash_usd: Decimal, master: str | None = None) -> User:
        """Open a funded account, of its own or as a master's sub-account."""
        account = Account(cash_usd=cash_usd, default_leverage=DEFAULT_LEVERAGE)
        account.leverage = {coin.name: min(DEFAULT_LEVERAGE, coin.max_leverage) for coin in LISTED}
        user = self.users[address] = User(address, account, master=master)
        return user

    @property
    def hour_ns(self) -> int:
        """The wall length of a funding hour."""
        return self.clock.funding.hour_ns

    @property
    def marks(self) -> Mapping[str, Decimal]:
        """The mark price of every coin, USD."""
        return {name: market.mark_usd for name, market in self.markets.items()}

    def step(self, now_ns: int) -> None:
        """Move every market, settle hours that have ended, fire triggers and scheduled cancels."""
        self.settlement.until(now_ns)
        hours = self.clock.hours(now_ns)
        for name, market in self.markets.items():
            point = self.tape.at(hours, name)
            oracle_usd = point.oracle_usd * self.shocks.get(name, ONE)
            self._book_prints(name, market.step(now_ns, oracle_usd, point.hyperliquid_premium), market, None)
            self.funding[name].sample(premium_of(market), point.hyperliquid_rate_per_hour)
        for user in self.users.values():
            self._fire_triggers(user, now_ns)
            self._cancel_on_schedule(user, now_ns)

    def recall_candles(self, name: str) -> None:
        """Give a coin's bars their past, once; it takes too long to do for a coin nobody asks for."""
        if name in self._with_past:
            return
        self._with_past.add(name)
        candles = self.markets[name].candles
        first_ms = candles.first_ms or self.clock.start_ns // 1_000_000 // MINUTE_MS * MINUTE_MS
        candles.recall(past_candles(self.markets[name], self.tape, self.clock, first_ms))

    def margin(self, user: User) -> Margin:
        """Return a user's margin at the present marks."""
        return Margin(user, self.marks)

    def available_usd(self, user: User) -> Decimal:
        """Return the equity that neither positions nor resting orders bind as margin."""
        return self.margin(user).available_usd

    def place(self, user: User, new: NewOrder, now_ns: int) -> Placed | Refusal:
        """Accept and match an order, or say why not."""
        self.settlement.until(now_ns)  # a fill after the hour earns nothing of the hour before
        market = self.markets[new.coin.name]
        item = self._order(user, new, now_ns)
        if fault := self._faults.take(FaultKind.REJECT_NEXT_ORDER, new.coin.name):
            return self._refuse(
                item, Refusal(fault.reason or "Insufficient margin to place order.", "perpMarginRejected"), now_ns
            )
        if refused := refusal(new, user, market, self.available_usd(user)):
            return self._refuse(item, refused, now_ns)
        if new.trigger is not None:
            self._open(item, now_ns)
            return Placed(item, ZERO, ZERO)
        return self._execute(item, market, now_ns)

    def cancel(self, item: UserOrder, now_ns: int, status: str = "canceled") -> None:
        """End an open order with a status and take it out of the book."""
        self.markets[item.coin].book.cancel(item.resting.id)
        self._close(item, status, now_ns)

    def cancel_all(self, user: User, now_ns: int, status: str) -> None:
        """Take all of a user's orders out of the book."""
        for item in list(user.open_orders.values()):
            self.cancel(item, now_ns, status)

    def fill_resting(self, item: UserOrder, size: Decimal, now_ns: int) -> None:
        """Let the house trade against a part of an open order, at the order's own price."""
        market = self.markets[item.coin]
        size = min(size.quantize(coin_named(item.coin).size_step, ROUND_DOWN), item.remaining)
        if not size:
            return
        taker = Order("", None, not item.is_buy, item.limit_price, size)
        item.resting.remaining -= size
        if not item.remaining:
            market.book.cancel(item.resting.id)
        trades = [Trade(item.resting, taker, item.limit_price, size)]
        self._book_prints(item.coin, trades, market, market.record(trades, now_ns))

    def liquidate_at_market(self, user: User, name: str, size: Decimal, now_ns: int) -> None:
        """Close a part of a position in the book with an order of the venue's own."""
        market, is_buy = self.markets[name], user.account.size(name) < 0
        limit = market.round_price(market.mark_usd * (Decimal("1.1") if is_buy else Decimal("0.9")), up=is_buy)
        item = self._close_out(user, name, size, limit, now_ns)
        item.tif, item.liquidation = "LiquidationMarket", self._liquidation(user.address, name, "market")
        self._take(item, market, now_ns)
        self._close(item, "canceled" if item.remaining else "filled", now_ns)

    def close_off_book(
        self, user: User, name: str, size: Decimal, price: Decimal, now_ns: int, *, direction: str, liquidation: dict[str, str]
    ) -> None:
        """Close a part of a position at a price of the venue's choice, without a fee."""
        price = max(price.quantize(coin_named(name).price_step), coin_named(name).price_step)
        item = self._close_out(user, name, size, price, now_ns)
        item.direction, item.liquidation = direction, liquidation
        self._orders[item.resting.id] = item
        item.resting.remaining = ZERO
        time_ms = now_ns // 1_000_000
        row = Print(self._random.randrange(10**13, 9 * 10**14), price, size, item.is_buy, time_ms, None, None)
        self._fill(item, row, crossed=True, rate=ZERO, liquidation=liquidation)
        self._close(item, "filled", now_ns)

    def enter_ledger(self, user: User, row: dict[str, Any]) -> None:
        """Keep and announce a transfer."""
        user.ledger.append(row)
        self.outbox.append(Event(user.address, "ledger", row))

    def notify_account(self, user: User) -> None:
        """Leave word that a user's leverage or margin changed."""
        self.outbox.append(Event(user.address, "account", {}))

    def _liquidation(self, address: str, name: str, method: str) -> dict[str, str]:
        return {"liquidatedUser": address, "markPx": frames.number(self.markets[name].mark_usd), "method": method}

    def _order(self, user: User, new: NewOrder, now_ns: int) -> UserOrder:
        self._oid += 1
        size = new.size
        if new.reduce_only:
            size = min(size, abs(user.account.size(new.coin.name)))  # capped, no error
        if new.cloid:
            user.oid_by_cloid[new.cloid] = self._oid
        return UserOrder(
            oid=self._oid,
            user=user,
            coin=new.coin.name,
            is_buy=new.is_buy,
            limit_price=new.price,
            size=new.size,
            tif=new.tif,
            reduce_only=new.reduce_only,
            cloid=new.cloid,
            timestamp_ms=now_ns // 1_000_000,
            resting=Order(str(self._oid), user.address, new.is_buy, new.price, size),
            kind=new.kind,
            trigger=new.trigger,
        )

    def _close_out(self, user: User, name: str, size: Decimal, price: Decimal, now_ns: int) -> UserOrder:
        """Return an order the venue itself sends to reduce a position: no client order id, not announced."""
        new = NewOrder(coin_named(name), user.account.size(name) < 0, price, size, "Ioc", False, None)
        item = self._order(user, new, now_ns)
        item.kind = "Market"
        return item

    def _execute(self, item: UserOrder, market: Market, now_ns: int) -> Placed | Refusal:
        if item.tif == "Alo" and market.book.would_cross(item.is_buy, item.limit_price):
            bbo = f"{frames.number(market.book.best_bid or ZERO)}@{frames.number(market.book.best_ask or ZERO)}"
            text = f"Post only order would have immediately matched, bbo was {bbo}."
            return self._refuse(item, Refusal(text, "badAloPxRejected"), now_ns)
        stall = self._faults.take(FaultKind.PARTIAL_FILL, item.coin)
        taken = self._take_part(item, market, stall, now_ns) if stall else self._take(item, market, now_ns)
        if item.tif == "Ioc" and not taken.trades:
            text = "Order could not immediately match against any resting orders."
            return self._refuse(item, Refusal(text, "iocCancelRejected"), now_ns)
        self._rest_or_close(item, market, now_ns)
        return Placed(item, taken.size, taken.notional / taken.size if taken.trades else ZERO)

    def _take(self, item: UserOrder, market: Market, now_ns: int) -> Taken:
        self._orders[item.resting.id] = item
        taken = market.book.take(item.resting)
        for maker in taken.canceled:
            self._close(self._orders[maker.id], "selfTradeCanceled", now_ns)
        self._book_prints(item.coin, taken.trades, market, market.record(taken.trades, now_ns))
        return taken

    def _take_part(self, item: UserOrder, market: Market, stall: Fault, now_ns: int) -> Taken:
        """Fill a fraction at most; the rest stays open and is never matched."""
        step = coin_named(item.coin).size_step
        part = min((item.remaining * Decimal(stall.reason or "0.5")).quantize(step, ROUND_DOWN), item.remaining)
        held = item.remaining - part
        item.resting.remaining, item.is_stalled = part, True
        taken = self._take(item, market, now_ns)
        item.resting.remaining += held
        return taken

    def _rest_or_close(self, item: UserOrder, market: Market, now_ns: int) -> None:
        if not item.remaining:
            self._close(item, "filled", now_ns)
        elif item.tif == "Ioc":
            self._close(item, "canceled", now_ns)
        else:
            if not item.is_stalled:
                market.book.rest(item.resting)
            self._open(item, now_ns)
            self._trim_reduce_only(item.user, item.coin, now_ns)

    def _open(self, item: UserOrder, now_ns: int) -> None:
        item.user.open_orders[item.oid] = item
        self._report(item, "open", now_ns)

    def _refuse(self, item: UserOrder, refused: Refusal, now_ns: int) -> Refusal:
        self._orders.pop(item.resting.id, None)
        if refused.status:
            self._report(item, refused.status, now_ns)
        return refused

    def _close(self, item: UserOrder, status: str, now_ns: int) -> None:
        self._orders.pop(item.resting.id, None)
        item.user.open_orders.pop(item.oid, None)
        self._report(item, status, now_ns)

    def _report(self, item: UserOrder, status: str, now_ns: int) -> None:
        """Freeze the order as it is now under its new status, and tell the user."""
        time_ms = now_ns // 1_000_000
        record = {"order": frames.frontend_order(item), "status": status, "statusTimestamp": time_ms}
        item.user.records.append(record)
        item.user.record_by_oid[item.oid] = record
        row = {"order": frames.order(item), "status": status, "statusTimestamp": time_ms}
        self.outbox.append(Event(item.user.address, "order", row))

    def _book_prints(self, coin: str, trades: list[Trade], market: Market, prints: list[Print] | None) -> None:
        """Book executions to the users in them; a market's own step has recorded its prints already."""
        if not trades:
            return
        rows = prints if prints is not None else list(market.prints)[-len(trades) :]
        for trade, row in zip(trades, rows, strict=True):
            taker = self._orders.get(trade.taker.id)
            liquidation = taker.liquidation if taker else None  # shown to both sides
            for side, crossed in ((trade.maker, False), (trade.taker, True)):
                if item := self._orders.get(side.id):
                    self._fill(item, row, crossed, TAKER_RATE if crossed else MAKER_RATE, liquidation)
                    if not crossed and not item.remaining:
                        self._close(item, "filled", row.time_ms * 1_000_000)

    def _fill(self, item: UserOrder, row: Print, crossed: bool, rate: Decimal, liquidation: dict[str, str] | None) -> None:
        user, notional = item.user, row.price * row.size
        fee = (notional * rate).quantize(CASH_STEP_USD, ROUND_DOWN)
        effect = user.account.apply_fill(item.coin, item.is_buy, row.size, row.price, fee)
        bind_fill(user, item.coin, effect, row.price)
        user.traded_usd += notional
        paid = user.funding_paid.setdefault(item.coin, FundingPaid())
        paid.since_change = ZERO
        if effect.size_before * effect.size_after <= 0:
            paid.since_open = ZERO
        fill = frames.fill(item, row, effect, crossed, liquidation)
        fill["time"] += self._fill_clock_ms()
        user.fills.append(fill)
        self.outbox.append(Event(user.address, "fill", fill))
        self._trim_reduce_only(user, item.coin, row.time_ms * 1_000_000)

    def _fill_clock_ms(self) -> int:
        fault = self._faults.find(FaultKind.FILL_CLOCK)
        return round(self._random.uniform(-fault.secs, fault.secs) * 1000) if fault else 0

    def _trim_reduce_only(self, user: User, coin: str, now_ns: int) -> None:
        """Cancel the oldest resting reduce-only orders the position no longer covers."""
        position = user.account.size(coin)
        resting = [
            item
            for item in user.open_orders.values()
            if item.coin == coin and item.reduce_only and item.remaining and item.trigger is None
        ]
        for item in resting:
            covered = position and item.is_buy == (position < 0)
            total = sum((other.remaining for other in resting if other.oid in user.open_orders), ZERO)
            if not covered or total > abs(position):
                self.cancel(item, now_ns, "reduceOnlyCanceled")

    def _fire_triggers(self, user: User, now_ns: int) -> None:
        """Bring the orders to life whose trigger the mark has reached."""
        for item in list(user.open_orders.values()):
            if item.trigger is not None and item.trigger.is_hit(self.markets[item.coin].mark_usd):
                self._fire(item, now_ns)

    def _fire(self, item: UserOrder, now_ns: int) -> None:
        user, trigger = item.user, item.trigger
        assert trigger is not None
        del user.open_orders[item.oid]
        self._report(item, "triggered", now_ns)
        item.trigger, item.tif = None, "Ioc" if trigger.is_market else "Gtc"
        new = NewOrder(
            coin_named(item.coin), item.is_buy, item.limit_price, item.remaining, item.tif, item.reduce_only, item.cloid
        )
        market = self.markets[item.coin]
        if refused := refusal(new, user, market, self.available_usd(user)):
            self._refuse(item, refused, now_ns)
            return
        if item.reduce_only:
            item.resting.remaining = min(item.remaining, abs(user.account.size(item.coin)))
        self._execute(item, market, now_ns)

    def _cancel_on_schedule(self, user: User, now_ns: int) -> None:
        now_ms = now_ns // 1_000_000
        if user.cancel_at_ms is not None and now_ms >= user.cancel_at_ms:
            user.cancel_at_ms = None
            day = now_ms // DAY_MS
            user.scheduled_cancels[day] = user.scheduled_cancels.get(day, 0) + 1
            self.cancel_all(user, now_ns, "scheduledCancel")
