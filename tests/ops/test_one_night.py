"""One node through a bad night: every way to flatten, a Redis that dies, a crash; and no secret of the run anywhere."""

import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ops_folder import Folder, until
from ops_redis import PASSWORD, RedisServer
from ops_venues import Bench, environment

from adapters.transport.http import NautilusHttp
from config.secret import PASSPHRASE, encrypt
from messages import Command
from operations.control import Request
from operations.redis_channel import connect, send
from simulators import launch

PASSPHRASE_TEXT = "a-passphrase-that-nobody-may-read"
pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest_asyncio.fixture
async def night(tmp_path: Path) -> AsyncIterator[Bench]:
    """Both venues, calm."""
    with environment():
        async with launch(seed=5, scenario="calm", hour_secs=20.0) as sims:
            yield Bench(sims)


@pytest.fixture
def folder(night: Bench, redis_server: RedisServer, tmp_path: Path) -> Iterator[Folder]:
    """A node that gets its keys from a keystore and a private file, and uses Redis with a password."""
    ready = night.sims.ready
    keys = {"hyperliquid": encrypt(ready["hyperliquid"]["accounts"][0]["private_key"], PASSPHRASE_TEXT).decode()}
    keys["paradex"] = ready["paradex"]["accounts"][0]["l2_private_key"]
    for name, text in keys.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    replaced = {
        "env:FARB_SIM_HYPERLIQUID_KEY": f"keystore:{tmp_path / 'hyperliquid'}",
        "env:FARB_SIM_PARADEX_KEY": f"file:{tmp_path / 'paradex'}",
    }
    more = '[redis]\nurl = "env:FARB_TEST_REDIS"\nis_cache = true\n[deadman]\nbeat_secs = 0.5\nsilence_secs = 5.0\n'
    made = Folder(tmp_path / "node", ready, 0, more, replaced)
    yield made
    made.end()


def secrets(night: Bench) -> dict[str, str]:
    """Every secret of the run, by what it is."""
    ready = night.sims.ready
    found = {f"hyperliquid {account['name']}": account["private_key"] for account in ready["hyperliquid"]["accounts"]}
    found |= {f"paradex {account['name']}": account["l2_private_key"] for account in ready["paradex"]["accounts"]}
    found |= {"redis": PASSWORD, "passphrase": PASSPHRASE_TEXT}
    return found | {f"token {number}": token for number, token in enumerate(night.sims.paradex.exchange.used_tokens)}


def spellings(secret: str) -> set[bytes]:
    """A key may be written with its prefix or without, in capitals or as a decimal number."""
    digits = secret.removeprefix("0x")
    found = {secret, digits, digits.upper()}
    if re.fullmatch("0x[0-9a-fA-F]+", secret):
        found |= {str(int(secret, 16)), digits.lstrip("0")}
    return {text.encode() for text in found}


def leaks(content: dict[str, bytes], night: Bench) -> list[str]:
    wanted = {name: spellings(secret) for name, secret in secrets(night).items()}
    return [
        f"{name} in {where}"
        for where, data in content.items()
        for name, texts in wanted.items()
        if any(text in data for text in texts)
    ]


async def redis_content(url: str) -> bytes:
    """All that Redis holds, keys and values."""
    redis, found = connect(url.replace("decode_responses", "")), []
    redis.connection_pool.connection_kwargs["decode_responses"] = False
    async for key in redis.scan_iter("*"):
        kind = await redis.type(key)
        read = {
            b"string": redis.get,
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"hash": redis.hgetall,
            b"set": redis.smembers,
            b"zset": lambda key: redis.zrange(key, 0, -1),
            b"stream": redis.xrange,
        }[kind]
        found.append(repr((key, await read(key))).encode())
    await redis.aclose()
    return b"\n".join(found)


