"""The venue's HTTP and WebSocket server: /info, /exchange and /ws on one port."""

import asyncio
import time
from decimal import Decimal
from typing import Any

from aiohttp import web

from simulators.fault_middleware import fault_middleware
from simulators.faults import FaultBoard
from simulators.hyperliquid.actions import Malformed
from simulators.hyperliquid.connection import dumps, loads
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.exchange import Exchange
from simulators.hyperliquid.hooks import Hooks
from simulators.hyperliquid.identity import Gate
from simulators.hyperliquid.info import Info, UnknownDex
from simulators.hyperliquid.limits import SocketLimits, WeightLimit, action_weight, info_weight, reply_weight
from simulators.hyperliquid.liquidation import Liquidation
from simulators.hyperliquid.sessions import Sessions
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
EVENT_LEAD_SECS = 0.02  # by how much they precede it when asked to
HOUR_SECS = 3600.0
WEIGHT_PER_MINUTE = 1200.0
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
        self.exchange = Exchange(self.engine, self.gate, faults)
        self.liquidation = Liquidation(self.engine)
        self.hooks = Hooks(self.engine, self.gate, self.liquidation, faults=faults, tell=self._tell)
        self.events_first = False  # whether a user's frames precede the reply to what caused them
        speed = max(1.0, HOUR_SECS / clock.funding.hour_secs)  # a compressed hour holds as many requests as a real one
        self.weights = WeightLimit(WEIGHT_PER_MINUTE * speed)
        self._info = Info(self.engine, self.gate, faults)
        streams = Streams(self.engine, self._info, compressed=clock.funding.is_compressed)
        self.sessions = Sessions(streams, faults, self._post, lambda raw: shape_of(raw, self.engine), limits=SocketLimits(speed))
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
        self.hooks.strike()
        self.engine.step(now_ns)
        self.liquidation.step(now_ns)
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
            body = await _body(request)
            kind = str(body.get("type")) if isinstance(body, dict) else ""
            if refused := self._over_weight(request, info_weight(kind)):
                return refused
            reply = self._info.answer(body, time.time_ns())
            self.weights.add(request.remote or "", reply_weight(kind, reply))
            return _json(reply)
        except Malformed:
            return web.Response(status=422, text=UNREADABLE)
        except UnknownDex:
            return _json(None, status=500)

    async def _serve_exchange(self, request: web.Request) -> web.Response:
        try:
            envelope = await _body(request)
            action = envelope.get("action") if isinstance(envelope, dict) else None
            if refused := self._over_weight(request, action_weight(action) if isinstance(action, dict) else 1):
                return refused
            reply = self._execute(envelope)
            if self.events_first:
                await asyncio.sleep(EVENT_LEAD_SECS)
            return _json(reply)
        except Malformed:
            return web.Response(status=422, text=UNREADABLE)

    def _over_weight(self, request: web.Request, weight: int) -> web.Response | None:
        """Count a request's weight; return the refusal of one that is over the limit."""
        limited = self.faults.is_limited("ip", time.time_ns())
        if not limited and self.weights.spend(request.remote or "", weight):
            return None
        wait = self.weights.retry_after_secs
        return web.Response(status=429, text="Too Many Requests", headers={} if wait is None else {"Retry-After": str(wait)})

    def _execute(self, envelope: Any) -> dict[str, Any]:
        reply = self.exchange.handle(envelope, time.time_ns())
        if self.events_first:
            self._tell()
        else:
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
        body = loads(await request.read())
        return f"{request.path}:{body.get('action', body).get('type')}"
    except (ValueError, AttributeError):
        return request.path


async def _body(request: web.Request) -> Any:
    try:
        return loads(await request.read())
    except ValueError as error:
        raise Malformed(str(error)) from error


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, text=dumps(value), content_type="application/json")
