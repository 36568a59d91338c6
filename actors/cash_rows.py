"""Keeps the ledger's rows over restarts: one document per fill, payment and opening report, in the order they were booked."""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from actors.books import Book, FillRow
from messages import AccountHealth, FundingPayment

type Row = AccountHealth | FundingPayment | FillRow

_START, _ADOPTED, _FUNDING, _FILL = "start", "adopted", "funding", "fill"
_TYPES: dict[str, type[Row]] = {_START: AccountHealth, _ADOPTED: AccountHealth, _FUNDING: FundingPayment, _FILL: FillRow}


class Documents(Protocol):
    """Where rows are kept, in order of first insertion; a row is on the disk when `put` returns."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value."""

    def items(self) -> list[tuple[str, bytes]]:
        """Return what is kept."""


class CashRows:
    """Writes rows some time after they were booked, and reads them into books once.

    A commit waits for the disk, and a fill of one leg must not hold up the order of the other: rows wait for
    `write`. A row that a crash takes is told again by its venue (payments), or shows as a residual.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._waiting: dict[str, Row] = {}

    def start(self, health: AccountHealth) -> None:
        """Keep the report that opened a venue's first book."""
        self._waiting[f"{_START}|{health.venue}"] = health

    def adopted(self, health: AccountHealth) -> None:
        """Keep a report whose positions were taken over."""
        self._waiting[f"{_ADOPTED}|{health.venue}|{health.ts_event_ns}"] = health

    def payment(self, payment: FundingPayment) -> None:
        """Keep a payment under its venue's id."""
        self._waiting[f"{_FUNDING}|{payment.venue}|{payment.payment_id}"] = payment

    def fill(self, row: FillRow) -> None:
        """Keep a fill under its venue's id."""
        self._waiting[f"{_FILL}|{row.venue}|{row.instrument_id}|{row.client_order_id}|{row.trade_id}"] = row

    def write(self) -> None:
        """Commit what waits; what could not be committed goes on waiting."""
        while self._waiting:
            key = next(iter(self._waiting))
            self._documents.put(key, msgspec.json.encode(self._waiting[key]))
            del self._waiting[key]

    def books(self) -> dict[str, Book]:
        """Return every venue's book since its first start, as the rows leave it."""
        books: dict[str, Book] = {}
        for kind, row in self._rows():
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

    def _rows(self) -> Iterator[tuple[str, Row]]:
        for key, value in self._documents.items():
            kind = key.partition("|")[0]
            yield kind, msgspec.json.decode(value, type=_TYPES[kind])


def funding_known_ns(documents: Documents) -> dict[str, int]:
    """Return by venue until when its payments are booked: from then on they have to be asked for after a restart."""
    known: dict[str, int] = {}
    for key, value in documents.items():
        kind, venue = key.split("|")[:2]
        if kind in (_START, _FUNDING):
            known[venue] = max(known.get(venue, 0), msgspec.json.decode(value, type=_TYPES[kind]).ts_event_ns)
    return known
