"""The ways by which a person's command reaches a running node: SIGUSR1, its local socket, Redis."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from messages import Command, OperatorCommand
from operations.control import Answer, ControlServer, Deliver, Request


class Channel(Protocol):
    """A way that has to be listened to for ever."""

    async def run(self) -> None:
        """Listen."""
        ...


class Ears:
    """Open from before the start until after the end; what comes before the trader runs is kept for it."""

    def __init__(
        self,
        publish: Callable[[OperatorCommand], None],
        *,
        socket: Path,
        is_running: Callable[[], bool],
        now_ns: Callable[[], int],
        tell: Callable[[str], None],
    ) -> None:
        self._deliver, self._is_running = Deliver(publish, now_ns, tell), is_running
        self._server = ControlServer(socket, self.hear)
        self._early: list[tuple[Request, str]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def hear(self, request: Request, source: str) -> Answer:
        """Hand a command to those who obey it."""
        if not self._is_running():
            self._early.append((request, source))
            return Answer(is_accepted=True, detail=f"{request.command.value} is kept until the trader has started")
        return self._deliver(request, source)

    def on_started(self) -> None:
        """Hand on what has come too early."""
        early, self._early = self._early, []
        for request, source in early:
            self._deliver(request, source)

    async def open(self, *channels: Channel) -> None:
        """Listen from now on."""
        loop = asyncio.get_running_loop()
        await self._server.open()
        loop.add_signal_handler(signal.SIGUSR1, self.on_signal)
        self._tasks = [loop.create_task(channel.run()) for channel in channels]

    def on_signal(self) -> None:
        """Take SIGUSR1: the kill switch of whoever has a shell and nothing else."""
        self.hear(Request(command=Command.FLATTEN, reason="SIGUSR1"), "signal")

    async def close(self) -> None:
        """Listen no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.close()
