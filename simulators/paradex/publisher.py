"""From events to frames: who has subscribed to what, in which encoding, JSON or SBE."""

from collections.abc import Callable
from functools import partial
from typing import Any

from simulators.faults import FaultBoard, FaultKind
from simulators.paradex import payloads, sbe
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.channels import BINARY_PRIVATE, Channel
from simulators.paradex.ids import Ids
from simulators.paradex.margin import account_view, margin_fraction
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import (
    BalanceEvent,
    Bbo,
    BookUpdate,
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

    def order(self, account: ParadexAccount, order: VenueOrder) -> None:
        """Tell an order's state."""
        now_ns, seq = self._now_ns(), self._seq()
        data = payloads.order(order, seq, now_ns // 1_000_000)
        self._private(account, "orders", order.market, data, partial(sbe.order, order, seq, now_ns // 1_000))

    def fill(self, account: ParadexAccount, fill: FillRecord) -> None:
        """Tell a fill."""
        self._private(account, "fills", fill.market, payloads.fill(fill), partial(sbe.fill, fill, fill.book_seq))

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

    def book(self, market: ParadexMarket) -> None:
        """Tell what changed in a book since the last call: deltas, snapshots, best prices, prints."""
        update, bbo = market.changes(self._now_ms())
        skip = self._faults.take(FaultKind.DROP_DELTA, market.symbol) is not None
        for session in tuple(self.sessions):
            for channel in tuple(session.channels.values()):
                if channel.topic == "order_book" and channel.covers(market.symbol):
                    self._book(session, channel, market, update, skip=skip)
        if bbo:
            self._bbo(bbo)
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
        self._public("markets_summary", market.symbol, payloads.summary(view), partial(sbe.summary, view))

    def greet(self, session: Session, channel: Channel) -> None:
        """Send what a new subscriber gets at once: the best prices, the whole book, the ticker."""
        for market in self._markets.values():
            if not channel.covers(market.symbol) or not market.book_ms:
                continue
            if channel.topic == "bbo":
                self._push(session, channel, payloads.bbo(market.bbo()), partial(sbe.bbo, market.bbo()))
            elif channel.topic == "order_book":
                self._whole_book(session, channel, market)
            elif channel.topic == "markets_summary":
                view = market.summary(self._now_ms())
                self._push(session, channel, payloads.summary(view), partial(sbe.summary, view))

    def position_view(self, account: ParadexAccount, market: str) -> PositionView:
        """Return a position at the current mark and index."""
        at = self._markets[market]
        return account.position_view(market, at.mark_usd, at.funding.index, 1 / margin_fraction(account, at))

    def _book(self, session: Session, channel: Channel, market: ParadexMarket, update: BookUpdate, *, skip: bool) -> None:
        if channel.feed == "snapshot":
            if update.time_ms - session.snapshot_ms.get(channel.name, 0) >= channel.interval_ms:
                self._whole_book(session, channel, market)
        elif channel.name not in session.snapshot_ms:
            self._whole_book(session, channel, market)
        elif not skip:
            self._push(session, channel, payloads.book_push(update), partial(sbe.book, update))

    def _whole_book(self, session: Session, channel: Channel, market: ParadexMarket) -> None:
        book = market.snapshot(SNAPSHOT_DEPTH) if channel.feed == "snapshot" else market.snapshot()
        session.snapshot_ms[channel.name] = book.time_ms
        self._push(session, channel, payloads.book_push(book), partial(sbe.book, book))

    def _bbo(self, bbo: Bbo) -> None:
        self._public("bbo", bbo.market, payloads.bbo(bbo), partial(sbe.bbo, bbo))

    def _trade(self, trade: TradeRecord) -> None:
        self._public("trades", trade.market, payloads.trade(trade), partial(sbe.trade, trade))

    def _public(self, topic: str, market: str, data: dict[str, Any], frame: Frame) -> None:
        for session in tuple(self.sessions):
            for channel in tuple(session.channels.values()):
                if channel.topic == topic and channel.covers(market):
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
