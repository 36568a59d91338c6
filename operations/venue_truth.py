"""Asks the venues themselves what became of an order, and what is held: through their clients' own reports."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import GenerateOrderStatusReport, GeneratePositionStatusReports
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from strategies.pair_recovery import OrderAnswer

_OPEN = (
    OrderStatus.SUBMITTED,
    OrderStatus.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.PENDING_UPDATE,
    OrderStatus.TRIGGERED,
)
_READ_TWICE_SECS = 1.0


class VenueQuestions:
    """Questions to the execution clients of a node; one that cannot be answered is logged and gets no answer."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._log = kernel.logger
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked: set[InstrumentId] = set()  # positions that are being asked for

    def ask_order(self, instrument_id: str, client_order_id: str, question: int, reply: Callable[[OrderAnswer], None]) -> None:
        """Ask what became of an order; `reply` gets the answer, if there is one, with the question's number."""
        self._start(self._ask_order(InstrumentId.from_str(instrument_id), client_order_id, question, reply))

    def ask_position(self, instrument_id: str) -> None:
        """Ask for a position twice, and have the cache put right where both agree that it differs."""
        identity = InstrumentId.from_str(instrument_id)
        if identity not in self._asked:
            self._asked.add(identity)
            self._start(self._ask_position(identity))

    async def _ask_order(
        self, instrument_id: InstrumentId, client_order_id: str, question: int, reply: Callable[[OrderAnswer], None]
    ) -> None:
        try:
            report = await self._client(instrument_id).generate_order_status_report(
                GenerateOrderStatusReport(
                    instrument_id=instrument_id,
                    client_order_id=ClientOrderId(client_order_id),
                    venue_order_id=None,
                    command_id=UUID4(),
                    ts_init=self._kernel.clock.timestamp_ns(),
                )
            )
        except Exception as e:
            self._log.warning(f"{client_order_id} is in doubt, and its venue does not say: {e!r}")
            return
        reply(
            OrderAnswer(
                client_order_id=client_order_id,
                is_known=report is not None,
                is_open=report is not None and report.order_status in _OPEN,
                filled=Decimal(0) if report is None else report.filled_qty.as_decimal(),
                question=question,
            )
        )

    async def _ask_position(self, instrument_id: InstrumentId) -> None:
        try:
            first = await self._position(instrument_id)
            await asyncio.sleep(_READ_TWICE_SECS)
            second = await self._position(instrument_id)
            if first is not None and second is not None and first.signed_decimal_qty == second.signed_decimal_qty:
                self._log.warning(f"{instrument_id}: its venue holds {second.signed_decimal_qty}")
                self._kernel.msgbus.send(endpoint="ExecEngine.reconcile_execution_report", msg=second)
        except Exception as e:
            self._log.warning(f"the position of {instrument_id} could not be read: {e!r}")
        finally:
            self._asked.discard(instrument_id)

    async def _position(self, instrument_id: InstrumentId) -> Any:
        reports = await self._client(instrument_id).generate_position_status_reports(
            GeneratePositionStatusReports(
                instrument_id=instrument_id,
                start=None,
                end=None,
                command_id=UUID4(),
                ts_init=self._kernel.clock.timestamp_ns(),
            )
        )
        return reports[0] if reports else None

    def _client(self, instrument_id: InstrumentId) -> Any:
        return next(c for c in self._kernel.exec_engine._clients.values() if c.venue == instrument_id.venue)

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = self._kernel.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
