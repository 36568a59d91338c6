"""Answers Nautilus' reconciliation from the venue; a failed read raises and is never an empty answer."""

from collections.abc import Callable, Iterable
from typing import Any

from nautilus_trader.cache.cache import Cache
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, InstrumentId, VenueOrderId

from adapters.paradex import reports
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.constants import VENUE
from adapters.paradex.providers import ParadexInstrumentProvider
from adapters.paradex.schemas import Order, Position


class VenueQuery:
    """Reads orders, fills and positions as reports.

    Orders are those the venue holds open and those our cache still believes in; what ended before is
    history, and positions say what it left behind. `on_positions` hears of every reading of them, and
    when (ms) it was asked for.
    """

    def __init__(
        self,
        *,
        http: ParadexAccountHttp,
        provider: ParadexInstrumentProvider,
        cache: Cache,
        account_id: AccountId,
        now_ns: Callable[[], int],
        on_positions: Callable[[list[Position], int], None],
    ) -> None:
        self._on_positions = on_positions
        self._http, self._provider, self._cache = http, provider, cache
        self._account_id, self._now_ns = account_id, now_ns

    async def order(
        self, client_order_id: ClientOrderId | None, venue_order_id: VenueOrderId | None, instrument_id: InstrumentId
    ) -> OrderStatusReport | None:
        """Return the report of one order, by client id or by venue id, None where the venue knows neither."""
        market = instrument_id.symbol.value
        rows: list[Order] = []
        if client_order_id is not None:
            rows = await self._http.orders_by_client_id(client_order_id.value, market)
        if not rows and venue_order_id is not None:
            found = await self._http.order_by_id(venue_order_id.value, market)
            rows = [] if found is None else [found]
        rows.sort(key=lambda row: row.status != "CLOSED")  # of two answers the final one counts
        return self._order_report(rows[0]) if rows else None

    async def orders(self, instrument_id: InstrumentId | None) -> list[OrderStatusReport]:
        """Return the reports of all open orders and of those our cache has open."""
        rows = {row.id: row for row in await self._http.open_orders(_market(instrument_id))}
        found = [report for report in map(self._order_report, rows.values()) if report is not None]
        open_ids = {row.client_id for row in rows.values()} | {row.id for row in rows.values()}
        for order in self._believed_open(instrument_id):
            venue_id = None if order.venue_order_id is None else order.venue_order_id.value
            if order.client_order_id.value in open_ids or venue_id in open_ids:
                continue
            report = await self.order(order.client_order_id, order.venue_order_id, order.instrument_id)
            if report is not None:
                found.append(report)
        return found

    async def fills(
        self, instrument_id: InstrumentId | None, venue_order_id: VenueOrderId | None, start_ms: int | None
    ) -> list[FillReport]:
        """Return the fills of the orders that `orders` reports, or of one order."""
        wanted = {venue_order_id.value} if venue_order_id is not None else await self._reported_ids(instrument_id)
        if not wanted:
            return []
        reports_found = []
        for fill in await self._http.fills(start_ms, _market(instrument_id)):
            perpetual = self._provider.perpetual(fill.market)
            if fill.order_id in wanted and perpetual is not None:
                reports_found.append(reports.fill_report(fill, perpetual, self._account_id, self._now_ns()))
        return reports_found

    async def positions(self, instrument_id: InstrumentId | None) -> list[PositionStatusReport]:
        """Return open positions, and a flat report for each one asked for or believed in that is not there."""
        found: dict[InstrumentId, PositionStatusReport] = {}
        asked_ms = self._now_ns() // 1_000_000
        positions = await self._http.positions()
        self._on_positions(positions, asked_ms)
        for position in positions:
            perpetual = self._provider.perpetual(position.market)
            if perpetual is not None and instrument_id in (None, perpetual.id):
                found[perpetual.id] = reports.position_report(position, perpetual, self._account_id, self._now_ns())
        believed = {position.instrument_id for position in self._cache.positions_open(venue=VENUE)}
        for absent in (believed if instrument_id is None else {instrument_id}) - found.keys():
            perpetual = self._provider.find(absent)
            if perpetual is not None:
                found[absent] = reports.flat_report(perpetual, self._account_id, self._now_ns())
        return list(found.values())

    async def _reported_ids(self, instrument_id: InstrumentId | None) -> set[str]:
        return {report.venue_order_id.value for report in await self.orders(instrument_id)}

    def _believed_open(self, instrument_id: InstrumentId | None) -> Iterable[Any]:
        open_orders = self._cache.orders_open(venue=VENUE, instrument_id=instrument_id)
        return [*open_orders, *self._cache.orders_inflight(venue=VENUE, instrument_id=instrument_id)]

    def _order_report(self, row: Order) -> OrderStatusReport | None:
        perpetual = self._provider.perpetual(row.market)
        if perpetual is None:
            return None
        return reports.order_report(row, perpetual, self._account_id, self._now_ns())


def _market(instrument_id: InstrumentId | None) -> str | None:
    if instrument_id is None:
        return None
    symbol: str = instrument_id.symbol.value
    return symbol
