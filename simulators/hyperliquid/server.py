"""The venue's HTTP and WebSocket server: /info, /exchange and /ws on one port."""

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

from aiohttp import web

from simulators.fault_middleware import fault_middleware
from simulators.faults import FaultBoard
from simulators.hyperliquid.actions import Malformed
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.exchange import Exchange
from simulators.hyperliquid.identity import Gate
from simulators.hyperliquid.info import Info, UnknownDex
from simulators.hyperliquid.sessions import Sessions, dumps
from simulators.hyperliquid.signing import address_of
from simulators.hyperliquid.streams import Streams, shape_of
from simulators.tape import Tape, TapeClock

# The first two keys of the Hardhat and Anvil development chains, published with those tools
KEYS = {
    "trader": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "second": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
}
CASH_USD = Decimal(20_000)
EVENT_DELAY_SECS = 0.003  # a user's frames follow the reply to what caused them
UNREADABLE = "Failed to deserialize the JSON body into the target type"


class HyperliquidVenue:
    """A Hyperliquid exchange on loopback."""

    def __init__(self, *, tape: Tape, clock: TapeClock, seed: int, faults: FaultBoard) -> None:
        self.faults = faults
        self.engine = Engine(tape, clock, seed, faults)
        self.gate = Gate(self.engine.users)
        self.accounts = [{"name": name, "address": address_of(key), "private_key": key} for name, key in KEYS.items()]
        for account in self.accounts:
            self.engine.add_user(account["address"], CASH_USD)
        self._info, self._exchange = Info(self.engine, self.gate), Exchange(self.engine, self.gate)
        streams = Streams(self.engine, self._info, compressed=clock.funding.is_compressed)
        self.sessions = Sessions(streams, faults, self._post, lambda raw: shape_of(raw, self.engine))
        self._runner: web.AppRunner | None = None
        self._address = ""

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`; port 0 picks a free one. Raise OSError when the port is taken."""
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._address = f"{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close every socket and stop listening."""
        self.sessions.abort_all()
        if self._runner is not None:
            await self._runner.cleanup()

    def step(self, now_ns: int) -> None:
        """Advance markets, funding and streams to `now_ns`."""
        self.engine.step(now_ns)
        self._tell()
        self.sessions.step(now_ns)

    def ready(self) -> dict[str, object]:
        """Return the venue's part of the ready line."""
        return {"http_url": f"http://{self._address}", "ws_url": f"ws://{self._address}/ws", "accounts": self.accounts}

    def app(self) -> web.Application:
        """Return the application that serves the venue."""
        app = web.Application(middlewares=[fault_middleware(self.faults, _name_of)])
        app.router.add_post("/info", self._serve_info)
        app.router.add_post("/exchange", self._serve_exchange)
        app.router.add_get("/ws", self.sessions.serve)
        return app

    async def _serve_info(self, request: web.Request) -> web.Response:
        try:
            return _json(self._info.answer(await _body(request), time.time_ns()))
        except Malformed:
            return web.Response(status=422, text=UNREADABLE)
        except UnknownDex:
            return _json(None, status=500)

    async def _serve_exchange(self, request: web.Request) -> web.Response:
        try:
            return _json(self._execute(await _body(request)))
        except Malformed:
            return web.Response(status=422, text=UNREADABLE)

    def _execute(self, envelope: Any) -> dict[str, Any]:
        reply = self._exchange.handle(envelope, time.time_ns())
        asyncio.get_running_loop().call_later(EVENT_DELAY_SECS, self._tell)
        return reply

    def _post(self, kind: str, payload: Any) -> dict[str, Any]:
        """Answer a request that came by WebSocket."""
        try:
            if kind == "info":
                data = self._info.answer(payload, time.time_ns())
                return {"type": "info", "payload": {"type": payload["type"], "data": data}}
            if kind == "action":
                return {"type": "action", "payload": self._execute(payload)}
        except (Malformed, UnknownDex):
            pass
        return {"type": "error", "payload": f"422 Unprocessable Entity: {UNREADABLE}"}

    def _tell(self) -> None:
        """Push what users have not been told yet."""
        events = list(self.engine.outbox)
        self.engine.outbox.clear()
        if events:
            self.sessions.tell(events, time.time_ns())


async def _name_of(request: web.Request) -> str:
    """Return what faults match: the path and, for a post, the type of its request or action."""
    if request.method != "POST":
        return request.path
    try:
        body = json.loads(await request.read())
        return f"{request.path}:{body.get('action', body).get('type')}"
    except (ValueError, AttributeError):
        return request.path


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise Malformed(str(error)) from error


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, text=dumps(value), content_type="application/json")
