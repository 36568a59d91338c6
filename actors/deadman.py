"""The node's heartbeat: it only beats; whoever watches decides what silence means.

It beats from the event loop, not from Nautilus' clock, whose timers run in threads of their own and
would go on for a loop that stands still. And it begins with the trader's start: a node whose trader
never starts, which Nautilus calls running, is one that never beats.
"""

import asyncio
from collections.abc import Callable

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from messages import Heartbeat, topics


class DeadMan(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Call `beat` and tell the bus every `beat_secs` from the trader's start until the loop ends."""

    def __init__(self, beat: Callable[[], None], beat_secs: float) -> None:
        super().__init__(ActorConfig(component_id="DEAD-MAN"))
        self._beat, self._beat_secs = beat, beat_secs
        self._beats = 0
        self._task: asyncio.Task[None] | None = None

    def on_start(self) -> None:
        """Begin to beat."""
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    def on_stop(self) -> None:
        """Go on: orders may still rest while the node stops."""

    async def _go_on(self) -> None:
        while True:
            self._beats += 1
            try:
                self._beat()
            except OSError as e:  # a disk that is full must not stop the beat on the bus
                self.log.error(f"the sign of life could not be written: {e}")
            self.msgbus.publish(topic=topics.HEARTBEAT, msg=Heartbeat(beats=self._beats, ts_ns=self.clock.timestamp_ns()))
            await asyncio.sleep(self._beat_secs)
