"""What the node is told about Ekubo, AVNU and Starknet; holds references to secrets, never a secret."""

from decimal import Decimal

import msgspec
from nautilus_trader.config import LiveDataClientConfig, LiveExecClientConfig

from adapters.ekubo import constants
from adapters.ekubo.calldata import BranchLayout
from adapters.ekubo.constants import MAINNET_AVNU_URL, MAINNET_PRICES_URL


class TokenConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token: our own code for it, its contract, and its decimals (None: as AVNU's list says)."""

    code: str
    address: str
    decimals: int | None = None


DEFAULT_TOKENS = (
    TokenConfig(code="ETH", address=hex(constants.ETH), decimals=18),
    TokenConfig(code="STRK", address=hex(constants.STRK), decimals=18),
    TokenConfig(code="USDC", address=hex(constants.USDC), decimals=6),
    TokenConfig(code="USDC.e", address=hex(constants.USDC_BRIDGED), decimals=6),
    TokenConfig(code="WBTC", address=hex(constants.WBTC), decimals=8),
    TokenConfig(code="SOL", address=hex(constants.SOL), decimals=9),
)
DEFAULT_PAIRS = ("ETH-USDC", "WBTC-USDC", "SOL-USDC", "STRK-USDC")
DEFAULT_EXTENSIONS = tuple(
    hex(address) for address in (0, constants.TWAMM_EXTENSION, constants.ORACLE_EXTENSION, constants.LIMIT_ORDERS_EXTENSION)
)


class EkuboDataClientConfig(LiveDataClientConfig, frozen=True, kw_only=True):  # type: ignore[misc, call-arg]  # Nautilus has no stubs
    """Quotes and swap quotes.

    `pairs` are `BASE-QUOTE` in the codes of `tokens`; tokens are told apart by address, never by symbol. `rpc_url` is a
    Starknet node of specification 0.10, for pool prices and liquidity; None does without them. `references` names the
    perpetual whose mark price judges a pair (`{"ETH-USDC": "ETH-USD-PERP.PARADEX"}`), a mark older than
    `reference_max_age_secs` is none. It is a price in USD, so it counts for pairs quoted in one of `usd_codes`, which are
    taken for dollars. Quotes further than `max_off_bps` from it are not told as prices.

    Every `poll_secs` each subscribed pair is quoted for `probe_quote` of its quote token on both sides; a pair without a
    quote for `stale_secs` makes the channel stale. The API allows `max_requests` in `window_secs`, of which
    `reserved_requests` are kept for trading; `api_key` is the reference of a key that allows more. `is_ekubo_only` asks
    for routes through Ekubo alone and refuses others, `is_direct_only` for routes without a token in between.
    `taker_address` makes quotes estimate gas for an account.
    """

    avnu_url: str = MAINNET_AVNU_URL
    prices_url: str = MAINNET_PRICES_URL
    rpc_url: str | None = None
    api_key: str | None = None
    tokens: tuple[TokenConfig, ...] = DEFAULT_TOKENS
    pairs: tuple[str, ...] = DEFAULT_PAIRS
    references: dict[str, str] = msgspec.field(default_factory=dict)
    chain_id: int = constants.SN_MAIN
    core_address: str = hex(constants.EKUBO_CORE)
    taker_address: str | None = None
    is_ekubo_only: bool = True
    is_direct_only: bool = True
    usd_codes: tuple[str, ...] = ("USDC", "USDC.e", "USDT")
    max_off_bps: Decimal = Decimal(200)
    probe_quote: Decimal = Decimal(100)
    poll_secs: float = 15.0
    stale_secs: float = 60.0
    reference_max_age_secs: float = 10.0
    max_requests: int = 300
    window_secs: float = 300.0
    reserved_requests: int = 100


class EkuboExecClientConfig(LiveExecClientConfig, frozen=True, kw_only=True):  # type: ignore[misc, call-arg]
    """Swaps from one Starknet account.

    `account_address` is the account contract, as an address or a reference to one; `private_key` an `env:` or `file:`
    reference to its Stark key. `exchange_address` and `core_address` are the only contracts a swap may pass through;
    pools may have the `extensions` named and no others. `branches` says how alternatives chosen on chain are read, or that
    they are refused: how the deployed contract reads them is not confirmed.

    A slice moves the price by at most `max_impact_bps`, costs at most `max_cost_bps` against the perpetual's mark (impact,
    fees and what the pool is off) and is no more than `max_gain_bps` better than it, which would not be true; it may at
    worst be executed `max_slippage_bps` below its quote. A pair without a perpetual in `references` has nothing but AVNU's
    word for its price: `is_reference_required` lets it be traded by limit orders alone. Slices are at least `min_slice_usd`
    and `slice_cooldown_secs` apart, at most `max_slices` per order. A quote is used within `quote_max_age_secs`.

    `min_strk_reserve` stays in the wallet for gas. Estimated gas amounts and prices are multiplied by
    `gas_amount_multiplier` and `gas_price_multiplier` for a transaction's bounds, and refused above `max_fee_strk`.
    Receipts are polled every `receipt_poll_secs`; after `receipt_timeout_secs` the fate of a transaction counts as unknown
    and is looked up until it is known. Wallet balances are read every `balances_poll_secs`.

    `written_off` names transactions whose receipt does not add up and will not: a person has looked into them. At the next
    start they end without a fill and without gas, which that person has to enter in the books.
    """

    avnu_url: str = MAINNET_AVNU_URL
    prices_url: str = MAINNET_PRICES_URL
    rpc_url: str
    api_key: str | None = None
    account_address: str
    private_key: str
    tokens: tuple[TokenConfig, ...] = DEFAULT_TOKENS
    pairs: tuple[str, ...] = DEFAULT_PAIRS
    references: dict[str, str] = msgspec.field(default_factory=dict)
    reference_max_age_secs: float = 10.0
    is_reference_required: bool = True
    chain_id: int = constants.SN_MAIN
    exchange_address: str = hex(constants.AVNU_EXCHANGE)
    core_address: str = hex(constants.EKUBO_CORE)
    extensions: tuple[str, ...] = DEFAULT_EXTENSIONS
    is_ekubo_only: bool = True
    is_direct_only: bool = True
    branches: BranchLayout = BranchLayout.REFUSED
    max_requests: int = 300
    window_secs: float = 300.0
    reserved_requests: int = 100
    max_impact_bps: Decimal = Decimal(20)
    max_cost_bps: Decimal = Decimal(40)
    max_gain_bps: Decimal = Decimal(100)
    max_slippage_bps: Decimal = Decimal(20)
    min_slice_usd: Decimal = Decimal(50)
    max_slices: int = 20
    slice_cooldown_secs: float = 30.0
    quote_max_age_secs: float = 10.0
    min_strk_reserve: Decimal = Decimal(5)
    gas_amount_multiplier: Decimal = Decimal("1.3")
    gas_price_multiplier: Decimal = Decimal("1.5")
    max_fee_strk: Decimal = Decimal(2)
    receipt_poll_secs: float = 0.25
    receipt_timeout_secs: float = 60.0
    balances_poll_secs: float = 60.0
    written_off: tuple[str, ...] = ()
