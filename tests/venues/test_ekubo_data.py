"""Ekubo's data client under a trading node on the simulated chain: prices, swap quotes, and what goes wrong."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ekubo_node import eventually
from nautilus_trader.config import LiveExecEngineConfig, LoggingConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.core.data import Data
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import DataType, MarkPriceUpdate, QuoteTick
from nautilus_trader.model.identifiers import ClientId, InstrumentId
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Price
from nautilus_trader.test_kit.strategies.tester_data import DataTester, DataTesterConfig
from nautilus_trader.trading.strategy import Strategy

from adapters.ekubo import api
from adapters.ekubo.config import EkuboDataClientConfig
from adapters.ekubo.constants import USDC, USDC_BRIDGED
from adapters.ekubo.factories import EkuboLiveDataClientFactory
from messages import SWAP_QUOTE_METADATA, VenueState, topics
from simulators import Simulators, launch
from simulators.faults import Fault, FaultKind

ETH, STRK, BRIDGED = (InstrumentId.from_str(f"{name}.EKUBO") for name in ("ETH-USDC", "STRK-USDC", "ETH-USDC.e"))
PERP = InstrumentId.from_str("ETH-USD-PERP.PARADEX")
SWAP_QUOTES = DataType(Data, metadata=SWAP_QUOTE_METADATA)


class Reader(Strategy):
    """Subscribes to one pair, asks for swap quotes, remembers what it hears."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(strategy_id="READER", order_id_tag="001"))
        self.ticks: list[QuoteTick] = []
        self.past: list[Any] = []
        self.instruments: list[Any] = []
        self.quotes: list[Any] = []
        self.statuses: list[Any] = []
        self.answered: list[Any] = []

    def on_start(self) -> None:
        self.msgbus.subscribe(topics.SWAP_QUOTE, self.quotes.append)
        self.msgbus.subscribe(topics.VENUE_STATUS, self.statuses.append)
        self.subscribe_quote_ticks(ETH)

    def on_stop(self) -> None:
        self.unsubscribe_quote_ticks(ETH)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        self.ticks.append(tick)

    def on_historical_data(self, data: Any) -> None:
        self.past.append(data)

    def on_instrument(self, instrument: Any) -> None:
        self.instruments.append(instrument)

    def ask(self, instrument_id: InstrumentId = ETH, **params: str) -> None:
        self.request_data(
            SWAP_QUOTES,
            ClientId("EKUBO"),
            instrument_id=instrument_id,
            start=datetime.now(UTC),
            params=params,
            callback=self.answered.append,
        )

    async def swap_quote(self, instrument_id: InstrumentId = ETH, **params: str) -> Any:
        """Return the answer to a request, None where there is none."""
        answers, quotes = len(self.answered), len(self.quotes)
        self.ask(instrument_id, **params)
        await eventually(lambda: len(self.answered) > answers)
        return self.quotes[-1] if len(self.quotes) > quotes else None

    def latest(self) -> tuple[VenueState, str]:
        return self.statuses[-1].state, self.statuses[-1].detail


@contextlib.asynccontextmanager
async def reading(*actors: Any, **settings: Any) -> AsyncIterator[tuple[Reader, Simulators, TradingNode]]:
    async with launch(seed=3, hour_secs=3600.0, only="starknet", scenario="calm") as sims:
        sims.starknet.settings.requests_per_window = None
        sims.starknet.settings.refill_half_life_secs = 1e12
        ready = sims.ready["starknet"]
        urls = {"avnu_url": ready["avnu_url"], "prices_url": ready["avnu_url"], "rpc_url": ready["rpc_url"]}
        quick = {"pairs": ("ETH-USDC", "STRK-USDC", "ETH-USDC.e"), "max_requests": 10_000, "poll_secs": 0.05}
        node = TradingNode(
            TradingNodeConfig(
                trader_id="TEST-001",
                logging=LoggingConfig(log_level="ERROR"),
                exec_engine=LiveExecEngineConfig(reconciliation=False),
                data_clients={"EKUBO": EkuboDataClientConfig(**{**urls, **quick, **settings})},
                timeout_connection=15.0,
                timeout_disconnection=3.0,
                timeout_post_stop=0.1,
            ),
            loop=asyncio.get_running_loop(),
        )
        node.add_data_client_factory("EKUBO", EkuboLiveDataClientFactory)
        node.build()
        reader = Reader()
        node.trader.add_strategy(reader)
        for actor in actors:
            node.trader.add_actor(actor)
        task = asyncio.create_task(node.run_async())
        try:
            await eventually(lambda: node.trader.is_running, 25.0)
            yield reader, sims, node
        finally:
            await node.stop_async()
            await asyncio.wait_for(task, 15.0)


