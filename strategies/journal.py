"""The node's one database: what was intended before it is sent, what became of it, and the papers of others.

One SQLite file per node, write-ahead logged and synced on every commit, locked against a second node.
Two things live in it. The journal proper is a log of pairs: a plan, the intents it led to, the facts heard
of them, its end. An intent is committed before its order may leave, under a client order id that no other
intent ever has; facts are noted and committed with the next intent or at the end of a turn, for a fact that
is lost can be asked for again and an intent cannot. Documents are small values of other components, by
namespace and key, each committed when `put` returns.

A commit takes a synced disk write, which is some tenths of a millisecond or, on a busy disk, many. What must be
on the disk before something may happen is committed by the caller; what need not be is left to a thread (`later`).
"""

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

SCHEMA_VERSION = 1
IN_MEMORY = ":memory:"
_TABLES = """
CREATE TABLE IF NOT EXISTS pairs (
    pair_id TEXT PRIMARY KEY, plan BLOB NOT NULL, begun_ns INTEGER NOT NULL, ended_ns INTEGER, result BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    pair_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    value BLOB NOT NULL,
    ts_ns INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_intent ON entries (client_order_id) WHERE kind = 'INTENT';
CREATE INDEX IF NOT EXISTS by_pair ON entries (pair_id);
CREATE TABLE IF NOT EXISTS documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    UNIQUE (namespace, key)
);
"""


class JournalError(RuntimeError):
    """The database cannot be opened, is in use by another node, or was written by another version."""


class DuplicateIntent(RuntimeError):
    """An intent of this client order id is there already: whatever asks for it must not be sent."""


class Entry(msgspec.Struct, frozen=True):
    """One line of a pair's log: an `INTENT` or a `FACT` about one order, as the writer encoded it."""

    client_order_id: str
    kind: str
    value: bytes
    ts_ns: int


class PairRecord(msgspec.Struct, frozen=True):
    """A pair that has not ended, with its log in the order it was written."""

    pair_id: str
    plan: bytes
    begun_ns: int
    entries: tuple[Entry, ...]


