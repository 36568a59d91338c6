"""A Paradex account without a node: look, cancel and close over REST."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from adapters.by_hand import Look, OpenPosition, RestingOrder
from adapters.errors import VenueError
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.auth import Session, login_headers
from adapters.paradex.http import ParadexHttp
from adapters.paradex.order_body import order_body
from adapters.paradex.schemas import Market, Order, Position
from adapters.paradex.signing import OrderTerms, Signer

_RECV_WINDOW_MS = 5000
_BAND_SHARE = Decimal("0.8")  # of the venue's price band, in which orders surely lie
_BPS = Decimal(10_000)


class ParadexByHand:
    """See `AccountByHand`; every perpetual, not only those a node trades.

    `now_ms` is Unix milliseconds; `is_interactive` as the node's own logins have it.
    """

    venue = "PARADEX"  # not from `constants`: those are Nautilus', which takes seconds to import

    def __init__(
        self, http: ParadexHttp, account_address: str, private_key: str, *, is_interactive: bool, now_ms: Callable[[], int]
    ) -> None:
        self._http, self._is_interactive, self._now_ms = http, is_interactive, now_ms
        self._address, self._key = account_address, private_key
        self._signer: Signer | None = None
        self._account = ParadexAccountHttp(http, Session(self._login, lambda: now_ms() / 1000))
        self._markets: dict[str, Market] = {}

    def __repr__(self) -> str:
        return f"ParadexByHand({self._address})"

    async def look(self) -> Look:
        """See `AccountByHand.look`."""
        account, positions, orders = await asyncio.gather(
            self._account.account(), self._account.positions(), self._account.open_orders()
        )
        return Look(
            equity_usd=account.account_value,
            free_collateral_usd=account.free_collateral or Decimal(0),
            orders=tuple(map(_resting, orders)),
            positions=tuple(map(_position, positions)),
        )

    async def cancel(self, orders: Sequence[RestingOrder]) -> None:
        """See `AccountByHand.cancel`."""
        if orders:
            await self._account.cancel_many([order.order_id for order in orders])

    async def cancel_all(self) -> None:
        """See `AccountByHand.cancel_all`."""
        await self._account.cancel_all()

    async def close(self, position: OpenPosition, slippage_bps: int) -> str:
        """See `AccountByHand.close`; the limit also stays well inside the venue's price band."""
        market = await self._market(position.market)
        is_buy, size = position.quantity < 0, abs(position.quantity)
        best = await self._best_usd(position, is_buy=is_buy)
        band = _BAND_SHARE * (market.price_bands_width or Decimal(1))
        distance = min(Decimal(slippage_bps) / _BPS, band)
        step = market.price_tick_size
        ticks = (best * (1 + distance if is_buy else 1 - distance) / step).to_integral_value(
            ROUND_CEILING if is_buy else ROUND_FLOOR
        )
        price, now_ms = ticks * step, self._now_ms()
        terms = OrderTerms(
            timestamp_ms=now_ms,
            market=position.market,
            side="BUY" if is_buy else "SELL",
            kind="LIMIT",
            size=size,
            price=price,
        )
        body = order_body(
            terms,
            await self._signed(),
            client_id=f"flatten-{now_ms}-{position.asset}",
            instruction="IOC",
            is_reduce_only=True,
            recv_window_ms=_RECV_WINDOW_MS,
        )
        await self._account.create_order(body)
        return f"{'buying' if is_buy else 'selling'} {size} {position.market} at {price} or better"

    async def _best_usd(self, position: OpenPosition, *, is_buy: bool) -> Decimal:
        """Return the price on the side we take from, the last known one where the book is empty or cannot be read."""
        try:
            book = await self._http.order_book(position.market, 1)
            rows = book.asks if is_buy else book.bids
        except VenueError:
            rows = []
        return Decimal(str(rows[0][0])) if rows else position.price_usd

    async def _market(self, name: str) -> Market:
        if not self._markets:
            self._markets = {market.symbol: market for market in await self._http.markets()}
        return self._markets[name]

    async def _signed(self) -> Signer:
        if self._signer is None:
            chain_id = (await self._http.system_config()).starknet_chain_id
            self._signer = Signer(chain_id, self._address, self._key)
        return self._signer

    async def _login(self) -> str:
        signer = await self._signed()
        return await self._http.login(signer.public_key, login_headers(signer, self._now_ms() // 1000), self._is_interactive)


def _resting(order: Order) -> RestingOrder:
    return RestingOrder(
        market=order.market,
        order_id=order.id,
        client_id=order.client_id or None,
        is_buy=order.side == "BUY",
        quantity=order.size if order.remaining_size is None else order.remaining_size,
        price_usd=order.price,
    )


def _position(position: Position) -> OpenPosition:
    """Return a position; the venue tells no price with it, but what it cost and what it has brought since."""
    cost = position.average_entry_price or Decimal(0)
    gain = (position.unrealized_pnl or Decimal(0)) - (position.unrealized_funding_pnl or Decimal(0))
    return OpenPosition(
        market=position.market,
        asset=position.market.partition("-")[0],
        quantity=position.size,
        price_usd=cost + gain / position.size,
    )
