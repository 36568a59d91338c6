"""A paper node: a data client of the test's own plays live market data, the paper client fills and settles."""

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import LiveDataClientConfig, LiveExecEngineConfig, LoggingConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import FundingRateUpdate, IndexPriceUpdate, MarkPriceUpdate, OrderBookDeltas
from nautilus_trader.model.enums import BookType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientId, Venue
from nautilus_trader.trading.strategy import Strategy

from adapters.paper.config import PaperExecClientConfig, Settlement
from adapters.paper.factories import SandboxLiveExecClientFactory
from backtests.books import snapshot
from backtests.instruments import HYPERLIQUID, PARADEX, VENUES, perpetual
from messages import AccountHealth, FundingAccrual, FundingPayment, VenueStatus, topics

HOUR_SECS = 0.5
PRICE = Decimal(50_000)


class PlayedDataClient(LiveMarketDataClient):
    """Publishes book, prices and rate ten times a second, as a venue would."""

    def __init__(self, loop, name, msgbus, cache, clock) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(name),
            venue=Venue(name),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
        )
        self.perpetual = perpetual("BTC", Venue(name))
        self.playing: asyncio.Task[None] | None = None

    async def _connect(self) -> None:
        self._handle_data(self.perpetual)
        self.playing = self.create_task(self._play())

    async def _disconnect(self) -> None:
        if self.playing is not None:
            self.playing.cancel()

    async def _subscribe_order_book_deltas(self, command) -> None: ...

    async def _subscribe_funding_rates(self, command) -> None: ...

    async def _subscribe_mark_prices(self, command) -> None: ...

    async def _play(self) -> None:
        hour_ns = round(HOUR_SECS * 1e9)
        is_hourly = self.venue == HYPERLIQUID
        while True:
            now_ns = self._clock.timestamp_ns()
            price = self.perpetual.make_price(PRICE)
            self._handle_data(IndexPriceUpdate(self.perpetual.id, price, now_ns, now_ns))
            self._handle_data(MarkPriceUpdate(self.perpetual.id, price, now_ns, now_ns))
            self._handle_data(snapshot(self.perpetual, PRICE, now_ns)[0])
            rate, minutes = (Decimal("0.0001"), 60) if is_hourly else (Decimal("0.008"), 480)
            boundary = now_ns - now_ns % hour_ns + hour_ns if is_hourly else None
            self._handle_data(FundingRateUpdate(self.perpetual.id, rate, now_ns, now_ns, minutes, boundary))
            await asyncio.sleep(0.1)


class PlayedFactory(LiveDataClientFactory):
    @staticmethod
    def create(loop, name, config, msgbus, cache, clock) -> PlayedDataClient:
        return PlayedDataClient(loop, name, msgbus, cache, clock)


