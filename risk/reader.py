"""Keeps what was read of every instrument and reads again only what has changed: the snapshot stands on the path of orders.

Quantities are never remembered beyond the moment: positions and working orders are looked up in the cache each
time, and only what follows from them is kept. Prices of the instruments in question are those of the moment too;
the sums over what is held may stand on prices `VALUED_NS` old.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from messages import AccountHealth, TradingState
from risk.clearance import room
from risk.exposure import exposure, total
from risk.limits import Limits
from risk.margin import rates
from risk.reading import Reports, asset_of, best_prices
from risk.state import NS_PER_SEC, ZERO, MarketView, PositionView, Snapshot, VenueAccount
from risk.totals import Exposure, Room, Totals

VALUED_NS = NS_PER_SEC
PEERS_NS = 60 * NS_PER_SEC
RATE_WINDOW_NS = 60 * NS_PER_SEC

type Working = tuple[Decimal, Decimal, Decimal]  # unfilled: buys, sells, reductions
NONE_WORKING: Working = (ZERO, ZERO, ZERO)


class Line:
    """What is kept of one instrument; `peers` is the same instrument on other venues."""

    def __init__(self, instrument_id: Any) -> None:
        self.id, self.name = instrument_id, instrument_id.value
        self.venue, self.asset = instrument_id.venue.value, asset_of(instrument_id)
        self.position = PositionView(instrument_id=self.name)
        self.market: MarketView | None = None
        self.exposure: Exposure | None = None
        self.peers: tuple[Line, ...] = ()
        self.peers_ns = 0
        self._instrument = self._quote = self._index = self._book = None
        self._updates = 0
        self._held: list[tuple[Any, float]] = []
        self._working = NONE_WORKING

    def read_market(self, cache: Any, now_ns: int) -> None:
        """Renew the prices, if anything they follow from has been replaced since."""
        instrument, quote, index = cache.instrument(self.id), cache.quote_tick(self.id), cache.index_price(self.id)
        book = cache.order_book(self.id)
        updates = 0 if book is None else book.update_count
        is_known = quote is self._quote and book is self._book and updates == self._updates
        if is_known and index is self._index and instrument is self._instrument:
            return
        self._instrument, self._quote, self._index, self._book, self._updates = instrument, quote, index, book, updates
        best = best_prices(quote, book)
        if instrument is None or best is None:
            self.market = None
            return
        bid_usd, ask_usd, ts_ns = best
        taker_fee_rate = instrument.taker_fee
        self.market = MarketView(
            instrument_id=self.name,
            asset=self.asset,
            venue=self.venue,
            bid_usd=bid_usd,
            ask_usd=ask_usd,
            ts_ns=min(ts_ns, now_ns),  # a venue's clock may run ahead of ours
            margin_rate=instrument.margin_init,
            taker_fee_rate=taker_fee_rate,
            maintenance_rate=instrument.margin_maint + taker_fee_rate,
            index_usd=None if index is None else index.value.as_decimal(),
            index_ts_ns=0 if index is None else min(index.ts_init, now_ns),
        )

    def read_position(self, positions: list[Any], working: Working) -> bool:
        """Renew what is held and under way, and return whether it is another than before."""
        held = [(position, position.signed_qty) for position in positions]
        if held == self._held and working == self._working:
            return False
        self._held, self._working = held, working
        buy, sell, reducing = working
        self.position = PositionView(
            instrument_id=self.name,
            quantity=sum((position.signed_decimal_qty() for position in positions), ZERO),
            working_buy=buy,
            working_sell=sell,
            working_reducing=reducing,
        )
        return True

    def value(self, leverage_max: Decimal) -> None:
        """Work out anew what it amounts to."""
        self.exposure = None if self.market is None else exposure(self.position, self.market, leverage_max)

    def find_room(self, totals: Totals, accounts: Mapping[str, VenueAccount], limits: Limits) -> Room | None:
        """Work out anew what may be added."""
        if self.market is None:
            return None
        worst, rates_of = self.position.worst_quantity(), rates(self.market)
        return room(self.venue, self.asset, worst, rates_of, totals=totals, accounts=accounts, limits=limits)


class Reader:
    """Snapshots of one node's cache and of its venues' reports."""

    def __init__(self, cache: Any, reports: Reports) -> None:
        self._cache, self._reports = cache, reports
        self._lines: dict[Any, Line] = {}
        self._live: list[Line] = []
        self._asked: dict[str, Line] = {}  # instruments that orders were asked for
        self._rooms: dict[str, Room | None] = {}
        self._totals: Totals | None = None
        self._limits: Limits | None = None
        self._accounts: Mapping[str, VenueAccount] = reports.accounts()
        self._valued_ns = 0
        self._sent_ns: dict[str, deque[int]] = {}

    def on_account_health(self, health: AccountHealth, now_ns: int) -> None:
        """Keep a venue's report, and use the moment to value what is held: no order waits for it."""
        self._reports.on_account_health(health)
        self._accounts = self._reports.accounts()
        if self._limits is not None:
            self._value(now_ns, self._limits)
            for name in self._asked:
                self._room(name, self._limits)

    def note_sent(self, venue: str, now_ns: int) -> None:
        """Count an order that goes to a venue."""
        self._sent_ns.setdefault(venue, deque()).append(now_ns)

    def snapshot(
        self,
        now_ns: int,
        *,
        instrument_ids: Iterable[Any],
        limits: Limits,
        approved: Iterable[Any] = (),
        replaced: Any = None,
        state: TradingState = TradingState.RUNNING,
    ) -> Snapshot:
        """Return what is known of the ordered instruments, their counterparts elsewhere, and all that is held or working.

        `approved` are orders let through that the cache may not list as working yet, `replaced` the id of
        one that is to be replaced and so no longer counts.
        """
        changed = self._read_positions(approved, replaced)
        totals, accounts = self._sums(changed, now_ns, limits), self._reports.accounts()
        if accounts is not self._accounts:
            self._accounts, self._rooms = accounts, {}
        lines, rooms, cache = {line.name: line for line in self._live}, {}, self._cache
        for instrument_id in instrument_ids:
            line = self._line(instrument_id)
            if not line.peers or now_ns - line.peers_ns >= PEERS_NS:
                self._find_peers(line, now_ns)
            for one in (line, *line.peers):
                one.read_market(cache, now_ns)
                lines[one.name] = one
            self._asked[line.name] = line
            found = self._room(line.name, limits)
            if found is not None:
                rooms[line.name] = found
        return Snapshot(
            accounts=accounts,
            positions={line.name: line.position for line in self._live},
            markets={name: line.market for name, line in lines.items() if line.market is not None},
            blocked=self._reports.blocked(),
            now_ns=now_ns,
            state=state,
            sent=self._count_sent(now_ns),
            totals=totals,
            rooms=rooms,
        )

    def _line(self, instrument_id: Any) -> Line:
        line = self._lines.get(instrument_id)
        if line is None:
            line = self._lines[instrument_id] = Line(instrument_id)
        return line

    def _find_peers(self, line: Line, now_ns: int) -> None:
        """Renew the list of peers: now and then, and while it is empty."""
        line.peers_ns, symbol = now_ns, line.id.symbol
        line.peers = tuple(self._line(i) for i in self._cache.instrument_ids() if i.symbol == symbol and i != line.id)

    def _read_positions(self, approved: Iterable[Any], replaced: Any) -> list[Line]:
        """Renew what is held or under way anywhere and return the instruments where it is another than before."""
        held, working = self._held(), self._working(approved, replaced)
        live = [self._line(instrument_id) for instrument_id in {**held, **working}]
        changed = [line for line in live if line.read_position(held.get(line.id, []), working.get(line.id, NONE_WORKING))]
        gone = [line for line in self._live if line.id not in held and line.id not in working]
        for line in gone:
            line.read_position([], NONE_WORKING)
        self._live = live
        return changed + gone

    def _held(self) -> dict[Any, list[Any]]:
        cache = self._cache
        held: dict[Any, list[Any]] = {}
        for key in cache.position_open_ids():
            position = cache.position(key)
            held.setdefault(position.instrument_id, []).append(position)
        return held

    def _working(self, approved: Iterable[Any], replaced: Any) -> dict[Any, Working]:
        cache = self._cache
        orders = {order.client_order_id: order for order in approved if not order.is_closed}
        for keys in (cache.client_order_ids_open(), cache.client_order_ids_inflight()):
            for key in keys:
                if key not in orders:
                    orders[key] = cache.order(key)
        found: dict[Any, Working] = {}
        for key, order in orders.items():
            if order is None or order.is_closed or key == replaced:
                continue
            buy, sell, reducing = found.get(order.instrument_id, NONE_WORKING)
            left = order.leaves_qty.as_decimal()
            if order.is_reduce_only:
                reducing += left
            elif order.is_buy:
                buy += left
            else:
                sell += left
            found[order.instrument_id] = (buy, sell, reducing)
        return found

    def _sums(self, changed: list[Line], now_ns: int, limits: Limits) -> Totals:
        """Return the sums over all that is live; only what has changed is valued again while prices are young."""
        known = self._totals
        is_usable = known is not None and self._limits is limits and not known.unpriced
        if known is None or not is_usable or now_ns - self._valued_ns >= VALUED_NS:
            return self._value(now_ns, limits)
        if not changed:
            return known
        for line in changed:
            line.read_market(self._cache, now_ns)
            line.value(limits.leverage_max)
        return self._total(limits)

    def _value(self, now_ns: int, limits: Limits) -> Totals:
        """Value everything live at the prices of the moment."""
        for line in self._live:
            line.read_market(self._cache, now_ns)
            line.value(limits.leverage_max)
        self._valued_ns, self._limits = now_ns, limits
        return self._total(limits)

    def _total(self, limits: Limits) -> Totals:
        unpriced = tuple(line.name for line in self._live if line.market is None)
        exposures = (line.exposure for line in self._live if line.exposure is not None)
        self._totals, self._rooms = total(exposures, limits.leverage_max, unpriced), {}
        return self._totals

    def _room(self, name: str, limits: Limits) -> Room | None:
        """Return what may be added in an instrument, worked out once while sums, accounts and limits stand."""
        if name not in self._rooms:
            assert self._totals is not None
            self._rooms[name] = self._asked[name].find_room(self._totals, self._accounts, limits)
        return self._rooms[name]

    def _count_sent(self, now_ns: int) -> dict[str, int]:
        for times in self._sent_ns.values():
            while times and now_ns - times[0] >= RATE_WINDOW_NS:
                times.popleft()
        return {venue: len(times) for venue, times in self._sent_ns.items()}
