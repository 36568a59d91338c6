"""Starts an execution client's work at once: an order's bytes do not wait for the loop's next turn."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from nautilus_trader.common.enums import LogColor


def start_now(client: Any, work: Coroutine[Any, Any, None], name: str) -> None:
    """Run `work` up to its first pause before returning, and the rest of it as the client's own tasks are run."""
    task = asyncio.Task(work, loop=client._loop, name=name, eager_start=True)
    client._tasks.add(task)
    task.add_done_callback(partial(client._on_task_completed, None, None, LogColor.NORMAL))
