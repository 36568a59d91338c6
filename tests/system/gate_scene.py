"""A whole node on both simulated venues in one loop, with a rogue strategy that tries every way to them."""

import asyncio
import time
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.config import ExecAlgorithmConfig, StrategyConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.algorithm import ExecAlgorithm
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ExecAlgorithmId, InstrumentId
from nautilus_trader.trading.strategy import Strategy

from actors.breakers import Breakers
from actors.canary import Canary
from actors.metrics import Metrics
from actors.operator import OperatorDesk
from actors.reload import LimitsReload
from actors.risk_gate import RiskGate
from adapters.hyperliquid.factories import HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory
from adapters.hyperliquid.signing import cloid
from adapters.paradex.factories import ParadexLiveDataClientFactory, ParadexLiveExecClientFactory
from config.load import load, load_limits
from config.node import VENUES, instrument_ids, node_config
from messages import Alert, Command, OperatorCommand, RiskRefused, StateChange, topics
from operations.venues import Ready, use
from risk.in_force import LimitsInForce, values
from risk.limits import Limits
from simulators.launch import launch
from strategies.journal import Journal

ROOT = Path(__file__).parents[2]
ALGORITHM = ExecAlgorithmId("SPAWNER")
# Wide enough for a large order to come to the later rules: each test tightens what it is about.
WIDE = Limits(
    position_usd_max=Decimal(200_000),
    venue_usd_max=Decimal(200_000),
    gross_usd_max=Decimal(400_000),
    asset_delta_usd_max=Decimal(200_000),
    total_delta_usd_max=Decimal(400_000),
    leverage_max=Decimal(10),
    gross_leverage_max=Decimal(20),
    allocation_ratio_max=Decimal(1),
    orders_per_minute_max=10_000,
    liquidation_distance_ratio_min=Decimal("0.01"),
    consecutive_rejects_max=1_000,
)


class Spawner(ExecAlgorithm):
    """Sends a child of its own size, if it has one, for every order given to it, and then the order itself."""

    def __init__(self) -> None:
        super().__init__(ExecAlgorithmConfig(exec_algorithm_id=ALGORITHM))
        self.child_quantity = Decimal(0)

    def on_order(self, order: Any) -> None:
        if self.child_quantity:
            quantity = self.cache.instrument(order.instrument_id).make_qty(self.child_quantity)
            self.submit_order(self.spawn_limit(order, quantity, order.price, TimeInForce.IOC, reduce_primary=False))
        self.submit_order(order)


