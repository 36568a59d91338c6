"""What every REST request passes: error envelopes, faults, rate limits, the bearer token."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from simulators.faults import Fault, FaultKind
from simulators.paradex.auth import bearer
from simulators.paradex.errors import ApiError, TokenError
from simulators.paradex.exchange import Exchange
from simulators.paradex.rest_private import CALLER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OPEN_PREFIXES = (
    "system",
    "markets",
    "bbo",
    "orderbook",
    "trades",
    "funding/data",
    "insurance",
    "jwks.json",
    "onboarding",
    "auth",
    "v2",
)
CODES = {401: "UNAUTHORIZED_ERROR", 429: "INVALID_REQUEST_PARAMETER", 500: "INTERNAL_ERROR", 503: "SERVICE_UNAVAILABLE"}


def middlewares(exchange: Exchange, base_path: str) -> list[Middleware]:
    """Return the middlewares, outermost first."""

    @web.middleware
    async def envelopes(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return web.json_response(error.body(), status=error.status)
        except TokenError as error:
            return web.json_response(error.body(), status=401)
        except web.HTTPNotFound:
            return web.json_response(ApiError("NOT_FOUND").body(), status=404)
        except web.HTTPMethodNotAllowed:
            return web.json_response(ApiError("REQUEST_NOT_ALLOWED").body(), status=405)

    @web.middleware
    async def faults(request: web.Request, handler: Handler) -> web.StreamResponse:
        name, board = f"{request.method} {request.path}", exchange.faults
        if fault := board.take(FaultKind.STATUS, name):
            return _fault_reply(fault)
        late, lost = board.take(FaultKind.DELAY_REPLY, name), board.take(FaultKind.LOSE_REPLY, name)
        response = await handler(request)
        if late:
            await asyncio.sleep(late.secs)
        if lost is None:
            return response
        if not lost.status and request.transport is not None:
            request.transport.abort()  # executed, but the client will never know
        return _fault_reply(lost)

    @web.middleware
    async def admission(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path.removeprefix(base_path).strip("/")
        if not path:
            return await handler(request)  # the WebSocket
        scope, who = "public", request.remote or ""
        if path.startswith(("auth", "onboarding")) and request.method == "POST":
            scope = path.split("/")[0]
        elif not path.startswith(OPEN_PREFIXES):
            caller = request[CALLER] = exchange.authenticate(bearer(request.headers.get("Authorization", "")))
            scope = "orders" if path.split("/")[0] == "orders" and request.method != "GET" else "private"
            who = caller.account.address_text
            if caller.is_read_only and request.method != "GET":
                raise ApiError("INVALID_TOKEN_SCOPE", "token is read-only", status=403)
        allowed, bucket = exchange.spend(scope, who)
        if scope in ("orders", "private") and allowed:
            allowed, by_address = exchange.spend("private by address", request.remote or "")
            bucket = bucket if allowed else by_address
        now_secs = exchange.now_ns() / 1e9
        response = await _limited(request, handler) if allowed else _too_many(bucket.retry_after_secs())
        response.headers.update(bucket.headers(now_secs))
        return response

    return [envelopes, faults, admission]


async def _limited(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request; refusals are answers too and carry the rate-limit headers."""
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response(error.body(), status=error.status)


def _too_many(retry_after_secs: int) -> web.Response:
    body = {"error": "RATE_LIMITED", "message": "rate limit exceeded", "data": None}
    return web.json_response(body, status=429, headers={"Retry-After": str(retry_after_secs)})


def _fault_reply(fault: Fault) -> web.Response:
    status = fault.status or 503
    headers = {"Retry-After": str(fault.retry_after_secs or 1)} if status in (429, 503) else {}
    if status == 401:
        return web.json_response(TokenError("token is expired by 9.46872137s").body(), status=401)
    code = fault.reason or CODES.get(status, "INTERNAL_ERROR")
    return web.json_response(ApiError(code, f"simulated {status}").body(), status=status, headers=headers)
