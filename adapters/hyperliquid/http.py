"""Hyperliquid over HTTP: what can be asked (`/info`) and what can be done (`/exchange`)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from adapters.errors import Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected
from adapters.hyperliquid.account_schemas import (
    ActionLimits,
    ActiveAsset,
    ExchangeStatus,
    ExtraAgent,
    FundingLedgerRow,
    UserFees,
    UserRole,
)
from adapters.hyperliquid.budget import WeightBucket, answer_weight, request_weight
from adapters.hyperliquid.constants import FILLS_PAGE_ROWS, FUNDING_PAGE_ROWS
from adapters.hyperliquid.listing_schemas import Meta, PerpDex, PredictedFundings
from adapters.hyperliquid.refusals import proves_rate_limit
from adapters.hyperliquid.schemas import (
    ActionAnswer,
    ActionResult,
    BookData,
    Candle,
    ClearinghouseState,
    Fill,
    FundingHistoryRow,
    FundingRow,
    Item,
    Order,
    OrderStatusAnswer,
    TradeData,
)
from adapters.transport import HttpResponse, HttpTransport

_JSON = {"Content-Type": "application/json"}
_MAX_PAGES = 200


class HyperliquidHttp:
    """Reads raise `Connectivity`, `RateLimited`, `Rejected` or `Protocol`; they may be repeated.

    A read waits until the weight it costs is there; an action never waits.
    """

    def __init__(
        self,
        transport: HttpTransport,
        base_url: str,
        *,
        bucket: WeightBucket | None = None,
        now_secs: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._bucket = WeightBucket() if bucket is None else bucket
        self._now_secs, self._sleep = now_secs, sleep

    async def meta(self, dex: str | None = None) -> Meta:
        """Return the universe of perpetuals, of the venue itself or of a HIP-3 exchange on it."""
        return await self._info({"type": "meta", "dex": dex}, Meta)

    async def perp_dexs(self) -> list[PerpDex | None]:
        """Return the HIP-3 exchanges; the first place, the venue's own, is empty."""
        return await self._info({"type": "perpDexs"}, list[PerpDex | None])

    async def recent_trades(self, coin: str) -> list[TradeData]:
        """Return the last public trades, a few dozen, newest first."""
        return await self._info({"type": "recentTrades", "coin": coin}, list[TradeData])

    async def candles(self, coin: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Return the candles that overlap [start_ms, end_ms], oldest first; the venue keeps the last 5,000."""
        request = {"coin": coin, "interval": interval, "startTime": start_ms, "endTime": end_ms}
        return await self._info({"type": "candleSnapshot", "req": request}, list[Candle])

    async def predicted_fundings(self) -> PredictedFundings:
        """Return what several exchanges are about to charge, by coin."""
        return await self._info({"type": "predictedFundings"}, PredictedFundings)  # type: ignore[arg-type]  # an alias

    async def user_fees(self, user: str) -> UserFees:
        """Return the account's own fee rates."""
        return await self._info({"type": "userFees", "user": user}, UserFees)

    async def clearinghouse_state(self, user: str) -> ClearinghouseState:
        """Return margin and positions; a coin that is absent is flat."""
        return await self._info({"type": "clearinghouseState", "user": user}, ClearinghouseState)

    async def open_orders(self, user: str) -> list[Order]:
        """Return all resting orders."""
        return await self._info({"type": "frontendOpenOrders", "user": user}, list[Order])

    async def order_status(self, user: str, order_id: int | str) -> OrderStatusAnswer:
        """Return what the venue knows of an oid or cloid; it may not know it yet."""
        return await self._info({"type": "orderStatus", "user": user, "oid": order_id}, OrderStatusAnswer)

    async def fills(self, user: str, start_ms: int) -> list[Fill]:
        """Return all fills since `start_ms`, oldest first, each once (the venue keeps the last 10,000)."""
        rows: dict[tuple[object, ...], Fill] = {}
        while True:
            request = {"type": "userFillsByTime", "user": user, "startTime": start_ms, "aggregateByTime": False}
            page = sorted(await self._info(request, list[Fill]), key=lambda fill: fill.time)
            known = len(rows)
            rows.update({fill_key(fill): fill for fill in page})
            if len(page) < FILLS_PAGE_ROWS or len(rows) == known:
                return list(rows.values())
            start_ms = page[-1].time

    async def user_funding(self, user: str, start_ms: int) -> list[FundingRow]:
        """Return the account's funding payments since `start_ms`, oldest first, each once."""
        rows: dict[tuple[int, str], FundingRow] = {}
        while True:
            request = {"type": "userFunding", "user": user, "startTime": start_ms}
            page = sorted(await self._info(request, list[FundingLedgerRow]), key=lambda row: row.time)
            known = len(rows)
            for row in page:
                delta = row.delta
                rows[row.time, delta.coin] = FundingRow(
                    row.time, delta.coin, delta.usdc, delta.szi, delta.funding_rate, delta.n_samples
                )
            if len(page) < FUNDING_PAGE_ROWS or len(rows) == known:
                return list(rows.values())
            start_ms = page[-1].time

    async def funding_history(self, coin: str, start_ms: int, end_ms: int | None = None) -> list[FundingHistoryRow]:
        """Return settled rates per hour in [start_ms, end_ms], oldest first, each once."""
        rows: dict[int, FundingHistoryRow] = {}
        for _ in range(_MAX_PAGES):
            request = {"type": "fundingHistory", "coin": coin, "startTime": start_ms, "endTime": end_ms}
            page = sorted(await self._info(request, list[FundingHistoryRow]), key=lambda row: row.time)
            known = len(rows)
            rows.update({row.time: row for row in page})
            if len(page) < FUNDING_PAGE_ROWS or len(rows) == known:
                break
            start_ms = page[-1].time
        return list(rows.values())

    async def book(self, coin: str) -> BookData:
        """Return the book, at most 20 levels a side; `Protocol` for a coin the venue does not know."""
        return await self._info({"type": "l2Book", "coin": coin}, BookData)

    async def exchange_status(self) -> ExchangeStatus:
        """Return the venue's clock."""
        return await self._info({"type": "exchangeStatus"}, ExchangeStatus)

    async def user_role(self, address: str) -> UserRole:
        """Return what an address is at the venue."""
        return await self._info({"type": "userRole", "user": address}, UserRole)

    async def account_mode(self, user: str) -> str:
        """Return how the account's balances are joined: `default` and `disabled` are the standard mode."""
        return await self._info({"type": "userAbstraction", "user": user}, str)

    async def active_asset(self, user: str, coin: str) -> ActiveAsset:
        """Return the leverage and margin mode that stand for a coin."""
        return await self._info({"type": "activeAssetData", "user": user, "coin": coin}, ActiveAsset)

    async def agents(self, user: str) -> list[ExtraAgent]:
        """Return the named agents of a master account."""
        return await self._info({"type": "extraAgents", "user": user}, list[ExtraAgent])

    async def action_limits(self, user: str) -> ActionLimits:
        """Return how many actions the account has used and may use."""
        return await self._info({"type": "userRateLimit", "user": user}, ActionLimits)

    async def exchange(self, body: bytes, timeout_secs: float) -> bytes:
        """Send a signed action once and return the answer to be read by `read_action_answer`.

        Raises `OutcomeUnknown` wherever the action may have been executed, `Rejected` where the
        venue could not even read it, `RateLimited` where it says it turned it away for rate.
        """
        self._bucket.spend(1, self._now_secs())
        try:
            answer = await self._transport.request(
                "POST", f"{self._base_url}/exchange", headers=_JSON, body=body, timeout_secs=timeout_secs
            )
        except Connectivity as e:
            raise OutcomeUnknown(str(e)) from e
        if answer.status in (400, 422):
            raise Rejected(_text(answer))
        if answer.status == 429 and proves_rate_limit(_text(answer)):
            raise RateLimited(_text(answer), _retry_after_secs(answer))
        if answer.status != 200:
            raise OutcomeUnknown(f"HTTP {answer.status}: {_text(answer)}")
        return answer.body

    async def _info[T](self, request: dict[str, Any], answer_type: type[T]) -> T:
        kind = request["type"]
        body = msgspec.json.encode({key: value for key, value in request.items() if value is not None})
        weight = request_weight(kind)
        while (wait_secs := self._bucket.wait_secs(weight, self._now_secs())) > 0:
            await self._sleep(wait_secs)
        self._bucket.spend(weight, self._now_secs())
        answer = await self._transport.request("POST", f"{self._base_url}/info", headers=_JSON, body=body)
        if answer.status == 429:
            self._bucket.drain(self._now_secs())
            raise RateLimited(f"{kind}: {_text(answer)}", _retry_after_secs(answer))
        if answer.status >= 500:
            raise Connectivity(f"{kind}: HTTP {answer.status} {_text(answer)}")
        if answer.status != 200:
            raise Rejected(f"{kind}: HTTP {answer.status} {_text(answer)}")
        try:
            decoded = msgspec.json.decode(answer.body, type=answer_type, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise Protocol(f"{kind}: {e}") from e
        if isinstance(decoded, list):
            self._bucket.spend(answer_weight(kind, len(decoded)), self._now_secs())
        return decoded


def fill_key(fill: Fill) -> tuple[object, ...]:
    """Return what makes a fill the same fill, on whatever way it arrives."""
    if fill.tid:
        return fill.coin, fill.tid, fill.oid
    return fill.coin, fill.oid, fill.time, fill.px, fill.sz, fill.start_position


def read_action_answer(body: bytes, expected: int) -> Sequence[Item]:
    """Return one item per order of an action of `expected` orders (0: a bare acknowledgement).

    Raises `Rejected` with the venue's words for the whole action, and `OutcomeUnknown` where the
    answer cannot be matched to the orders.
    """
    try:
        answer = msgspec.json.decode(body, type=ActionAnswer)
        if answer.status == "err":
            reason = msgspec.json.decode(answer.response, type=str)
            if "duplicate nonce" in reason:  # perhaps our own first copy was executed
                raise OutcomeUnknown(reason)
            raise Rejected(reason)
        statuses = msgspec.json.decode(answer.response, type=ActionResult, strict=False).data.statuses
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise OutcomeUnknown(f"the answer could not be read: {e}") from e
    if answer.status != "ok" or len(statuses) != expected:
        raise OutcomeUnknown(f"status {answer.status!r} with {len(statuses)} results for {expected} orders")
    return statuses


def _text(answer: HttpResponse) -> str:
    return answer.body[:300].decode(errors="replace")


def _retry_after_secs(answer: HttpResponse) -> float | None:
    try:
        return float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return None
