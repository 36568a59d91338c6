"""Builds the Paradex clients: the one place with real sockets, HTTP and secrets."""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache, partial

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory

from adapters.paradex.config import ParadexDataClientConfig, ParadexExecClientConfig
from adapters.paradex.data import ParadexDataClient
from adapters.paradex.execution import ParadexExecutionClient
from adapters.paradex.http import ParadexHttp
from adapters.paradex.providers import ParadexInstrumentProvider
from adapters.paradex.signing import Signer
from adapters.transport import Socket, SocketListener, UrlFactory
from adapters.transport.http import NautilusHttp
from adapters.transport.socket import PicowsSocket
from config.secret import resolve

_PUBLIC_SILENCE_SECS = 30.0
_PRIVATE_SILENCE_SECS = 60.0  # an idle account says nothing, but the channel asks for a sign of life every 15 s


@lru_cache(maxsize=8)
def shared_provider(http_url: str, markets: tuple[str, ...]) -> ParadexInstrumentProvider:
    """Return the one instrument provider of an endpoint and set of markets."""
    return ParadexInstrumentProvider(ParadexHttp(NautilusHttp(), http_url), markets, time.time_ns)


def _open_socket(silence_secs: float, url: UrlFactory, listener: SocketListener, name: str, log: Callable[[str], None]) -> Socket:
    return PicowsSocket(url, listener, name=name, log=log, silence_secs=silence_secs)


class ParadexLiveDataClientFactory(LiveDataClientFactory):  # type: ignore[misc]
    """Creates `ParadexDataClient`."""

    @staticmethod
    def create(  # noqa: PLR0917 (Nautilus' signature)
        loop: asyncio.AbstractEventLoop,
        name: str,  # noqa: ARG004
        config: ParadexDataClientConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> ParadexDataClient:
        """Return a data client for `config`."""
        return ParadexDataClient(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            provider=shared_provider(config.http_url, config.markets),
            http=ParadexHttp(NautilusHttp(), config.http_url),
            open_socket=partial(_open_socket, _PUBLIC_SILENCE_SECS),
            config=config,
        )


class ParadexLiveExecClientFactory(LiveExecClientFactory):  # type: ignore[misc]
    """Creates `ParadexExecutionClient`; the key is resolved here and lives in the signer alone."""

    @staticmethod
    def create(  # noqa: PLR0917 (Nautilus' signature)
        loop: asyncio.AbstractEventLoop,
        name: str,  # noqa: ARG004
        config: ParadexExecClientConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> ParadexExecutionClient:
        """Return an execution client for `config`; raises `SecretError` where the key is not there."""
        private_key, address = resolve(config.private_key), config.account_address
        address = address if address.startswith("0x") else resolve(address)
        return ParadexExecutionClient(
            loop=loop,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            provider=shared_provider(config.http_url, config.markets),
            http=ParadexHttp(NautilusHttp(), config.http_url),
            open_socket=partial(_open_socket, _PRIVATE_SILENCE_SECS),
            make_signer=lambda chain_id: Signer(chain_id, address, private_key),
            account_address=address,
            config=config,
        )