class Rogue(Strategy):
    """Knows no rules."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(strategy_id="ROGUE", order_id_tag="001"))
        self.last_words: Callable[[Rogue], Any] = lambda _rogue: None
        self.refused_changes: list[str] = []

    def on_start(self) -> None:
        for name in ("BTC", "ETH"):
            for venue in VENUES:
                instrument_id = InstrumentId.from_str(f"{name}-USD-PERP.{venue}")
                self.subscribe_quote_ticks(instrument_id)
                self.subscribe_index_prices(instrument_id)

    def on_order_modify_rejected(self, event: Any) -> None:
        self.refused_changes.append(event.reason)

    def on_stop(self) -> None:
        self.last_words(self)

    def build(
        self,
        where: InstrumentId,
        usd: float,
        *,
        side: OrderSide = OrderSide.BUY,
        away: float = 0.001,
        quantity: Any = None,
        **more: Any,
    ) -> Any:
        """Return a limit order worth `usd`, its price `away` (a fraction) beyond the best, IOC unless told otherwise."""
        instrument, quote = self.cache.instrument(where), self.cache.quote_tick(where)
        is_buy = side == OrderSide.BUY
        best = (quote.ask_price if is_buy else quote.bid_price).as_double()
        more.setdefault("time_in_force", TimeInForce.IOC)
        return self.order_factory.limit(
            where,
            side,
            instrument.make_qty(usd / best) if quantity is None else quantity,
            instrument.make_price(best * (1 + away if is_buy else 1 - away)),
            **more,
        )

    def command(self, order: Any) -> SubmitOrder:
        return SubmitOrder(self.trader_id, self.id, order, UUID4(), self.clock.timestamp_ns())


class Scene:
    """The running node; `do` lets time pass."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = folder
        self.stack = AsyncExitStack()
        self.limits = LimitsInForce(WIDE)
        self.rogue, self.spawner = Rogue(), Spawner()
        self.refused: list[RiskRefused] = []
        self.states: list[StateChange] = []
        self.alerts: list[Alert] = []

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def until(self, check: Callable[[], Any], what: str, secs: float = 60.0) -> Any:
        async def wait() -> Any:
            deadline = time.monotonic() + secs
            while not (found := check()):
                assert time.monotonic() < deadline, f"not within {secs} s: {what}"
                await asyncio.sleep(0.01)
            return found

        return self.do(wait())

    def open(self) -> None:
        self.sims = self.do(self.stack.enter_async_context(launch(seed=3, hour_secs=3600.0, scenario="calm")))
        shipped = load(ROOT / "config/sim.toml")
        config = use(shipped, msgspec.convert(self.sims.ready, Ready))
        config = msgspec.structs.replace(
            config, limits=WIDE, strategy=msgspec.structs.replace(config.strategy, assets=("BTC", "ETH", "SOL"))
        )
        self.node = TradingNode(node_config(config, log_dir=self.folder), loop=self.loop)
        for venue, data, trading in (
            ("HYPERLIQUID", HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory),
            ("PARADEX", ParadexLiveDataClientFactory, ParadexLiveExecClientFactory),
        ):
            self.node.add_data_client_factory(venue, data)
            self.node.add_exec_client_factory(venue, trading)
        self.node.build()
        kernel, journal = self.node.kernel, Journal()
        self.bus, self.cache = kernel.msgbus, kernel.cache
        self.gate = RiskGate(kernel.risk_engine, kernel.exec_engine, self.limits)
        self.metrics = Metrics(port=0, version="0", mode="sim", instrument_ids=instrument_ids(config), limits=self.limits)
        self.port = self.metrics.serve()
        self.breakers = Breakers(self.limits, journal.documents("breakers"), VENUES)
        for topic, kept in (
            (topics.RISK_REFUSED, self.refused),
            (topics.TRADING_STATE, self.states),
            (topics.ALERT, self.alerts),
        ):
            self.bus.subscribe(topic=topic, handler=kept.append)
        self.limits_file = self.folder / "limits.toml"
        self.write_limits(WIDE)
        canary = Canary(self.limits, journal.documents("canary"))
        for actor in (self.gate, self.metrics, OperatorDesk(journal.documents("operator")), self.breakers, canary):
            self.node.trader.add_actor(actor)
            actor.listen()
        self.reload = LimitsReload(self.limits_file, load_limits, self.limits, poll_secs=0.02)
        self.node.trader.add_actor(self.reload)
        self.node.trader.add_exec_algorithm(self.spawner)
        self.node.trader.add_strategy(self.rogue)
        self.starting = self.loop.create_task(self.node.run_async())
        self.until(self.is_ready, "node, quotes and accounts", 90.0)

    def is_ready(self) -> bool:
        ids = [self.id(name, venue) for name in ("BTC", "ETH") for venue in VENUES]
        is_quoted = all(self.cache.quote_tick(one) and self.cache.index_price(one) for one in ids)
        is_read = self.reload._digest is not None  # or it would put the file's limits in place of a test's
        return self.node.trader.is_running and is_read and is_quoted and len(self.gate._reports.accounts()) == len(VENUES)

    def close(self) -> None:
        self.do(self.node.stop_async())
        self.do(asyncio.wait_for(self.starting, 30))
        self.metrics.close()
        self.do(self.stack.aclose())
        if self.node.kernel.executor is not None:
            self.node.kernel.executor.shutdown(wait=False)
        self.loop.close()

    # What tests ask.

    @staticmethod
    def id(name: str, venue: str) -> InstrumentId:
        return InstrumentId.from_str(f"{name}-USD-PERP.{venue}")

    def accounts(self) -> tuple[Any, Any]:
        """Return our account at each venue, as the venue has it."""
        ready = self.sims.ready
        user = self.sims.hyperliquid.engine.users[ready["hyperliquid"]["accounts"][0]["address"]]
        return user, self.sims.paradex.exchange.registry.accounts[int(ready["paradex"]["accounts"][0]["l2_address"], 16)]

    def taken(self) -> int:
        """Return how many orders of ours both venues have ever seen."""
        user, account = self.accounts()
        return len(user.record_by_oid) + len(account.orders)

    def has_seen(self, order: Any) -> bool:
        user, account = self.accounts()
        key = order.client_order_id.value
        return cloid(key) in user.oid_by_cloid or account.by_client_id(key) is not None

    def metric(self, metric: str, /, **labels: str) -> float:
        """Return what a scrape shows of a series, 0 where it is not there."""

        def scrape() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
                return answer.read().decode()

        text = self.do(asyncio.to_thread(scrape))
        for line in text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == metric and all(f'{key}="{wanted}"' in series for key, wanted in labels.items()):
                return float(value)
        return 0.0

    def tighten(self, **changes: Any) -> None:
        self.limits.replace(msgspec.structs.replace(WIDE, **changes))

    def write_limits(self, limits: Limits, end: str = "") -> None:
        """Replace the limits file whole."""
        found = {name: str(value).lower() for name, value in values(limits).items()}
        lines = [f"{name} = {value}" for name, value in found.items() if "." not in name]
        table = [f"{name.removeprefix('canary.')} = {value}" for name, value in found.items() if "." in name]
        beside = self.limits_file.with_name("beside")
        beside.write_text("\n".join([*lines, "[canary]", *table, end]))
        beside.replace(self.limits_file)

    def operate(self, command: Command) -> OperatorCommand:
        message = OperatorCommand(command=command, source="bus", reason="test", ts_ns=time.time_ns())
        self.bus.publish(topic=topics.OPERATOR_COMMAND, msg=message)
        return message

    def net(self, where: InstrumentId) -> Decimal:
        return sum((one.signed_decimal_qty() for one in self.cache.positions_open(instrument_id=where)), Decimal(0))

    def fill(self, order: Any) -> Any:
        self.rogue.submit_order(order)
        self.until(lambda: order.is_closed, f"an end of {order}")
        assert order.status_string() == "FILLED", order.last_event
        return order

    def flatten(self) -> None:
        """Put everything back as a test found it."""
        self.tighten()
        self.operate(Command.RESUME)
        for order in self.cache.orders_open():
            self.rogue.cancel_order(order)
        self.until(lambda: not self.cache.orders_open(), "orders cancelled")
        for position in self.cache.positions_open():
            side = OrderSide.SELL if position.is_long else OrderSide.BUY
            self.fill(self.rogue.build(position.instrument_id, 0, side=side, quantity=position.quantity, reduce_only=True))
        self.until(lambda: not self.cache.positions_open(), "flat")
