"""What the node is told about Hyperliquid; holds references to secrets, never a secret."""

from nautilus_trader.config import LiveDataClientConfig, LiveExecClientConfig

from adapters.hyperliquid.constants import DEFAULT_COINS, TESTNET_HTTP_URL, TESTNET_WS_URL


class HyperliquidDataClientConfig(LiveDataClientConfig, frozen=True):  # type: ignore[misc, call-arg]  # Nautilus has no stubs
    """Market data.

    `coins` are the venue's base names. `hour_secs` is the length of a funding hour on the wall
    clock, other than 3,600 only with a simulator.
    """

    http_url: str = TESTNET_HTTP_URL
    ws_url: str = TESTNET_WS_URL
    coins: tuple[str, ...] = DEFAULT_COINS
    hour_secs: float = 3600.0


class HyperliquidExecClientConfig(LiveExecClientConfig, frozen=True, kw_only=True):  # type: ignore[misc, call-arg]
    """Trading.

    `private_key` is an `env:` or `file:` reference to the signing key. `account_address` is the
    account traded on, as an address or a reference to one; None takes the key's own address, which
    is wrong for an agent's key: there it must name the master account. `is_mainnet` chooses the
    network that signatures are valid for. Orders carry an expiry `action_ttl_secs` ahead, which
    bounds how long an action may stay in flight; it never cancels a resting order.
    """

    http_url: str = TESTNET_HTTP_URL
    ws_url: str = TESTNET_WS_URL
    private_key: str
    account_address: str | None = None
    is_mainnet: bool = False
    coins: tuple[str, ...] = DEFAULT_COINS
    market_slippage_bps: int = 50
    action_ttl_secs: float = 5.0
    hour_secs: float = 3600.0
