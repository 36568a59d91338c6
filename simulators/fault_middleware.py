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
        late, lost = board.take(FaultKind.DELAY_REPLY, name), board.take(FaultKind.LOSE_REPLY, name)
        response = await handler(request)
        if late:
            await asyncio.sleep(late.secs)
        if lost is None:
            return response
        if not lost.status and request.transport is not None:
            request.transport.abort()  # executed, but the client will never know
        return _error(lost, 502)

    return middleware


def _error(fault: Fault, default: int) -> web.Response:
    status = fault.status or default
    headers = {} if fault.retry_after_secs is None else {"Retry-After": str(fault.retry_after_secs)}
    return web.Response(status=status, text=fault.reason or f"simulated {status}", headers=headers)
