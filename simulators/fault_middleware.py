"""The faults of HTTP replies, between an aiohttp server and any venue's handlers."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulators.faults import Fault, FaultBoard, FaultKind


def fault_middleware(board: FaultBoard, name_of: Callable[[web.Request], Awaitable[str]]) -> Middleware:
    """Return a middleware that refuses, delays or loses replies of requests whose name holds a fault's path."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = await name_of(request)
        if fault := board.take(FaultKind.STATUS, name):
            return _error(fault, 503)
        if board.take(FaultKind.LOSE_REQUEST, name):
            _cut(request)
            return web.Response(status=502)  # nobody is left to read it
        if waits := board.take(FaultKind.DELAY_REQUEST, name):
            await asyncio.sleep(waits.secs)
        late, lost = board.take(FaultKind.DELAY_REPLY, name), board.take(FaultKind.LOSE_REPLY, name)
        response = await handler(request)
        if late:
            await asyncio.sleep(late.secs)
        if lost is None:
            return response
        if not lost.status:
            _cut(request)  # executed, but the client will never know
        return _error(lost, 502)

    return middleware


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _error(fault: Fault, default: int) -> web.Response:
    status = fault.status or default
    headers = {} if fault.retry_after_secs is None else {"Retry-After": str(fault.retry_after_secs)}
    kind = "application/json" if fault.reason == "null" else "text/plain"
    return web.Response(status=status, text=fault.reason or f"simulated {status}", content_type=kind, headers=headers)