@pytest.fixture
def _impatient(monkeypatch):
    """Retry at once, so that a failure shows soon."""
    monkeypatch.setattr(api, "_BASE_SECS", 0.01)
    monkeypatch.setattr(api, "_CAP_SECS", 0.05)


def eth_usd(sims: Simulators) -> Decimal:
    from simulators.starknet.tokens import TOKENS

    token = next(each for each in TOKENS if each.symbol == "ETH")
    return Decimal(str(sims.starknet.prices.usd(token, time.time_ns())))


async def test_prices_come_from_small_quotes_on_both_sides():
    async with reading(probe_quote=Decimal(50)) as (reader, sims, _):
        tick = (await eventually(lambda: reader.ticks))[-1]
        fair = eth_usd(sims)
        assert tick.bid_price.as_decimal() < fair < tick.ask_price.as_decimal()
        assert tick.ask_price.as_decimal() / tick.bid_price.as_decimal() < Decimal("1.002")  # twice the fees
        assert abs(tick.ask_size.as_decimal() * tick.ask_price.as_decimal() - 50) < Decimal("0.001")
        assert reader.latest()[0] is VenueState.OK
        sims.starknet.faults.inject(Fault(kind=FaultKind.PRICE_SHOCK, path="ETH", reason="-0.05"))
        sims.starknet.settings.refill_half_life_secs = 0.01  # others trade the pools back to the market
        await eventually(lambda: reader.ticks[-1].ask_price.as_decimal() < fair * Decimal("0.97"))
        assert {each.instrument_id for each in reader.ticks} == {ETH}

        reader.unsubscribe_quote_ticks(ETH)
        await asyncio.sleep(0.2)
        count = len(reader.ticks)
        await asyncio.sleep(0.3)
        assert len(reader.ticks) == count


async def test_instruments_are_told_apart_by_address_and_nautilus_own_tester_is_content():
    config = DataTesterConfig(
        client_id=ClientId("EKUBO"),
        instrument_ids=[ETH, BRIDGED],
        request_instruments=True,
        subscribe_instrument=True,
        subscribe_quotes=True,
        log_data=False,
    )
    async with reading(DataTester(config)) as (reader, _, node):
        cached = {each.id: each for each in node.cache.instruments()}
        assert {ETH, STRK, BRIDGED} == set(cached)
        assert all(isinstance(each, CurrencyPair) for each in cached.values())
        assert [cached[name].info["quote_address"] for name in (ETH, BRIDGED)] == [hex(USDC), hex(USDC_BRIDGED)]
        assert str(cached[BRIDGED].quote_currency) == "USDC.e"
        await eventually(lambda: node.cache.quote_tick(ETH) and node.cache.quote_tick(BRIDGED))
        assert node.cache.quote_tick(STRK) is None  # nobody has asked for it
        reader.request_instrument(STRK)
        await eventually(lambda: STRK in {each.id for each in reader.instruments})


async def test_swap_quotes_of_any_size_come_on_request():
    async with reading() as (reader, sims, _):
        small = await reader.swap_quote(side="SELL", quantity="0.5")
        large = await reader.swap_quote(side="SELL", quantity="50")
        bought = await reader.swap_quote(side="BUY", quantity="50")
        fair = eth_usd(sims)
        assert 0 <= small.impact_bps < large.impact_bps
        assert large.price < small.price < fair < bought.price
        assert large.slippage_bps > large.impact_bps > 10
        assert abs(large.spot_move_bps / large.impact_bps - 2) < Decimal("0.05")
        assert (large.base_quantity, bought.base_quantity) == (50, 50)
        assert {hop.exchange for hop in large.route} == {"Ekubo"}
        assert large.gas_strk > 0
        assert large.gas_usd > 0
        lost = large.base_quantity * fair - large.quote_quantity + large.gas_usd
        assert abs(-large.cost.total_usd / lost - 1) < Decimal("0.05")  # the pool is not just at the market
        assert [data.quote for data in reader.past] == [small, large, bought]
        for side in ("SELL", "BUY"):
            fitted = await reader.swap_quote(side=side, max_impact_bps="7")
            assert Decimal("6.9") < fitted.impact_bps <= Decimal("7.01")
            assert fitted.expiry_ns == 0
        sims.starknet.faults.inject(Fault(kind=FaultKind.NULL_USD, count=2))
        assert (await reader.swap_quote(side="SELL", quantity="1")).gas_usd > 0  # by the STRK price of an earlier quote
        sims.starknet.settings.tells_expiry = True
        expiring = await reader.swap_quote(side="SELL", quantity="1")
        assert 0 < expiring.expiry_ns / 1e9 - time.time() < 60


