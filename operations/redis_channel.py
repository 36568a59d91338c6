"""Commands by Redis: a stream to the node, read once each, and a stream of its answers.

    XADD farb:FARB-001:commands * command FLATTEN reason "..."

An outage is told as an alert and survived: a node does not need Redis to trade.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from messages import Command, Severity
from operations.control import Answer, Request

GROUP = "node"
BLOCK_MS = 1000
RETRY_SECS = 1.0
MAX_AGE_MS = 60_000  # a command that waited longer was meant for another moment
KEPT_ANSWERS = 1000
TIMEOUT_SECS = 3.0


class Deliver(Protocol):
    """See `operations.control.Deliver`."""

    def __call__(self, request: Request, source: str) -> Answer:
        """Hand a command on."""
        ...


def commands_key(trader_id: str) -> str:
    """Return the stream a node reads."""
    return f"farb:{trader_id}:commands"


def answers_key(trader_id: str) -> str:
    """Return the stream a node answers on: the id of the command's entry, `accepted` 0 or 1, and words."""
    return f"farb:{trader_id}:answers"


def connect(url: str, *, is_text: bool = True) -> Any:
    """Return a client that reads text, or bytes as they are; nothing is connected yet."""
    return Redis.from_url(url, socket_connect_timeout=TIMEOUT_SECS, socket_timeout=TIMEOUT_SECS, decode_responses=is_text)


class RedisChannel:
    """Reads commands for as long as the node runs; `alert` tells of an outage and of its end."""

    def __init__(
        self,
        url: str,
        trader_id: str,
        deliver: Deliver,
        alert: Callable[[Severity, str, str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._redis = connect(url)
        self._commands, self._answers = commands_key(trader_id), answers_key(trader_id)
        self._deliver, self._alert, self._sleep = deliver, alert, sleep
        self._is_lost = False

    async def run(self) -> None:
        """Read for ever."""
        try:
            while True:
                try:
                    await self._listen()
                except (RedisError, OSError) as e:
                    self._lost(e)
                    await self._sleep(RETRY_SECS)
        finally:
            await self._redis.aclose()

    async def _listen(self) -> None:
        try:
            await self._redis.xgroup_create(self._commands, GROUP, id="0", mkstream=True)
        except ResponseError as e:
            if "BUSYGROUP" not in str(e):
                raise
        self._back()
        while True:
            read = await self._redis.xreadgroup(GROUP, "node", {self._commands: ">"}, count=10, block=BLOCK_MS)
            for _, entries in read or ():
                for entry_id, fields in entries:
                    await self._take(entry_id, fields)

    async def _take(self, entry_id: str, fields: dict[str, str]) -> None:
        answer = await self._answer(entry_id, fields)
        row = {"id": entry_id, "accepted": int(answer.is_accepted), "detail": answer.detail}
        await self._redis.xack(self._commands, GROUP, entry_id)
        await self._redis.xadd(self._answers, row, maxlen=KEPT_ANSWERS)

    async def _answer(self, entry_id: str, fields: dict[str, str]) -> Answer:
        try:
            request = Request(command=Command(fields.get("command", "").upper()), reason=fields.get("reason", ""))
        except ValueError:
            return Answer(is_accepted=False, detail=f"command must be one of {', '.join(Command)}")
        seconds, micros = await self._redis.time()
        age_ms = seconds * 1000 + micros // 1000 - int(entry_id.partition("-")[0])
        if age_ms > MAX_AGE_MS:
            return Answer(is_accepted=False, detail=f"too old: sent {age_ms / 1000:.0f} s ago, when no node listened")
        return self._deliver(request, "redis")

    def _lost(self, error: Exception) -> None:
        if not self._is_lost:
            self._is_lost = True
            detail = f"no connection to Redis ({type(error).__name__}): trading goes on, commands by Redis and its cache do not"
            self._alert(Severity.WARNING, "RedisLost", detail)

    def _back(self) -> None:
        if self._is_lost:
            self._is_lost = False
            self._alert(Severity.INFO, "RedisBack", "Redis answers again; what its cache missed comes back at the next start")


async def send(url: str, trader_id: str, request: Request, timeout_secs: float) -> Answer:
    """Send a command to a node on any machine and return its answer, or why there is none."""
    redis = connect(url)
    try:
        async with asyncio.timeout(timeout_secs):
            last = await redis.xrevrange(answers_key(trader_id), count=1)
            since = last[0][0] if last else "0"
            entry_id = await redis.xadd(commands_key(trader_id), {"command": request.command.value, "reason": request.reason})
            while True:
                for _, entries in await redis.xread({answers_key(trader_id): since}, block=500) or ():
                    for since, row in entries:  # noqa: B007 - the next read goes on from the last one
                        if row["id"] == entry_id:
                            return Answer(is_accepted=row["accepted"] == "1", detail=row["detail"])
    except TimeoutError:
        return Answer(is_accepted=False, detail=f"no answer within {timeout_secs:.0f} s; a node that starts soon still takes it")
    except (RedisError, OSError, msgspec.MsgspecError) as e:
        return Answer(is_accepted=False, detail=f"Redis cannot be asked: {type(e).__name__}")
    finally:
        await redis.aclose()
