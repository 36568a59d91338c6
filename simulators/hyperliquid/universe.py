"""What the venue lists: coins, precision, leverage tables, fees and how its house quotes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from simulators.market import House, MarketSpec
from simulators.tape import Tape, TapePoint

MAX_DECIMALS = 6
SIGNIFICANT_FIGURES = 5
TAKER_RATE = Decimal("0.00045")
MAKER_RATE = Decimal("0.00015")
MIN_NOTIONAL_USD = Decimal(10)


@dataclass(frozen=True, slots=True)
class Tier:
    """From which notional on, USD, which leverage is the greatest."""

    lower_usd: Decimal
    max_leverage: int


@dataclass(frozen=True, slots=True)
class Coin:
    """One entry of the universe; its place there is the asset id."""

    name: str
    size_decimals: int
    max_leverage: int
    margin_table: int
    level_usd: float = 3_000.0
    impact_usd: int = 6_000
    is_delisted: bool = False
    driver: str = ""  # the tape's asset whose moves it makes, its own name by default
    driver_scale: Decimal = Decimal(1)  # its price over the driver's

    @property
    def dex(self) -> str:
        """The dex it is listed on, empty for the first."""
        return self.name.rpartition(":")[0]

    def point(self, tape: Tape, hours: float) -> TapePoint:
        """Return what the tape says of it."""
        point = tape.at(hours, self.driver or self.name)
        return point if not self.driver else replace(point, oracle_usd=point.oracle_usd * self.driver_scale)

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The margin tiers, lowest first; a table below 50 is one tier of that leverage."""
        return TIERS.get(self.margin_table) or (Tier(Decimal(0), self.margin_table),)

    @property
    def max_market_usd(self) -> Decimal:
        """The greatest notional of a market order; a limit order may be ten times that."""
        steps = ((25, 15_000_000), (20, 5_000_000), (10, 2_000_000), (0, 500_000))
        return Decimal(next(usd for leverage, usd in steps if self.max_leverage >= leverage))

    @property
    def size_step(self) -> Decimal:
        """The step of order sizes in base units."""
        return Decimal(1).scaleb(-self.size_decimals)

    @property
    def price_step(self) -> Decimal:
        """The finest price step, which large prices do not reach."""
        return Decimal(1).scaleb(self.size_decimals - MAX_DECIMALS)

    def tick(self, price: Decimal) -> Decimal:
        """Return the price step at `price`: five significant figures, never finer than the decimals allow."""
        figures = Decimal(1).scaleb(min(price.adjusted() - SIGNIFICANT_FIGURES + 1, 0))
        return max(figures, self.price_step)

    def market_spec(self) -> MarketSpec:
        """Return what the shared market needs to know."""
        return MarketSpec(
            asset=self.name,
            symbol=self.name,
            size_step=self.size_step,
            tick=self.tick,
            mark_step=self.price_step,
            impact_usd=Decimal(self.impact_usd),
            house=House(level_usd=self.level_usd),
        )

    def meta(self) -> dict[str, Any]:
        """Return the entry of `meta`; optional keys appear only when set."""
        entry: dict[str, Any] = {
            "szDecimals": self.size_decimals,
            "name": self.name,
            "maxLeverage": self.max_leverage,
            "marginTableId": self.margin_table,
        }
        return {**entry, "isDelisted": True} if self.is_delisted else entry


TIERS: Mapping[int, tuple[Tier, ...]] = {
    number: (Tier(Decimal(0), first), Tier(Decimal(lower_usd), second))
    for number, first, lower_usd, second in (
        (52, 10, 20_000_000, 5),
        (53, 20, 40_000_000, 10),
        (54, 20, 70_000_000, 10),
        (55, 25, 100_000_000, 15),
        (56, 40, 150_000_000, 20),
    )
}
UNIVERSE = (
    Coin("BTC", 5, 40, 56, level_usd=40_000.0, impact_usd=20_000),
    Coin("ETH", 4, 25, 55, level_usd=25_000.0, impact_usd=20_000),
    Coin("MATIC", 1, 20, 20, is_delisted=True),
    Coin("XRP", 0, 20, 53),
    Coin("DOGE", 0, 10, 52),
    Coin("SOL", 2, 20, 54, level_usd=10_000.0),
    Coin("AVAX", 2, 10, 52),
    Coin("HYPE", 2, 10, 52, level_usd=6_000.0),
)
# A dex of others (HIP-3); each has its own margin accounts, which are empty here: nobody can trade on it
DEX = "xyz"
DEX_UNIVERSE = (
    Coin("xyz:GOLD", 4, 20, 20, driver="ETH", driver_scale=Decimal("1.4")),
    Coin("xyz:SILVER", 2, 10, 10, driver="AVAX", driver_scale=Decimal(4)),
)
DEX_ASSETS_BEGIN = 110_000
UNIVERSES: Mapping[str, tuple[Coin, ...]] = {"": UNIVERSE, DEX: DEX_UNIVERSE}
COINS = {
    **dict(enumerate(UNIVERSE)),
    **dict(enumerate(DEX_UNIVERSE, DEX_ASSETS_BEGIN)),
}
ASSET_IDS = {coin.name: asset for asset, coin in COINS.items()}
LISTED = tuple(coin for coin in COINS.values() if not coin.is_delisted)


def coin_of(asset: int) -> Coin | None:
    """Return the listed coin with an asset id."""
    coin = COINS.get(asset)
    return None if coin is None or coin.is_delisted else coin


def _table(number: int, tiers: tuple[Tier, ...]) -> list[Any]:
    rows = [{"lowerBound": f"{tier.lower_usd}.0", "maxLeverage": tier.max_leverage} for tier in tiers]
    return [number, {"description": f"tiered {tiers[0].max_leverage}x", "marginTiers": rows}]


MARGIN_TABLES = [_table(number, tiers) for number, tiers in TIERS.items()]
METAS = {
    "": {"universe": [coin.meta() for coin in UNIVERSE], "marginTables": MARGIN_TABLES, "collateralToken": 0},
    DEX: {"universe": [coin.meta() for coin in DEX_UNIVERSE], "marginTables": [], "collateralToken": 0},
}
_DEPLOYER = "0x" + "d" * 40
PERP_DEXS = [
    None,
    {
        "name": DEX,
        "fullName": "XYZ",
        "deployer": _DEPLOYER,
        "oracleUpdater": None,
        "feeRecipient": None,
        "assetToStreamingOiCap": [[coin.name, "250000000.0"] for coin in DEX_UNIVERSE],
        "subDeployers": [],
        "deployerFeeScale": "1.0",
        "lastDeployerFeeScaleChangeTime": "1970-01-01T00:00:00",
        "assetToFundingMultiplier": [],
        "assetToFundingInterestRate": [],
    },
]


def _token(index: int, name: str, decimals: int, wei: int) -> dict[str, Any]:
    return {
        "name": name,
        "szDecimals": decimals,
        "weiDecimals": wei,
        "index": index,
        "tokenId": f"0x{index:032x}",
        "isCanonical": True,
        "evmContract": None,
        "fullName": None,
    }


SPOT_META = {
    "universe": [{"tokens": [1, 0], "name": "PURR/USDC", "index": 0, "isCanonical": True}],
    "tokens": [_token(0, "USDC", 8, 8), _token(1, "PURR", 0, 5)],
}
