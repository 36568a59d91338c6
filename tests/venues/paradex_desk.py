"""A trading node with a desk on it, on the simulated Paradex."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.config import LiveExecEngineConfig, LoggingConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

import simulators
from adapters.paradex.config import ParadexDataClientConfig, ParadexExecClientConfig
from adapters.paradex.execution import ParadexExecutionClient
from adapters.paradex.factories import ParadexLiveDataClientFactory, ParadexLiveExecClientFactory
from messages import VenueState, VenueStatus, topics

BTC = InstrumentId.from_str("BTC-USD-PERP.PARADEX")
HOUR_SECS = 10.0
KEY_NAME = "FARB_TEST_PARADEX_KEY"
TOPICS = (
    topics.FUNDING_PAYMENT,
    topics.FUNDING_ACCRUAL,
    topics.FUNDING_INDEX,
    topics.ACCOUNT_HEALTH,
    topics.VENUE_STATUS,
)


class Desk(Strategy):
    """A strategy that does what the test says and remembers what it hears."""

    def __init__(self, *, claims: bool = True) -> None:
        claimed = [BTC] if claims else None
        super().__init__(StrategyConfig(strategy_id="DESK", order_id_tag="001", external_order_claims=claimed))
        self.heard: list[Any] = []
        self.past: list[Any] = []
        self.messages: list[Any] = []
        self.client: ParadexExecutionClient | None = None

    def on_start(self) -> None:
        for topic in TOPICS:
            self.msgbus.subscribe(topic, self.messages.append)
        self.subscribe_quote_ticks(BTC)
        self.subscribe_order_book_deltas(BTC)
        self.subscribe_mark_prices(BTC)
        self.subscribe_index_prices(BTC)
        self.subscribe_funding_rates(BTC)
        self.subscribe_trade_ticks(BTC)

    def on_stop(self) -> None:
        for topic in TOPICS:
            self.msgbus.unsubscribe(topic, self.messages.append)

    def on_quote_tick(self, tick) -> None:
        self.heard.append(tick)

    on_order_book_deltas = on_order_book_depth = on_mark_price = on_index_price = on_quote_tick
    on_funding_rate = on_trade_tick = on_instrument = on_quote_tick

    def on_historical_data(self, data) -> None:
        self.past += data if isinstance(data, list) else [data]

    def send(self, order):
        self.submit_order(order)
        return order

    def resting(self, count: int, side: OrderSide = OrderSide.BUY):
        """Return post-only orders far from the market, not yet sent."""
        instrument = self.cache.instrument(BTC)
        far = self.quote().bid_price.as_decimal() * (Decimal("0.97") if side == OrderSide.BUY else Decimal("1.03"))
        quantity = instrument.make_qty(Decimal("0.01"))
        prices = [instrument.make_price(far + number) for number in range(count)]
        return [self.order_factory.limit(BTC, side, quantity, price, post_only=True) for price in prices]

    def market(self, side: OrderSide, quantity: str, *, reduce_only: bool = False):
        quantity = self.cache.instrument(BTC).make_qty(Decimal(quantity))
        return self.send(self.order_factory.market(BTC, side, quantity, reduce_only=reduce_only))

    def limit(self, side: OrderSide, quantity: str, price: Decimal, **kwargs):
        instrument = self.cache.instrument(BTC)
        order = self.order_factory.limit(
            BTC, side, instrument.make_qty(Decimal(quantity)), instrument.make_price(price), **kwargs
        )
        return self.send(order)

    def quote(self):
        return self.cache.quote_tick(BTC)

    def position(self) -> Decimal:
        return self.portfolio.net_position(BTC)

    def states(self, channel: str) -> list[VenueState]:
        return [status.state for status in self.said(VenueStatus) if status.channel == channel]

    def said(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]


async def eventually(check: Callable[[], Any], secs: float = 8.0) -> Any:
    """Return the first true answer of `check`, fail when there is none in time."""
    deadline = time.monotonic() + secs
    while not (answer := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"not true within {secs} s")
        await asyncio.sleep(0.02)
    return answer


def history(order) -> list[str]:
    return [type(event).__name__ for event in order.events]


@contextlib.asynccontextmanager
async def venue() -> AsyncIterator[Any]:
    """Run the simulated venue; the trader's key is where the node's config says it is."""
    async with simulators.launch(seed=3, hour_secs=HOUR_SECS, only="paradex") as running:
        os.environ[KEY_NAME] = running.ready["paradex"]["accounts"][0]["l2_private_key"]
        try:
            yield running
        finally:
            del os.environ[KEY_NAME]


@contextlib.asynccontextmanager
async def trading(
    ready: dict[str, Any], *, data: dict[str, Any] | None = None, claims: bool = True, **settings
) -> AsyncIterator[Desk]:
    """Run a node on the simulated venue with a desk on it."""
    venue = ready["paradex"]
    urls = {"http_url": venue["http_url"], "ws_url": venue["ws_url"], "markets": ("BTC",), "hour_secs": HOUR_SECS}
    account = venue["accounts"][0]
    node = TradingNode(
        TradingNodeConfig(
            trader_id="TEST-001",
            logging=LoggingConfig(log_level="WARNING"),
            exec_engine=LiveExecEngineConfig(reconciliation=True, inflight_check_interval_ms=0),
            data_clients={"PARADEX": ParadexDataClientConfig(**urls, **(data or {}))},
            exec_clients={
                "PARADEX": ParadexExecClientConfig(
                    **urls,
                    account_address=account["l2_address"],
                    private_key=f"env:{KEY_NAME}",
                    recv_window_ms=1500,
                    reply_timeout_secs=1.0,
                    **settings,
                )
            },
            timeout_connection=10.0,
            timeout_reconciliation=10.0,
            timeout_disconnection=5.0,
            timeout_post_stop=0.1,
        ),
        loop=asyncio.get_running_loop(),
    )
    node.add_data_client_factory("PARADEX", ParadexLiveDataClientFactory)
    node.add_exec_client_factory("PARADEX", ParadexLiveExecClientFactory)
    node.build()
    desk = Desk(claims=claims)
    desk.client = next(iter(node.kernel.exec_engine._clients.values()))
    desk.nodes_data_clients = node.kernel.data_engine._clients
    node.trader.add_strategy(desk)
    running = asyncio.create_task(node.run_async())
    try:
        await eventually(lambda: node.trader.is_running, 15.0)
        await eventually(desk.quote)
        yield desk
    finally:
        await node.stop_async()
        await asyncio.wait_for(running, 10.0)
