import subprocess
import sys
import time

import pytest

from operations.presence import Presence, PresenceError, Record, State, look, presence_path

HOLDER = """
import sys, time
from pathlib import Path
from operations.presence import Presence
presence = Presence(Path(sys.argv[1]))
presence.beat()
print("held", flush=True)
time.sleep(60)
"""


def test_a_node_shows_itself_from_start_to_orderly_end(tmp_path):
    path = tmp_path / "run" / "FARB-001.node"
    assert (look(path).record, look(path).is_alive) == (None, False)
    presence = Presence(path)
    assert (look(path).record.state, look(path).is_alive) == (State.STARTING, True)
    presence.beat()
    presence.beat()
    assert (look(path).record.state, look(path).record.beats) == (State.RUNNING, 2)
    presence.close(is_orderly=True)
    assert (look(path).record.state, look(path).is_alive) == (State.STOPPED, False)
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_end_in_disorder_looks_like_a_death(tmp_path):
    presence = Presence(tmp_path / "node")
    presence.beat()
    presence.close(is_orderly=False)
    assert (look(tmp_path / "node").record.state, look(tmp_path / "node").is_alive) == (State.RUNNING, False)


def test_a_second_node_of_the_name_is_refused_and_a_dead_ones_place_is_taken(tmp_path):
    first = Presence(tmp_path / "node")
    with pytest.raises(PresenceError, match=r"a node runs here already \(process \d+\)"):
        Presence(tmp_path / "node")
    first.close(is_orderly=False)
    Presence(tmp_path / "node").close(is_orderly=True)


def test_who_only_looks_keeps_no_node_from_starting(tmp_path):
    Presence(tmp_path / "node").close(is_orderly=True)
    for _ in range(50):
        look(tmp_path / "node")
        Presence(tmp_path / "node").close(is_orderly=True)


def test_the_kernel_tells_of_a_kill(tmp_path):
    path = tmp_path / "node"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        assert look(path).is_alive
        assert look(path).record.pid == process.pid
        process.kill()
        deadline = time.monotonic() + 20  # not waited for: a zombie holds no lock
        while look(path).is_alive:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert look(path).record.state is State.RUNNING


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_file_that_says_nothing_is_no_record(tmp_path, content):
    (tmp_path / "node").write_text(content)
    assert look(tmp_path / "node").record is None


def test_a_shorter_record_leaves_no_tail(tmp_path):
    (tmp_path / "node").write_text("x" * 160)
    presence = Presence(tmp_path / "node")
    assert isinstance(look(tmp_path / "node").record, Record)
    presence.close(is_orderly=True)


def test_nodes_of_two_names_do_not_meet():
    assert presence_path("FARB-001") != presence_path("FARB-002")
