"""The venue that measures: the simulators for everything, but ticks and orders go through here.

A tick is written to one client at a time, in turn; the clock stops when the bytes of its order are
here. The order is refused at once and never reaches the simulators, so nothing piles up.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from decimal import Decimal
from typing import Any

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_connect, ws_create_server

from benchmarks.ticks import ASSET, CLIENTS, VENUES, wire
from simulators.launch import launch

HOST = "127.0.0.1"
WARM_UP_ROUNDS = 30
PAUSE_SECS = 0.006  # below Nautilus' own limit of 50 orders a second
TIMEOUT_SECS = 2.0
CONNECT_SECS = 90.0
SETTLE_SECS = 1.0
STEP_SECS = 5.0  # the simulators' own life hardly disturbs the clock

type Place = tuple[str, str]
"""A client and the venue it speaks to."""


class Upstream(WSListener):
    """The simulator's end of one connection."""

    def __init__(self, connection: "Connection") -> None:
        super().__init__()
        self._connection = connection

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Hand on what is not market data."""
        is_text = frame.msg_type == WSMsgType.TEXT
        if is_text or frame.msg_type == WSMsgType.BINARY:
            payload = frame.get_payload_as_bytes()
            if not wire.is_market_data(payload, is_text):
                self._connection.send(payload, is_text)


class Connection(WSListener):
    """A client's end of one connection."""

    def __init__(self, desk: "Desk", place: Place, upstream_url: str) -> None:
        super().__init__()
        self._desk, self._place, self._upstream_url = desk, place, upstream_url
        self._transport: WSTransport | None = None
        self._upstream: WSTransport | None = None
        self._waiting: list[bytes] = []

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Open the other end."""
        self._transport = transport
        self._desk.start(self._open())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Stop the clock at an order, hand on everything else."""
        now_ns = time.perf_counter_ns()
        if frame.msg_type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return
        payload = frame.get_payload_as_bytes()
        if wire.is_order(self._place[1], payload):
            self._desk.ordered(self._place, now_ns)
            self.send(wire.refusal(self._place[1], payload), True)
            return
        if wire.is_subscription(self._place[1], payload):
            self._desk.subscribed(self._place, self)
        if self._upstream is None:
            self._waiting.append(payload)
        else:
            self._upstream.send(WSMsgType.TEXT, payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Close the other end."""
        self._transport = None
        if self._upstream is not None:
            self._upstream.disconnect()

    def send(self, payload: bytes, is_text: bool) -> None:
        """Send to the client, while it is there."""
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT if is_text else WSMsgType.BINARY, payload)

    async def _open(self) -> None:
        self._upstream, _ = await ws_connect(lambda: Upstream(self), self._upstream_url)
        for payload in self._waiting:
            self._upstream.send(WSMsgType.TEXT, payload)
        self._waiting.clear()


class Desk:
    """Who is connected, and which order is waited for."""

    def __init__(self) -> None:
        self.public: dict[Place, Connection] = {}
        self.is_complete = asyncio.Event()  # every client listens to both venues
        self._waited: tuple[Place, asyncio.Future[int]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Any) -> None:
        """Run a coroutine to its end."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def subscribed(self, place: Place, connection: Connection) -> None:
        """A client wants ticks."""
        self.public[place] = connection
        if len(self.public) == len(CLIENTS) * len(VENUES):
            self.is_complete.set()

    def ordered(self, place: Place, now_ns: int) -> None:
        """An order is here."""
        if self._waited is not None and self._waited[0] == place and not self._waited[1].done():
            self._waited[1].set_result(now_ns)

    async def time_one(self, place: Place, frame: bytes, is_text: bool) -> int | None:
        """Send a tick and return the nanoseconds until its order was here, None where it never came."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waited = place, answer
        started_ns = time.perf_counter_ns()
        self.public[place].send(frame, is_text)
        try:
            return await asyncio.wait_for(answer, TIMEOUT_SECS) - started_ns
        except TimeoutError:
            return None


async def measure(desk: Desk, price: Decimal, rounds: int) -> dict[str, list[list[int | None]]]:
    """Return for each venue the rounds, each with one time per client, in the order of `CLIENTS`."""
    found: dict[str, list[list[int | None]]] = {venue: [] for venue in VENUES}
    number = 0
    for round_number in range(WARM_UP_ROUNDS + rounds):
        for venue in VENUES:
            times: dict[str, int | None] = {}
            turn = round_number % len(CLIENTS)
            for client in CLIENTS[turn:] + CLIENTS[:turn]:
                number += 1
                times[client] = await desk.time_one((client, venue), *wire.tick(venue, price, number))
                await asyncio.sleep(PAUSE_SECS)
            if round_number >= WARM_UP_ROUNDS:
                found[venue].append([times[client] for client in CLIENTS])
        if round_number % 50 == 0:
            say({"progress": f"tick to order: round {round_number} of {WARM_UP_ROUNDS + rounds}"})
    return found


async def run(rounds: int) -> None:
    """Serve, wait for the clients, measure, and say what was found."""
    async with launch(seed=3, hour_secs=3600.0, scenario="calm", step_secs=STEP_SECS) as sims:
        desk = Desk()
        urls = {venue: sims.ready[venue]["ws_url"] for venue in VENUES}

        def listen(request: WSUpgradeRequest) -> Connection:
            path, _, query = request.path.decode().partition("?")
            _, client, venue = path.split("/")
            return Connection(desk, (client, venue), urls[venue] + (f"?{query}" if query else ""))

        server = await ws_create_server(listen, HOST, 0)
        say({"ready": sims.ready, "ws_url": f"ws://{HOST}:{server.sockets[0].getsockname()[1]}"})
        try:
            await asyncio.wait_for(desk.is_complete.wait(), CONNECT_SECS)
            await asyncio.sleep(SETTLE_SECS)
            price = sims.tape.at(0.0, ASSET).oracle_usd.to_integral_value()
            for venue in VENUES:  # the gate compares the venues' prices: let it know both before anything counts
                for client in CLIENTS:
                    desk.public[client, venue].send(*wire.tick(venue, price, 0))
            await asyncio.sleep(SETTLE_SECS)
            say({"found": await measure(desk, price, rounds)})
        except TimeoutError:
            missing = sorted({(client, venue) for client in CLIENTS for venue in VENUES} - desk.public.keys())
            say({"failed": f"not connected: {missing}"})
        finally:
            server.close()


def say(message: dict[str, Any]) -> None:
    """Write one line for the process that started this one."""
    print(json.dumps(message), flush=True)


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(run(parser.parse_args().rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
