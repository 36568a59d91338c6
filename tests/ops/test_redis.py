"""Commands by a real Redis, its outage, and Nautilus' cache in it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from ops_redis import PASSWORD, RedisServer

from messages import Command, Severity
from operations.control import Answer, Request
from operations.redis_channel import RedisChannel, answers_key, commands_key, connect, send

NAME = "FARB-001"
HALT = Request(command=Command.HALT, reason="night")


@pytest.fixture
def server(redis_server: RedisServer) -> RedisServer:
    return redis_server


class Node:
    """The node's end of the channel."""

    def __init__(self, url: str) -> None:
        self.heard: list[tuple[Request, str]] = []
        self.alerts: list[tuple[Severity, str]] = []
        self.channel = RedisChannel(url, NAME, self.hear, lambda severity, name, _: self.alerts.append((severity, name)))

    def hear(self, request: Request, source: str) -> Answer:
        self.heard.append((request, source))
        return Answer(is_accepted=True, detail="done")


@contextlib.asynccontextmanager
async def listening(url: str) -> AsyncIterator[Node]:
    node = Node(url)
    task = asyncio.create_task(node.channel.run())
    try:
        yield node
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture
async def client(server: RedisServer) -> AsyncIterator[object]:
    redis = connect(server.url)
    yield redis
    await redis.aclose()


async def until(condition, secs: float = 20.0) -> None:
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_command_is_handed_on_once_and_answered(server: RedisServer):
    async with listening(server.url) as node:
        assert await send(server.url, NAME, HALT, 10.0) == Answer(is_accepted=True, detail="done")
        assert await send(server.url, NAME, Request(command=Command.RESUME), 10.0) == Answer(is_accepted=True, detail="done")
    assert node.heard == [(HALT, "redis"), (Request(command=Command.RESUME), "redis")]
    async with listening(server.url) as again:
        assert (await send(server.url, NAME, HALT, 10.0)).is_accepted
    assert again.heard == [(HALT, "redis")], "what an earlier node has done is not done again"


async def test_a_command_by_hand_is_read_whatever_it_is(server: RedisServer, client):
    async with listening(server.url) as node:
        for fields in ({"command": "flatten"}, {"command": "BUY"}, {"other": "x"}):
            await client.xadd(commands_key(NAME), fields)
        await until(lambda: len(node.heard) == 1)
        assert (await send(server.url, NAME, HALT, 10.0)).is_accepted
    assert [request.command for request, _ in node.heard] == [Command.FLATTEN, Command.HALT]
    answers = [row["detail"] for _, row in await client.xrange(answers_key(NAME))]
    assert answers[1:3] == ["command must be one of PAUSE, RESUME, FLATTEN, HALT"] * 2


async def test_what_waited_for_a_node_is_taken_while_it_is_young(server: RedisServer, client):
    seconds, _ = await client.time()
    await client.xadd(commands_key(NAME), {"command": "HALT"}, id=f"{(seconds - 61) * 1000}-0")
    await client.xadd(commands_key(NAME), {"command": "PAUSE"}, id=f"{(seconds - 5) * 1000}-0")
    async with listening(server.url) as node:
        await until(lambda: bool(node.heard))
    assert [request.command for request, _ in node.heard] == [Command.PAUSE]
    assert "too old: sent 6" in (await client.xrange(answers_key(NAME)))[0][1]["detail"]


async def test_an_outage_is_told_once_survived_and_told_to_be_over(server: RedisServer):
    async with listening(server.url) as node:
        assert (await send(server.url, NAME, HALT, 10.0)).is_accepted
        server.stop()
        await until(lambda: bool(node.alerts))
        assert "Redis cannot be asked" in (await send(server.url, NAME, HALT, 10.0)).detail
        await asyncio.sleep(1.5)
        assert node.alerts == [(Severity.WARNING, "RedisLost")]
        server.start()  # empty: the stream and its readers are gone as well
        await until(lambda: len(node.alerts) == 2)
        assert node.alerts[1] == (Severity.INFO, "RedisBack")
        assert (await send(server.url, NAME, HALT, 10.0)).is_accepted
    assert len(node.heard) == 2


async def test_who_sends_without_a_node_is_told_so(server: RedisServer):
    answer = await send(server.url, NAME, HALT, 0.3)
    assert not answer.is_accepted
    assert "no answer within 0 s" in answer.detail


async def test_a_wrong_password_is_an_outage_and_stays_out_of_the_words(server: RedisServer):
    wrong = server.url.replace(PASSWORD, "wrong-horse")
    said: list[str] = []
    channel = RedisChannel(wrong, NAME, lambda request, source: None, lambda severity, name, detail: said.append(detail))
    task = asyncio.create_task(channel.run())
    await until(lambda: bool(said))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    answer = await send(wrong, NAME, HALT, 5.0)
    assert not answer.is_accepted
    assert "horse" not in said[0] + answer.detail
