"""The commands as a person calls them, in this process: what they say and how they end."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from ops_venues import ROOT, Bench

from config.secret import PASSPHRASE, resolve
from messages import Command, OperatorCommand
from operations.__main__ import main
from operations.ears import Ears
from operations.flatten import Flattening
from operations.presence import Presence, presence_path, socket_path

HERE = ("sim.toml", "--attach", "ready.json")
NAME = "FARB-001"


@pytest.fixture
def folder(bench: Bench, tmp_path: Path, monkeypatch) -> Path:
    """The folder of a node on the simulated venues."""
    for name in ("sim.toml", "limits.toml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text())
    (tmp_path / "ready.json").write_text(json.dumps(bench.sims.ready))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Node:
    """What of a node can be seen and spoken to from outside; it flattens by hand, when it does."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.heard, self.works = bench, [], []
        self.does_flatten, self.error = True, None

    def publish(self, command: OperatorCommand) -> None:
        if self.error:
            raise self.error
        self.heard.append(command)
        if self.does_flatten:
            self.works.append(asyncio.ensure_future(Flattening(self.bench.accounts, [].append).run(10)))


@pytest_asyncio.fixture
async def node(bench: Bench, folder: Path) -> AsyncIterator[Node]:
    made, presence = Node(bench), Presence(presence_path(NAME))
    presence.beat()
    ears = Ears(made.publish, socket=socket_path(NAME), is_running=lambda: True, now_ns=lambda: 7, tell=[].append)
    await ears.open()
    yield made
    await ears.close()
    await asyncio.gather(*made.works)
    presence.close(is_orderly=True)


async def run(*arguments: str) -> int:
    """Run a command in a thread, while the venues live on in this one."""
    return await asyncio.to_thread(main, list(arguments))


async def test_without_a_node_flatten_acts_on_the_venues(bench: Bench, folder: Path, capsys):
    await bench.open_pair()
    assert await run("flatten", *HERE) == 0
    assert bench.is_flat()
    said = capsys.readouterr().out
    assert "no node runs here: acting on the venues" in said
    assert said.endswith("HYPERLIQUID: flat\nPARADEX: flat\n")


async def test_a_node_is_asked_first_and_left_to_do_it(bench: Bench, node: Node, capsys):
    await bench.open_pair()
    assert await run("flatten", *HERE, "--reason", "night") == 0
    assert bench.is_flat()
    assert node.heard == [OperatorCommand(command=Command.FLATTEN, source="cli", reason="night", ts_ns=7)]
    said = capsys.readouterr().out
    assert "asked it to flatten: FLATTEN is on the bus" in said
    assert "the node has flattened" in said
    assert "or better" not in said


async def test_a_node_that_takes_the_command_and_does_nothing_is_not_waited_for_long(bench: Bench, node: Node, capsys):
    node.does_flatten = False
    await bench.open_pair()
    assert await run("flatten", *HERE, "--node-secs", "1") == 0
    assert bench.is_flat()
    assert "not flat after 1 s: acting from here as well" in capsys.readouterr().out


async def test_a_node_that_cannot_take_the_command_is_told_of(bench: Bench, node: Node, capsys):
    node.error = RuntimeError("no journal")
    await bench.open_pair()
    assert await run("flatten", *HERE) == 0
    said = capsys.readouterr().out
    assert "a listener failed: RuntimeError('no journal')" in said
    assert "the node may trade again unless it is stopped" in said


async def test_what_is_left_is_told_by_the_exit_code(bench: Bench, folder: Path, capsys):
    await bench.open_pair()
    await bench.sims.hyperliquid.stop()
    assert await run("flatten", *HERE, "--within-secs", "3") == 1
    said = capsys.readouterr().out
    assert "HYPERLIQUID: NOT KNOWN" in said
    assert "PARADEX: flat" in said
    assert await run("status", *HERE) == 1


async def test_status_and_tell_know_of_a_node(bench: Bench, node: Node, capsys):
    assert await run("status", *HERE) == 0
    assert "RUNNING" in capsys.readouterr().out
    assert await run("tell", "sim.toml", "pause") == 0
    assert [command.command for command in node.heard] == [Command.PAUSE]


async def test_tell_says_that_nobody_listens(bench: Bench, folder: Path, capsys):
    assert await run("tell", "sim.toml", "resume") == 1
    assert "it cannot be asked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("flatten", str(ROOT / "config/paper.toml")), "a paper account lives inside its node"),
        (("flatten", "sim.toml"), "needs --attach FILE"),
        (("status", "none.toml"), "none.toml: No such file"),
        (("flatten", "sim.toml", "--attach", "none.json"), "none.json: No such file"),
    ],
)
async def test_a_call_that_cannot_work_says_why(bench: Bench, folder: Path, capsys, arguments, words):
    assert await run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_a_keystore_is_made_for_its_owner_alone_and_never_over_another(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    path = tmp_path / "agent.json"
    monkeypatch.setattr("sys.stdin", io.StringIO("0x" + "12" * 32 + "\n"))
    assert main(["keystore", str(path)]) == 0
    assert f"keystore:{path}" in capsys.readouterr().out
    assert path.stat().st_mode & 0o777 == 0o600
    assert resolve(f"keystore:{path}") == "0x" + "12" * 32
    monkeypatch.setattr("sys.stdin", io.StringIO("0x12\n"))
    assert main(["keystore", str(path)]) == 2
    assert "File exists" in capsys.readouterr().err


def test_the_commands_load_neither_a_node_nor_what_is_slow():
    """The kill switch has to work where Nautilus does not start, and at once."""
    code = "import sys, operations.__main__, operations.redis_channel; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "nautilus_trader.core.nautilus_pyo3" in loaded, "the HTTP client"
    assert not {"nautilus_trader.live.node", "nautilus_trader.model", "pandas", "eth_account", "hyperliquid"} & set(loaded)
