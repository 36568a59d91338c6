"""Build the clients: the only place that resolves secrets and makes real transports."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, override

from nautilus_trader.common.component import LiveClock
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory

from adapters.hyperliquid.config import HyperliquidDataClientConfig, HyperliquidExecClientConfig
from adapters.hyperliquid.connection import SocketFactory
from adapters.hyperliquid.constants import PING, PING_SECS, SILENCE_SECS
from adapters.hyperliquid.data import HyperliquidDataClient
from adapters.hyperliquid.execution import HyperliquidExecutionClient
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.providers import HyperliquidInstrumentProvider
from adapters.hyperliquid.signing import L1Signer
from adapters.hyperliquid.terms import Identity, identify
from adapters.transport import Socket, SocketListener
from adapters.transport.http import NautilusHttp
from adapters.transport.socket import PicowsSocket
from config import secret


@lru_cache(maxsize=8)
def shared_http(http_url: str) -> HyperliquidHttp:
    """Return the one client of a url."""
    return HyperliquidHttp(NautilusHttp(), http_url)


@lru_cache(maxsize=8)
def shared_provider(http_url: str, coins: tuple[str, ...]) -> HyperliquidInstrumentProvider:
    """Return the one provider of a url and its coins."""
    return HyperliquidInstrumentProvider(shared_http(http_url), coins, LiveClock())


def socket_factory(ws_url: str, name: str) -> SocketFactory:
    """Return what makes the socket to `ws_url`."""

    async def url() -> str:
        return ws_url

    def make(listener: SocketListener, log: Callable[[str], None]) -> Socket:
        return PicowsSocket(
            url,
            listener,
            name=name,
            log=log,
            silence_secs=SILENCE_SECS,
            keepalive_secs=PING_SECS,
            keepalive_message=PING,
        )

    return make


def identity(config: HyperliquidExecClientConfig, signer: L1Signer) -> Identity:
    """Return who trades on what; raises `ValueError` for what is no address."""
    return identify(signer.address, config.account_address, config.vault_address)


class HyperliquidLiveDataClientFactory(LiveDataClientFactory):  # type: ignore[misc]  # Nautilus has no stubs
    """Makes the market-data client."""

    @staticmethod
    @override
    def create(
        loop: asyncio.AbstractEventLoop, name: str, config: HyperliquidDataClientConfig, msgbus: Any, cache: Any, clock: Any
    ) -> HyperliquidDataClient:
        """Return the client; nothing is connected yet."""
        return HyperliquidDataClient(
            loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            http=shared_http(config.http_url),
            socket_factory=socket_factory(config.ws_url, "hyperliquid-public"),
            provider=shared_provider(config.http_url, config.coins),
            config=config,
        )


class HyperliquidLiveExecClientFactory(LiveExecClientFactory):  # type: ignore[misc]
    """Makes the trading client."""

    @staticmethod
    @override
    def create(
        loop: asyncio.AbstractEventLoop, name: str, config: HyperliquidExecClientConfig, msgbus: Any, cache: Any, clock: Any
    ) -> HyperliquidExecutionClient:
        """Return the client; raises `config.secret.SecretError` where the key cannot be had."""
        signer = L1Signer(secret.resolve(config.private_key), is_mainnet=config.is_mainnet)
        return HyperliquidExecutionClient(
            loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            http=shared_http(config.http_url),
            socket_factory=socket_factory(config.ws_url, "hyperliquid-private"),
            provider=shared_provider(config.http_url, config.coins),
            config=config,
            signer=signer,
            identity=identity(config, signer),
        )
