"""Turn the app's config into Nautilus': which clients a node gets and what it is told."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
from nautilus_trader.config import (
    CacheConfig,
    DatabaseConfig,
    InstrumentProviderConfig,
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.model.identifiers import InstrumentId, TraderId

from adapters.ekubo.config import EkuboDataClientConfig, EkuboExecClientConfig
from adapters.hyperliquid.config import HyperliquidDataClientConfig, HyperliquidExecClientConfig
from adapters.paper.config import PaperExecClientConfig, Settlement
from adapters.paradex.config import ParadexDataClientConfig, ParadexExecClientConfig
from config.schema import AppConfig, EkuboSection, Mode
from config.secret import resolve, resolve_url
from strategies.arb_config import FundingArbConfig

VENUES = ("HYPERLIQUID", "PARADEX")
_SPOT_ASSETS = {"ETH": "ETH", "WBTC": "BTC", "SOL": "SOL"}  # the asset a token on Starknet stands for


def instrument_ids(config: AppConfig) -> tuple[InstrumentId, ...]:
    """Return every instrument the strategy may trade."""
    return tuple(InstrumentId.from_str(f"{asset}-USD-PERP.{venue}") for asset in config.strategy.assets for venue in VENUES)


def strategy_config(config: AppConfig) -> FundingArbConfig:
    """Return the strategy's config; it claims every position the venues already hold in its instruments."""
    return FundingArbConfig(
        strategy_id="FARB",
        order_id_tag="001",
        external_order_claims=list(instrument_ids(config)),
        venues=VENUES,
        hour_secs=config.clock.hour_secs,
        execution=config.execution.terms,
        **msgspec.structs.asdict(config.strategy),
    )


def node_config(config: AppConfig, *, log_dir: Path) -> TradingNodeConfig:
    """Return the node's config; secrets stay references, for Nautilus may write it to disk."""
    return TradingNodeConfig(
        trader_id=TraderId(config.trader_id),
        logging=LoggingConfig(
            log_level="OFF",  # the terminal belongs to the view
            log_level_file="INFO",
            log_directory=str(log_dir),
            log_file_name=config.trader_id,
            log_file_format="JSON",
            log_colors=False,
            print_config=False,
        ),
        cache=_cache(config),
        data_engine=LiveDataEngineConfig(time_bars_build_with_no_updates=False),
        risk_engine=_second_line(config),
        exec_engine=LiveExecEngineConfig(
            reconciliation=config.mode is not Mode.PAPER,  # a paper venue starts empty: there is nothing to ask it
            # An unknown outcome is resolved by the execution clients' own queries: this check would turn a
            # submitted order whose answer got lost into a rejected one, and its later fill into an exception.
            inflight_check_interval_ms=0,
            graceful_shutdown_on_exception=True,
        ),
        data_clients=_data_clients(config) | _ekubo_data(config),
        exec_clients=_paper_clients(config) if config.mode is Mode.PAPER else _exec_clients(config) | _ekubo_exec(config),
        timeout_connection=20.0,
        timeout_reconciliation=10.0,
        timeout_portfolio=10.0,
        timeout_disconnection=5.0,
        timeout_post_stop=1.0,
        timeout_shutdown=3.0,
    )


def _cache(config: AppConfig) -> CacheConfig | None:
    """Return where Nautilus keeps orders and positions: in memory, or in Redis as well.

    With few retries: the default hundred hang a start for minutes. Nautilus says nothing of an outage.
    """
    if config.redis is None or not config.redis.is_cache:
        return None
    parts = urlsplit(resolve_url(config.redis.url))
    database = DatabaseConfig(
        host=parts.hostname,
        port=parts.port or 6379,
        username=parts.username or None,
        password=unquote(parts.password) if parts.password else None,
        ssl=parts.scheme == "rediss",
        connection_timeout=2,
        response_timeout=2,
        number_of_retries=2,
        max_delay=1,
    )
    return CacheConfig(database=database, buffer_interval_ms=50)


def _second_line(config: AppConfig) -> LiveRiskEngineConfig:
    """Return what Nautilus' own RiskEngine is held to behind the gate: the same limits, wide enough never to bind before it.

    It cannot tell a closing order from an opening one. So it gets a venue's budget for a minute as that for a second,
    and twice the notional of a position for one order, since a position may have grown with its price.
    """
    limits = config.limits
    return LiveRiskEngineConfig(
        max_order_submit_rate=f"{limits.orders_per_minute_max}/00:00:01",
        max_notional_per_order={str(one): max(1, int(2 * limits.position_usd_max)) for one in instrument_ids(config)},
    )


