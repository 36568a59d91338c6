"""The venue that measures gaps: as for ticks, but it lets an order rest, fills it, and waits for the other leg.

A gap ends when the bytes of the second leg's order are here. In taker mode it begins with the bytes of the first
leg's order, in maker mode with the fill of the resting one.
"""

import argparse
import asyncio
import contextlib
import time
from decimal import Decimal

import uvloop
from picows import WSFrame, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.legs import ASSET, CLIENT, HEDGING, KINDS, MAKER, RESTING, SINGLE, VENUES, frames
from benchmarks.ticks import venue as ticks
from benchmarks.ticks import wire
from simulators.launch import launch

WARM_UP_ROUNDS = 20
PAUSE_SECS = 0.03
RETURN_SECS = 0.08  # for what is left of a pair to be refused and forgotten


class Connection(ticks.Connection):
    """A client's end of one connection, whose orders may rest."""

    _desk: "Desk"

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer what a resting order needs; everything else goes its usual way."""
        if frame.msg_type == WSMsgType.TEXT and self._place[1] == RESTING:
            payload = frame.get_payload_as_bytes()
            if wire.is_order(RESTING, payload) and frames.is_resting(payload):
                self._desk.rested(self, payload)
                return
        super().on_ws_frame(transport, frame)


class Desk(ticks.Desk):
    """Which orders have come, and when."""

    def __init__(self) -> None:
        super().__init__()
        self._came: dict[str, asyncio.Future[int]] = {}
        self._resting: asyncio.Future[tuple[Connection, bytes]] | None = None
        self._count = 0

    def subscribed(self, place: ticks.Place, connection: ticks.Connection) -> None:
        """The client wants ticks."""
        self.public[place] = connection
        if len(self.public) == len(VENUES):
            self.is_complete.set()

    def ordered(self, place: ticks.Place, now_ns: int) -> None:
        """An order is here; the first of each venue counts."""
        waiting = self._came.get(place[1])
        if waiting is not None and not waiting.done():
            waiting.set_result(now_ns)

    def rested(self, connection: Connection, payload: bytes) -> None:
        """An order that is to rest is here."""
        if self._resting is not None and not self._resting.done():
            self._resting.set_result((connection, payload))

    async def gap_ns(self, kind: str, price: Decimal, number: int) -> int | None:
        """Send a tick, let happen what it causes, and return the nanoseconds measured; None where something never came."""
        loop = asyncio.get_running_loop()
        self._came = {venue: loop.create_future() for venue in VENUES}
        self._resting = loop.create_future()
        started_ns = time.perf_counter_ns()
        self.public[CLIENT, HEDGING].send(*wire.tick(HEDGING, price, number))
        try:
            async with asyncio.timeout(ticks.TIMEOUT_SECS):
                if kind == SINGLE:
                    return await self._came[HEDGING] - started_ns
                if kind == MAKER:
                    return await self._hedge_ns()
                return abs(await self._came[HEDGING] - await self._came[RESTING])
        except TimeoutError:
            return None

    async def _hedge_ns(self) -> int:
        assert self._resting is not None
        connection, payload = await self._resting
        request, order = frames.order_of(payload)
        self._count += 1
        order_id = f"{time.time_ns()}{self._count}"
        connection.send(frames.accepted(request, order, order_id), True)
        await asyncio.sleep(PAUSE_SECS)
        filled_ns = time.perf_counter_ns()
        connection.send(frames.filled(order, order_id), True)
        came_ns = await self._came[HEDGING]
        connection.send(frames.closed(order, order_id), True)
        return came_ns - filled_ns


async def measure(desk: Desk, price: Decimal, rounds: int) -> dict[str, list[int | None]]:
    """Return for each kind one time a round."""
    found: dict[str, list[int | None]] = {kind: [] for kind in KINDS}
    for round_number in range(WARM_UP_ROUNDS + rounds):
        for position, kind in enumerate(KINDS):
            number = 9 * (len(KINDS) * round_number + position) + _remainder(position)
            desk.public[CLIENT, RESTING].send(*wire.tick(RESTING, price, number))
            await asyncio.sleep(PAUSE_SECS)
            gap_ns = await desk.gap_ns(kind, price, number)
            if round_number >= WARM_UP_ROUNDS:
                found[kind].append(gap_ns)
            await asyncio.sleep(RETURN_SECS)
        if round_number % 25 == 0:
            ticks.say({"progress": f"leg gap: round {round_number} of {WARM_UP_ROUNDS + rounds}"})
    return found


def _remainder(position: int) -> int:
    """Return what a tick's number must leave over by nine for its size, 0.5 and as many thousandths, to name a kind."""
    return (position - 500) % len(KINDS)


async def run(rounds: int) -> None:
    """Serve, wait for the client, measure, and say what was found."""
    async with launch(seed=3, hour_secs=3600.0, scenario="calm", step_secs=ticks.STEP_SECS) as sims:
        desk = Desk()
        urls = {venue: sims.ready[venue]["ws_url"] for venue in VENUES}

        def listen(request: WSUpgradeRequest) -> Connection:
            path, _, query = request.path.decode().partition("?")
            _, client, venue = path.split("/")
            return Connection(desk, (client, venue), urls[venue] + (f"?{query}" if query else ""))

        server = await ws_create_server(listen, ticks.HOST, 0)
        port = server.sockets[0].getsockname()[1]
        ticks.say({"ready": sims.ready, "ws_url": f"ws://{ticks.HOST}:{port}"})
        try:
            await asyncio.wait_for(desk.is_complete.wait(), ticks.CONNECT_SECS)
            await asyncio.sleep(ticks.SETTLE_SECS)
            price = sims.tape.at(0.0, ASSET).oracle_usd.to_integral_value()
            ticks.say({"found": await measure(desk, price, rounds)})
        except TimeoutError:
            ticks.say({"failed": f"not connected: {sorted(set(VENUES) - {venue for _, venue in desk.public})}"})
        finally:
            server.close()


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(run(parser.parse_args().rounds))
    return 0


if __name__ == "__main__":
    main()