async def test_a_bad_night(night: Bench, folder: Folder, redis_server: RedisServer):
    own = {"FARB_TEST_REDIS": redis_server.url, PASSPHRASE: PASSPHRASE_TEXT, "PYTHONFAULTHANDLER": "1"}
    attach = ("--attach", "ready.json")
    run = str(Path(__file__).parents[2] / "run.py")
    node = folder.run(run, "--config", "sim.toml", *attach, "--forever", "--watchdog", "--plain", **own)
    watchdog_log = folder.path / "var/logs/watchdog.log"

    def says(words: str, secs: float = 90.0) -> Any:
        return until(lambda: words in folder.text(0) or node.poll() is not None, secs, folder.everything)

    def is_watched() -> bool:
        return watchdog_log.exists() and "watching" in watchdog_log.read_text()

    async def is_flat() -> None:
        await until(night.is_flat, 60, lambda: f"{night.held()} {night.resting()}\n{folder.everything()}")

    await says("PARADEX private ok")
    await until(is_watched, 60, folder.everything)
    metrics_url = (await _metrics_url(folder)).decode()

    # RUNNING: a pair, and the signal.
    await night.open_pair("HYPE")
    node.send_signal(signal.SIGUSR1)
    await is_flat()
    await says("FLATTEN asked for by signal")
    # REDUCE_ONLY and then a flatten by Redis.
    answer = await send(redis_server.url, "FARB-001", Request(command=Command.PAUSE, reason="by redis"), 20.0)
    assert answer.is_accepted, answer
    await night.open_pair("BTC")
    answer = await send(redis_server.url, "FARB-001", Request(command=Command.FLATTEN), 20.0)
    assert answer.is_accepted, answer
    await is_flat()
    # HALTED, with a leg alone, and Redis dead: by the command, which asks the node first.
    held_in_redis = await redis_content(redis_server.url)
    assert b"orders" in held_in_redis, "Nautilus' cache is there"
    redis_server.stop()
    assert (await folder.call("tell", "sim.toml", "halt", "--reason", "test", **own))[0] == 0
    await night.trade("PARADEX", "HYPE", Decimal(40))
    code, words = await folder.call("flatten", "sim.toml", *attach, **own)
    assert code == 0, words + folder.everything()
    assert "a node runs here" in words
    assert "PARADEX: flat" in words
    assert night.is_flat()
    scraped = (await NautilusHttp(10.0).request("GET", metrics_url)).body
    assert b'alert="RedisLost"' in scraped or b'name="RedisLost"' in scraped, scraped.decode()[-3000:]
    # The node trades on without Redis; a crash then, with an order of ours at rest.
    beats = json.loads((folder.path / "var/run/FARB-001.node").read_text())["beats"]
    await until(
        lambda: json.loads((folder.path / "var/run/FARB-001.node").read_text())["beats"] > beats + 2, 30, folder.everything
    )
    await night.trade("HYPERLIQUID", "BTC", Decimal("0.01"), away="0.97")
    node.send_signal(signal.SIGABRT)
    await is_flat()
    await until(lambda: "no order of the node rests" in watchdog_log.read_text(), 60, watchdog_log.read_text)
    assert "the node's process is gone" in watchdog_log.read_text()
    assert "Fatal Python error: Aborted" in folder.text(0), "a crash trace there is"
    code, words = await folder.call("flatten", "sim.toml", *attach, **own)
    assert code == 0, words
    assert "no node runs here" in words
    code, words = await folder.call("status", "sim.toml", *attach, **own)
    assert (code, "HYPERLIQUID: equity" in words) == (0, True), words

    content = {str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    assert {"sim.toml", "var/logs/watchdog.log", "0.out"} <= content.keys()
    assert any(name.endswith(".json") and "logs" in name for name in content), content.keys()
    assert any("journal" in name for name in content), content.keys()
    del content["ready.json"]  # the venues' own list of test keys
    content |= {"redis": held_in_redis, "metrics": scraped}
    assert leaks(content, night) == []
    assert leaks({"x": b"key " + spellings(secrets(night)["paradex trader"]).pop()}, night), "a leak would be seen"


async def _metrics_url(folder: Folder) -> bytes:
    await until(lambda: "/metrics" in folder.text(0), 60, folder.everything)
    found = re.search(r"http://127\.0\.0\.1:\d+/metrics", folder.text(0))
    assert found is not None
    return found.group().encode()
