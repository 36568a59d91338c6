"""What the venue holds, as Nautilus reports; every read that fails raises: an empty list means flat."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, InstrumentId
from nautilus_trader.model.instruments import Instrument

from adapters.hyperliquid import parsing, reports
from adapters.hyperliquid.externals import ExternalOrders
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.orders import OrderIndex, TrackedOrder
from adapters.hyperliquid.schemas import Fill, Order, OrderUpdate


class Reconciler:
    """Reads the account and reports it.

    Nautilus infers a fill where a report shows more than it has heard of, and the real fill would
    then count twice. So a report of our own order shows no more than has been told, and before a
    foreign order is reported its fills are read and routed (`take_fills`).
    """

    def __init__(
        self,
        http: HyperliquidHttp,
        user: str,
        *,
        account_id: AccountId,
        instruments: Mapping[str, Instrument],
        orders: OrderIndex,
        externals: ExternalOrders,
        take_fills: Callable[[Sequence[Fill]], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._http, self._user, self._account_id = http, user, account_id
        self._instruments, self._orders, self._externals = instruments, orders, externals
        self._take_fills, self._now_ns = take_fills, now_ns

    async def order_reports(self, instrument_id: InstrumentId | None, *, open_only: bool) -> list[OrderStatusReport]:
        """Return all resting orders and, unless `open_only`, how our own missing ones ended."""
        made: list[OrderStatusReport] = []
        seen: set[int] = set()
        for order in await self._open_orders():
            seen.add(order.oid)
            instrument = self._instruments.get(order.coin)
            if instrument is not None and instrument_id in (None, instrument.id) and not order.is_trigger:
                made.append(self._open_report(order, instrument))
        if open_only:
            return made
        for tracked in self._orders.live():
            instrument = self._instruments[tracked.coin]
            if tracked.oid not in seen and instrument_id in (None, instrument.id):
                report = await self.order_report(tracked.cloid)
                made += [report] if report is not None else []
        return made

    async def order_report(self, order_id: int | str) -> OrderStatusReport | None:
        """Return one order by oid or cloid, None where the venue does not know it (yet)."""
        update = (await self._http.order_status(self._user, order_id)).order
        instrument = None if update is None else self._instruments.get(update.order.coin)
        if update is None or instrument is None:
            return None
        tracked = self._orders.find(update.order.oid, update.order.cloid)
        filled = (await self._filled(update)) if tracked is None or tracked.is_adopted else tracked.filled
        if tracked is not None and tracked.is_adopted:
            tracked.adopt(update.order.oid, filled)
        status = reports.report_status(update, filled)
        return self._report(update.order, status, filled, instrument, tracked=tracked, ts_last_ms=update.status_timestamp)

    async def fill_reports(self, instrument_id: InstrumentId | None, start_ms: int) -> list[FillReport]:
        """Return the fills of our own orders since `start_ms`; foreign ones show in the positions."""
        made = []
        for fill in await self._http.fills(self._user, start_ms):
            instrument, tracked = self._instruments.get(fill.coin), self._orders.find(fill.oid, fill.cloid)
            if instrument is not None and tracked is not None and instrument_id in (None, instrument.id):
                client_order_id = ClientOrderId(tracked.client_order_id)
                made.append(reports.fill_report(fill, instrument, self._account_id, client_order_id, self._now_ns()))
        return made

    async def position_reports(
        self, instrument_id: InstrumentId | None, expected: Iterable[InstrumentId]
    ) -> list[PositionStatusReport]:
        """Return the open positions, and a flat one for each instrument asked for or `expected` to have one."""
        state = await self._http.clearinghouse_state(self._user)
        made: dict[InstrumentId, PositionStatusReport] = {}
        for held in (held.position for held in state.asset_positions):
            instrument = self._instruments.get(held.coin)
            if instrument is not None and held.szi != 0 and instrument_id in (None, instrument.id):
                made[instrument.id] = reports.position_report(held, instrument, self._account_id, state.time, self._now_ns())
        asked = set(expected) if instrument_id is None else {instrument_id}
        return [*made.values(), *(self._flat(flat_id) for flat_id in asked - set(made))]

    async def _open_orders(self) -> list[Order]:
        resting = await self._http.open_orders(self._user)
        begun_ms = [
            order.timestamp
            for order in resting
            if order.orig_sz not in (None, order.sz) and self._orders.find(order.oid, order.cloid) is None
        ]
        if begun_ms:
            self._take_fills(await self._http.fills(self._user, min(begun_ms)))
        return resting

    def _flat(self, instrument_id: InstrumentId) -> PositionStatusReport:
        instrument = self._instruments[parsing.coin(instrument_id)]
        return PositionStatusReport.create_flat(self._account_id, instrument_id, instrument.size_precision, self._now_ns())

    def _open_report(self, order: Order, instrument: Instrument) -> OrderStatusReport:
        tracked = self._orders.find(order.oid, order.cloid)
        filled = (order.orig_sz or order.sz) - order.sz
        if tracked is None:
            self._externals.know(order)
        elif tracked.is_adopted:
            tracked.adopt(order.oid, filled)
        else:
            filled = tracked.filled
        status = OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.ACCEPTED
        return self._report(order, status, filled, instrument, tracked=tracked, ts_last_ms=None)

    async def _filled(self, update: OrderUpdate) -> Decimal:
        fills = await self._http.fills(self._user, update.order.timestamp)
        self._take_fills(fills)
        return sum((fill.sz for fill in fills if fill.oid == update.order.oid), Decimal(0))

    def _report(
        self,
        order: Order,
        status: OrderStatus,
        filled: Decimal,
        instrument: Instrument,
        *,
        tracked: TrackedOrder | None,
        ts_last_ms: int | None,
    ) -> OrderStatusReport:
        return reports.order_report(
            order,
            status,
            filled=filled,
            instrument=instrument,
            account_id=self._account_id,
            client_order_id=None if tracked is None else ClientOrderId(tracked.client_order_id),
            ts_init=self._now_ns(),
            ts_last_ms=ts_last_ms,
        )
