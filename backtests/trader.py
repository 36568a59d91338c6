"""Put the live strategy behind the live risk gate onto a backtest engine: the same classes, the same defaults."""

from decimal import Decimal

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
from strategies.signals import SignalMode


def settings(mode: str) -> StrategySection:
    """Return what a node has by default, in the mode named; raise ValueError for one that does not exist."""
    return StrategySection(mode=SignalMode(mode))


def describe(section: StrategySection) -> str:
    """Say what decides: the mode and the figures that count in it."""
    least = f"a spread of {section.min_spread_apr:.1%} a year and {section.min_absorbable_usd:,} USD of depth"
    if section.mode is SignalMode.THRESHOLD:
        return f"threshold mode: in while {least} are met, out when not"
    return (
        f"economic mode: {least}, and the funding expected over {section.horizon_hours} h pays for the whole round trip "
        f"and {section.margin_bps} bps; left when staying is expected to lose {section.leave_ratio} of a round trip"
    )


def funding_arbitrage(section: StrategySection | None = None, limits: Limits | None = None) -> AddTrader:
    """Return what adds the strategy and the gate; without arguments with the settings a node has by default."""
    chosen = section or StrategySection()

    def add(engine: BacktestEngine, dataset: Dataset) -> None:
        in_force = LimitsInForce(limits or Limits())
        gate = RiskGate(engine.kernel.risk_engine, engine.kernel.exec_engine, in_force)
        engine.add_actor(gate)
        gate.listen()
        engine.add_strategy(FundingArbStrategy(_config(chosen, dataset), in_force))

    return add


def _config(section: StrategySection, dataset: Dataset) -> FundingArbConfig:
    assets = tuple(market.asset for market in dataset.markets)
    return FundingArbConfig(
        strategy_id="FARB",
        order_id_tag="001",
        external_order_claims=[instrument_id(asset, venue) for asset in assets for venue in VENUES],
        venues=tuple(venue.value for venue in VENUES),
        evaluation_interval_ms=EVALUATION_NS // 1_000_000,
        is_staggered=False,
        # One look an hour: a wish is never seen twice in a row before its data is old, and would never be granted.
        **msgspec.structs.asdict(section) | {"assets": assets, "history_hours": 0, "persistence_hours": Decimal(0)},
    )
