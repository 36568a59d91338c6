"""What the node is told about Hyperliquid; holds references to secrets, never a secret."""

from nautilus_trader.config import LiveDataClientConfig, LiveExecClientConfig

from adapters.hyperliquid.constants import DEFAULT_COINS, TESTNET_HTTP_URL, TESTNET_WS_URL


class HyperliquidDataClientConfig(LiveDataClientConfig, frozen=True):  # type: ignore[misc, call-arg]  # Nautilus has no stubs
    """Market data.

    `coins` are the venue's base names, with `dex:COIN` on an exchange of others (HIP-3). `hour_secs`
    is the length of a funding hour on the wall clock, other than 3,600 only with a simulator. Predicted funding is read every
    `predicted_funding_secs`; None leaves that off.
    """

    http_url: str = TESTNET_HTTP_URL
    ws_url: str = TESTNET_WS_URL
    coins: tuple[str, ...] = DEFAULT_COINS
    hour_secs: float = 3600.0
    predicted_funding_secs: float | None = 60.0


class HyperliquidExecClientConfig(LiveExecClientConfig, frozen=True, kw_only=True):  # type: ignore[misc, call-arg]
    """Trading.

    `private_key` is an `env:` or `file:` reference to the signing key. `account_address` is the
    master account, as an address or a reference to one; None takes the key's own address, which is
    wrong for an agent's key. `vault_address` is a vault or sub-account of it, where that and not the
    master itself is traded on. `is_mainnet` chooses the network that signatures are valid for.
    Actions carry an expiry `action_ttl_secs` ahead, which bounds how long one may stay in flight; it
    never cancels a resting order. That of orders that are immediate or cancelled is `immediate_ttl_secs`, so that one
    whose answer got lost is soon known to be void. `market_slippage_bps` bounds market orders, unless the command's
    parameters hold another `market_slippage_bps`.

    `leverage` (at most a coin's maximum; `leverages` has exceptions by coin) and the margin mode are
    set and verified at the start; None leaves them as they stand. `action_reserve` of the actions
    the account may still send, read again every `limits_poll_secs`, are kept for cancels and
    reduce-only orders. The venue cancels our orders `scheduled_cancel_secs` after we fall silent, if
    the account qualifies; None leaves that off. With `heartbeat_secs` silence of the node's heartbeat
    for that long counts as falling silent; None asks for no heartbeat. Funding payments of the last
    `funding_lookback_hours` before the start are told again, under the ids they always had. Where
    `is_master_key_allowed` is off the key must be an agent's, which cannot withdraw.
    """

    http_url: str = TESTNET_HTTP_URL
    ws_url: str = TESTNET_WS_URL
    private_key: str
    account_address: str | None = None
    vault_address: str | None = None
    is_mainnet: bool = False
    coins: tuple[str, ...] = DEFAULT_COINS
    market_slippage_bps: int = 50
    action_ttl_secs: float = 5.0
    immediate_ttl_secs: float = 2.0
    hour_secs: float = 3600.0
    leverage: int | None = 5
    leverages: dict[str, int] | None = None
    is_cross: bool = True
    action_reserve: int = 500
    limits_poll_secs: float = 180.0
    scheduled_cancel_secs: float | None = 60.0
    heartbeat_secs: float | None = None
    funding_lookback_hours: float = 0.0
    is_master_key_allowed: bool = True
