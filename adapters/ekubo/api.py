"""AVNU's swap API over any `HttpTransport`, and the one place where its answers are judged.

Everything here may be repeated: a quote or a build changes nothing on the chain.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from adapters.ekubo.budget import RequestWindow
from adapters.ekubo.constants import MAX_BODY_BYTES
from adapters.ekubo.schemas import ApiError, Build, Quote, Source, TokenInfo, TokenPrice, decode
from adapters.errors import Auth, Connectivity, Protocol, RateLimited, Rejected
from adapters.transport import HttpResponse, HttpTransport
from adapters.transport.backoff import delay_secs

_ATTEMPTS = 4
_BASE_SECS, _CAP_SECS = 0.5, 20.0
_REVERTED = "Contract error"


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: just one of the amounts (base units); a `buy_amount` asks for exact output."""

    sell_token: int
    buy_token: int
    sell_amount: int | None = None
    buy_amount: int | None = None
    taker: int | None = None
    excluded_sources: tuple[str, ...] = ()
    is_direct_only: bool = False
    size: int = 1

    def __post_init__(self) -> None:
        if (self.sell_amount is None) == (self.buy_amount is None):
            raise ValueError("a quote is asked for a sell amount or a buy amount")

    def query(self) -> str:
        """Return it as the API spells it."""
        pairs = [("sellTokenAddress", hex(self.sell_token)), ("buyTokenAddress", hex(self.buy_token))]
        if self.sell_amount is not None:
            pairs.append(("sellAmount", hex(self.sell_amount)))
        if self.buy_amount is not None:
            pairs.append(("buyAmount", hex(self.buy_amount)))
        if self.taker is not None:
            pairs.append(("takerAddress", hex(self.taker)))
        pairs += [("excludeSources", name) for name in self.excluded_sources]
        if self.is_direct_only:
            pairs.append(("onlyDirect", "true"))
        if self.size != 1:
            pairs.append(("size", str(self.size)))
        return urlencode(pairs)


class AvnuApi:
    """Raises `Rejected` with AVNU's words, `RateLimited`, `Auth`, `Connectivity`, or `Protocol` where it is not understood.

    Requests wait until the rate limit has room; failures and refusals for rate are tried again with growing pauses.
    """

    def __init__(
        self,
        transport: HttpTransport,
        base_url: str,
        *,
        prices_url: str | None = None,
        api_key: str | None = None,
        window: RequestWindow | None = None,
        attempts: int = _ATTEMPTS,
        timeout_secs: float = 5.0,
        now_secs: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._transport, self._base_url = transport, base_url.rstrip("/")
        self._prices_url = (prices_url or base_url).rstrip("/")
        self._headers = {"Content-Type": "application/json"} | ({} if api_key is None else {"x-api-key": api_key})
        self._window = RequestWindow() if window is None else window
        self._attempts, self._timeout_secs = attempts, timeout_secs
        self._now_secs, self._sleep, self._jitter = now_secs, sleep, jitter

    async def sources(self) -> list[Source]:
        """Return what AVNU routes through."""
        return await self._request(list[Source], "GET", f"{self._base_url}/swap/v3/sources")

    async def quotes(self, asked: QuoteRequest, *, is_urgent: bool = False) -> list[Quote]:
        """Return quotes, best first, none where there is no route; `is_urgent` may use what is reserved for trading."""
        url = f"{self._base_url}/swap/v3/quotes?{asked.query()}"
        try:
            return await self._request(list[Quote], "GET", url, is_urgent=is_urgent)
        except Rejected as e:
            if "INSUFFICIENT_LIQUIDITY" in e.reason:
                return []
            raise

    async def build(self, quote_id: str, taker: int, slippage: Decimal, *, is_urgent: bool = True) -> Build:
        """Return the calls that execute a quote, an approval among them; `slippage` is a fraction in [0, 1).

        What comes back is not to be trusted: see `calldata.verify`.
        """
        body = {"quoteId": quote_id, "takerAddress": hex(taker), "slippage": float(slippage), "includeApprove": True}
        return await self._request(Build, "POST", f"{self._base_url}/swap/v3/build", body=body, is_urgent=is_urgent)

    async def token(self, address: int) -> TokenInfo:
        """Return one token; raises `Rejected` where AVNU does not know it."""
        return await self._request(TokenInfo, "GET", f"{self._base_url}/v1/starknet/tokens/{hex(address)}")

    async def prices_usd(self, addresses: Sequence[int]) -> dict[int, Decimal]:
        """Return AVNU's prices of tokens in USD, of those it has one for: to show, never to trade on."""
        body = {"tokens": [hex(address) for address in addresses]}
        rows = await self._request(list[TokenPrice], "POST", f"{self._prices_url}/v3/tokens/prices", body=body)
        return {int(row.address): row.usd for row in rows if row.usd is not None}

    async def _request[T](self, kind: type[T], method: str, url: str, *, body: object = None, is_urgent: bool = False) -> T:
        content = None if body is None else msgspec.json.encode(body)
        for attempt in range(self._attempts):
            await self._await_room(is_urgent)
            try:
                answer = await self._transport.request(
                    method, url, headers=self._headers, body=content, timeout_secs=self._timeout_secs
                )
                return _parse(kind, judge(answer))
            except (Connectivity, RateLimited) as e:
                pause_secs = delay_secs(attempt, base_secs=_BASE_SECS, cap_secs=_CAP_SECS, jitter=self._jitter())
                if isinstance(e, RateLimited):  # everybody waits, not only this request
                    self._window.block(self._now_secs() + min(e.retry_after_secs or pause_secs, _CAP_SECS))
                if attempt == self._attempts - 1:
                    raise
                if isinstance(e, Connectivity):
                    await self._sleep(pause_secs)
        raise AssertionError("unreachable")

    async def _await_room(self, is_urgent: bool) -> None:
        while (wait_secs := self._window.wait_secs(self._now_secs(), is_urgent=is_urgent)) > 0:
            await self._sleep(wait_secs)
        self._window.count(self._now_secs())


def judge(answer: HttpResponse) -> HttpResponse:
    """Return a successful answer and raise for any other, or for one too large to be honest."""
    if len(answer.body) > MAX_BODY_BYTES:
        raise Protocol(f"an answer of {len(answer.body)} bytes, at most {MAX_BODY_BYTES} are read")
    if answer.status < 300:
        return answer
    error = _error(answer)
    words = "; ".join(error.messages) or answer.body[:300].decode(errors="replace") or f"HTTP {answer.status}"
    if error.revert_error:
        words = f"{words}: {error.revert_error}"
    if answer.status == 429:
        raise RateLimited(words, _seconds(answer.headers.get("retry-after")))
    if answer.status in (401, 403):
        raise Auth(words)
    if answer.status >= 500 and not any(_REVERTED in message for message in error.messages):
        raise Connectivity(f"HTTP {answer.status}: {words}")
    raise Rejected(words, f"HTTP {answer.status}")


def _error(answer: HttpResponse) -> ApiError:
    try:
        return decode(ApiError, answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ApiError()


def _parse[T](kind: type[T], answer: HttpResponse) -> T:
    try:
        return decode(kind, answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise Protocol(f"answer not understood: {e}") from e


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
