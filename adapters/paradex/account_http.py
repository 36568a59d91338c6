"""Paradex' private REST API: what an account is, owns and has done, and orders as a fallback."""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.errors import Auth, Connectivity, OutcomeUnknown
from adapters.paradex.auth import Session
from adapters.paradex.http import ParadexHttp, Query, judge, parse
from adapters.paradex.schemas import (
    Account,
    AccountInfo,
    Balance,
    BatchItem,
    ErrorBody,
    Fill,
    FundingPaymentRow,
    Order,
    Page,
    Position,
    Subkey,
    TradeBust,
)

_BATCH_ORDERS = 10  # the venue's documents say 10 in one place and 50 in another


class _RestBatch(msgspec.Struct, frozen=True):
    orders: list[Order | None]
    errors: list[ErrorBody | None]


class ParadexAccountHttp:
    """Authenticated calls; a read refused for its token is repeated once with a new one."""

    def __init__(self, http: ParadexHttp, session: Session) -> None:
        self._http, self._session = http, session

    async def account(self) -> Account:
        """Return margin and equity."""
        return await self._get(Account, "/account")

    async def account_info(self) -> AccountInfo | None:
        """Return the account's own fees."""
        rows = (await self._get(Page[AccountInfo], "/account/info")).results
        return rows[0] if rows else None

    async def subkeys(self) -> list[Subkey]:
        """Return the keys registered beside the main one, which can trade and not withdraw; revoked ones are left out."""
        return (await self._get(Page[Subkey], "/account/keys/subkeys")).results or []

    async def balances(self) -> list[Balance]:
        """Return token balances."""
        return (await self._get(Page[Balance], "/balance")).results or []

    async def positions(self) -> list[Position]:
        """Return open positions; the venue may list closed ones, which are left out."""
        rows = (await self._get(Page[Position], "/positions")).results or []
        return [row for row in rows if row.status != "CLOSED" and row.size != 0]

    async def open_orders(self, market: str | None = None) -> list[Order]:
        """Return orders that are new or resting."""
        return (await self._get(Page[Order], "/orders", {"market": market})).results or []

    async def orders_by_client_id(self, client_id: str, market: str) -> list[Order]:
        """Return what the venue knows under a client id, closed orders included."""
        rows = await self._pages(Order, "/orders-history", {"client_id": client_id, "market": market})
        rows += await self.open_orders(market)
        return [row for row in rows if row.client_id == client_id]

    async def order_by_id(self, order_id: str, market: str) -> Order | None:
        """Return the order of a venue id among open and recent ones."""
        rows = await self.open_orders(market)
        rows += (await self._get(Page[Order], "/orders-history", {"market": market})).results or []
        return next((row for row in rows if row.id == order_id), None)

    async def fills(self, start_ms: int | None = None, market: str | None = None) -> list[Fill]:
        """Return fills since `start_ms`, newest first."""
        return await self._pages(Fill, "/fills", {"market": market, "start_at": start_ms})

    async def funding_payments(self, market: str, start_ms: int) -> list[FundingPaymentRow]:
        """Return realised funding of a market since `start_ms`, newest first."""
        return await self._pages(FundingPaymentRow, "/funding/payments", {"market": market, "start_at": start_ms})

    async def trade_busts(self, start_ms: int) -> list[TradeBust]:
        """Return the fills reverted since `start_ms`, newest first."""
        rows = await self._pages(TradeBust, "/tradebusts", {"start_at": start_ms})
        return [row for row in rows if row.created_at >= start_ms]

    async def order_times_ms(self, start_ms: int) -> list[int]:
        """Return when each order since `start_ms` was created."""
        return [row.created_at for row in await self._pages(Order, "/orders-history", {"start_at": start_ms})]

    async def create_order(self, request: dict[str, Any]) -> Order:
        """Send an order once; raises `OutcomeUnknown` where the venue's word is missing."""
        return await self._act(Order, "POST", "/orders", request)

    async def create_orders(self, requests: list[dict[str, Any]]) -> list[BatchItem]:
        """Send orders once, together; raises `OutcomeUnknown` where the venue's word is missing."""
        answer = await self._act(_RestBatch, "POST", "/orders/batch", requests)
        if not len(answer.orders) == len(answer.errors) == len(requests):
            raise OutcomeUnknown(f"{len(answer.orders)} orders and {len(answer.errors)} errors to {len(requests)} orders")
        pairs = zip(answer.orders, answer.errors, strict=True)
        return [
            BatchItem(order=order, error=None if error is None else error.error, message=None if error is None else error.message)
            for order, error in pairs
        ]

    async def cancel_all(self, market: str | None = None) -> None:
        """Cancel every open order, of one market or of all."""
        await self._acted("DELETE", "/orders", query={"market": market})

    async def cancel_many(self, order_ids: Sequence[str]) -> None:
        """Ask for orders to be cancelled by the venue's ids; one that is gone already is no error."""
        for start in range(0, len(order_ids), _BATCH_ORDERS):
            await self._acted("DELETE", "/orders/batch", body={"order_ids": order_ids[start : start + _BATCH_ORDERS]})

    async def _act[T](self, kind: type[T], method: str, path: str, body: Any) -> T:
        return parse(kind, await self._acted(method, path, body=body))

    async def _acted(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        headers = await self._headers()
        try:
            response = await self._http.send(method, path, query=query, headers=headers, body=body)
        except Connectivity as e:
            raise OutcomeUnknown(str(e)) from e
        try:
            return judge(response, is_action=True)
        except Auth:  # nothing was executed; an action is not repeated, the next one has a token that works
            await self._headers(stale=headers)
            raise

    async def _get[T](self, kind: type[T], path: str, query: Query | None = None) -> T:
        headers = await self._headers()
        try:
            return await self._http.get(kind, path, query, headers)
        except Auth:
            return await self._http.get(kind, path, query, await self._headers(stale=headers))

    async def _pages[T](self, row: type[T], path: str, query: Query) -> list[T]:
        headers = await self._headers()
        try:
            return await self._http.pages(row, path, query, headers)
        except Auth:
            return await self._http.pages(row, path, query, await self._headers(stale=headers))

    async def _headers(self, stale: dict[str, str] | None = None) -> dict[str, str]:
        if stale is None:
            token = await self._session.token()
        else:
            token = await self._session.renew(stale["Authorization"].removeprefix("Bearer "))
        return {"Authorization": f"Bearer {token}"}
