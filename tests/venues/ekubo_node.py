"""A trading node on the simulated Starknet, a strategy that trades by hand, and a window on the chain."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.config import LiveExecEngineConfig, LiveRiskEngineConfig, LoggingConfig, StrategyConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Venue
from nautilus_trader.model.orders import Order
from nautilus_trader.trading.strategy import Strategy

from adapters.ekubo.config import EkuboDataClientConfig, EkuboExecClientConfig
from adapters.ekubo.factories import EkuboLiveDataClientFactory, exec_factory
from adapters.ekubo.journal import Documents
from messages import topics
from simulators import Simulators, launch
from simulators.faults import Fault, FaultKind
from strategies.journal import Journal

KEY_NAME = "FARB_TEST_STARKNET_KEY"
ETH = InstrumentId.from_str("ETH-USDC.EKUBO")
STRK = InstrumentId.from_str("STRK-USDC.EKUBO")


async def eventually(check: Callable[[], Any], secs: float = 20.0) -> Any:
    """Return the first true answer of `check`, fail when there is none in time."""
    deadline = time.monotonic() + secs
    while not (answer := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"not true within {secs} s")
        await asyncio.sleep(0.02)
    return answer


class Hand(Strategy):
    """Trades what it is told to."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(strategy_id="HAND", order_id_tag="001"))

    def market(self, side: OrderSide, quantity: str, instrument_id: InstrumentId = ETH, **terms: Any) -> Order:
        """Send a market order."""
        instrument = self.cache.instrument(instrument_id)
        order = self.order_factory.market(instrument_id, side, instrument.make_qty(Decimal(quantity)), **terms)
        self.submit_order(order)
        return order

    def limit(self, side: OrderSide, quantity: str, price: Decimal, **terms: Any) -> Order:
        """Send an immediate limit order."""
        instrument = self.cache.instrument(ETH)
        terms = {"time_in_force": TimeInForce.IOC, **terms}
        order = self.order_factory.limit(ETH, side, instrument.make_qty(Decimal(quantity)), instrument.make_price(price), **terms)
        self.submit_order(order)
        return order


class Stage:
    """One node and what it says, and the chain."""

    def __init__(self, sims: Simulators, node: TradingNode, hand: Hand) -> None:
        self.sims, self.venue, self.node, self.hand = sims, sims.starknet, node, hand
        self.ready = sims.ready["starknet"]
        self.owner = int(self.ready["accounts"][0]["address"], 16)
        self.tokens = {name: int(token["address"], 16) for name, token in self.ready["tokens"].items()}
        self.gas: list[Any] = []
        self.statuses: list[Any] = []
        node.kernel.msgbus.subscribe(topics.GAS_PAID, self.gas.append)
        node.kernel.msgbus.subscribe(topics.VENUE_STATUS, self.statuses.append)

    @property
    def client(self) -> Any:
        """The execution client."""
        return self.node.kernel.exec_engine._clients[ClientId("EKUBO")]

    def inject(self, kind: FaultKind, **fields: Any) -> Fault:
        """Let something go wrong."""
        fault: Fault = self.venue.faults.inject(Fault(kind=kind, **fields))
        return fault

    def held(self, token: str) -> int:
        """Return what the chain says the account has."""
        units: int = self.venue.chain.state.balance(self.tokens[token], self.owner)
        return units

    def wallet(self) -> dict[str, int]:
        """Return all balances on the chain."""
        return {name: self.held(name) for name in self.tokens}

    def told(self, token: str) -> Decimal:
        """Return what Nautilus' account says."""
        account = self.node.cache.account_for_venue(Venue("EKUBO"))
        return next(total.as_decimal() for currency, total in account.balances_total().items() if currency.code == token)

    def executed(self) -> int:
        """Return how many of the account's transactions the chain has executed."""
        count: int = self.venue.chain.nonces[self.owner]
        return count

    def price(self) -> Decimal:
        """Return what an ETH costs, about."""
        from simulators.starknet.tokens import TOKENS

        token = next(each for each in TOKENS if each.symbol == "ETH")
        return Decimal(str(self.venue.prices.usd(token, time.time_ns())))

    async def done(self, order: Order, secs: float = 30.0) -> list[str]:
        """Wait for an order's end and return its history."""
        await eventually(lambda: order.is_closed, secs)
        return [type(event).__name__.removeprefix("Order") for event in order.events]

    async def agree(self) -> None:
        """Wait until Nautilus' account equals the wallet on the chain."""
        decimals = {name: token["decimals"] for name, token in self.ready["tokens"].items()}

        def same() -> bool:
            chain = {name: Decimal(self.held(name)).scaleb(-decimals[name]) for name in ("ETH", "USDC", "STRK")}
            return all(abs(self.told(name) - amount) < Decimal("0.00000001") for name, amount in chain.items())

        await eventually(same)