class OpenThenClose(Strategy):
    """Long on Hyperliquid, short on Paradex for a while."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(strategy_id="PAPER", order_id_tag="001"))
        self.legs = {perpetual("BTC", HYPERLIQUID).id: OrderSide.BUY, perpetual("BTC", PARADEX).id: OrderSide.SELL}

    def on_start(self) -> None:
        for leg in self.legs:
            self.subscribe_order_book_deltas(leg, BookType.L2_MBP)
            self.subscribe_funding_rates(leg)
            self.subscribe_mark_prices(leg)

    def on_order_book_deltas(self, deltas: OrderBookDeltas) -> None: ...

    def send(self, opening: bool) -> None:
        for leg, side in self.legs.items():
            buys = (side == OrderSide.BUY) == opening
            price = self.cache.instrument(leg).make_price(PRICE * 2 if buys else PRICE / 2)
            quantity = self.cache.instrument(leg).make_qty(Decimal("0.1"))
            order_side = OrderSide.BUY if buys else OrderSide.SELL
            self.submit_order(self.order_factory.limit(leg, order_side, quantity, price, time_in_force=TimeInForce.IOC))


class Scene:
    """What one paper session left behind."""

    payments: list[FundingPayment]
    accruals: list[FundingAccrual]
    healths: list[AccountHealth]
    states: list[VenueStatus]
    balances: dict[str, Decimal]
    orders: list[str]


async def until(condition, timeout_secs: float = 20.0) -> None:
    async with asyncio.timeout(timeout_secs):
        while not condition():  # noqa: ASYNC110  # what is waited for is the state of a node, not an event
            await asyncio.sleep(0.02)


async def play() -> Scene:
    settlements = {"HYPERLIQUID": Settlement.HOURLY, "PARADEX": Settlement.INDEX}
    config = TradingNodeConfig(
        trader_id="PAPER-001",
        logging=LoggingConfig(log_level="OFF"),
        exec_engine=LiveExecEngineConfig(reconciliation=False, inflight_check_interval_ms=0),
        data_clients={venue: LiveDataClientConfig() for venue in settlements},
        exec_clients={
            venue: PaperExecClientConfig(
                venue=venue, starting_balances=["10000 USDC"], settlement=kind, hour_secs=HOUR_SECS, report_secs=0.1
            )
            for venue, kind in settlements.items()
        },
        timeout_post_stop=0.1,
        timeout_disconnection=2.0,
    )
    node = TradingNode(config=config, loop=asyncio.get_running_loop())
    for venue in settlements:
        node.add_data_client_factory(venue, PlayedFactory)
        node.add_exec_client_factory(venue, SandboxLiveExecClientFactory)
    strategy, scene = OpenThenClose(), Scene()
    node.trader.add_strategy(strategy)
    node.build()
    scene.payments, scene.accruals, scene.healths, scene.states = [], [], [], []
    bus = node.kernel.msgbus
    bus.subscribe(topics.FUNDING_PAYMENT, scene.payments.append)
    bus.subscribe(topics.FUNDING_ACCRUAL, scene.accruals.append)
    bus.subscribe(topics.ACCOUNT_HEALTH, scene.healths.append)
    bus.subscribe(topics.VENUE_STATUS, scene.states.append)
    running = asyncio.create_task(node.run_async())
    legs = [perpetual("BTC", venue).id for venue in VENUES]
    await until(lambda: node.trader.is_running and all(node.cache.order_book(leg) for leg in legs))
    await until(lambda: {health.venue for health in scene.healths} == set(settlements))
    strategy.send(opening=True)
    await until(lambda: sum(payment.venue == "HYPERLIQUID" for payment in scene.payments) >= 3)
    strategy.send(opening=False)
    await until(lambda: not node.cache.positions_open())
    await until(lambda: len(scene.healths) > 0 and all(not _last(scene.healths, venue).positions for venue in settlements))
    scene.balances = {venue: node.cache.account_for_venue(Venue(venue)).balance_total(USDC).as_decimal() for venue in settlements}
    scene.orders = [order.status_string() for order in node.cache.orders()]
    fees = {venue: sum(_fees(node.cache.orders(venue=Venue(venue)))) for venue in settlements}
    scene.fees = fees
    scene.realized = {
        venue: sum(p.realized_pnl.as_decimal() for p in node.cache.positions(venue=Venue(venue))) for venue in settlements
    }
    await node.stop_async()
    await asyncio.wait_for(running, 10)
    return scene


def _last(healths: list[AccountHealth], venue: str) -> AccountHealth:
    return [health for health in healths if health.venue == venue][-1]


def _fees(orders) -> list[Decimal]:
    return [money.as_decimal() for order in orders for money in order.commissions()]


@pytest.mark.timeout(60)
async def test_a_paper_session_pays_funding_as_each_venue_does() -> None:
    scene = await play()
    assert scene.orders == ["FILLED"] * 4
    hourly = [payment for payment in scene.payments if payment.venue == "HYPERLIQUID"]
    assert len({payment.payment_id for payment in scene.payments}) == len(scene.payments)
    assert {payment.amount_usd for payment in hourly} == {Decimal("-0.5")}  # 0.1 BTC at 50,000 and 0.0001 per hour
    gaps = {after.ts_event_ns - before.ts_event_ns for before, after in pairwise(hourly)}
    assert gaps == {round(HOUR_SECS * 1e9)}
    (touch,) = [payment for payment in scene.payments if payment.venue == "PARADEX"]
    assert touch.amount_usd > 0
    assert touch.position_quantity == Decimal("-0.1")
    assert any(accrual.accrued_usd > 0 for accrual in scene.accruals)
    assert scene.accruals[-1].accrued_usd == 0
    for venue in ("HYPERLIQUID", "PARADEX"):
        funding = sum(payment.amount_usd for payment in scene.payments if payment.venue == venue)
        assert scene.balances[venue] - 10_000 == pytest.approx(scene.realized[venue], abs=Decimal("1e-6"))
        assert _last(scene.healths, venue).cash_usd == scene.balances[venue]
        assert scene.realized[venue] - funding < 0  # the spread and the fees
        assert scene.fees[venue] > 4
    assert {status.channel for status in scene.states} == {"private"}
