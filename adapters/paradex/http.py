"""Paradex' public REST API on any `HttpTransport`, and the one place where answers are judged."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from adapters.errors import Auth, Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected
from adapters.paradex.schemas import (
    BookSnapshot,
    ErrorBody,
    FundingData,
    Kline,
    Market,
    Page,
    SystemConfig,
    SystemState,
    SystemTime,
    Token,
    Trade,
    decode,
)
from adapters.transport import HttpResponse, HttpTransport

type Query = Mapping[str, str | int | None]

_MAX_PAGES = 50
_TRADES_PAGE = 1000
_READ_ATTEMPTS = 3
_PAUSE_SECS, _LONGEST_PAUSE_SECS = 1.0, 10.0


def parse[T](kind: type[T], response: HttpResponse) -> T:
    """Decode an answer's body; raises `Protocol` where it has another shape."""
    try:
        return decode(kind, response.body)
    except msgspec.DecodeError as e:
        raise Protocol(f"answer not understood: {e}") from e


def judge(response: HttpResponse, *, is_action: bool) -> HttpResponse:
    """Return a successful answer and raise for any other.

    Raises `Rejected` with the venue's words, `RateLimited`, `Auth`, and for a failure of the venue
    `OutcomeUnknown` (of an action) or `Connectivity` (of a read).
    """
    if response.status < 300:
        return response
    body = _error(response)
    words = body.message or f"HTTP {response.status}"
    if body.error is not None and body.error.startswith("SYSTEM_STATUS"):
        raise Rejected(words, body.error)
    if response.status >= 500:
        raise (OutcomeUnknown if is_action else Connectivity)(f"HTTP {response.status}: {words}")
    if response.status == 401:
        raise Auth(words)
    if response.status == 429:
        raise RateLimited(words, _seconds(response.headers.get("retry-after")))
    raise Rejected(words, body.error)


def _error(response: HttpResponse) -> ErrorBody:
    try:
        return decode(ErrorBody, response.body)
    except msgspec.DecodeError:
        return ErrorBody()


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _pause_secs(response: HttpResponse) -> float:
    """Return how long to wait before the next read when this one has used up the rate limit: one request's share."""
    if response.headers.get("x-ratelimit-remaining") != "0":
        return 0.0
    limit, window = _seconds(response.headers.get("x-ratelimit-limit")), _seconds(response.headers.get("x-ratelimit-window"))
    return min(window / limit, _LONGEST_PAUSE_SECS) if limit and window else _PAUSE_SECS


class ParadexHttp:
    """Reads that need no account, and the login."""

    def __init__(
        self, transport: HttpTransport, base_url: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._transport, self._base_url, self._sleep = transport, base_url.rstrip("/"), sleep
        self._pause_secs = 0.0  # before the next read

    async def get[T](self, kind: type[T], path: str, query: Query | None = None, headers: dict[str, str] | None = None) -> T:
        """Read one resource, waiting where the venue asks for less haste; raises `Connectivity` where it may be tried again.

        Raises `RateLimited` when the venue refuses for rate even after waiting as long as it had asked.
        """
        for attempt in range(_READ_ATTEMPTS):
            if (pause_secs := self._pause_secs) > 0:
                self._pause_secs = 0.0
                await self._sleep(pause_secs)
            response = await self.send("GET", path, query=query, headers=headers)
            self._pause_secs = _pause_secs(response)
            try:
                return parse(kind, judge(response, is_action=False))
            except RateLimited as e:
                if attempt == _READ_ATTEMPTS - 1:
                    raise
                self._pause_secs = min(e.retry_after_secs or _PAUSE_SECS, _LONGEST_PAUSE_SECS)
        raise AssertionError("unreachable")

    async def pages[T](
        self, row: type[T], path: str, query: Query, headers: dict[str, str] | None = None, max_pages: int = _MAX_PAGES
    ) -> list[T]:
        """Read a paginated list to its end (at most `max_pages`), newest first."""
        rows: list[T] = []
        cursor: str | None = None
        for _ in range(max_pages):
            page: Page[T] = await self.get(Page[row], path, {**query, "cursor": cursor}, headers)  # type: ignore[valid-type]
            rows += page.results or []
            cursor = page.next
            if cursor is None:
                break
        return rows

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
    ) -> HttpResponse:
        """Send one request and return the answer, whatever its status."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self._base_url}{path}" + (f"?{urlencode(given)}" if given else "")
        content = None if body is None else msgspec.json.encode(body)
        return await self._transport.request(
            method, url, headers={"Content-Type": "application/json", **(headers or {})}, body=content
        )

    async def system_config(self) -> SystemConfig:
        """Return the chain the venue settles on."""
        return await self.get(SystemConfig, "/system/config")

    async def system_time_ms(self) -> int:
        """Return the venue's clock in Unix milliseconds."""
        return (await self.get(SystemTime, "/system/time")).server_time

    async def system_state(self) -> SystemState:
        """Return whether the venue trades."""
        return await self.get(SystemState, "/system/state")

    async def markets(self) -> list[Market]:
        """Return every perpetual market (other kinds have other fields and are left out)."""
        page = await self.get(Page[msgspec.Raw], "/markets")
        perpetuals = []
        for raw in page.results or []:
            head = msgspec.json.decode(raw)
            if head.get("asset_kind") in (None, "PERP") and str(head.get("symbol", "")).endswith("-PERP"):
                perpetuals.append(decode(Market, bytes(raw)))
        return perpetuals

    async def funding_data(self, market: str, start_ms: int, end_ms: int, page_size: int) -> list[FundingData]:
        """Return funding samples of a window, newest first, at most `page_size`.

        A row is an instantaneous sample: rows are never to be summed, funding over a window is the
        difference of its indices.
        """
        query: Query = {"market": market, "start_at": start_ms, "end_at": end_ms, "page_size": page_size}
        return (await self.get(Page[FundingData], "/funding/data", query)).results or []

    async def order_book(self, market: str, depth: int) -> BookSnapshot:
        """Return the best `depth` levels of a book."""
        return await self.get(BookSnapshot, f"/orderbook/{market}", {"depth": depth})

    async def trades(self, market: str, start_ms: int | None, end_ms: int | None, limit: int) -> list[Trade]:
        """Return the newest `limit` trades of a window, newest first."""
        query: Query = {"market": market, "start_at": start_ms, "end_at": end_ms, "page_size": min(limit, _TRADES_PAGE)}
        return (await self.pages(Trade, "/trades", query, max_pages=-(-limit // _TRADES_PAGE)))[:limit]

    async def klines(self, market: str, minutes: int, start_ms: int, end_ms: int) -> list[Kline]:
        """Return the bars of `minutes` (1, 3, 5, 15, 30 or 60) that open in a window, oldest first."""
        query: Query = {"symbol": market, "resolution": str(minutes), "start_at": start_ms, "end_at": end_ms}
        rows = (await self.get(Page[Kline], "/markets/klines", query)).results or []
        return sorted(rows, key=lambda row: row.start_at)

    async def login(self, public_key: str, headers: dict[str, str], is_interactive: bool) -> str:
        """Return a fresh session token (JWT) for signed headers."""
        query = {"token_usage": "interactive" if is_interactive else None}
        response = await self.send("POST", f"/auth/{public_key}", query=query, headers=headers, body={})
        return parse(Token, judge(response, is_action=False)).jwt_token
