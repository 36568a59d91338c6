"""The venue's fixed facts: test-network configuration, markets, fees, limits and the funded test accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulators.market import House, MarketSpec

SYSTEM_CONFIG: Mapping[str, object] = {
    "starknet_gateway_url": "https://potc-testnet-sepolia.starknet.io",
    "starknet_fullnode_rpc_url": "https://pathfinder.api.testnet.paradex.trade/rpc/v0.5",
    "starknet_fullnode_rpc_base_url": "https://pathfinder.api.testnet.paradex.trade",
    "starknet_chain_id": "PRIVATE_SN_POTC_SEPOLIA",
    "block_explorer_url": "https://voyager.testnet.paradex.trade/",
    "paraclear_address": "0x286003f7c7bfc3f94e8f0af48b48302e7aee2fb13c23b141479ba00832ef2c6",
    "paraclear_decimals": 8,
    "paraclear_account_proxy_hash": "0x3530cc4759d78042f1b543bf797f5f3d647cde0388c33734cf91b7f7b9314a9",
    "paraclear_account_hash": "0x41cb0280ebadaa75f996d8d92c6f265f6d040bb3ba442e5f86a554f1765244e",
    "oracle_address": "0x2c6a867917ef858d6b193a0ff9e62b46d0dc760366920d631715d58baeaca1f",
    "bridged_tokens": [
        {
            "name": "TEST USDC",
            "symbol": "USDC",
            "decimals": 6,
            "l1_token_address": "0x29A873159D5e14AcBd63913D4A7E2df04570c666",
            "l1_bridge_address": "0x8586e05adc0C35aa11609023d4Ae6075Cb813b4C",
            "l2_token_address": "0x6f373b346561036d98ea10fb3e60d2f459c872b1933b50b21fe6ef4fda3b75e",
            "l2_bridge_address": "0x46e9237f5408b5f899e72125dd69bd55485a287aaf24663d3ebe00d237fc7ef",
        }
    ],
    "l1_core_contract_address": "0x582CC5d9b509391232cd544cDF9da036e55833Af",
    "l1_operator_address": "0x11bACdFbBcd3Febe5e8CEAa75E0Ef6444d9B45FB",
    "l1_chain_id": "11155111",
    "liquidation_fee": "0.2",
    "partial_liquidation_buffer": "0.2",
    "partial_liquidation_share_increment": "0.05",
    "environment": "testnet",
}
PROXY_CLASS_HASH = int(str(SYSTEM_CONFIG["paraclear_account_proxy_hash"]), 16)
ACCOUNT_CLASS_HASH = int(str(SYSTEM_CONFIG["paraclear_account_hash"]), 16)
USDC_ADDRESS = "0x6f373b346561036d98ea10fb3e60d2f459c872b1933b50b21fe6ef4fda3b75e"

MAKER_FEE = Decimal("0.00003")
TAKER_FEE = Decimal("0.00045")
VOLUME_TIERS = (  # traded USD within 14 days, then the taker fee; the maker fee is one for all
    (0, TAKER_FEE),
    (1_000_000, Decimal("0.00042")),
    (5_000_000, Decimal("0.00039")),
    (10_000_000, Decimal("0.00037")),
    (25_000_000, Decimal("0.00035")),
)
MAINTENANCE_FACTOR = Decimal("0.5")
DEFAULT_RECV_WINDOW_MS = 300_000
MIN_RECV_WINDOW_MS = 10
RETAIL_QUOTAS = ((3, 1.0), (30, 60.0), (300, 3_600.0), (1_000, 86_400.0))  # orders per wall seconds


@dataclass(frozen=True, slots=True)
class PerpTerms:
    """What a market fixes beside its book: increments, limits and funding parameters (rates per 8 hours)."""

    asset: str
    tick: Decimal
    size_step: Decimal
    impact_usd: Decimal
    level_usd: float
    position_limit: Decimal
    max_order_size: Decimal
    first_index: Decimal
    max_funding_rate: Decimal = Decimal("0.02")
    interest_rate: Decimal = Decimal("0.0001")
    clamp_rate: Decimal = Decimal("0.0005")
    min_notional: Decimal = Decimal(10)
    initial_margin: Decimal = Decimal("0.02")
    price_band: Decimal = Decimal("0.05")
    max_slippage: Decimal = Decimal("0.02")
    max_open_orders: int = 100
    funding_period_hours: int = 8

    @property
    def symbol(self) -> str:
        """The venue's market name."""
        return f"{self.asset}-USD-PERP"

    def market_spec(self) -> MarketSpec:
        """Return what the shared market needs to live."""
        return MarketSpec(
            asset=self.asset,
            symbol=self.symbol,
            size_step=self.size_step,
            tick=lambda _price: self.tick,
            mark_step=Decimal("0.00000001"),
            impact_usd=self.impact_usd,
            house=House(level_usd=self.level_usd, spread_bps=1.6, step_bps=1.0),
        )


