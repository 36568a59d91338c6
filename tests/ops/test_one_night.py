"""One node through a bad night: every way to flatten, a Redis that dies, a crash; and no secret of the run anywhere.

It runs as on a test network: with an agent's key and a subkey, a journal, a watchdog of its own.
"""

import json
import re
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ops_folder import Folder, until
from ops_redis import PASSWORD, RedisServer
from ops_venues import ROOT, Bench, environment

from adapters.hyperliquid import signing as hyperliquid
from adapters.paradex.onboarding import register_subkey
from adapters.paradex.signing import Signer
from adapters.transport.http import NautilusHttp
from config.secret import PASSPHRASE, encrypt
from messages import Command
from operations.control import Request, ask
from operations.redis_channel import connect, send
from simulators import launch

PASSPHRASE_TEXT = "a-passphrase-that-nobody-may-read"
AGENT_KEY = "0x" + secrets.token_hex(32)
SUBKEY = "0x0" + secrets.token_hex(31)
REPORT = ("--sample", "--assets", "BTC", "--start", "2026-01-05", "--end", "2026-01-07", "--out", "report.html")
pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


@pytest_asyncio.fixture
async def night() -> AsyncIterator[Bench]:
    """Both venues, calm, with an agent and a subkey of the account."""
    with environment():
        async with launch(seed=5, scenario="calm") as sims:
            bench, now_ns = Bench(sims), time.time_ns()
            agent = hyperliquid.address(AGENT_KEY)
            sims.hyperliquid.gate.approve(bench.user(), agent, "bot", now_ns // 1_000_000)
            hand = bench.paradex
            main_key, public_key = await hand._signed(), Signer("X", "0x1", SUBKEY).public_key
            session = hand._account._session
            await register_subkey(hand._http, session, main_key, name="bot", public_key=public_key, now_secs=now_ns // 10**9)
            yield bench


@pytest.fixture
def folder(night: Bench, redis_server: RedisServer, tmp_path: Path) -> Iterator[Folder]:
    """A node that gets its keys from a keystore and a private file, and uses Redis with a password."""
    for name, text in {"agent": encrypt(AGENT_KEY, PASSPHRASE_TEXT).decode(), "subkey": SUBKEY}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    ready = night.sims.ready
    text = (ROOT / "config/sim.toml").read_text()
    simulators = text[text.index("[simulators]") : text.index("[venues.hyperliquid]")]
    urls = {
        name: f'http_url = "{ready[name]["http_url"]}"\nws_url = "{ready[name]["ws_url"]}"\n'
        for name in ("hyperliquid", "paradex")
    }
    account = f'account_address = "{ready["hyperliquid"]["accounts"][0]["address"]}"\n'
    agent = tmp_path / "agent"
    replaced = {
        'mode = "sim"': 'mode = "testnet"',
        '"limits.toml"': '"limits-live.toml"',
        simulators: "",
        'private_key = "env:FARB_SIM_HYPERLIQUID_KEY"': f'{urls["hyperliquid"]}{account}private_key = "keystore:{agent}"',
        'private_key = "env:FARB_SIM_PARADEX_KEY"': f'{urls["paradex"]}private_key = "file:{tmp_path / "subkey"}"',
        '"env:FARB_SIM_PARADEX_ACCOUNT"': f'"{ready["paradex"]["accounts"][0]["l2_address"]}"',
        "max_secs = 175\n": "",
        "stop_after_cycles = 1\n": "",
    }
    more = '[redis]\nurl = "env:FARB_TEST_REDIS"\nis_cache = true\n[deadman]\nbeat_secs = 0.5\nsilence_secs = 5.0\n'
    made = Folder(tmp_path / "node", ready, 0, more, replaced)
    (made.path / "ready.json").unlink()  # the venues' own list of test keys
    yield made
    made.end()


class Night:
    """The node under test, its venues and what can be seen of it."""

    def __init__(self, bench: Bench, folder: Folder, redis: RedisServer) -> None:
        self.bench, self.folder, self.redis = bench, folder, redis
        self.own = {"FARB_TEST_REDIS": redis.url, PASSPHRASE: PASSPHRASE_TEXT, "PYTHONFAULTHANDLER": "1"}
        self.node = folder.run(str(ROOT / "run.py"), "--config", "sim.toml", "--plain", **self.own)
        self.watchdog_log = folder.path / "var/logs/watchdog.log"

    async def says(self, words: str) -> None:
        await until(lambda: words in self.folder.text(0) or self.node.poll() is not None, 90, self.folder.everything)
        assert words in self.folder.text(0), self.folder.everything()

    async def watchdog_says(self, words: str) -> None:
        log = self.watchdog_log
        await until(lambda: log.exists() and words in log.read_text(), 90, self.folder.everything)

    async def call(self, *arguments: str) -> tuple[int, str]:
        return await self.folder.call(*arguments, **self.own)

    async def is_flat(self) -> None:
        bench = self.bench
        await until(bench.is_flat, 60, lambda: f"{bench.held()} {bench.resting()}\n{self.folder.everything()}")

    def beats(self) -> int:
        return json.loads((self.folder.path / "var/run/FARB-001.node").read_text())["beats"]

    async def metrics(self) -> bytes:
        found = re.search(r"http://127\.0\.0\.1:\d+/metrics", self.folder.text(0))
        assert found is not None, self.folder.text(0)
        return (await NautilusHttp(10.0).request("GET", found.group())).body


async def test_a_bad_night(night: Bench, folder: Folder, redis_server: RedisServer):
    it = Night(night, folder, redis_server)
    await it.says("PARADEX private ok")
    await it.watchdog_says("watching")

    await night.open_pair("HYPE")  # RUNNING, and the signal
    it.node.send_signal(signal.SIGUSR1)
    await it.says("FLATTEN asked for by signal")
    await it.is_flat()

    answer = await send(redis_server.url, "FARB-001", Request(command=Command.PAUSE, reason="by redis"), 20.0)
    assert answer.is_accepted, answer
    await night.open_pair("BTC")  # REDUCE_ONLY, and Redis
    answer = await send(redis_server.url, "FARB-001", Request(command=Command.FLATTEN), 20.0)
    assert answer.is_accepted, answer
    await it.is_flat()
    in_redis = await redis_content(redis_server.url)
    assert b"orders" in in_redis, "Nautilus' cache is there"

    redis_server.stop()
    for command in (Command.RESUME, Command.HALT):
        answer = await ask(folder.path / "var/run/FARB-001.sock", Request(command=command, reason="test"), 20.0)
        assert answer.is_accepted, answer
    await night.open_pair("HYPE")  # HALTED, and the command, which asks the node
    code, words = await it.call("flatten", "sim.toml")
    assert code == 0, words + folder.everything()
    assert "a node runs here" in words
    assert "PARADEX: flat" in words
    assert night.is_flat()
    beats = it.beats()  # the node lives on without Redis, and says so
    await until(lambda: it.beats() > beats + 2, 30, folder.everything)
    scraped = await it.metrics()
    assert b'"RedisLost"' in scraped, scraped.decode()[-3000:]

    await night.trade("HYPERLIQUID", "BTC", Decimal("0.01"), away="0.97")
    it.node.send_signal(signal.SIGSEGV)
    await it.is_flat()
    report = folder.run("-m", "backtests", *REPORT, **it.own)  # with the run's secrets around it
    await it.watchdog_says("HYPERLIQUID: no order of the node rests")
    assert "the node's process is gone" in it.watchdog_log.read_text()
    await night.open_pair("HYPE")
    code, words = await it.call("flatten", "sim.toml")  # no node at all
    assert code == 0, words
    assert "no node runs here" in words
    assert night.is_flat()
    code, words = await it.call("status", "sim.toml")
    assert (code, "HYPERLIQUID: equity" in words) == (0, True), words

    await until(lambda: report.poll() is not None, 90, folder.everything)
    assert leaks(content(folder) | {"redis": in_redis, "metrics": scraped}, night) == []


def content(folder: Folder) -> dict[str, bytes]:
    """All files of the run; those that must be among them are."""
    found = {str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    for wanted in (
        "sim.toml",
        "0.out",
        r"var/logs/watchdog\.log",
        r"var/logs/.*\.jsonl",
        r"var/.*\.journal",
        r"var/run/.*\.node",
    ):
        assert any(re.fullmatch(wanted, name) and data for name, data in found.items()), (wanted, found.keys())
    assert b"Fatal Python error: Segmentation fault" in found["0.out"], "there is a crash trace"
    return found


def secrets_of(night: Bench) -> dict[str, str]:
    """Every secret of the run, by what it is."""
    tokens = {f"token {number}": token for number, token in enumerate(night.sims.paradex.exchange.used_tokens)}
    assert tokens
    return tokens | {"agent": AGENT_KEY, "subkey": SUBKEY, "redis": PASSWORD, "passphrase": PASSPHRASE_TEXT}


def spellings(secret: str) -> set[bytes]:
    """A key may be written with its prefix or without, in capitals or as a decimal number."""
    digits = secret.removeprefix("0x")
    found = {secret, digits, digits.upper()}
    if secret.startswith("0x"):
        found |= {str(int(secret, 16)), digits.lstrip("0")}
    return {text.encode() for text in found}


def leaks(found: dict[str, bytes], night: Bench) -> list[str]:
    wanted = {name: spellings(secret) for name, secret in secrets_of(night).items()}
    return [
        f"{name} in {where}" for where, data in found.items() for name, texts in wanted.items() if any(t in data for t in texts)
    ]


async def redis_content(url: str) -> bytes:
    """All that Redis holds, keys and values."""
    redis, found = connect(url, is_text=False), []
    readers: dict[bytes, Any] = {
        b"string": redis.get,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    async for key in redis.scan_iter("*"):
        found.append(repr((key, await readers[await redis.type(key)](key))).encode())
    await redis.aclose()
    return b"\n".join(found)


async def test_a_leak_would_be_found_however_the_key_is_spelt(night: Bench):
    await night.paradex.look()
    night.sims.paradex.exchange.used_tokens.add("a.b.c")
    for text in (AGENT_KEY, AGENT_KEY[2:].upper(), str(int(SUBKEY, 16)), SUBKEY[3:], PASSWORD, "x a.b.c y"):
        assert leaks({"log": b"before " + text.encode() + b" after"}, night), text
    assert leaks({"log": b"nothing of it"}, night) == []
