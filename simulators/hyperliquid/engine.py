"""Orders, matching, accounts and funding of the venue; knows no HTTP, no sockets and no signatures."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from simulators.accounts import ZERO, Account
from simulators.faults import FaultBoard, FaultKind
from simulators.hyperliquid import frames
from simulators.hyperliquid.funding import CoinFunding, SettledRate, premium_of
from simulators.hyperliquid.rules import NewOrder, Refusal, increase, refusal
from simulators.hyperliquid.universe import LISTED, MAKER_RATE, TAKER_RATE, Coin
from simulators.hyperliquid.users import FundingPaid, User, UserOrder
from simulators.market import Market, Print
from simulators.matching import Order, Taken, Trade
from simulators.tape import Tape, TapeClock

CASH_STEP_USD = Decimal("0.000001")
PAST_HOURS = 48  # settled rates from before the start


@dataclass(frozen=True, slots=True)
class Event:
    """What a user is told: `kind` is order, fill, funding, ledger or account; rows are in the wire's shape."""

    user: str
    kind: str
    row: dict[str, Any]


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
        self.funding = {coin.name: CoinFunding() for coin in LISTED}
        self.users: dict[str, User] = {}
        self.outbox: list[Event] = []
        self._tape, self._clock, self._faults = tape, clock, faults
        self._orders: dict[str, UserOrder] = {}
        self._oid = 57_118_842_000 + seed
        self._hour_ns = clock.funding.hour_start_ns(clock.start_ns)
        self._recall()
        self.step(clock.start_ns)

    def add_user(self, address: str, cash_usd: Decimal) -> User:
        """Open a funded account."""
        user = self.users[address] = User(address, Account(cash_usd=cash_usd, default_leverage=20))
        user.account.leverage = {coin.name: min(20, coin.max_leverage) for coin in LISTED}
        return user

    @property
    def hour_ns(self) -> int:
        """The wall length of a funding hour."""
        return self._clock.funding.hour_ns

    @property
    def marks(self) -> Mapping[str, Decimal]:
        """The mark price of every coin, USD."""
        return {name: market.mark_usd for name, market in self.markets.items()}

    def step(self, now_ns: int) -> None:
        """Move every market, settle hours that have ended, fire scheduled cancels."""
        self._settle_until(now_ns)
        hours = self._clock.hours(now_ns)
        for name, market in self.markets.items():
            point = self._tape.at(hours, name)
            self._book_prints(name, market.step(now_ns, point.oracle_usd, point.hyperliquid_premium), market, None)
            self.funding[name].sample(premium_of(market), point.hyperliquid_rate_per_hour)
        for user in self.users.values():
            if user.cancel_at_ms is not None and now_ns // 1_000_000 >= user.cancel_at_ms:
                user.cancel_at_ms = None
                self.cancel_all(user, now_ns, "scheduledCancel")

    def available_usd(self, user: User) -> Decimal:
        """Return the equity that neither positions nor resting orders bind as margin."""
        marks, account = self.marks, user.account
        bound = account.initial_margin_usd(marks)
        for order in user.open_orders.values():
            signed = order.remaining if order.is_buy else -order.remaining
            bound += increase(signed, account.size(order.coin)) * order.limit_price / account.leverage_of(order.coin)
        return account.equity_usd(marks) - bound

    def place(self, user: User, new: NewOrder, now_ns: int) -> Placed | Refusal:
        """Accept and match an order, or say why not."""
        self._settle_until(now_ns)  # a fill after the hour earns nothing of the hour before
        market = self.markets[new.coin.name]
        item = self._order(user, new, now_ns)
        if fault := self._faults.take(FaultKind.REJECT_NEXT_ORDER):
            return self._refuse(
                item, Refusal(fault.reason or "Insufficient margin to place order.", "perpMarginRejected"), now_ns
            )
        if refused := refusal(new, user, market, self.available_usd(user)):
            return self._refuse(item, refused, now_ns)
        if new.tif == "Alo" and market.book.would_cross(new.is_buy, new.price):
            bbo = f"{frames.number(market.book.best_bid or ZERO)}@{frames.number(market.book.best_ask or ZERO)}"
            text = f"Post only order would have immediately matched, bbo was {bbo}."
            return self._refuse(item, Refusal(text, "badAloPxRejected"), now_ns)
        taken = self._take(item, market, now_ns)
        if new.tif == "Ioc" and not taken.trades:
            text = "Order could not immediately match against any resting orders."
            return self._refuse(item, Refusal(text, "iocCancelRejected"), now_ns)
        self._rest_or_close(item, market, now_ns)
        return Placed(item, taken.size, taken.notional / taken.size if taken.trades else ZERO)

    def cancel(self, item: UserOrder, now_ns: int, status: str = "canceled") -> None:
        """Take an open order out of the book."""
        self.markets[item.coin].book.cancel(item.resting.id)
        self._close(item, status, now_ns)

    def cancel_all(self, user: User, now_ns: int, status: str) -> None:
        """Take all of a user's orders out of the book."""
        for item in list(user.open_orders.values()):
            self.cancel(item, now_ns, status)

    def enter_ledger(self, user: User, row: dict[str, Any]) -> None:
        """Keep and announce a transfer."""
        user.ledger.append(row)
        self.outbox.append(Event(user.address, "ledger", row))

    def notify_account(self, user: User) -> None:
        """Leave word that a user's leverage changed."""
        self.outbox.append(Event(user.address, "account", {}))

    def _order(self, user: User, new: NewOrder, now_ns: int) -> UserOrder:
        self._oid += 1
        size = new.size
        if new.reduce_only:
            size = min(size, abs(user.account.size(new.coin.name)))  # capped, no error
        resting = Order(str(self._oid), user.address, new.is_buy, new.price, size)
        timestamp_ms = now_ns // 1_000_000
        if new.cloid:
            user.oid_by_cloid[new.cloid] = self._oid
        return UserOrder(
            self._oid,
            user,
            new.coin.name,
            new.is_buy,
            new.price,
            new.size,
            new.tif,
            new.reduce_only,
            new.cloid,
            timestamp_ms,
            resting,
        )

    def _take(self, item: UserOrder, market: Market, now_ns: int) -> Taken:
        self._orders[item.resting.id] = item
        taken = market.book.take(item.resting)
        for maker in taken.canceled:
            self._close(self._orders[maker.id], "selfTradeCanceled", now_ns)
        self._book_prints(item.coin, taken.trades, market, market.record(taken.trades, now_ns))
        return taken

    def _rest_or_close(self, item: UserOrder, market: Market, now_ns: int) -> None:
        if not item.remaining:
            self._close(item, "filled", now_ns)
        elif item.tif == "Ioc":
            self._close(item, "canceled", now_ns)
        else:
            market.book.rest(item.resting)
            item.user.open_orders[item.oid] = item
            self._report(item, "open", now_ns)
            self._trim_reduce_only(item.user, item.coin, now_ns)

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
            for side, crossed in ((trade.maker, False), (trade.taker, True)):
                if item := self._orders.get(side.id):
                    self._fill(item, row, crossed)
                    if not crossed and not item.remaining:
                        self._close(item, "filled", row.time_ms * 1_000_000)

    def _fill(self, item: UserOrder, row: Print, crossed: bool) -> None:
        user, notional = item.user, row.price * row.size
        fee = (notional * (TAKER_RATE if crossed else MAKER_RATE)).quantize(CASH_STEP_USD, ROUND_DOWN)
        effect = user.account.apply_fill(item.coin, item.is_buy, row.size, row.price, fee)
        user.traded_usd += notional
        paid = user.funding_paid.setdefault(item.coin, FundingPaid())
        paid.since_change = ZERO
        if effect.size_before * effect.size_after <= 0:
            paid.since_open = ZERO
        fill = frames.fill(item, row, effect, crossed)
        user.fills.append(fill)
        self.outbox.append(Event(user.address, "fill", fill))
        self._trim_reduce_only(user, item.coin, row.time_ms * 1_000_000)

    def _trim_reduce_only(self, user: User, coin: str, now_ns: int) -> None:
        """Cancel the oldest resting reduce-only orders the position no longer covers."""
        position = user.account.size(coin)
        resting = [item for item in user.open_orders.values() if item.coin == coin and item.reduce_only and item.remaining]
        for item in resting:
            covered = position and item.is_buy == (position < 0)
            total = sum((other.remaining for other in resting if other.oid in user.open_orders), ZERO)
            if not covered or total > abs(position):
                self.cancel(item, now_ns, "reduceOnlyCanceled")

    def _recall(self) -> None:
        """Enter the rates of the hours before the start, so that the venue has a past."""
        for past in range(PAST_HOURS, 0, -1):
            time_ns = self._hour_ns - (past - 1) * self._clock.funding.hour_ns
            for coin in LISTED:
                point = self._tape.at(self._clock.hours(time_ns) - 0.5, coin.name)
                self.funding[coin.name].sample(point.hyperliquid_premium, point.hyperliquid_rate_per_hour)
                self.funding[coin.name].settle(time_ns // 1_000_000)

    def _settle_until(self, now_ns: int) -> None:
        while now_ns >= self._hour_ns + self.hour_ns:
            self._hour_ns += self.hour_ns
            self._settle_hour(self._hour_ns)

    def _settle_hour(self, boundary_ns: int) -> None:
        for coin in LISTED:
            settled = self.funding[coin.name].settle(boundary_ns // 1_000_000 + 33)
            for user in self.users.values():
                self._pay(user, coin, settled)

    def _pay(self, user: User, coin: Coin, settled: SettledRate) -> None:
        """Move one user's funding: -size * oracle price * rate, to a millionth of a USDC."""
        size = user.account.size(coin.name)
        if not size:
            return
        usdc = (-size * self.markets[coin.name].oracle_usd * settled.rate_per_hour).quantize(CASH_STEP_USD)
        user.account.cash_usd += usdc
        paid = user.funding_paid.setdefault(coin.name, FundingPaid())
        paid.all_time -= usdc
        paid.since_open -= usdc
        paid.since_change -= usdc
        row = {
            "time": settled.time_ms,
            "coin": coin.name,
            "usdc": frames.number(usdc),
            "szi": frames.number(size),
            "fundingRate": frames.number(settled.rate_per_hour),
            "nSamples": None,
        }
        user.fundings.append(row)
        self.outbox.append(Event(user.address, "funding", row))
