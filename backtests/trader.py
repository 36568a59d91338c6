"""Put the live strategy behind the live risk gate onto a backtest engine: the same classes, the same defaults."""

import msgspec
from nautilus_trader.backtest.engine import BacktestEngine

from actors.risk_gate import RiskGate
from backtests.dataset import Dataset
from backtests.engine import EVALUATION_NS, AddTrader
from backtests.instruments import VENUES, instrument_id
from config.schema import StrategySection
from risk.in_force import LimitsInForce
from risk.limits import Limits
from strategies.arb_config import FundingArbConfig
from strategies.funding_arb import FundingArbStrategy


def funding_arbitrage(section: StrategySection | None = None, limits: Limits | None = None) -> AddTrader:
    """Return what adds the strategy and the gate; without arguments with the settings a node has by default."""
    settings = section or StrategySection()

    def add(engine: BacktestEngine, dataset: Dataset) -> None:
        in_force = LimitsInForce(limits or Limits())
        gate = RiskGate(engine.kernel.risk_engine, engine.kernel.exec_engine, in_force)
        engine.add_actor(gate)
        gate.listen()
        engine.add_strategy(FundingArbStrategy(_config(settings, dataset), in_force))

    return add


def _config(section: StrategySection, dataset: Dataset) -> FundingArbConfig:
    assets = tuple(market.asset for market in dataset.markets)
    return FundingArbConfig(
        strategy_id="FARB",
        order_id_tag="001",
        external_order_claims=[instrument_id(asset, venue) for asset in assets for venue in VENUES],
        venues=tuple(venue.value for venue in VENUES),
        evaluation_interval_ms=EVALUATION_NS // 1_000_000,
        **msgspec.structs.asdict(section) | {"assets": assets, "history_hours": 0},
    )
