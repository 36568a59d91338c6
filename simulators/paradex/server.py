"""The venue as a server: REST and WebSocket under /v1 of one port."""

import asyncio
import contextlib
from dataclasses import asdict

from aiohttp import WSMsgType, web

from simulators.faults import FaultBoard, FaultKind
from simulators.paradex import checks, sbe
from simulators.paradex.constants import TEST_ACCOUNTS
from simulators.paradex.exchange import Exchange
from simulators.paradex.middleware import middlewares
from simulators.paradex.rest_absent import absent_routes, evm_routes
from simulators.paradex.rest_account import AccountRest
from simulators.paradex.rest_orders import OrdersRest
from simulators.paradex.rest_private import PrivateRest
from simulators.paradex.rest_public import PublicRest
from simulators.paradex.rpc import Rpc
from simulators.paradex.session import Session
from simulators.paradex.settings import Settings
from simulators.paradex.trading import Trading
from simulators.tape import Tape, TapeClock

BASE_PATH = "/v1"


class ParadexVenue:
    """The simulated Paradex; `settings` may be changed while it runs."""

    def __init__(self, *, tape: Tape, clock: TapeClock, seed: int, faults: FaultBoard, settings: Settings | None = None) -> None:
        self.faults = faults
        self.settings = settings or Settings()
        self.exchange = Exchange(
            tape=tape, clock=clock, seed=seed, faults=faults, settings=self.settings, schedule=self._schedule
        )
        trading = Trading(self.exchange)
        self._rpc = Rpc(self.exchange, trading)
        exchange = self.exchange
        handlers = (PublicRest(exchange), PrivateRest(exchange), AccountRest(exchange), OrdersRest(exchange, trading))
        self._routes = [route for handler in handlers for route in handler.routes()] + absent_routes()
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._host = ""
        self._timers: set[asyncio.TimerHandle] = set()
        self.exchange.step(self.exchange.now_ns())  # books exist before the first client does

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`; port 0 picks a free one. Raise OSError when the port is taken."""
        app = web.Application(middlewares=middlewares(self.exchange, BASE_PATH))
        app.router.add_get(BASE_PATH, self._connect)
        for route in self._routes:
            app.router.add_route(route.method, BASE_PATH + route.path, route.handler)
        app.router.add_routes(evm_routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self._host, self._port = host, self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every socket and stop listening."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for session in tuple(self.exchange.publisher.sessions):
            await session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def step(self, now_ns: int) -> None:
        """Advance markets, funding and account streams to `now_ns`, Unix nanoseconds."""
        if fault := self.faults.take(FaultKind.DROP_SOCKET):
            self.drop_sockets(fault.status)
        self.exchange.step(now_ns)

    def ready(self) -> dict[str, object]:
        """Return the venue's part of the ready line: http_url, ws_url and accounts."""
        at = f"{self._host}:{self._port}{BASE_PATH}"
        return {"http_url": f"http://{at}", "ws_url": f"ws://{at}", "accounts": [asdict(account) for account in TEST_ACCOUNTS]}

    def drop_sockets(self, code: int = 0) -> None:
        """Cut every WebSocket, with a close frame of `code` or (0) without one."""
        for session in tuple(self.exchange.publisher.sessions):
            if code:
                session.close_soon(code)
            else:
                session.abort()

    def set_system_state(self, state: str) -> None:
        """Enter ok, maintenance, cancel_only or post_only."""
        self.exchange.set_system_state(state)

    def set_funding_period(self, market: str, hours: int) -> None:
        """Give a market another funding period."""
        self.exchange.change_market(market, funding_period_hours=hours)

    def bust(self, account: str, fill_id: str) -> None:
        """Revert a fill of the account with this (hex) address. Raise KeyError when either is unknown."""
        self.exchange.engine.bust(self.exchange.registry.accounts[int(account, 16)], fill_id)

    def _schedule(self, delay_secs: float, action: object) -> None:
        loop = asyncio.get_running_loop()

        def run() -> None:
            self._timers.discard(timer)
            assert callable(action)
            action()

        timer = loop.call_later(delay_secs, run)
        self._timers.add(timer)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise web.HTTPNotFound
        allowed, bucket = self.exchange.spend("connections", request.remote or "")
        if not allowed:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(bucket.retry_after_secs())})
        version = _negotiate(request)
        socket = web.WebSocketResponse(heartbeat=self.settings.ping_secs, compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        session = Session(socket, request, version, self.settings)
        exchange = self.exchange
        tasks = [
            asyncio.create_task(session.write()),
            asyncio.create_task(session.beat(lambda: exchange.now_ns() // 1_000, lambda: exchange.ids.seq(exchange.now_ns()))),
        ]
        answers: set[asyncio.Task[None]] = set()
        exchange.publisher.sessions.add(session)
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
                    answer = asyncio.create_task(self._rpc.handle(session, text))  # a late one holds up no other
                    answers.add(answer)
                    answer.add_done_callback(answers.discard)
                    await asyncio.sleep(0)  # what was received is executed, whatever becomes of the connection
        finally:
            exchange.publisher.sessions.discard(session)
            await self._disconnected(session, [*tasks, *answers])
        return socket

    async def _disconnected(self, session: Session, tasks: list[asyncio.Task[None]]) -> None:
        if session.cancel_on_disconnect:
            for account, order in session.orders:
                if order.is_live:
                    self.exchange.engine.cancel(account, order, checks.DISCONNECTED)
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _negotiate(request: web.Request) -> int | None:
    """Return the SBE version asked for, None for JSON. Raise HTTP 400 for a schema the venue does not serve."""
    schema, version = request.query.get("sbeSchemaId"), request.query.get("sbeSchemaVersion")
    if schema is None and version is None:
        return None
    known = {str(number): number for number in sbe.VERSIONS}
    if schema != str(sbe.SCHEMA_ID) or version not in known:
        raise web.HTTPBadRequest(text="unsupported SBE schema")
    return known[version]
