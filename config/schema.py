"""The one configuration tree: what a node is told, typed, frozen, unknown fields forbidden."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from config.execution import ExecutionSection
from config.secret import REFERENCE
from messages import FundingClock
from risk.limits import Limits
from strategies.signals import SignalMode

type SecretReference = Annotated[str, Meta(pattern=REFERENCE)]
type Account = Annotated[str, Meta(pattern=r"^(0x[0-9a-fA-F]{1,64}|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
type Url = Annotated[str, Meta(pattern=r"^(https?|wss?)://[^\s/]+")]
type Port = Annotated[int, Meta(ge=0, le=65535)]


_NOT_NEGATIVE = (
    "margin_bps",
    "error_weight",
    "leave_ratio",
    "min_hold_hours",
    "persistence_hours",
    "impact_hours",
    "starknet_gas_usd",
    "starknet_swap_bps",
)


class Mode(StrEnum):
    """What stands behind the venues' urls."""

    SIM = "sim"  # the simulators of this repository, on 127.0.0.1
    PAPER = "paper"  # live market data, execution by Nautilus' sandbox
    TESTNET = "testnet"
    LIVE = "live"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common settings of every section."""


class SimulatorsSection(_Section, frozen=True, kw_only=True):
    """The local venues `run.py` starts; the only place where the funding clock may be compressed.

    `has_starknet` starts AVNU and a Starknet node as well, which the section `venues.ekubo` needs.
    """

    seed: int = 7
    hour_secs: Annotated[float, Meta(gt=0, le=3600)] = 3600.0
    scenario: str = "demo"
    tape: str = "generated"
    has_starknet: bool = False


class VenueSection(_Section, frozen=True, kw_only=True):
    """One venue's endpoints and account; the urls of a `sim` config come from the simulators."""

    http_url: Url | None = None
    ws_url: Url | None = None
    private_key: SecretReference | None = None
    account_address: Account | None = None

    @property
    def urls(self) -> tuple[str, str]:
        """The HTTP and WebSocket urls, which are known once a node is built."""
        if self.http_url is None or self.ws_url is None:
            raise ValueError("the venue's urls are not known yet")
        return self.http_url, self.ws_url

    @property
    def key(self) -> str:
        """The reference to the signing key, which a node that trades needs."""
        if self.private_key is None:
            raise ValueError("the venue's private_key is not given")
        return self.private_key


class HyperliquidSection(VenueSection, frozen=True, kw_only=True):
    """Hyperliquid; `vault_address` is a vault or sub-account of the account, where that is traded on.

    `leverage` is set at the start in every coin, `leverages` in those it names; 0 leaves them as they
    stand. Funding payments of the last `funding_lookback_hours` before a start are told again, under
    the ids they always had. `is_master_key_allowed` lets a node hold the key that can withdraw.
    """

    vault_address: Account | None = None
    leverage: Annotated[int, Meta(ge=0, le=50)] = 5
    leverages: dict[str, Annotated[int, Meta(ge=1, le=50)]] = {}
    funding_lookback_hours: Annotated[float, Meta(ge=0)] = 0.0
    is_master_key_allowed: bool = False


class ParadexSection(VenueSection, frozen=True, kw_only=True):
    """Paradex; `is_interactive` asks for a retail token: no fees, a speed bump and order quotas.

    `is_rpi_allowed` says that the venue has whitelisted the account for RPI orders. Funding realised
    since `funding_since_ms` (Unix) is told again at a start, under the venue's own ids.
    `is_main_key_allowed` lets a node hold the key that can withdraw.
    """

    is_interactive: bool = False
    is_rpi_allowed: bool = False
    funding_since_ms: Annotated[int, Meta(ge=0)] | None = None
    is_main_key_allowed: bool = False