def _data_clients(config: AppConfig) -> dict[str, object]:
    (http_url, ws_url), (paradex_http_url, paradex_ws_url) = config.venues.hyperliquid.urls, config.venues.paradex.urls
    common = {"instrument_provider": InstrumentProviderConfig(load_all=True), "hour_secs": config.clock.hour_secs}
    assets = config.strategy.assets
    return {
        "HYPERLIQUID": HyperliquidDataClientConfig(http_url=http_url, ws_url=ws_url, coins=assets, **common),
        "PARADEX": ParadexDataClientConfig(http_url=paradex_http_url, ws_url=paradex_ws_url, markets=assets, **common),
    }


def _exec_clients(config: AppConfig) -> dict[str, object]:
    hyperliquid, paradex = config.venues.hyperliquid, config.venues.paradex
    (http_url, ws_url), (paradex_http_url, paradex_ws_url) = hyperliquid.urls, paradex.urls
    common = {"instrument_provider": InstrumentProviderConfig(load_all=True), "hour_secs": config.clock.hour_secs}
    return {
        "HYPERLIQUID": HyperliquidExecClientConfig(
            http_url=http_url,
            ws_url=ws_url,
            private_key=hyperliquid.key,
            account_address=_address(hyperliquid.account_address),
            vault_address=_address(hyperliquid.vault_address),
            is_mainnet=config.mode is Mode.LIVE,
            immediate_ttl_secs=config.execution.order_expiry_secs,
            coins=config.strategy.assets,
            leverage=hyperliquid.leverage or None,
            leverages=dict(hyperliquid.leverages),
            funding_lookback_hours=hyperliquid.funding_lookback_hours,
            scheduled_cancel_secs=config.deadman.scheduled_cancel_secs,
            heartbeat_secs=config.deadman.silence_secs,
            is_master_key_allowed=config.mode is Mode.SIM or hyperliquid.is_master_key_allowed,
            **common,
        ),
        "PARADEX": ParadexExecClientConfig(
            http_url=paradex_http_url,
            ws_url=paradex_ws_url,
            private_key=paradex.key,
            account_address=_address(paradex.account_address),
            is_interactive=paradex.is_interactive,
            immediate_window_ms=round(config.execution.order_expiry_secs * 1000),
            is_rpi_allowed=paradex.is_rpi_allowed,
            funding_since_ms=paradex.funding_since_ms,
            is_main_key_allowed=config.mode is Mode.SIM or paradex.is_main_key_allowed,
            markets=config.strategy.assets,
            **common,
        ),
    }


def _ekubo_common(config: AppConfig, ekubo: EkuboSection) -> dict[str, object]:
    """Return what both clients are told; a price is judged by the mark of the asset's perpetual, where that is traded."""
    avnu_url, prices_url, rpc_url = ekubo.urls
    assets = {pair: _SPOT_ASSETS.get(pair.split("-")[0]) for pair in ekubo.pairs}
    references = {pair: f"{asset}-USD-PERP.PARADEX" for pair, asset in assets.items() if asset in config.strategy.assets}
    urls = {"avnu_url": avnu_url, "prices_url": prices_url, "rpc_url": rpc_url, "api_key": ekubo.api_key}
    return {**urls, "pairs": ekubo.pairs, "references": references}


def _ekubo_data(config: AppConfig) -> dict[str, object]:
    ekubo = config.venues.ekubo
    return {} if ekubo is None else {"EKUBO": EkuboDataClientConfig(**_ekubo_common(config, ekubo))}


def _ekubo_exec(config: AppConfig) -> dict[str, object]:
    """Return the client for swaps: none without a section, and none without a key, for then there are prices alone."""
    ekubo = config.venues.ekubo
    if ekubo is None or ekubo.private_key is None or ekubo.account_address is None:
        return {}
    limits = ("max_impact_bps", "max_cost_bps", "max_slippage_bps", "slice_cooldown_secs", "min_strk_reserve", "max_fee_strk")
    names = (*limits, "written_off")
    return {
        "EKUBO": EkuboExecClientConfig(
            account_address=_address(ekubo.account_address),
            private_key=ekubo.private_key,
            **{name: getattr(ekubo, name) for name in names},
            **_ekubo_common(config, ekubo),
        )
    }


def _paper_clients(config: AppConfig) -> dict[str, object]:
    settlements = {"HYPERLIQUID": Settlement.HOURLY, "PARADEX": Settlement.INDEX}
    balance = f"{config.paper.balance_usd} USDC"
    return {
        venue: PaperExecClientConfig(venue=venue, starting_balances=[balance], settlement=settlement)
        for venue, settlement in settlements.items()
    }


def _address(account: str | None) -> str | None:
    """Return an account address, which may be given by reference but is no secret."""
    return account if account is None or account.startswith("0x") else resolve(account)
