"""Answers Nautilus' questions about orders from the journal, which holds all that was ever sent."""

from nautilus_trader.execution.reports import FillReport, OrderStatusReport
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.identifiers import AccountId, InstrumentId

from adapters.ekubo import reports
from adapters.ekubo.desk import SwapDesk
from adapters.ekubo.journal import TransactionJournal
from adapters.ekubo.providers import EkuboInstrumentProvider
from adapters.ekubo.sending import Fate, Slot


class Records:
    """Orders by what became of their slots."""

    def __init__(
        self, journal: TransactionJournal, desk: SwapDesk, provider: EkuboInstrumentProvider, account_id: AccountId
    ) -> None:
        self._journal, self._desk, self._provider, self._account_id = journal, desk, provider, account_id

    def order(self, client_order_id: str) -> OrderStatusReport | None:
        """Return the report of an order, None where nothing of it was ever sent."""
        slots = self._journal.of_order(client_order_id)
        if not slots:
            return None
        instrument_id = InstrumentId.from_str(slots[0].swap.instrument_id)
        instrument = self._provider.find(instrument_id)
        done = self._fills(slots)
        first = next((slot for slot in slots if slot.fate is not Fate.REFUSED), slots[0])  # whose hash was told as the id
        report = reports.order_report(first, instrument, self._account_id, done=done, status=OrderStatus.ACCEPTED)
        is_open = client_order_id in self.at_work() or any(slot.fate is None for slot in slots)
        report.order_status = _status(report, is_open=is_open)
        return report

    def by_venue_id(self, venue_order_id: str) -> OrderStatusReport | None:
        """Return the report of the order that began with this transaction."""
        slot = self._journal.get(venue_order_id)
        return None if slot is None else self.order(slot.swap.client_order_id)

    def open_orders(self, instrument_id: InstrumentId | None) -> list[OrderStatusReport]:
        """Return the orders at work."""
        found = [self.order(name) for name in self.at_work()]
        return [report for report in found if report is not None and instrument_id in (None, report.instrument_id)]

    def open_fills(self, instrument_id: InstrumentId | None) -> list[FillReport]:
        """Return the fills so far of the orders at work."""
        made: list[FillReport] = []
        for name in self.at_work():
            slots = self._journal.of_order(name)
            instrument = self._provider.find(InstrumentId.from_str(slots[0].swap.instrument_id)) if slots else None
            if instrument is not None and instrument_id in (None, instrument.id):
                made += [reports.fill_report(fill, slots[0], instrument, self._account_id) for fill in self._fills(slots)]
        return made

    def at_work(self) -> list[str]:
        """Return the client order ids of what is being worked."""
        return [work.order.client_order_id for work in self._desk.works]

    def _fills(self, slots: list[Slot]) -> list[reports.Filled]:
        instrument_id = InstrumentId.from_str(slots[0].swap.instrument_id)
        instrument, pair = self._provider.find(instrument_id), self._provider.pair(instrument_id)
        assert pair is not None
        done = [slot for slot in slots if slot.fate is Fate.SUCCEEDED and slot.booking is not None]
        return [reports.filled(slot, instrument, pair) for slot in done]


def _status(report: OrderStatusReport, *, is_open: bool) -> OrderStatus:
    if report.filled_qty >= report.quantity:
        return OrderStatus.FILLED
    if is_open:
        return OrderStatus.PARTIALLY_FILLED if report.filled_qty else OrderStatus.ACCEPTED
    return OrderStatus.CANCELED if report.filled_qty else OrderStatus.REJECTED
