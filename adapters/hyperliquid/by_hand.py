"""A Hyperliquid account without a node: look, cancel and close over HTTP."""

import asyncio
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from adapters.by_hand import Look, OpenPosition, RestingOrder
from adapters.errors import Rejected, VenueError
from adapters.hyperliquid.constants import VENUE_NAME
from adapters.hyperliquid.grid import bounded_price
from adapters.hyperliquid.http import HyperliquidHttp, read_action_answer
from adapters.hyperliquid.schemas import Item, Order, Position
from adapters.hyperliquid.signing import (
    Action,
    L1Signer,
    NonceSource,
    cancel_action,
    cancel_by_cloid_action,
    number,
    order_action,
    order_wire,
)
from adapters.hyperliquid.terms import Identity

_ACTION_SECS = 5.0
_GONE = re.compile("never placed|already canceled|filled", re.IGNORECASE)


class HyperliquidByHand:
    """See `AccountByHand`; every coin of the venue itself, not only those a node trades. `now_ms` is Unix milliseconds."""

    venue = VENUE_NAME

    def __init__(self, http: HyperliquidHttp, signer: L1Signer, identity: Identity, now_ms: Callable[[], int]) -> None:
        self._http, self._signer, self._user, self._now_ms = http, signer, identity.account, now_ms
        self._vault = bytes.fromhex(identity.account[2:]) if identity.has_vault else b""
        self._nonces = NonceSource()
        self._assets: dict[str, tuple[int, int]] = {}  # coin -> asset id, decimals of a size

    async def look(self) -> Look:
        """See `AccountByHand.look`."""
        state, orders = await asyncio.gather(self._http.clearinghouse_state(self._user), self._http.open_orders(self._user))
        return Look(
            equity_usd=state.margin_summary.account_value,
            free_collateral_usd=state.withdrawable,
            orders=tuple(map(_resting, orders)),
            positions=tuple(_position(envelope.position) for envelope in state.asset_positions if envelope.position.szi),
        )

    async def cancel(self, orders: Sequence[RestingOrder]) -> None:
        """See `AccountByHand.cancel`; by our own id where an order has one, for that is what a dead node has left us."""
        await self._read_assets()
        ours = [(self._assets[order.market][0], order.client_id) for order in orders if order.client_id]
        others = [(self._assets[order.market][0], int(order.order_id)) for order in orders if not order.client_id]
        if ours:
            _check(await self._send(cancel_by_cloid_action(ours), len(ours)))
        if others:
            _check(await self._send(cancel_action(others), len(others)))

    async def cancel_all(self) -> None:
        """See `AccountByHand.cancel_all`."""
        await self.cancel([_resting(order) for order in await self._http.open_orders(self._user)])

    async def close(self, position: OpenPosition, slippage_bps: int) -> str:
        """See `AccountByHand.close`."""
        await self._read_assets()
        asset, decimals = self._assets[position.market]
        is_buy, size = position.quantity < 0, abs(position.quantity)
        best = await self._best_usd(position, is_buy=is_buy)
        price = bounded_price(best, decimals, is_buy=is_buy, slippage_bps=slippage_bps)
        order = order_wire(asset=asset, is_buy=is_buy, price=price, size=size, reduce_only=True, tif="Ioc", cloid=None)
        (item,) = await self._send(order_action([order]), 1)
        if not isinstance(item, str) and item.error is not None:
            raise Rejected(item.error)
        return f"{'buying' if is_buy else 'selling'} {number(size)} {position.market} at {number(price)} or better"

    async def _best_usd(self, position: OpenPosition, *, is_buy: bool) -> Decimal:
        """Return the price on the side we take from, the mark where the book is empty or cannot be read."""
        try:
            levels = (await self._http.book(position.market)).levels[1 if is_buy else 0]
        except VenueError:
            levels = []
        return Decimal(str(levels[0].px)) if levels else position.price_usd

    async def _read_assets(self) -> None:
        if not self._assets:
            universe = (await self._http.meta()).universe
            self._assets = {coin.name: (asset, coin.sz_decimals) for asset, coin in enumerate(universe)}

    async def _send(self, action: Action, expected: int) -> Sequence[Item]:
        now_ms = self._now_ms()
        body = self._signer.body(action, self._nonces.next_ms(now_ms), self._vault, now_ms + round(_ACTION_SECS * 1000))
        return read_action_answer(await self._http.exchange(body, _ACTION_SECS), expected)


def _check(items: Sequence[Item]) -> None:
    """Raise `Rejected` where a cancel failed for another reason than that the order is gone."""
    objections = [item.error for item in items if not isinstance(item, str) and item.error and not _GONE.search(item.error)]
    if objections:
        raise Rejected("; ".join(objections))


def _resting(order: Order) -> RestingOrder:
    return RestingOrder(
        market=order.coin,
        order_id=str(order.oid),
        client_id=order.cloid,
        is_buy=order.side == "B",
        quantity=order.sz,
        price_usd=order.limit_px,
    )


def _position(position: Position) -> OpenPosition:
    return OpenPosition(
        market=position.coin,
        asset=position.coin,
        quantity=position.szi,
        price_usd=abs(position.position_value / position.szi),
    )
