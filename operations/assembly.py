"""Put a node together: Nautilus with our clients, the strategy, and the actors that watch it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nautilus_trader.live.node import TradingNode

from actors.breakers import Breakers
from actors.canary import Canary
from actors.cash_rows import funding_known_ns
from actors.deadman import DeadMan
from actors.ledger import Ledger
from actors.metrics import Metrics
from actors.operator import OperatorDesk
from actors.reload import LimitsReload
from actors.risk_gate import RiskGate
from actors.view import Screen, View
from adapters.ekubo.factories import EkuboLiveDataClientFactory
from adapters.ekubo.factories import exec_factory as ekubo_exec_factory
from adapters.hyperliquid.factories import HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory
from adapters.paper.factories import SandboxLiveExecClientFactory
from adapters.paradex.factories import ParadexLiveDataClientFactory, ParadexLiveExecClientFactory
from config.load import ConfigError, load_limits
from config.node import VENUES, instrument_ids, node_config, strategy_config
from config.schema import AppConfig, Mode
from messages import Alert, OperatorCommand, Severity, topics
from operations.missed_funding import asking_for_missed_funding
from operations.venue_truth import VenueQuestions
from risk.in_force import LimitsInForce
from strategies.funding_arb import FundingArbStrategy
from strategies.journal import Journal

_FACTORIES = {
    "HYPERLIQUID": (HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory),
    "PARADEX": (ParadexLiveDataClientFactory, ParadexLiveExecClientFactory),
}


class Assembled:
    """A built node and the parts of it that a session and a summary ask."""

    def __init__(
        self,
        node: TradingNode,
        strategy: FundingArbStrategy,
        *,
        ledger: Ledger,
        view: View,
        metrics: Metrics | None,
        journal: Journal,
    ) -> None:
        self.node, self.strategy, self.ledger = node, strategy, ledger
        self._view, self._metrics, self._journal = view, metrics, journal

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop the node lives on."""
        loop: asyncio.AbstractEventLoop = self.node.kernel.loop
        return loop

    def tell(self, line: str) -> None:
        """Show a line to the person in front of the terminal."""
        self._view.tell(line)

    def publish(self, command: OperatorCommand) -> None:
        """Hand a person's command to all who obey it."""
        self.node.kernel.msgbus.publish(topic=topics.OPERATOR_COMMAND, msg=command)

    def alert(self, severity: Severity, name: str, detail: str) -> None:
        """Tell what happens beside the trader."""
        now_ns = self.node.kernel.clock.timestamp_ns()
        self.node.kernel.msgbus.publish(topic=topics.ALERT, msg=Alert(severity=severity, name=name, detail=detail, ts_ns=now_ns))

    def unconnected(self) -> dict[str, list[str]]:
        """Return by venue which of our clients (`data`, `trading`) have no connection."""
        kernel, found = self.node.kernel, dict[str, list[str]]()
        for part, engine in (("data", kernel.data_engine), ("trading", kernel.exec_engine)):
            for client_id, client in sorted(engine._clients.items()):
                if not client.is_connected:
                    found.setdefault(client_id.value, []).append(part)
        return found

    def dispose(self) -> None:
        """Release everything; only after the loop has stopped."""
        if self._metrics is not None:
            self._metrics.close()
        self.node.dispose()
        self._journal.close()


def assemble(
    config: AppConfig,
    screen: Screen,
    journal: Journal,
    *,
    log_dir: Path,
    version: str,
    beat: Callable[[], None] = lambda: None,
) -> Assembled:
    """Return the node, ready to run; raise `ConfigError` where the metrics port is taken.

    What has to survive a crash is kept in `journal`, which is closed with the node. `beat` is called for as long
    as the trader runs and the loop turns.
    """
    limits = LimitsInForce(config.limits)
    metrics = _metrics(config, screen, version, limits)
    is_paper = config.mode is Mode.PAPER
    rows = None if is_paper else journal.documents("ledger")  # a paper account begins anew with every start
    if rows is not None:
        config = asking_for_missed_funding(config, funding_known_ns(rows), time.time_ns())
    node = TradingNode(node_config(config, log_dir=log_dir))
    for venue, (data_factory, exec_factory) in _FACTORIES.items():
        node.add_data_client_factory(venue, data_factory)
        node.add_exec_client_factory(venue, SandboxLiveExecClientFactory if is_paper else exec_factory)
    if config.venues.ekubo is not None:
        node.add_data_client_factory("EKUBO", EkuboLiveDataClientFactory)
        node.add_exec_client_factory("EKUBO", ekubo_exec_factory(journal.documents("ekubo")))
    node.build()
    strategy, ledger = _strategy(config, limits, journal, node), Ledger(documents=rows)
    gate = RiskGate(node.kernel.risk_engine, node.kernel.exec_engine, limits)
    title = f"funding arbitrage {version}   {config.mode.value}   {config.strategy.mode.value} entries"
    view = View(title=title, assets=config.strategy.assets, venues=VENUES, clock=config.clock, ledger=ledger, screen=screen)
    listening: list[Any] = [
        *(actor for actor in (gate, ledger, view, metrics) if actor is not None),
        # What these restore is heard by those before them, and is in force before the first order.
        OperatorDesk(journal.documents("operator")),
        Breakers(limits, journal.documents("breakers"), VENUES),
        Canary(limits, journal.documents("canary")),
    ]
    for actor in listening:  # actors start before strategies, the gate before all
        node.trader.add_actor(actor)
        actor.listen()
    if config.limits_path is not None:
        node.trader.add_actor(LimitsReload(Path(config.limits_path), load_limits, limits))
    node.trader.add_actor(DeadMan(beat, config.deadman.beat_secs))
    node.trader.add_strategy(strategy)
    return Assembled(node, strategy, ledger=ledger, view=view, metrics=metrics, journal=journal)


def _strategy(config: AppConfig, limits: LimitsInForce, journal: Journal, node: TradingNode) -> FundingArbStrategy:
    """Return the strategy; a paper venue knows no more than the node does, so there it has nobody to ask."""
    truth = None if config.mode is Mode.PAPER else VenueQuestions(node.kernel)
    return FundingArbStrategy(strategy_config(config), limits, journal=journal, truth=truth)


def _metrics(config: AppConfig, screen: Screen, version: str, limits: LimitsInForce) -> Metrics | None:
    if config.metrics is None:
        return None
    metrics = Metrics(
        port=config.metrics.port,
        version=version,
        mode=config.mode.value,
        instrument_ids=instrument_ids(config),
        limits=limits,
    )
    try:
        port = metrics.serve()
    except OSError as e:
        raise ConfigError(f"metrics.port {config.metrics.port} cannot be opened: {e.strerror}") from None
    screen.event(f"metrics on http://127.0.0.1:{port}/metrics")
    return metrics
