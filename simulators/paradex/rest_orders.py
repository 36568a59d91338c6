"""REST of orders: entry, changes, cancellations and queries."""

from typing import Any

from aiohttp import web

from simulators.paradex.auth import Caller
from simulators.paradex.errors import ApiError
from simulators.paradex.exchange import Exchange
from simulators.paradex.paging import page
from simulators.paradex.records import VenueOrder
from simulators.paradex.rest_private import CALLER, of_market
from simulators.paradex.rest_public import read_body
from simulators.paradex.trading import Trading


class OrdersRest:
    """Handlers of /orders and /orders-history."""

    def __init__(self, exchange: Exchange, trading: Trading) -> None:
        self._exchange, self._trading = exchange, trading

    def routes(self) -> list[web.RouteDef]:
        """Return the routes below the API's base path; fixed paths come before ids."""
        return [
            web.get("/orders", self._open),
            web.post("/orders", self._create),
            web.delete("/orders", self._cancel_all),
            web.post("/orders/batch", self._create_batch),
            web.delete("/orders/batch", self._cancel_batch),
            web.get("/orders/by_client_id/{client_id}", self._by_client_id),
            web.delete("/orders/by_client_id/{client_id}", self._cancel_by_client_id),
            web.get("/orders/{order_id}", self._by_id),
            web.put("/orders/{order_id}", self._modify),
            web.delete("/orders/{order_id}", self._cancel),
            web.get("/orders-history", self._history),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        order = self._trading.create(_caller(request), await read_body(request))
        return web.json_response(self._trading.rest_order(order), status=201)

    async def _create_batch(self, request: web.Request) -> web.Response:
        outcomes = self._trading.create_batch(_caller(request), await read_body(request))
        orders = [None if isinstance(outcome, ApiError) else self._trading.rest_order(outcome) for outcome in outcomes]
        errors = [
            {"error": outcome.code, "message": outcome.message} if isinstance(outcome, ApiError) else None for outcome in outcomes
        ]
        return web.json_response({"orders": orders, "errors": errors}, status=201)

    async def _modify(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        if not isinstance(body, dict):
            raise ApiError("BINDING_ERROR")
        order = self._trading.modify(_caller(request), request.match_info["order_id"], body)
        return web.json_response(self._trading.rest_order(order))

    async def _open(self, request: web.Request) -> web.Response:
        orders = of_market(_caller(request).account.live_orders(), request.query)
        return web.json_response({"results": [self._trading.rest_order(order) for order in orders]})

    async def _by_id(self, request: web.Request) -> web.Response:
        order = self._trading.find(_caller(request), request.match_info["order_id"])
        if not order.is_live:
            raise ApiError("ORDER_ID_NOT_FOUND")
        return web.json_response(self._trading.rest_order(order))

    async def _by_client_id(self, request: web.Request) -> web.Response:
        order = self._trading.find_by_client_id(_caller(request), request.match_info["client_id"])
        if order.status != "OPEN":
            raise ApiError("CLIENT_ORDER_ID_NOT_FOUND")
        return web.json_response(self._trading.rest_order(order))

    async def _cancel(self, request: web.Request) -> web.Response:
        caller = _caller(request)
        self._trading.cancel(caller, self._trading.find(caller, request.match_info["order_id"]))
        return web.Response(status=204)

    async def _cancel_by_client_id(self, request: web.Request) -> web.Response:
        caller, client_id = _caller(request), request.match_info["client_id"]
        self._trading.cancel(caller, self._trading.find_by_client_id(caller, client_id, request.query.get("market")))
        return web.Response(status=204)

    async def _cancel_all(self, request: web.Request) -> web.Response:
        self._trading.cancel_all(_caller(request), request.query.get("market"))
        return web.Response(status=200)

    async def _cancel_batch(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        if not isinstance(body, dict):
            raise ApiError("BINDING_ERROR")
        ids, client_ids = body.get("order_ids") or [], body.get("client_order_ids") or []
        return web.json_response({"results": self._trading.cancel_batch(_caller(request), ids, client_ids)})

    async def _history(self, request: web.Request) -> web.Response:
        query, account = request.query, _caller(request).account
        rows = [order for order in of_market(account.orders.values(), query) if _matches(order, dict(query))]
        return web.json_response(page(rows, query, self._trading.rest_order))


def _matches(order: VenueOrder, query: dict[str, Any]) -> bool:
    facts = {"client_id": order.client_id, "side": order.side, "status": order.status, "type": order.kind}
    return all(not query.get(name) or query[name] == value for name, value in facts.items())


def _caller(request: web.Request) -> Caller:
    return request[CALLER]