class EkuboSection(_Section, frozen=True, kw_only=True):
    """Spot swaps on Ekubo, through AVNU on Starknet; see `adapters.ekubo.config.EkuboExecClientConfig`.

    `api_key` is for a larger request limit at AVNU. `written_off` are hashes of transactions whose receipt does not add up,
    once a person has looked into them: they end without a fill, and the account trades again. The urls of a `sim` config
    come from the simulators; with paper trading there are prices and no swaps.
    """

    avnu_url: Url | None = None
    prices_url: Url | None = None
    rpc_url: Url | None = None
    private_key: SecretReference | None = None
    account_address: Account | None = None
    api_key: SecretReference | None = None
    pairs: Annotated[tuple[str, ...], Meta(min_length=1)] = ("ETH-USDC", "WBTC-USDC", "SOL-USDC", "STRK-USDC")
    max_impact_bps: Decimal = Decimal(20)
    max_cost_bps: Decimal = Decimal(40)
    max_slippage_bps: Decimal = Decimal(20)
    slice_cooldown_secs: Annotated[float, Meta(ge=0)] = 30.0
    min_strk_reserve: Decimal = Decimal(5)
    max_fee_strk: Decimal = Decimal(2)
    written_off: tuple[Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{1,64}$")], ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_impact_bps", "max_cost_bps", "max_slippage_bps"):
            if not (getattr(self, name).is_finite() and 0 <= getattr(self, name) < 10_000):
                raise ValueError(f"{name} must be basis points below 10,000, was {getattr(self, name)}")
        for name in ("max_impact_bps", "max_cost_bps", "max_fee_strk"):
            if not (getattr(self, name).is_finite() and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a positive number, was {getattr(self, name)}")
        if not (self.min_strk_reserve.is_finite() and self.min_strk_reserve >= 0):
            raise ValueError(f"min_strk_reserve must be a number, at least 0, was {self.min_strk_reserve}")

    @property
    def urls(self) -> tuple[str, str, str]:
        """The urls of AVNU's API, of its prices and of a Starknet node, which are known once a node is built."""
        if self.avnu_url is None or self.rpc_url is None:
            raise ValueError("the venue's urls are not known yet")
        return self.avnu_url, self.prices_url or self.avnu_url, self.rpc_url


class VenuesSection(_Section, frozen=True, kw_only=True):
    """The two perpetual venues, and Ekubo's spot market where it is wanted."""

    hyperliquid: HyperliquidSection
    paradex: ParadexSection
    ekubo: EkuboSection | None = None


class StrategySection(_Section, frozen=True, kw_only=True):
    """When a pair is entered and left, and how large it is; see `strategies.arb_config.FundingArbConfig`."""

    mode: SignalMode = SignalMode.ECONOMIC
    assets: Annotated[tuple[str, ...], Meta(min_length=1)] = ("BTC", "ETH", "SOL", "HYPE")
    min_spread_apr: Decimal = Decimal("0.04")
    min_absorbable_usd: Decimal = Decimal(10_000)
    pair_notional_usd: Decimal = Decimal(9_900)
    max_slippage_bps: Decimal = Decimal(10)
    adverse_move: Decimal = Decimal("0.25")
    horizon_hours: Annotated[int, Meta(ge=1, le=2160)] = 168
    margin_bps: Decimal = Decimal(2)
    error_weight: Decimal = Decimal(0)
    leave_ratio: Decimal = Decimal("0.5")
    min_hold_hours: Decimal = Decimal(4)
    max_age_hours: Decimal = Decimal(720)
    persistence_hours: Decimal = Decimal("0.25")
    resize_ratio: Decimal = Decimal("0.25")
    impact_hours: Decimal = Decimal(1)
    history_hours: Annotated[int, Meta(ge=0, le=720)] = 168
    starknet_swaps: Annotated[int, Meta(ge=0)] = 0
    starknet_gas_usd: Decimal = Decimal(0)
    starknet_swap_bps: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name in ("min_spread_apr", "min_absorbable_usd", "pair_notional_usd", "max_slippage_bps", "max_age_hours"):
            if not (getattr(self, name).is_finite() and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a positive number, was {getattr(self, name)}")
        for name in _NOT_NEGATIVE:
            if not (getattr(self, name).is_finite() and getattr(self, name) >= 0):
                raise ValueError(f"{name} must not be negative, was {getattr(self, name)}")
        for name in ("adverse_move", "resize_ratio"):
            if not (getattr(self, name).is_finite() and 0 < getattr(self, name) < 1):
                raise ValueError(f"{name} is a fraction between 0 and 1, was {getattr(self, name)}")
        if len(set(self.assets)) < len(self.assets):
            raise ValueError(f"assets names one twice: {', '.join(self.assets)}")
        if self.min_spread_apr > 1:
            raise ValueError(f"min_spread_apr is a fraction, 0.04 means 4 % a year; was {self.min_spread_apr}")
        if self.min_hold_hours >= self.max_age_hours:
            raise ValueError(f"min_hold_hours {self.min_hold_hours} must lie below max_age_hours {self.max_age_hours}")


class RunSection(_Section, frozen=True, kw_only=True):
    """When a run ends by itself; without values it goes on until it is stopped."""

    stop_after_cycles: Annotated[int, Meta(ge=1)] | None = None
    max_secs: Annotated[float, Meta(gt=0)] | None = None
    start_timeout_secs: Annotated[float, Meta(gt=0)] = 60.0


class MetricsSection(_Section, frozen=True, kw_only=True):
    """The Prometheus endpoint; 0 takes any free port."""

    port: Port = 9464


class DeadManSection(_Section, frozen=True, kw_only=True):
    """What cancels the node's orders when it dies or hangs; all in wall seconds.

    The node beats every `beat_secs`. The watchdog process takes `silence_secs` without a beat for
    death (a process that is gone it sees at once) and waits `start_secs` for the trader to start.
    Hyperliquid cancels by itself `scheduled_cancel_secs` after the last beat it was told of, where
    the account qualifies; Paradex does when the connection ends.
    """

    beat_secs: Annotated[float, Meta(gt=0, le=10)] = 1.0
    silence_secs: Annotated[float, Meta(ge=2)] = 10.0
    start_secs: Annotated[float, Meta(gt=0)] = 120.0
    scheduled_cancel_secs: Annotated[float, Meta(ge=6, le=3600)] = 30.0

    def __post_init__(self) -> None:
        if self.silence_secs < 2 * self.beat_secs:
            raise ValueError(f"silence_secs {self.silence_secs} must be at least two beats of {self.beat_secs} s")


class RedisSection(_Section, frozen=True, kw_only=True):
    """Redis: the operator's channel, and with `is_cache` Nautilus' cache of orders and positions too.

    `url` is `redis://host:port/database`; one that holds a password is given by reference.
    """

    url: Annotated[str, Meta(pattern=r"^(rediss?://[^@\s]+|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
    is_cache: bool = False


class PaperSection(_Section, frozen=True, kw_only=True):
    """Paper trading: what each venue's account starts with."""

    balance_usd: Annotated[int, Meta(gt=0)] = 20_000


class AppConfig(_Section, frozen=True, kw_only=True):
    """A whole node config, as one TOML file plus the limits file it names."""

    mode: Mode
    trader_id: Annotated[str, Meta(pattern=r"^[A-Z]+-[0-9]{3}$")] = "FARB-001"
    venues: VenuesSection
    strategy: StrategySection = msgspec.field(default_factory=StrategySection)
    execution: ExecutionSection = msgspec.field(default_factory=ExecutionSection)
    limits: Limits  # in the file: the name of another TOML file beside it, the hot-reloadable part
    limits_path: str | None = None  # where they were read, which `load` notes: the file is watched for changes
    simulators: SimulatorsSection | None = None
    paper: PaperSection = msgspec.field(default_factory=PaperSection)
    run: RunSection = msgspec.field(default_factory=RunSection)
    metrics: MetricsSection | None = None
    deadman: DeadManSection = msgspec.field(default_factory=DeadManSection)
    redis: RedisSection | None = None

    @property
    def clock(self) -> FundingClock:
        """The funding clock: compressed only by a simulators section."""
        return FundingClock() if self.simulators is None else FundingClock(self.simulators.hour_secs)

    def __post_init__(self) -> None:
        for path, url in self._urls():
            host = urlsplit(url).hostname if url else None
            is_local = host in ("127.0.0.1", "localhost", "::1")
            if self.mode is Mode.SIM and host is not None and not is_local:
                raise ValueError(f"{path}: a sim config speaks to 127.0.0.1 only, not to {host}")
            if self.mode is not Mode.SIM and host is None:
                raise ValueError(f"{path}: required when mode is {self.mode.value!r}")
        if self.venues.ekubo is not None and self.mode is Mode.TESTNET:
            raise ValueError("venues.ekubo: AVNU has nothing to swap on the test network")
        if self.venues.ekubo is not None and self.simulators is not None and not self.simulators.has_starknet:
            raise ValueError("venues.ekubo: needs has_starknet = true under simulators")
        if (self.simulators is not None) != (self.mode is Mode.SIM):
            raise ValueError(
                "simulators: belongs to mode 'sim' and to no other (a compressed funding clock never meets a real venue)"
            )

    def _urls(self) -> tuple[tuple[str, str | None], ...]:
        hyperliquid, paradex, ekubo = self.venues.hyperliquid, self.venues.paradex, self.venues.ekubo
        perpetual = (
            ("venues.hyperliquid.http_url", hyperliquid.http_url),
            ("venues.hyperliquid.ws_url", hyperliquid.ws_url),
            ("venues.paradex.http_url", paradex.http_url),
            ("venues.paradex.ws_url", paradex.ws_url),
        )
        if ekubo is None:
            return perpetual
        prices = () if ekubo.prices_url is None else (("venues.ekubo.prices_url", ekubo.prices_url),)
        return (*perpetual, ("venues.ekubo.avnu_url", ekubo.avnu_url), ("venues.ekubo.rpc_url", ekubo.rpc_url), *prices)


def forever(config: AppConfig) -> AppConfig:
    """Return the config with nothing that would end a run by itself."""
    run = msgspec.structs.replace(config.run, stop_after_cycles=None, max_secs=None)
    return msgspec.structs.replace(config, run=run)