# The BTC index is of the size production showed in September 2026; the others are in proportion to price
PERPETUALS: tuple[PerpTerms, ...] = (
    PerpTerms(
        asset="BTC",
        tick=Decimal("0.1"),
        size_step=Decimal("0.00001"),
        impact_usd=Decimal(5_000),
        level_usd=9_000.0,
        position_limit=Decimal(100),
        max_order_size=Decimal(50),
        first_index=Decimal("23784.07241073547335"),
    ),
    PerpTerms(
        asset="ETH",
        tick=Decimal("0.01"),
        size_step=Decimal("0.0001"),
        impact_usd=Decimal(5_000),
        level_usd=8_000.0,
        position_limit=Decimal(2_000),
        max_order_size=Decimal(1_000),
        first_index=Decimal("1176.91408822107344"),
    ),
    PerpTerms(
        asset="SOL",
        tick=Decimal("0.001"),
        size_step=Decimal("0.001"),
        impact_usd=Decimal(1_000),
        level_usd=5_000.0,
        position_limit=Decimal(50_000),
        max_order_size=Decimal(20_000),
        first_index=Decimal("31.60284517733092"),
    ),
    PerpTerms(
        asset="HYPE",
        tick=Decimal("0.001"),
        size_step=Decimal("0.01"),
        impact_usd=Decimal(1_000),
        level_usd=4_000.0,
        position_limit=Decimal(100_000),
        max_order_size=Decimal(50_000),
        first_index=Decimal("9.22174069315848"),
        max_funding_rate=Decimal("0.05"),
    ),
)


@dataclass(frozen=True, slots=True)
class TestAccount:
    """A funded account with published or generated keys, of no value anywhere else."""

    name: str
    l1_address: str
    l1_private_key: str
    l2_address: str
    l2_private_key: str
    l2_public_key: str


TEST_ACCOUNTS: tuple[TestAccount, ...] = (
    TestAccount(  # the key of paradex-py's own tests
        name="trader",
        l1_address="0xd2c7314539dCe7752c8120af4eC2AA750Cf2035e",
        l1_private_key="0xf8e4d1d772cdd44e5e77615ad11cc071c94e4c06dc21150d903f28e6aa6abdff",
        l2_address="0x129c135ed63df9353885e292be4426b8ed6122b13c6c0e1bb787288a1f5adfa",
        l2_private_key="0x543b6cf6c91817a87174aaea4fb370ac1c694e864d7740d728f8344d53e815",
        l2_public_key="0x2c144d2f2d4fc61b6f8967f3ba0012a87d90140bcfe5a3e92e8df83258c960f",
    ),
    TestAccount(  # generated: sha256("funding-arbitrage simulator, second account") is the L1 key
        name="second",
        l1_address="0x98B120c48434645F00226d7a5219166f4f316b98",
        l1_private_key="0x834c30c507f66c55a11ceed1369d2e1897cd14391667ae3bfd76c53f6c7d614d",
        l2_address="0xa5494a4ae8225163b42999c015d42babed5d653e40c1320e9b36e6e2d96f68",
        l2_private_key="0x55ba612e9f25c945c749fd2e5bba742de2c19aee5477a0cd1083baaf99ffd24",
        l2_public_key="0x7d96e9077a6ba63d38aa5e609ee368aee506291f213e3cfe296d7c36ba6b70d",
    ),
)
