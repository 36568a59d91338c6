"""`python -m simulators` as a process: ready line, clean ends, one-line errors."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from hyperliquid.info import Info

ROOT = Path(__file__).parents[2]


async def start(*arguments, stdin=None):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulators",
        *arguments,
        cwd=ROOT,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def outcome(process):
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_one_ready_line_and_a_clean_end(number, tmp_path):
    ready_file = tmp_path / "ready.json"
    process = await start("--only", "hyperliquid", "--seed", "5", "--hour-secs", "10", "--ready-file", str(ready_file))
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    ready = json.loads(line)
    assert (ready["ready"], ready["seed"], ready["hour_secs"]) == (True, 5, 10.0)
    assert json.loads(ready_file.read_text()) == ready
    assert "paradex" not in ready
    assert ready["hyperliquid"]["ws_url"] == "ws" + ready["hyperliquid"]["http_url"][4:] + "/ws"
    info = await asyncio.to_thread(Info, ready["hyperliquid"]["http_url"], True, timeout=10)
    assert "HYPE" in await asyncio.to_thread(info.all_mids)
    process.send_signal(number)
    code, rest, errors = await outcome(process)
    assert (code, rest) == (0, "")
    assert "Traceback" not in errors


async def test_it_ends_with_its_parent():
    process = await start("--only", "hyperliquid", "--exit-with-parent", stdin=asyncio.subprocess.PIPE)
    assert json.loads(await asyncio.wait_for(process.stdout.readline(), 20))["ready"]
    process.stdin.close()
    code, _, errors = await outcome(process)
    assert code == 0
    assert "Traceback" not in errors


async def test_without_a_parent_to_follow_it_ends_at_once():
    process = await start("--only", "hyperliquid", "--exit-with-parent", stdin=asyncio.subprocess.DEVNULL)
    code, output, errors = await outcome(process)
    assert (code, output.count("\n")) == (0, 1)
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hour-secs", "0"],
        ["--hour-secs", "soon"],
        ["--only", "binance"],
        ["--tape", "absent.csv"],
        ["--faults", "absent.json"],
        ["--x"],
    ],
)
async def test_wrong_arguments_give_one_line_and_code_2(arguments):
    code, output, errors = await outcome(await start(*arguments))
    assert (code, output) == (2, "")
    assert errors.startswith("simulators: error: ")
    assert errors.count("\n") == 1
