"""Orders at the venue that are not ours in this process: manual ones, liquidations, an earlier run's."""

from collections.abc import Sequence
from decimal import Decimal

from nautilus_trader.execution.reports import FillReport, OrderStatusReport
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.identifiers import AccountId, VenueOrderId
from nautilus_trader.model.instruments import Instrument

from adapters.hyperliquid import reports
from adapters.hyperliquid.orders import Phase, phase
from adapters.hyperliquid.schemas import Fill, Order, OrderUpdate

type Report = OrderStatusReport | FillReport


class ExternalOrders:
    """Reports foreign orders so that Nautilus' positions follow the venue's.

    Nautilus takes a fill only for an order it knows, and no more of it than the order's size: so each
    fill comes after a report of an order that has room for it.
    """

    def __init__(self, account_id: AccountId) -> None:
        self._account_id = account_id
        self._room: dict[int, Decimal] = {}

    def know(self, order: Order) -> None:
        """An open order has been reported to Nautilus by reconciliation."""
        self._room[order.oid] = order.sz

    def resting(self) -> list[int]:
        """Return the oids of the orders that may stand in the book."""
        return [oid for oid, room in self._room.items() if room > 0]

    def has_resting(self) -> bool:
        """Return whether an order that is not ours may stand in the book."""
        return bool(self.resting())

    def update(self, update: OrderUpdate, instrument: Instrument, ts_init: int) -> list[Report]:
        """Return the reports for an order state."""
        order, kind = update.order, phase(update.status)
        if kind is Phase.OPEN and order.oid not in self._room and not order.is_trigger:
            return [self._introduce(order, instrument, ts_init)]
        if kind in (Phase.CANCELED, Phase.REJECTED) and self._room.pop(order.oid, None) is not None:
            return [self._order_report(order, OrderStatus.CANCELED, instrument, ts_init)]
        return []

    def fills(self, fills: Sequence[Fill], instrument: Instrument, ts_init: int) -> list[Report]:
        """Return the reports for new fills of one foreign order."""
        first, size = fills[0], sum((fill.sz for fill in fills), Decimal(0))
        made: list[Report] = []
        if first.oid not in self._room:
            made.append(self._introduce(reports.order_of_fill(first, size), instrument, ts_init))
        for fill in fills:
            made += self._fill_reports(fill, instrument, ts_init)
        return made

    def _fill_reports(self, fill: Fill, instrument: Instrument, ts_init: int) -> list[Report]:
        report = reports.fill_report(fill, instrument, self._account_id, None, ts_init)
        if self._room[fill.oid] >= fill.sz:
            self._room[fill.oid] -= fill.sz
            return [report]
        # More of an order whose size was only guessed from its first fills: an order of its own.
        order = self._order_report(reports.order_of_fill(fill, fill.sz), OrderStatus.ACCEPTED, instrument, ts_init)
        order.venue_order_id = report.venue_order_id = VenueOrderId(f"{fill.oid}-{fill.tid}")
        return [order, report]

    def _introduce(self, order: Order, instrument: Instrument, ts_init: int) -> OrderStatusReport:
        self._room[order.oid] = order.sz if order.orig_sz is None else order.orig_sz
        return self._order_report(order, OrderStatus.ACCEPTED, instrument, ts_init)

    def _order_report(self, order: Order, status: OrderStatus, instrument: Instrument, ts_init: int) -> OrderStatusReport:
        return reports.order_report(
            order,
            status,
            filled=Decimal(0),
            instrument=instrument,
            account_id=self._account_id,
            client_order_id=None,
            ts_init=ts_init,
        )
