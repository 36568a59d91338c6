"""JSON-RPC over the WebSocket: authentication, subscriptions and order entry.

Replies are text; an answer to an order request is as provisional as REST's 201.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from simulators.faults import FaultKind
from simulators.paradex.auth import Caller
from simulators.paradex.channels import ChannelError, parse_channel
from simulators.paradex.errors import ApiError, TokenError
from simulators.paradex.exchange import Exchange
from simulators.paradex.session import Session
from simulators.paradex.trading import QUEUED, Json, Trading

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, BAD_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
METHOD_ERROR, MALFORMED_TOKEN, INVALID_TOKEN, GEO_BLOCKED, NOT_AUTHENTICATED, RATE_LIMITED = (
    100,
    40110,
    40111,
    40112,
    40300,
    42901,
)
STATUS_CODES = {401: INVALID_TOKEN, 403: GEO_BLOCKED, 429: RATE_LIMITED}


class RpcError(Exception):
    """An error reply."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def body(self) -> Json:
        """Return the error object."""
        body: Json = {"code": self.code, "message": self.message}
        return body if self.data is None else {**body, "data": self.data}


class Rpc:
    """The methods of one exchange."""

    def __init__(self, exchange: Exchange, trading: Trading) -> None:
        self._exchange, self._trading = exchange, trading
        self._methods: dict[str, Callable[[Session, Any], Json]] = {
            "auth": self._auth,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "modify_subscription": self._modify_subscription,
            "order.create": self._order_create,
            "order.create_batch": self._order_create_batch,
            "order.modify": self._order_modify,
            "order.cancel": self._order_cancel,
            "order.cancel_batch": self._order_cancel_batch,
            "order.cancel_all": self._order_cancel_all,
            "order.cancel_on_disconnect": self._order_cancel_on_disconnect,
        }

    async def handle(self, session: Session, text: str) -> None:
        """Answer one message."""
        started_us = self._exchange.now_ns() // 1_000
        ident: object = None
        try:
            message = _parse(text)
            ident = message.get("id")
            result = await self._call(session, str(message.get("method")), message.get("params") or {})
        except RpcError as error:
            self._reply(session, started_us, {"jsonrpc": "2.0", "error": error.body(), "id": ident})
            return
        except asyncio.CancelledError:
            raise
        except ConnectionAbortedError:
            session.abort()
            return
        self._reply(session, started_us, {"jsonrpc": "2.0", "id": ident, "result": result})
        if message.get("method") == "subscribe":
            self._exchange.publisher.greet(session, session.channels[result["channel"]])

    async def _call(self, session: Session, method: str, params: Any) -> Json:
        function = self._methods.get(method)
        if function is None:
            raise RpcError(NO_METHOD, "method does not exist")
        return await self._with_faults(f"ws {method}", lambda: self._run(function, session, params))

    async def _with_faults(self, name: str, run: Callable[[], Json]) -> Json:
        faults = self._exchange.faults
        if fault := faults.take(FaultKind.STATUS, name):
            raise RpcError(STATUS_CODES.get(fault.status, INTERNAL), fault.reason or "internal error")
        late, lost = faults.take(FaultKind.DELAY_REPLY, name), faults.take(FaultKind.LOSE_REPLY, name)
        result = run()
        if late:
            await asyncio.sleep(late.secs)
        if lost and not lost.status:
            raise ConnectionAbortedError
        if lost:
            raise RpcError(INTERNAL, "internal error")
        return result

    def _run(self, function: Callable[[Session, Any], Json], session: Session, params: Any) -> Json:
        try:
            return function(session, params)
        except ApiError as error:
            raise RpcError(METHOD_ERROR, error.code, error.message) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise RpcError(BAD_PARAMS, "invalid params", repr(error)) from error

    def _reply(self, session: Session, started_us: int, body: Json) -> None:
        now_us = self._exchange.now_ns() // 1_000
        session.send_json({**body, "usIn": started_us, "usDiff": now_us - started_us, "usOut": now_us})

    def _auth(self, session: Session, params: Any) -> Json:
        token = params.get("bearer")
        if not isinstance(token, str) or token.count(".") != 2:
            raise RpcError(MALFORMED_TOKEN, "malformed bearer token")
        used = self._exchange.used_tokens
        if token in used and self._exchange.faults.take(FaultKind.STALE_BEARER):
            raise RpcError(INVALID_TOKEN, "invalid bearer token", "token is stale")
        used.add(token)
        try:
            session.caller = self._exchange.authenticate(token)
        except TokenError as error:
            raise RpcError(INVALID_TOKEN, "invalid bearer token", str(error)) from error
        return {"node_id": "a1b2c3d4e5f6g7h8"}

    def _subscribe(self, session: Session, params: Any) -> Json:
        name = str(params["channel"])
        if name in session.channels:
            raise RpcError(INVALID_REQUEST, "already subscribed", name)
        try:
            channel = parse_channel(name, self._exchange.markets, is_sbe=session.is_sbe)
            self._check_book_sharing(session, channel.topic, channel.market)
            if not (session.is_sbe or channel.is_private or self._exchange.settings.public_json):
                raise ChannelError("public channels are SBE only")
        except ChannelError as error:
            raise RpcError(INVALID_REQUEST, "invalid subscribe request", str(error)) from error
        if channel.is_private:
            self._caller(session)
        session.channels[name] = replace(channel, only=frozenset(params.get("markets") or ()))
        return {"channel": name}

    @staticmethod
    def _check_book_sharing(session: Session, topic: str, market: str) -> None:
        """Book frames carry the market, not the channel, so two feeds of one market cannot be told apart."""
        books = (channel for channel in session.channels.values() if channel.topic == "order_book")
        if session.is_sbe and topic == "order_book" and any(channel.market == market for channel in books):
            raise ChannelError("order_book channels of one market cannot share an SBE session")

    def _unsubscribe(self, session: Session, params: Any) -> Json:
        name = str(params["channel"])
        if session.channels.pop(name, None) is None:
            raise RpcError(INVALID_REQUEST, "not subscribed", name)
        session.snapshot_ms.pop(name, None)
        return {"channel": name}

    def _modify_subscription(self, session: Session, params: Any) -> Json:
        name = str(params["channel"])
        channel = session.channels.get(name)
        if channel is None:
            raise RpcError(INVALID_REQUEST, "not subscribed", name)
        only = (channel.only | set(params.get("add") or ())) - set(params.get("remove") or ())
        session.channels[name] = replace(channel, only=frozenset(only))
        return {"channel": name}

    def _order_create(self, session: Session, params: Any) -> Json:
        caller = self._trader(session)
        order = self._trading.create(caller, params)
        session.orders.append((caller.account, order))
        return {"order": self._trading.rest_order(order), "created_at": order.created_ms, "received_at": order.created_ms}

    def _order_create_batch(self, session: Session, params: Any) -> Json:
        caller = self._trader(session)
        results: list[Json] = []
        for outcome in self._trading.create_batch(caller, params["orders"] if isinstance(params, dict) else params):
            if isinstance(outcome, ApiError):
                results.append({"error": outcome.code})
            else:
                session.orders.append((caller.account, outcome))
                results.append({"order": self._trading.rest_order(outcome), "created_at": outcome.created_ms})
        return {"results": results}

    def _order_modify(self, session: Session, params: Any) -> Json:
        return {"order": self._trading.rest_order(self._trading.modify(self._trader(session), str(params["id"]), params))}

    def _order_cancel(self, session: Session, params: Any) -> Json:
        caller = self._trader(session)
        if params.get("id"):
            order = self._trading.find(caller, str(params["id"]))
        else:
            order = self._trading.find_by_client_id(caller, str(params["client_id"]), params.get("market"))
        self._trading.cancel(caller, order)
        return {"order_id": order.id, "status": QUEUED}

    def _order_cancel_batch(self, session: Session, params: Any) -> Json:
        rows = self._trading.cancel_batch(self._trader(session), params["order_ids"])
        return {"results": [{key: row[key] for key in ("id", "market", "status")} for row in rows]}

    def _order_cancel_all(self, session: Session, params: Any) -> Json:
        self._trading.cancel_all(self._trader(session), params.get("market"))
        return {"status": "ok"}

    def _order_cancel_on_disconnect(self, session: Session, params: Any) -> Json:
        self._caller(session)
        session.cancel_on_disconnect = bool(params["enabled"])
        return {"enabled": session.cancel_on_disconnect}

    def _caller(self, session: Session) -> Caller:
        if session.caller is None:
            raise RpcError(NOT_AUTHENTICATED, "not authenticated")
        return session.caller

    def _trader(self, session: Session) -> Caller:
        """Return the caller and count the request against the limit it shares with REST."""
        caller = self._caller(session)
        if caller.is_read_only:
            raise RpcError(METHOD_ERROR, "INVALID_TOKEN_SCOPE", "token is read-only")
        allowed, _ = self._exchange.spend("orders", caller.account.address_text)
        if not allowed:
            raise RpcError(RATE_LIMITED, "rate limit exceeded")
        return caller


def _parse(text: str) -> Json:
    try:
        message = json.loads(text)
    except ValueError as error:
        raise RpcError(PARSE_ERROR, "parse error") from error
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        raise RpcError(INVALID_REQUEST, "invalid request")
    return message
