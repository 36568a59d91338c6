"""Keeps the ledger's rows over restarts, in the order in which they were booked."""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from actors.books import Book, FillRow
from messages import AccountHealth, FundingPayment, GasPaid

type Row = AccountHealth | FundingPayment | FillRow | GasPaid

_START, _ADOPTED, _FUNDING, _FILL, _GAS = "start", "adopted", "funding", "fill", "gas"
_TYPES: dict[str, type[Row]] = {
    _START: AccountHealth,
    _ADOPTED: AccountHealth,
    _FUNDING: FundingPayment,
    _FILL: FillRow,
    _GAS: GasPaid,
}


class Documents(Protocol):
    """Where rows are kept, in order of first insertion; a value is on the disk when `put` returns."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value."""

    def items(self) -> list[tuple[str, bytes]]:
        """Return what is kept."""


class CashRows:
    """Writes rows some time after they were booked, as many as wait in one document, and reads them into books once.

    A commit waits for the disk, and a fill of one leg must not hold up the order of the other: rows wait for
    `write`. A row that a crash takes is told again by its venue (payments), or shows as a residual.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._waiting: dict[str, tuple[str, Row]] = {}

    def start(self, health: AccountHealth) -> None:
        """Keep the report that opened a venue's first book."""
        self._wait(_START, health.venue, health)

    def adopted(self, health: AccountHealth) -> None:
        """Keep a report whose positions were taken over."""
        self._wait(_ADOPTED, f"{health.venue}|{health.ts_event_ns}", health)

    def payment(self, payment: FundingPayment) -> None:
        """Keep a payment, known by its venue's id."""
        self._wait(_FUNDING, f"{payment.venue}|{payment.payment_id}", payment)

    def fill(self, row: FillRow) -> None:
        """Keep a fill, known by its venue's id."""
        self._wait(_FILL, f"{row.venue}|{row.instrument_id}|{row.client_order_id}|{row.trade_id}", row)

    def gas(self, paid: GasPaid) -> None:
        """Keep gas, known by its transaction."""
        self._wait(_GAS, f"{paid.venue}|{paid.transaction_hash}", paid)

    def _wait(self, kind: str, identity: str, row: Row) -> None:
        self._waiting[f"{kind}|{identity}"] = (kind, row)

    def write(self) -> None:
        """Commit what waits, in one document named after its first row; what could not be committed goes on waiting."""
        if self._waiting:
            self._documents.put(next(iter(self._waiting)), msgspec.json.encode(list(self._waiting.values())))
            self._waiting.clear()

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield the kind and the value of every row that is kept."""
        for _, value in self._documents.items():
            for kind, raw in msgspec.json.decode(value, type=list[tuple[str, msgspec.Raw]]):
                yield kind, msgspec.json.decode(raw, type=_TYPES[kind])

    def books(self) -> dict[str, Book]:
        """Return every venue's book since its first start, as the rows leave it."""
        books: dict[str, Book] = {}
        for kind, row in self.rows():
            match row:
                case AccountHealth() if kind == _START:
                    books[row.venue] = Book(row)
                case AccountHealth():
                    books[row.venue].adopt(row)
                case FundingPayment():
                    books[row.venue].pay(row)
                case FillRow():
                    books[row.venue].fill(row)
        return books

    def gas_paid(self) -> dict[str, GasPaid]:
        """Return what the chain charged, by transaction."""
        return {row.transaction_hash: row for _, row in self.rows() if isinstance(row, GasPaid)}


def funding_known_ns(documents: Documents) -> dict[str, int]:
    """Return by venue until when its payments are booked: from then on they have to be asked for after a restart."""
    known: dict[str, int] = {}
    for kind, row in CashRows(documents).rows():
        if kind in (_START, _FUNDING):
            known[row.venue] = max(known.get(row.venue, 0), row.ts_event_ns)
    return known
