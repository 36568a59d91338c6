"""What an authenticated caller may do with orders, the same over REST and WebSocket."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulators.faults import FaultKind
from simulators.paradex import payloads
from simulators.paradex.auth import Caller
from simulators.paradex.errors import ApiError
from simulators.paradex.exchange import Exchange
from simulators.paradex.records import VenueOrder
from simulators.paradex.requests import check_signature, check_window, parse_order

Json = dict[str, Any]
MAX_BATCH = 50
QUEUED, CLOSED, MISSING = "QUEUED_FOR_CANCELLATION", "ALREADY_CLOSED", "NOT_FOUND"


class Trading:
    """Order entry of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def create(self, caller: Caller, body: Mapping[str, Any]) -> VenueOrder:
        """Queue an order. Raise ApiError."""
        request = parse_order(body, self._exchange.terms)
        check_signature(caller.account, body)
        check_window(body, request.signed_ms, self._exchange.venue_ms)
        return self._exchange.engine.submit(caller.account, request, is_interactive=caller.is_interactive)

    def create_batch(self, caller: Caller, bodies: object) -> list[VenueOrder | ApiError]:
        """Queue several orders, each for itself; one bad signature refuses them all. Raise ApiError."""
        if not isinstance(bodies, list) or not 1 <= len(bodies) <= MAX_BATCH:
            raise ApiError("BATCH_SIZE_OUT_OF_RANGE")
        for body in bodies:
            check_signature(caller.account, body)
        return [self._create_or_error(caller, body) for body in bodies]

    def modify(self, caller: Caller, order_id: str, body: Mapping[str, Any]) -> VenueOrder:
        """Queue a change of price and size. Raise ApiError."""
        order = self.find(caller, order_id)
        request = parse_order({**body, "instruction": order.instruction}, self._exchange.terms)
        check_signature(caller.account, {**body, "id": order_id})
        return self._exchange.engine.modify(caller.account, order, request, is_interactive=caller.is_interactive)

    def find(self, caller: Caller, order_id: str) -> VenueOrder:
        """Return the caller's order. Raise ApiError when there is none."""
        order = caller.account.orders.get(order_id)
        if order is None:
            raise ApiError("ORDER_ID_NOT_FOUND")
        return order

    def find_by_client_id(self, caller: Caller, client_id: str, market: str | None = None) -> VenueOrder:
        """Return the caller's newest order of a client id. Raise ApiError when there is none."""
        order = caller.account.by_client_id(client_id) if client_id else None
        if order is None or market not in (None, "", order.market):
            raise ApiError("CLIENT_ORDER_ID_NOT_FOUND")
        return order

    def cancel(self, caller: Caller, order: VenueOrder) -> None:
        """Queue a cancellation. Raise ApiError when the order is closed."""
        if not order.is_live:
            raise ApiError("ORDER_IS_CLOSED")
        self._exchange.engine.cancel(caller.account, order, bump=caller.is_interactive)

    def cancel_all(self, caller: Caller, market: str | None) -> None:
        """Queue the cancellation of all orders, or of one market's."""
        self._exchange.engine.cancel_all(caller.account, market or None, bump=caller.is_interactive)

    def cancel_batch(self, caller: Caller, order_ids: Iterable[str], client_ids: Iterable[str] = ()) -> list[Json]:
        """Queue cancellations and tell what became of each."""
        account = caller.account
        named = [(ident, "", account.orders.get(ident)) for ident in order_ids]
        named += [("", ident, account.by_client_id(ident)) for ident in client_ids]
        return [self._cancel_one(caller, *item) for item in named]

    def rest_order(self, order: VenueOrder) -> Json:
        """Return an order as REST shows it; REST numbers events by their time alone."""
        now_ms = self._exchange.now_ms
        return payloads.order(order, order.updated_ms * 1_000_000, now_ms)

    def _cancel_one(self, caller: Caller, order_id: str, client_id: str, order: VenueOrder | None) -> Json:
        status = MISSING if order is None else QUEUED if order.is_live else CLOSED
        if order is not None and order.is_live:
            self.cancel(caller, order)
        return {
            "id": order.id if order else order_id,
            "client_id": order.client_id if order else client_id,
            "account": caller.account.address_text,
            "market": order.market if order else "",
            "status": status,
        }

    def _create_or_error(self, caller: Caller, body: Mapping[str, Any]) -> VenueOrder | ApiError:
        try:
            if fault := self._exchange.faults.take(FaultKind.FAIL_BATCH_ITEM, f"{body.get('market')} {body.get('client_id')}"):
                return ApiError(fault.reason or "INTERNAL_ERROR")
            return self.create(caller, body)
        except ApiError as error:
            return error
