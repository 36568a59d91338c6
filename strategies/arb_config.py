"""What the one strategy is told: when pairs are entered and left, how large they are, how their orders are sent."""

from decimal import Decimal

from nautilus_trader.config import StrategyConfig

from strategies.costs import Starknet
from strategies.evaluation import SizeTerms
from strategies.execution import ExecutionTerms
from strategies.prospect import EdgeTerms
from strategies.signals import Rules, SignalMode
from strategies.sizing import ZERO


class FundingArbConfig(StrategyConfig, frozen=True, kw_only=True):  # type: ignore[misc, call-arg]  # no stubs
    """When a pair is entered and left, and how its orders are sent.

    Spreads are annual fractions, `_usd` is notional per leg, `_bps` are of the price or the notional, `_hours`
    funding hours of `hour_secs` wall seconds each, `_secs` and `_ms` wall time. The rules' fields are explained
    by `strategies.signals.Rules`, those of edges and sizes by `EdgeTerms`, `Starknet` and `SizeTerms`.
    """

    assets: tuple[str, ...] = ("BTC", "ETH", "SOL", "HYPE")
    venues: tuple[str, str] = ("HYPERLIQUID", "PARADEX")
    mode: SignalMode = SignalMode.ECONOMIC
    min_spread_apr: Decimal = Decimal("0.04")
    min_absorbable_usd: Decimal = Decimal(10_000)
    pair_notional_usd: Decimal = Decimal(9_900)
    max_slippage_bps: Decimal = Decimal(10)
    horizon_hours: int = 168
    margin_bps: Decimal = Decimal(2)
    error_weight: Decimal = ZERO
    leave_ratio: Decimal = Decimal("0.5")
    min_hold_hours: Decimal = Decimal(4)
    max_age_hours: Decimal = Decimal(720)
    persistence_hours: Decimal = Decimal("0.25")
    resize_ratio: Decimal = Decimal("0.25")
    adverse_move: Decimal = Decimal("0.25")
    impact_hours: Decimal = Decimal(1)
    history_hours: int = 0  # how far back the venues are asked for funding at the start; 0 where nobody can answer
    starknet_swaps: int = 0
    starknet_gas_usd: Decimal = ZERO
    starknet_swap_bps: Decimal = ZERO
    apr_sane_max: Decimal = Decimal(60)  # 6,000 % a year: a rate beyond it is taken for an error, not for an opportunity
    evaluation_interval_ms: int = 500  # between two evaluations of one asset
    is_staggered: bool = True  # assets are evaluated in turn, each once an interval; all at once where time is simulated
    data_max_age_secs: float = 30.0
    funding_max_age_secs: float = 120.0
    hour_secs: float = 3_600.0
    cooldown_secs: float = 5.0
    confirmations: int = 2
    execution: ExecutionTerms = ExecutionTerms()

    @property
    def rules(self) -> Rules:
        """When a pair is entered and left."""
        return Rules(
            mode=self.mode,
            min_spread_apr=self.min_spread_apr,
            min_absorbable_usd=self.min_absorbable_usd,
            data_age_secs_max=self.data_max_age_secs,
            funding_age_secs_max=self.funding_max_age_secs,
            apr_sane_max=self.apr_sane_max,
            margin_bps=self.margin_bps,
            error_weight=self.error_weight,
            leave_ratio=self.leave_ratio,
            min_hold_hours=self.min_hold_hours,
            max_age_hours=self.max_age_hours,
            persistence_hours=self.persistence_hours,
            resize_ratio=self.resize_ratio,
        )

    @property
    def edge_terms(self) -> EdgeTerms:
        """How far ahead an edge looks and what it counts."""
        starknet = Starknet(swaps=self.starknet_swaps, gas_usd=self.starknet_gas_usd, swap_bps=self.starknet_swap_bps)
        return EdgeTerms(horizon_hours=Decimal(self.horizon_hours), impact_hours=self.impact_hours, starknet=starknet)

    @property
    def size_terms(self) -> SizeTerms:
        """How large a pair may be."""
        return SizeTerms(pair_notional_usd=self.pair_notional_usd, adverse_move=self.adverse_move)
