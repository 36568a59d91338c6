"""Build the clients: the only place that resolves secrets and makes real transports."""

import asyncio
import time
from functools import lru_cache
from typing import Any, override

from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory

from adapters.ekubo.api import AvnuApi
from adapters.ekubo.budget import RequestWindow
from adapters.ekubo.config import EkuboDataClientConfig, EkuboExecClientConfig, TokenConfig
from adapters.ekubo.data import EkuboDataClient
from adapters.ekubo.execution import EkuboExecutionClient
from adapters.ekubo.journal import Documents
from adapters.ekubo.providers import EkuboInstrumentProvider
from adapters.ekubo.rpc import StarknetRpc
from adapters.ekubo.signing import Signer
from adapters.transport.http import NautilusHttp
from config import secret

type Config = EkuboDataClientConfig | EkuboExecClientConfig


@lru_cache(maxsize=8)
def _window(_avnu_url: str, limit: int, window_secs: float, reserved: int) -> RequestWindow:
    """Return the one window of a url: its limit counts all our requests together."""
    return RequestWindow(limit, window_secs, reserved)


@lru_cache(maxsize=8)
def _api(avnu_url: str, prices_url: str, api_key: str | None, window: RequestWindow) -> AvnuApi:
    key = None if api_key is None else secret.resolve(api_key)
    return AvnuApi(NautilusHttp(), avnu_url, prices_url=prices_url, api_key=key, window=window)


def shared_api(config: Config) -> AvnuApi:
    """Return the one client of AVNU's API; raises `config.secret.SecretError` where its key cannot be had."""
    window = _window(config.avnu_url, config.max_requests, config.window_secs, config.reserved_requests)
    return _api(config.avnu_url, config.prices_url, config.api_key, window)


@lru_cache(maxsize=8)
def shared_rpc(rpc_url: str) -> StarknetRpc:
    """Return the one client of a node."""
    return StarknetRpc(NautilusHttp(), rpc_url)


@lru_cache(maxsize=8)
def _provider(
    api: AvnuApi, rpc: StarknetRpc | None, tokens: tuple[TokenConfig, ...], pairs: tuple[str, ...]
) -> EkuboInstrumentProvider:
    return EkuboInstrumentProvider(api, rpc, tokens, pairs, time.time_ns)


def shared_provider(config: Config) -> EkuboInstrumentProvider:
    """Return the one provider of a url and its pairs; raises ValueError where the config contradicts itself."""
    rpc = None if config.rpc_url is None else shared_rpc(config.rpc_url)
    return _provider(shared_api(config), rpc, tuple(config.tokens), tuple(config.pairs))


class EkuboLiveDataClientFactory(LiveDataClientFactory):  # type: ignore[misc]  # Nautilus has no stubs
    """Makes the market-data client."""

    @staticmethod
    @override
    def create(
        loop: asyncio.AbstractEventLoop, name: str, config: EkuboDataClientConfig, msgbus: Any, cache: Any, clock: Any
    ) -> EkuboDataClient:
        """Return the client; nothing is connected yet."""
        return EkuboDataClient(
            loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            api=shared_api(config),
            rpc=None if config.rpc_url is None else shared_rpc(config.rpc_url),
            provider=shared_provider(config),
            config=config,
        )


def exec_factory(documents: Documents) -> type[LiveExecClientFactory]:
    """Return a factory whose clients keep their transactions in `documents`: nothing is sent that is not written there."""

    class EkuboLiveExecClientFactory(LiveExecClientFactory):  # type: ignore[misc]  # Nautilus has no stubs
        """Makes the execution client; the key is resolved here and lives in the signer alone."""

        @staticmethod
        @override
        def create(
            loop: asyncio.AbstractEventLoop, name: str, config: EkuboExecClientConfig, msgbus: Any, cache: Any, clock: Any
        ) -> EkuboExecutionClient:
            """Return the client; raises `config.secret.SecretError` where the key is not there."""
            address = config.account_address
            address = address if address.startswith("0x") else secret.resolve(address)
            return EkuboExecutionClient(
                loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                api=shared_api(config),
                rpc=shared_rpc(config.rpc_url),
                provider=shared_provider(config),
                signer=Signer(config.chain_id, address, secret.resolve(config.private_key)),
                documents=documents,
                config=config,
            )

    return EkuboLiveExecClientFactory