async def test_a_request_that_cannot_be_met_is_answered_with_nothing():
    async with reading(rpc_url=None) as (reader, _, _):
        assert await reader.swap_quote(side="HOLD", quantity="1") is None
        assert await reader.swap_quote(side="SELL", quantity="much") is None
        assert await reader.swap_quote(side="SELL") is None
        assert await reader.swap_quote(InstrumentId.from_str("DOGE-USDC.EKUBO"), side="SELL", quantity="1") is None
        assert await reader.swap_quote(side="SELL", max_impact_bps="5") is None  # that needs a node
        told = await reader.swap_quote(side="SELL", quantity="1")
        assert (told.slippage_bps, told.against_mark_bps) == (None, None)


@pytest.mark.usefixtures("_impatient")
async def test_what_goes_wrong_is_a_state_of_the_venue_and_passes(monkeypatch):
    async with reading(stale_secs=30.0) as (reader, sims, node):
        await eventually(lambda: reader.ticks)

        async def strikes(expected: VenueState, words: str, kind: FaultKind, **fields: Any) -> None:
            fault = sims.starknet.faults.inject(Fault(kind=kind, count=10**6, **fields))
            await eventually(lambda: reader.latest()[0] is expected and words in reader.latest()[1])
            count = len(reader.ticks)
            sims.starknet.faults.clear(fault.kind)
            await eventually(lambda: reader.latest()[0] is VenueState.OK and len(reader.ticks) > count)

        await strikes(VenueState.DEGRADED, "no route", FaultKind.EMPTY_QUOTES)
        await strikes(VenueState.DISCONNECTED, "503", FaultKind.STATUS, path="quotes", status=503)
        await strikes(VenueState.STALE, "Too Many", FaultKind.EXHAUST_LIMIT, path="quotes", secs=1.5)
        await strikes(VenueState.DEGRADED, "EXCHANGE", FaultKind.QUOTE_LIE, reason="quote_renamed_route")
        await strikes(VenueState.DEGRADED, "non-negative", FaultKind.QUOTE_LIE, reason="quote_negative")
        for kind in (FaultKind.NULL_USD, FaultKind.UNKNOWN_FIELD):  # none of which matters
            sims.starknet.faults.inject(Fault(kind=kind, count=6))
            count = len(reader.ticks)
            await eventually(lambda count=count: len(reader.ticks) > count + 6)
            assert reader.latest()[0] is VenueState.OK
            sims.starknet.faults.clear(kind)
        client, count = node.kernel.data_engine._clients[ClientId("EKUBO")], len(reader.ticks)
        with monkeypatch.context() as patch:
            patch.setattr(client._quoter, "sell", lambda *_: 1 / 0)  # whatever it is, polling goes on
            await eventually(lambda: reader.latest()[0] is VenueState.DEGRADED and "of no use" in reader.latest()[1])
        await eventually(lambda: reader.latest()[0] is VenueState.OK and len(reader.ticks) > count)


async def test_a_pair_that_stays_without_a_price_is_stale():
    async with reading(stale_secs=0.5) as (reader, sims, _):
        await eventually(lambda: reader.ticks)
        sims.starknet.faults.inject(Fault(kind=FaultKind.EMPTY_QUOTES, count=10**6))
        await eventually(lambda: reader.latest() == (VenueState.STALE, "ETH-USDC: no route from USDC to ETH"))


async def test_sources_that_are_not_left_out_are_noticed():
    async with reading(is_direct_only=False) as (reader, sims, _):
        await eventually(lambda: reader.ticks)
        sims.starknet.faults.inject(Fault(kind=FaultKind.IGNORE_EXCLUDED, count=10**6))
        # large enough for AVNU to split it between its sources
        assert await reader.swap_quote(side="SELL", quantity="400") is None
        sims.starknet.faults.clear(FaultKind.IGNORE_EXCLUDED)
        assert await reader.swap_quote(side="SELL", quantity="400") is not None


async def test_a_price_off_the_perpetuals_mark_is_not_told():
    async with reading(references={"ETH-USDC": str(PERP)}, reference_max_age_secs=2.0) as (reader, sims, node):
        await eventually(lambda: reader.ticks)
        fair = eth_usd(sims)

        async def marked(factor: str) -> None:
            while True:
                now_ns = time.time_ns()
                node.cache.add_mark_price(MarkPriceUpdate(PERP, Price(fair * Decimal(factor), 2), now_ns, now_ns))
                await asyncio.sleep(0.02)

        near = asyncio.create_task(marked("1.0005"))
        await eventually(lambda: node.cache.mark_price(PERP))
        told = await reader.swap_quote(side="SELL", quantity="1")
        assert 5 < told.against_mark_bps < 40
        near.cancel()
        far = asyncio.create_task(marked("1.05"))
        await eventually(lambda: reader.latest()[0] is VenueState.DEGRADED and "better than the mark" in reader.latest()[1])
        far.cancel()
        await eventually(lambda: reader.latest()[0] is VenueState.OK)  # a mark that is old is none
