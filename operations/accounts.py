"""The accounts a config names, over HTTP alone: for commands that must work when no node can start."""

import time

from adapters.by_hand import AccountByHand
from adapters.hyperliquid.by_hand import HyperliquidByHand
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.signing import L1Signer
from adapters.hyperliquid.terms import identify
from adapters.paradex.by_hand import ParadexByHand
from adapters.paradex.http import ParadexHttp
from adapters.transport import HttpTransport
from adapters.transport.http import NautilusHttp
from config.load import ConfigError
from config.schema import AppConfig, Mode
from config.secret import SecretError, resolve

HTTP_SECS = 3.0  # how long a venue may take to answer: a person is waiting


def open_accounts(config: AppConfig, transport: HttpTransport | None = None) -> tuple[AccountByHand, ...]:
    """Return the two venues' accounts, in the order of the config.

    Raises `ConfigError` for a config that trades on no venue, `SecretError` where a key cannot be had.
    """
    if config.mode is Mode.PAPER:
        raise ConfigError("a paper account lives inside its node: there is nothing at a venue")
    http = NautilusHttp(HTTP_SECS) if transport is None else transport
    try:
        return _hyperliquid(config, http), _paradex(config, http)
    except (ConfigError, SecretError):
        raise
    except ValueError as e:  # a key or an address that is none; the words hold neither
        raise ConfigError(str(e)) from None


def _hyperliquid(config: AppConfig, http: HttpTransport) -> HyperliquidByHand:
    section = config.venues.hyperliquid
    signer = L1Signer(resolve(section.key), is_mainnet=config.mode is Mode.LIVE)
    identity = identify(signer.address, section.account_address, section.vault_address)
    return HyperliquidByHand(HyperliquidHttp(http, section.urls[0]), signer, identity, _now_ms)


def _paradex(config: AppConfig, http: HttpTransport) -> ParadexByHand:
    section = config.venues.paradex
    if section.account_address is None:
        raise ConfigError("venues.paradex.account_address is not given")
    address = section.account_address
    return ParadexByHand(
        ParadexHttp(http, section.urls[0]),
        address if address.startswith("0x") else resolve(address),
        resolve(section.key),
        is_interactive=section.is_interactive,
        now_ms=_now_ms,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
