"""Both simulated venues in the test's own loop, an account on each, and a hand that trades there over the wire."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from adapters.by_hand import AccountByHand
from adapters.hyperliquid.by_hand import HyperliquidByHand
from adapters.hyperliquid.signing import cloid, order_action, order_wire
from adapters.paradex.by_hand import ParadexByHand
from adapters.paradex.order_body import order_body
from adapters.paradex.signing import OrderTerms
from config.load import load
from config.schema import AppConfig
from operations.accounts import open_accounts
from operations.venues import KEYS, PARADEX_ACCOUNT, Ready, use
from simulators import Simulators

ROOT = Path(__file__).parents[2]
SIZES = {"BTC": Decimal("0.05"), "HYPE": Decimal(40)}


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Undo what a config puts into the environment."""
    names = (*KEYS.values(), PARADEX_ACCOUNT)
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Bench:
    """The venues, and the accounts as a config names them."""

    def __init__(self, sims: Simulators) -> None:
        self.sims, self._numbers = sims, count(1)
        self.config: AppConfig = use(load(ROOT / "config/sim.toml"), msgspec.convert(sims.ready, Ready))
        self.accounts: tuple[AccountByHand, ...] = open_accounts(self.config)
        self.hyperliquid: HyperliquidByHand = self.accounts[0]
        self.paradex: ParadexByHand = self.accounts[1]

    def user(self, number: int = 0) -> Any:
        """The simulated Hyperliquid's own record of an account."""
        return self.sims.hyperliquid.engine.users[self.sims.ready["hyperliquid"]["accounts"][number]["address"].lower()]

    def account(self) -> Any:
        """The simulated Paradex' own record of the account."""
        address = int(self.sims.ready["paradex"]["accounts"][0]["l2_address"], 16)
        return self.sims.paradex.exchange.registry.accounts[address]

    def resting(self) -> dict[str, int]:
        return {"HYPERLIQUID": len(self.user().open_orders), "PARADEX": len(self.account().live_orders())}

    def held(self) -> dict[str, dict[str, Decimal]]:
        books = {"HYPERLIQUID": self.user().account, "PARADEX": self.account().money}
        return {venue: {name: position.size for name, position in book.positions.items()} for venue, book in books.items()}

    def is_flat(self) -> bool:
        return not any(self.resting().values()) and not any(self.held().values())

    async def trade(self, venue: str, asset: str, size: Decimal, *, away: str | None = None, name: str | None = "") -> None:
        """Buy (or with a negative size sell) at the market, or rest at `away` times the mark."""
        name = f"O-{next(self._numbers)}" if name == "" else name
        if venue == "HYPERLIQUID":
            await self._trade_hyperliquid(asset, size, away, name)
        else:
            await self._trade_paradex(asset, size, away, name)

    async def _trade_hyperliquid(self, asset: str, size: Decimal, away: str | None, name: str | None) -> None:
        hand, market = self.hyperliquid, self.sims.hyperliquid.engine.markets[asset]
        await hand._read_assets()
        factor = Decimal(away or ("1.03" if size > 0 else "0.97"))
        wire = order_wire(
            asset=hand._assets[asset][0],
            is_buy=size > 0,
            price=market.round_price(market.mark_usd * factor, up=False),
            size=abs(size),
            reduce_only=False,
            tif="Gtc" if away else "Ioc",
            cloid=None if name is None else cloid(name),
        )
        (item,) = await hand._send(order_action([wire]), 1)
        assert item.error is None, item

    async def _trade_paradex(self, asset: str, size: Decimal, away: str | None, name: str | None) -> None:
        hand = self.paradex
        rules = await hand._market(f"{asset}-USD-PERP")
        mark = self.sims.paradex.exchange.markets[rules.symbol].mark_usd
        terms = OrderTerms(
            timestamp_ms=time.time_ns() // 1_000_000,
            market=rules.symbol,
            side="BUY" if size > 0 else "SELL",
            kind="LIMIT" if away else "MARKET",
            size=abs(size),
            price=(mark * Decimal(away) // rules.price_tick_size) * rules.price_tick_size if away else Decimal(0),
        )
        body = order_body(
            terms,
            await hand._signed(),
            client_id=name or "",
            instruction="GTC",
            is_reduce_only=False,
            recv_window_ms=5000,
        )
        order_id = (await hand._account.create_order(body)).id
        while self.account().orders[order_id].status == "NEW":  # noqa: ASYNC110 - it is checked for risk first
            await asyncio.sleep(0.01)

    async def open_pair(self, asset: str = "HYPE") -> None:
        await self.trade("HYPERLIQUID", asset, -SIZES[asset])
        await self.trade("PARADEX", asset, SIZES[asset])
