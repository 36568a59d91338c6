"""A person's command on its way into a running node: local socket and signal."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import pytest
import pytest_asyncio

from messages import Command, OperatorCommand
from operations.control import ControlServer, Request, ask
from operations.ears import Ears

FLATTEN = Request(command=Command.FLATTEN, reason="night")


class Node:
    def __init__(self, folder: Path) -> None:
        self.heard: list[OperatorCommand] = []
        self.told: list[str] = []
        self.is_running, self.error = True, None
        self.socket = folder / "node.sock"
        self.ears = Ears(
            self.publish, socket=self.socket, is_running=lambda: self.is_running, now_ns=lambda: 7, tell=self.told.append
        )

    def publish(self, command: OperatorCommand) -> None:
        if self.error:
            raise self.error
        self.heard.append(command)


@pytest_asyncio.fixture
async def node(tmp_path):
    made = Node(tmp_path)
    await made.ears.open()
    yield made
    await made.ears.close()
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)


async def test_a_command_by_the_socket_is_published_and_acknowledged(node):
    answer = await ask(node.socket, FLATTEN, 5.0)
    assert answer.is_accepted
    assert node.heard == [OperatorCommand(command=Command.FLATTEN, source="cli", reason="night", ts_ns=7)]
    assert node.told == ["FLATTEN asked for by cli: night"]


async def test_the_signal_flattens(node):
    os.kill(os.getpid(), signal.SIGUSR1)
    async with asyncio.timeout(10):
        while not node.heard:  # noqa: ASYNC110 - a signal sets no event
            await asyncio.sleep(0.01)
    assert node.heard == [OperatorCommand(command=Command.FLATTEN, source="signal", reason="SIGUSR1", ts_ns=7)]


async def test_what_comes_before_the_trader_runs_is_kept_for_it_once(node):
    node.is_running = False
    answer = await ask(node.socket, FLATTEN, 5.0)
    assert answer.is_accepted
    assert "kept until the trader has started" in answer.detail
    assert node.heard == []
    node.is_running = True
    node.ears.on_started()
    node.ears.on_started()
    assert len(node.heard) == 1


async def test_a_listener_that_fails_is_the_answer(node):
    node.error = RuntimeError("no journal")
    answer = await ask(node.socket, FLATTEN, 5.0)
    assert (answer.is_accepted, answer.detail) == (False, "a listener failed: RuntimeError('no journal')")


@pytest.mark.parametrize("line", [b"flatten\n", b'{"command":"BUY"}\n', b'{"command":"FLATTEN","more":1}\n', b"\xff\n", b"\n"])
async def test_what_is_no_command_is_refused_and_the_next_one_taken(node, line):
    reader, writer = await asyncio.open_unix_connection(str(node.socket))
    writer.write(line)
    assert b'"is_accepted":false' in await reader.readline()
    writer.close()
    assert node.heard == []
    assert (await ask(node.socket, FLATTEN, 5.0)).is_accepted


async def test_nobody_but_the_owner_may_open_the_socket(node):
    assert stat.S_IMODE(node.socket.stat().st_mode) == 0o600


async def test_a_dead_nodes_socket_is_no_hindrance_and_says_so(tmp_path):
    path = tmp_path / "node.sock"
    assert not (await ask(path, FLATTEN, 1.0)).is_accepted
    left = ControlServer(path, lambda request, source: None)
    await left.open()
    left._server.close()  # as a kill leaves it: the file stays
    assert path.exists()
    assert "cannot be asked" in (await ask(path, FLATTEN, 1.0)).detail
    node = Node(tmp_path)
    await node.ears.open()
    assert (await ask(path, FLATTEN, 5.0)).is_accepted
    await node.ears.close()
    assert not path.exists()


async def test_a_node_that_hangs_is_not_waited_for(tmp_path):
    async def silent(reader, writer):
        await reader.read()

    server = await asyncio.start_unix_server(silent, str(tmp_path / "hung.sock"))
    answer = await ask(tmp_path / "hung.sock", FLATTEN, 0.2)
    assert (answer.is_accepted, answer.detail) == (False, "no answer within 0 s")
    server.close()