class Documents:
    """Small values by key, in the order in which their keys first came."""

    def __init__(self, journal: "Journal", namespace: str) -> None:
        self._journal, self._namespace = journal, namespace

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`; it is on the disk when this returns."""
        with self._journal.transaction() as database:
            database.execute(
                "INSERT INTO documents (namespace, key, value) VALUES (?, ?, ?) "
                "ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value",
                (self._namespace, key, value),
            )

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, None where there is none."""
        rows = self._journal.read("SELECT value FROM documents WHERE namespace = ? AND key = ?", (self._namespace, key))
        value: bytes | None = rows[0][0] if rows else None
        return value

    def items(self) -> list[tuple[str, bytes]]:
        """Return all keys and values, in the order in which the keys were first put."""
        return self._journal.read("SELECT key, value FROM documents WHERE namespace = ? ORDER BY sequence", (self._namespace,))

    def remove(self, key: str) -> None:
        """Forget a key; one that is not there is no error."""
        with self._journal.transaction() as database:
            database.execute("DELETE FROM documents WHERE namespace = ? AND key = ?", (self._namespace, key))


class Journal:
    """The database of one node; raises `JournalError` where another node has it open."""

    def __init__(self, path: str = IN_MEMORY) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)
        self._lock = threading.RLock()
        self._noted: list[tuple[str, str, bytes, int]] = []
        self._failures: list[str] = []
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version not in (0, SCHEMA_VERSION):
                raise JournalError(f"{path} was written by another version ({version}, this one writes {SCHEMA_VERSION})")
            self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        except sqlite3.Error as e:
            self._database.close()
            raise JournalError(f"{path} cannot be used, perhaps another node has it open: {e}") from e
        except JournalError:
            self._database.close()
            raise
        if path != IN_MEMORY:
            self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
            self._writer.start()

    def close(self) -> None:
        """Commit what is noted and what was left to the thread, and release the file."""
        if self._writer is not None:
            self._work.put(None)
            self._writer.join()
            self._writer = None
        self.flush()
        self._database.close()

    # The thread.

    def later(self, work: Callable[[], None]) -> None:
        """Have something committed soon, in order, without waiting for it; in memory it is done at once."""
        if self._writer is None:
            work()
        else:
            self._work.put(work)

    def settle(self) -> None:
        """Wait until all that was left to the thread is done."""
        if self._writer is not None:
            is_done = threading.Event()
            self._work.put(is_done.set)
            is_done.wait()

    def take_failures(self) -> list[str]:
        """Return what the thread could not commit since the last call, in words."""
        found, self._failures = self._failures, []
        return found

    def _write(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except (JournalError, DuplicateIntent) as e:
                self._failures.append(str(e))

    # Documents of other components.

    def documents(self, namespace: str) -> Documents:
        """Return the document store of a component."""
        return Documents(self, namespace)

    # The log of pairs.

    def intend(self, pair_id: str, intents: Sequence[tuple[str, bytes]], ts_ns: int, plan: bytes | None = None) -> None:
        """Commit intents, by client order id, with every fact noted so far: all of them or none.

        The first ones of a pair bring its `plan`. Raises `DuplicateIntent` where one of them, or the pair, has been
        committed before.
        """
        rows = [(pair_id, key, "INTENT", value, ts_ns) for key, value in intents]
        try:
            with self.transaction() as database:
                if plan is not None:
                    database.execute("INSERT INTO pairs (pair_id, plan, begun_ns) VALUES (?, ?, ?)", (pair_id, plan, ts_ns))
                database.executemany(
                    "INSERT INTO entries (pair_id, client_order_id, kind, value, ts_ns) VALUES (?, ?, ?, ?, ?)", rows
                )
        except sqlite3.IntegrityError as e:
            raise DuplicateIntent(f"{pair_id}: {', '.join(key for key, _ in intents)}") from e

    def note(self, pair_id: str, client_order_id: str, fact: bytes, ts_ns: int) -> None:
        """Note a fact about an order; the next commit or `flush` takes it to the disk."""
        self._noted.append((pair_id, client_order_id, fact, ts_ns))

    def flush(self) -> None:
        """Commit what is noted."""
        with self._lock:
            if self._noted:
                with self.transaction():
                    pass

    def end(self, pair_id: str, result: bytes, ts_ns: int) -> None:
        """Commit a pair's end: recovery no longer looks at it."""
        with self.transaction() as database:
            database.execute("UPDATE pairs SET ended_ns = ?, result = ? WHERE pair_id = ?", (ts_ns, result, pair_id))

    def unfinished(self) -> list[PairRecord]:
        """Return the pairs that have no end, oldest first, each with its log."""
        rows = self.read("SELECT pair_id, plan, begun_ns FROM pairs WHERE ended_ns IS NULL ORDER BY begun_ns, pair_id", ())
        return [PairRecord(pair_id, plan, begun_ns, self._entries(pair_id)) for pair_id, plan, begun_ns in rows]

    def results(self) -> list[tuple[str, bytes]]:
        """Return the ids and results of the pairs that have ended, in the order in which they did."""
        return self.read("SELECT pair_id, result FROM pairs WHERE ended_ns IS NOT NULL ORDER BY ended_ns, pair_id", ())

    def _entries(self, pair_id: str) -> tuple[Entry, ...]:
        query = "SELECT client_order_id, kind, value, ts_ns FROM entries WHERE pair_id = ? ORDER BY sequence"
        rows = self.read(query, (pair_id,))
        return tuple(Entry(*row) for row in rows)

    # What both are made of.

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is noted and what is done inside, all or nothing; raises `JournalError` where the disk fails."""
        with self._lock:
            noted, self._noted = self._noted, []
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._write_facts(noted)
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.IntegrityError:
                self._roll_back(noted)
                raise
            except sqlite3.Error as e:
                self._roll_back(noted)
                raise JournalError(f"nothing could be committed: {e}") from e
            except BaseException:
                self._roll_back(noted)
                raise

    def _roll_back(self, noted: list[tuple[str, str, bytes, int]]) -> None:
        self._noted = noted + self._noted
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def read(self, query: str, parameters: tuple[str, ...]) -> list[Any]:
        """Return the rows of a query."""
        with self._lock:
            return self._database.execute(query, parameters).fetchall()

    def _write_facts(self, noted: list[tuple[str, str, bytes, int]]) -> None:
        rows = [(pair_id, key, "FACT", fact, ts_ns) for pair_id, key, fact, ts_ns in noted]
        self._database.executemany(
            "INSERT INTO entries (pair_id, client_order_id, kind, value, ts_ns) VALUES (?, ?, ?, ?, ?)", rows
        )
