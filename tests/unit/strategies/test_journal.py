import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from strategies.journal import DuplicateIntent, Journal, JournalError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal.sqlite")


def kinds(journal: Journal) -> list[tuple[str, str]]:
    return [(entry.kind, entry.client_order_id) for record in journal.unfinished() for entry in record.entries]


def test_a_file_is_write_ahead_logged_and_fully_synced(path: str) -> None:
    journal = Journal(path)
    assert journal.read("PRAGMA journal_mode", ()) == [("wal",)]
    assert journal.read("PRAGMA synchronous", ()) == [(2,)]
    assert journal.read("PRAGMA locking_mode", ()) == [("exclusive",)]


def test_a_second_node_cannot_open_the_same_file(path: str) -> None:
    first = Journal(path)
    with pytest.raises(JournalError, match="another node"):
        Journal(path)
    first.close()
    Journal(path).close()


def test_a_file_of_another_version_is_left_alone(path: str) -> None:
    first = Journal(path)
    first.read("PRAGMA user_version = 99", ())
    first.close()
    with pytest.raises(JournalError, match="another version"):
        Journal(path)


def test_a_pair_is_read_back_with_its_log_in_order_until_it_ends(path: str) -> None:
    journal = Journal(path)
    journal.intend("P1", [("P1-A1", b"a"), ("P1-B1", b"b")], 6, b"plan")
    journal.note("P1", "P1-A1", b"filled", 7)
    journal.close()
    journal = Journal(path)
    (record,) = journal.unfinished()
    assert (record.pair_id, record.plan, record.begun_ns) == ("P1", b"plan", 6)
    assert [(e.client_order_id, e.kind, e.value, e.ts_ns) for e in record.entries] == [
        ("P1-A1", "INTENT", b"a", 6),
        ("P1-B1", "INTENT", b"b", 6),
        ("P1-A1", "FACT", b"filled", 7),
    ]
    journal.end("P1", b"hedged", 8)
    assert journal.unfinished() == []
    assert journal.results() == [("P1", b"hedged")]


def test_no_client_order_id_is_ever_intended_twice_not_even_after_the_pair_has_ended(path: str) -> None:
    journal = Journal(path)
    journal.intend("P1", [("P1-A1", b"a")], 2, b"plan")
    journal.end("P1", b"", 3)
    journal.close()
    journal = Journal(path)
    with pytest.raises(DuplicateIntent):
        journal.intend("P1", [("P1-A2", b"a"), ("P1-A1", b"a")], 4)
    journal.intend("P1", [("P1-A2", b"a")], 5)  # of a refused batch nothing was kept


def test_a_noted_fact_survives_an_intent_that_is_refused(path: str) -> None:
    journal = Journal(path)
    journal.intend("P1", [("P1-A1", b"a")], 2, b"plan")
    journal.note("P1", "P1-A1", b"filled", 3)
    with pytest.raises(DuplicateIntent):
        journal.intend("P1", [("P1-A1", b"a")], 4)
    journal.flush()
    assert kinds(journal) == [("INTENT", "P1-A1"), ("FACT", "P1-A1")]


def test_what_was_intended_is_there_after_a_kill_and_what_was_only_noted_may_not_be(path: str) -> None:
    program = (
        "import os, signal, sys\n"
        "from strategies.journal import Journal\n"
        "journal = Journal(sys.argv[1])\n"
        "journal.note('P1', 'P1-A1', b'early', 2)\n"
        "journal.intend('P1', [('P1-A1', b'a')], 3, b'plan')\n"
        "journal.documents('x').put('k', b'v')\n"
        "journal.note('P1', 'P1-A1', b'late', 4)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", program, path], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    journal = Journal(path)
    assert [entry.value for record in journal.unfinished() for entry in record.entries] == [b"early", b"a"]
    assert journal.documents("x").get("k") == b"v"


def test_documents_keep_the_order_of_their_first_insertion_and_their_namespaces_apart(path: str) -> None:
    journal = Journal(path)
    papers, others = journal.documents("papers"), journal.documents("others")
    papers.put("b", b"1")
    papers.put("a", b"2")
    others.put("b", b"9")
    papers.put("b", b"3")
    assert papers.items() == [("b", b"3"), ("a", b"2")]
    papers.remove("b")
    papers.remove("never there")
    assert (papers.get("b"), others.get("b")) == (None, b"9")
    papers.put("b", b"4")
    assert [key for key, _ in papers.items()] == ["a", "b"]
    journal.close()
    assert Journal(path).documents("papers").items() == [("a", b"2"), ("b", b"4")]


def test_a_journal_in_memory_needs_no_file() -> None:
    journal = Journal()
    journal.documents("x").put("k", b"v")
    assert journal.documents("x").items() == [("k", b"v")]


def test_what_is_left_to_the_thread_is_committed_in_order_and_before_the_file_is_released(path: str) -> None:
    journal = Journal(path)
    journal.intend("P1", [("P1-A1", b"a")], 1, b"plan")
    done: list[int] = []
    for number in range(20):
        journal.note("P1", "P1-A1", str(number).encode(), number)
        journal.later(journal.flush)
        journal.later(lambda number=number: done.append(number))
    journal.settle()
    assert done == list(range(20))
    journal.note("P1", "P1-A1", b"last", 99)
    journal.later(lambda: journal.end("P1", b"hedged", 100))
    journal.close()
    journal = Journal(path)
    assert journal.results() == [("P1", b"hedged")]
    facts = [value for (value,) in journal.read("SELECT value FROM entries WHERE kind = 'FACT' ORDER BY sequence", ())]
    assert facts == [*(str(number).encode() for number in range(20)), b"last"]


def test_what_the_thread_could_not_commit_is_told_once(path: str) -> None:
    journal = Journal(path)
    journal.intend("P1", [("P1-A1", b"a")], 1, b"plan")
    journal.later(lambda: journal.intend("P1", [("P1-A1", b"a")], 2))
    journal.settle()
    assert len(journal.take_failures()) == 1
    assert journal.take_failures() == []


def test_a_pair_is_begun_once(path: str) -> None:
    journal = Journal(path)
    journal.intend("P1", [("P1-A1", b"a")], 1, b"plan")
    with pytest.raises(DuplicateIntent):
        journal.intend("P1", [("P1-A2", b"a")], 2, b"plan")
    assert len(journal.unfinished()[0].entries) == 1
