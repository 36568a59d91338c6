"""What the venue lists: coins, precision, leverage tables, fees and how its house quotes."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulators.market import House, MarketSpec

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
ASSET_IDS = {coin.name: index for index, coin in enumerate(UNIVERSE)}
LISTED = tuple(coin for coin in UNIVERSE if not coin.is_delisted)


def coin_of(asset: int) -> Coin | None:
    """Return the listed coin with an asset id."""
    coin = UNIVERSE[asset] if 0 <= asset < len(UNIVERSE) else None
    return None if coin is None or coin.is_delisted else coin


def _table(number: int, tiers: tuple[Tier, ...]) -> list[Any]:
    rows = [{"lowerBound": f"{tier.lower_usd}.0", "maxLeverage": tier.max_leverage} for tier in tiers]
    return [number, {"description": f"tiered {tiers[0].max_leverage}x", "marginTiers": rows}]


MARGIN_TABLES = [_table(number, tiers) for number, tiers in TIERS.items()]
META = {"universe": [coin.meta() for coin in UNIVERSE], "marginTables": MARGIN_TABLES, "collateralToken": 0}


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
