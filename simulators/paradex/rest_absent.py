"""REST of products this venue knows but does not simulate: each answers as an account without them is answered."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from simulators.paradex.errors import ApiError
from simulators.paradex.rest_private import CALLER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
EMPTY_PAGE: dict[str, Any] = {"next": None, "prev": None, "results": []}
NOT_HERE = "is not simulated"


def absent_routes() -> list[web.RouteDef]:
    """Return the routes below the API's base path."""
    return [
        web.get("/account/mmp", _mmp),
        web.post("/account/mmp/reset", _answer({"results": []})),
        web.post("/account/mmp/{base_asset}", _refuse("MMP_NOT_ENABLED", 403)),
        web.delete("/account/mmp/{base_asset}", _done),
        web.get("/algo/orders", _answer({"results": []})),
        web.post("/algo/orders", _refuse("REQUEST_NOT_ALLOWED")),
        web.delete("/algo/orders/{algo_id}", _refuse("ALGO_ID_NOT_FOUND", 404)),
        web.get("/points_data/{market}/{program}", _refuse("PROGRAM_NOT_FOUND", 404)),
        web.get("/system/portfolio-margin-config", _refuse("PORTFOLIO_MARGIN_CONFIG_NOT_FOUND", 404)),
        web.get("/markets/settlement-price", _refuse("MARKET_NOT_SETTLED")),
        web.get("/block-trades", _answer(EMPTY_PAGE)),
        web.post("/block-trades", _refuse("BLOCK_TRADE_NOT_ENABLED", 403)),
        web.route("*", "/block-trades/{rest:.+}", _refuse("BLOCK_TRADE_NOT_FOUND", 404)),
    ]


def evm_routes() -> list[web.RouteDef]:
    """Return the routes of the second API version, which only EVM accounts use."""
    return [web.post("/v2/onboarding", _refuse("REQUEST_NOT_ALLOWED")), web.post("/v2/auth", _refuse("REQUEST_NOT_ALLOWED"))]


async def _mmp(request: web.Request) -> web.Response:
    return web.json_response({"account": request[CALLER].account.address_text, "enabled": False, "results": []})


async def _done(_request: web.Request) -> web.Response:
    return web.Response(status=204)


def _answer(body: dict[str, Any]) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body)

    return answer


def _refuse(code: str, status: int = 400) -> Handler:
    async def refuse(request: web.Request) -> web.Response:
        raise ApiError(code, f"{request.method} {request.path} {NOT_HERE}", status)

    return refuse