@contextlib.asynccontextmanager
async def simulated(**settings: Any) -> AsyncIterator[Simulators]:
    """Run a quick chain whose pools stand still, with the account's key where the config says it is."""
    async with launch(seed=3, hour_secs=3600.0, only="starknet", scenario="calm") as sims:
        quick = {"pre_confirmed_secs": 0.03, "block_secs": 0.06, "requests_per_window": None, "refill_half_life_secs": 1e12}
        for name, value in {**quick, **settings}.items():
            assert hasattr(sims.starknet.settings, name), name
            setattr(sims.starknet.settings, name, value)
        os.environ[KEY_NAME] = sims.ready["starknet"]["accounts"][0]["private_key"]
        try:
            yield sims
        finally:
            os.environ.pop(KEY_NAME, None)


@contextlib.asynccontextmanager
async def running(sims: Simulators, documents: Documents | None = None, **settings: Any) -> AsyncIterator[Stage]:
    """Run a node on it; `settings` are those of the execution client."""
    ready = sims.ready["starknet"]
    urls = {"avnu_url": ready["avnu_url"], "prices_url": ready["avnu_url"], "rpc_url": ready["rpc_url"]}
    common = {**urls, "pairs": ("ETH-USDC", "STRK-USDC"), "max_requests": 10_000}
    quick = {"receipt_poll_secs": 0.03, "slice_cooldown_secs": 0.1, "balances_poll_secs": 0.5, "receipt_timeout_secs": 3.0}
    generous = {"max_slippage_bps": Decimal(50), "max_fee_strk": Decimal(50), "is_reference_required": False}
    node = TradingNode(
        TradingNodeConfig(
            trader_id="TEST-001",
            logging=LoggingConfig(log_level="ERROR"),
            exec_engine=LiveExecEngineConfig(reconciliation=True, inflight_check_interval_ms=0),
            risk_engine=LiveRiskEngineConfig(bypass=True),
            data_clients={"EKUBO": EkuboDataClientConfig(**common, poll_secs=1.0)},
            exec_clients={
                "EKUBO": EkuboExecClientConfig(
                    **common,
                    account_address=ready["accounts"][0]["address"],
                    private_key=f"env:{KEY_NAME}",
                    **{**quick, **generous, **settings},
                )
            },
            timeout_connection=15.0,
            timeout_reconciliation=10.0,
            timeout_disconnection=3.0,
            timeout_post_stop=0.1,
        ),
        loop=asyncio.get_running_loop(),
    )
    node.add_data_client_factory("EKUBO", EkuboLiveDataClientFactory)
    node.add_exec_client_factory("EKUBO", exec_factory(Journal().documents("ekubo") if documents is None else documents))
    node.build()
    hand = Hand()
    node.trader.add_strategy(hand)
    stage = Stage(sims, node, hand)
    task = asyncio.create_task(node.run_async())
    try:
        await eventually(lambda: node.trader.is_running, 25.0)
        yield stage
    finally:
        await node.stop_async()
        await asyncio.wait_for(task, 15.0)
        if node.kernel.executor is not None:
            node.kernel.executor.shutdown(wait=False)


class LoopWatch:
    """How long the steps of our tasks hold up the event loop: wall and CPU time of the longest, and of all."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.steps = 0

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Time every step the loop takes meanwhile."""
        original = asyncio.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            task = getattr(handle._callback, "__self__", None)
            name = task.get_coro().__qualname__ if isinstance(task, asyncio.Task) else ""
            wall, cpu = time.perf_counter(), time.thread_time()
            original(handle)
            if is_ours(name):
                self.steps += 1
                self.wall[name] = max(self.wall.get(name, 0.0), time.perf_counter() - wall)
                self.cpu[name] = max(self.cpu.get(name, 0.0), time.thread_time() - cpu)

        asyncio.Handle._run = timed
        try:
            yield
        finally:
            asyncio.Handle._run = original

    def report(self) -> str:
        """Return the longest steps in words."""
        worst = sorted(self.cpu, key=lambda name: self.cpu[name], reverse=True)[:5]
        lines = [f"  {self.cpu[name] * 1e3:6.2f} ms CPU {self.wall[name] * 1e3:7.2f} ms wall  {name}" for name in worst]
        return f"longest of {self.steps} steps of ours on the event loop:\n" + "\n".join(lines)


def is_ours(name: str) -> bool:
    """Whether a coroutine is one of the adapter's."""
    return name.startswith(("Ekubo", "Account.", "SwapDesk.", "SwapPlanner.", "Wallet.", "AvnuApi.", "StarknetRpc.", "Quoter."))
