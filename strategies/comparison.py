"""Has the venues asked for positions that their accounts report and our books do not show."""

from collections.abc import Mapping
from typing import Any

from nautilus_trader.model.identifiers import InstrumentId

from messages import Severity
from risk.reading import Reports, net_quantity
from strategies.order_port import OrderPort, VenueTruth
from strategies.witness import Witness


class Comparison:
    """One witness per instrument; `truth` is who may be asked, None where nobody knows more."""

    def __init__(self, cache: Any, log: Any, reports: Reports, port: OrderPort, truth: VenueTruth | None) -> None:
        self._cache, self._log, self._reports, self._port, self._truth = cache, log, reports, port, truth
        self._witnesses: dict[InstrumentId, Witness] = {}

    def compare(self, ids: Mapping[str, InstrumentId], *, is_busy: bool) -> None:
        """Compare an asset's positions with the last account reports, and alert and ask where they stay apart."""
        for venue, instrument_id in ids.items():
            reported = self._reports.position(venue, instrument_id.value)
            if reported is None:
                continue
            booked = net_quantity(self._cache, instrument_id)
            witness = self._witnesses.setdefault(instrument_id, Witness())
            if witness.differs(booked, *reported, is_busy=is_busy):
                self._disagree(instrument_id, f"our books hold {booked}, the account says {reported[0]}; the venue is asked")

    def _disagree(self, instrument_id: InstrumentId, words: str) -> None:
        self._log.error(f"{instrument_id}: {words}")
        self._port.alert(Severity.WARNING, "PositionDisagrees", f"{instrument_id}: {words}")
        if self._truth is not None:
            self._truth.ask_position(instrument_id.value)
