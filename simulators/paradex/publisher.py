"""From events to frames: who has subscribed to what, in which encoding, JSON or SBE."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from simulators.faults import FaultBoard, FaultKind
from simulators.paradex import payloads, sbe
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.channels import BINARY_PRIVATE, Channel
from simulators.paradex.ids import Ids
from simulators.paradex.margin import account_view, liquidation_price, margin_fraction
from simulators.paradex.market import DEPTH, BookChange, ParadexMarket
from simulators.paradex.records import (
    BalanceEvent,
    Bbo,
    ComparedRate,
    FillRecord,
    FundingPaymentRecord,
    FundingSample,
    PositionView,
    TradeBust,
    TradeRecord,
    VenueOrder,
)
from simulators.paradex.session import Session
from simulators.paradex.settings import Settings

Frame = Callable[[int], bytes]
SNAPSHOT_DEPTH = 15
SUMMARY_MS = 500


class Publisher:
    """The `Feed` that writes to sessions; private events reach the sessions of their account only."""

    def __init__(
        self, markets: dict[str, ParadexMarket], settings: Settings, faults: FaultBoard, ids: Ids, now_ns: Callable[[], int]
    ) -> None:
        self.sessions: set[Session] = set()
        self._markets, self._settings, self._faults, self._ids, self._now_ns = markets, settings, faults, ids, now_ns
        self._summary_ms: dict[str, int] = {}
        self._held: list[tuple[ParadexAccount, int, Callable[[], None]]] = []  # order events told late

    def order(self, account: ParadexAccount, order: VenueOrder) -> None:
        """Tell an order's state."""
        now_ns, seq = self._now_ns(), self._seq()
        data = payloads.order(order, seq, now_ns // 1_000_000)
        frame = partial(sbe.order, order, seq, now_ns // 1_000)
        tell = partial(self._private, account, "orders", order.market, data, frame)
        if fault := self._faults.take(FaultKind.REORDER_ORDER_EVENTS, f"orders.{order.market}"):
            self._held.append((account, now_ns + round((fault.secs or 1.0) * 1e9), tell))
            return
        tell()
        self._release(lambda owner, _: owner is account)

    def release_due(self, now_ns: int) -> None:
        """Tell order events that were held back for a successor which did not come."""
        self._release(lambda _, until_ns: now_ns >= until_ns)

    def _release(self, is_due: Callable[[ParadexAccount, int], bool]) -> None:
        due = [item for item in self._held if is_due(item[0], item[1])]
        self._held = [item for item in self._held if item not in due]
        for _, _, tell in due:
            tell()

    def fill(self, account: ParadexAccount, fill: FillRecord) -> None:
        """Tell a fill."""
        self._private(account, "fills", fill.market, payloads.fill(fill), partial(sbe.fill, fill, fill.book_seq))
        self._private(account, "transaction", "", payloads.transaction(fill.id, "FILL", fill.created_ms))

    def position(self, account: ParadexAccount, market: str) -> None:
        """Tell a position."""
        view, seq = self.position_view(account, market), self._seq()
        self._private(account, "positions", market, payloads.position(view, seq), partial(sbe.position, view, seq))

    def account(self, account: ParadexAccount) -> None:
        """Tell money and margin."""
        seq = self._seq()
        view = account_view(account, self._markets, self._now_ms())
        self._private(account, "account", "", payloads.account(view, seq), partial(sbe.account, view, seq))

    def balance_event(self, account: ParadexAccount, event: BalanceEvent) -> None:
        """Tell what changed the cash."""
        self._private(account, "balance_events", event.market, payloads.balance_event(event))

    def funding_payment(self, account: ParadexAccount, payment: FundingPaymentRecord) -> None:
        """Tell realised funding."""
        self._private(account, "funding_payments", payment.market, payloads.funding_payment(payment))

    def trade_bust(self, account: ParadexAccount, bust: TradeBust) -> None:
        """Tell a reverted fill."""
        self._private(account, "tradebusts", "", payloads.trade_bust(bust))
        reverted = payloads.transaction(bust.fill_id, "FILL", bust.created_ms, is_reverted=True)
        self._private(account, "transaction", "", reverted)

    def book(self, market: ParadexMarket) -> None:
        """Tell what changed in a book since the last call: deltas, snapshots, best prices, prints."""
        changes = market.changes(self._now_ms())
        skip = self._faults.take(FaultKind.DROP_DELTA, market.symbol) is not None
        for session in tuple(self.sessions):
            for channel in tuple(session.channels.values()):
                if channel.topic == "order_book" and channel.covers(market.symbol):
                    self._book(session, channel, market, changes[channel.is_interactive], skip=skip)
        for is_interactive, change in enumerate(changes):
            if change.bbo:
                self._bbo(change.bbo, is_interactive=bool(is_interactive))
        for trade in market.new_trades():
            self._trade(trade)

    def funding(self, market: ParadexMarket, sample: FundingSample) -> None:
        """Tell a funding sample."""
        data = payloads.funding_sample(sample)
        self._public("funding_data", market.symbol, data, partial(sbe.funding, sample, market.seq))

    def summary(self, market: ParadexMarket) -> None:
        """Tell a market's ticker, at most twice a second."""
        now_ms = self._now_ms()
        if now_ms - self._summary_ms.get(market.symbol, 0) < SUMMARY_MS:
            return
        self._summary_ms[market.symbol] = now_ms
        view = market.summary(now_ms)
        market.summaries.append(view)
        self._public("markets_summary", market.symbol, payloads.summary(view), partial(sbe.summary, view))

    def market_changed(self, symbol: str, changed: dict[str, object]) -> None:
        """Tell that a market's static data changed; there is no binary form."""
        self._public("markets", symbol, payloads.market_event(symbol, changed, self._now_ms()), None)

    def compare(self, rates: Callable[[], Sequence[ComparedRate]]) -> None:
        """Tell all venues' funding rates, to each subscriber as often as it asked for."""
        now_ms = self._now_ms()
        for session in tuple(self.sessions):
            for channel in tuple(session.channels.values()):
                if channel.topic != "funding_rate_comparison" or now_ms < session.due_ms.get(channel.name, 0):
                    continue
                if session.version == 0:
                    continue  # the template came with version 1
                session.due_ms[channel.name] = now_ms + channel.interval_ms
                for rate in rates():
                    frame = partial(sbe.funding_comparison, rate)
                    self._push(session, channel, payloads.funding_comparison(rate), frame)

    def greet(self, session: Session, channel: Channel) -> None:
        """Send what a new subscriber gets at once: the best prices, the whole book, the ticker."""
        fault = self._faults.take(FaultKind.STALE_SNAPSHOT, channel.name)
        age_ms = round(fault.secs * 1_000) if fault else 0
        for market in self._markets.values():
            if not channel.covers(market.symbol) or not market.book_ms:
                continue
            if channel.topic == "bbo":
                bbo = market.bbo(interactive=channel.is_interactive)
                bbo = replace(bbo, time_ms=bbo.time_ms - age_ms)
                self._push(session, channel, payloads.bbo(bbo), partial(sbe.bbo, bbo))
            elif channel.topic == "order_book":
                self._whole_book(session, channel, market, age_ms)
            elif channel.topic == "markets_summary":
                view = market.summary(self._now_ms() - age_ms)
                self._push(session, channel, payloads.summary(view), partial(sbe.summary, view))

    def position_view(self, account: ParadexAccount, market: str) -> PositionView:
        """Return a position at the current mark and index."""
        at = self._markets[market]
        leverage, liquidation = 1 / margin_fraction(account, at), liquidation_price(account, market, self._markets)
        return account.position_view(market, at.mark_usd, at.funding.index, leverage, liquidation)

    def _book(self, session: Session, channel: Channel, market: ParadexMarket, change: BookChange, *, skip: bool) -> None:
        update = change.update
        if channel.feed == "snapshot":
            if update.time_ms - session.snapshot_ms.get(channel.name, 0) >= channel.interval_ms:
                self._whole_book(session, channel, market)
        elif channel.name not in session.snapshot_ms:
            self._whole_book(session, channel, market)
        elif not skip:
            self._push(session, channel, payloads.book_push(update), partial(sbe.book, update))

    def _whole_book(self, session: Session, channel: Channel, market: ParadexMarket, age_ms: int = 0) -> None:
        depth = SNAPSHOT_DEPTH if channel.feed == "snapshot" else DEPTH
        book = market.snapshot(depth, interactive=channel.is_interactive)
        session.snapshot_ms[channel.name] = book.time_ms
        book = replace(book, time_ms=book.time_ms - age_ms)
        self._push(session, channel, payloads.book_push(book), partial(sbe.book, book))

    def _bbo(self, bbo: Bbo, *, is_interactive: bool) -> None:
        self._public("bbo", bbo.market, payloads.bbo(bbo), partial(sbe.bbo, bbo), is_interactive=is_interactive)

    def _trade(self, trade: TradeRecord) -> None:
        self._public("trades", trade.market, payloads.trade(trade), partial(sbe.trade, trade))

    def _public(
        self, topic: str, market: str, data: dict[str, Any], frame: Frame | None, *, is_interactive: bool = False
    ) -> None:
        for session in tuple(self.sessions):
            for channel in tuple(session.channels.values()):
                if (channel.topic, channel.is_interactive) == (topic, is_interactive) and channel.covers(market):
                    self._push(session, channel, data, frame)

    def _private(
        self, account: ParadexAccount, topic: str, market: str, data: dict[str, Any], frame: Frame | None = None
    ) -> None:
        for session in tuple(self.sessions):
            if session.caller is None or session.caller.account is not account:
                continue
            for channel in tuple(session.channels.values()):
                if channel.topic == topic and (not market or channel.covers(market)):
                    self._push(session, channel, data, frame)

    def _push(self, session: Session, channel: Channel, data: dict[str, Any], frame: Frame | None) -> None:
        if self._faults.is_frozen(channel.name, self._now_ns()):
            return
        is_binary = not channel.is_private or (channel.topic in BINARY_PRIVATE and self._settings.private_sbe)
        if session.version is not None and frame is not None and is_binary:
            session.send(frame(session.version))
        else:
            session.send_json({"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel.name, "data": data}})

    def _seq(self) -> int:
        return self._ids.seq(self._now_ns())

    def _now_ms(self) -> int:
        return self._now_ns() // 1_000_000
