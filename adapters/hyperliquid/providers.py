"""The perpetuals of Hyperliquid as Nautilus instruments."""

from decimal import Decimal
from typing import NamedTuple

from nautilus_trader.common.component import LiveClock
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import InstrumentProviderConfig
from nautilus_trader.model.identifiers import InstrumentId

from adapters.errors import Rejected
from adapters.hyperliquid import parsing
from adapters.hyperliquid.constants import (
    BASE_MAKER_FEE,
    BASE_TAKER_FEE,
    HIP3_ASSETS,
    HIP3_FEE_FACTOR,
    HIP3_FIRST_ASSET,
    USDC_TOKEN,
)
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.listing_schemas import Meta
from adapters.hyperliquid.margin import Tier
from adapters.hyperliquid.schemas import PerpMeta


class HyperliquidInstrumentProvider(InstrumentProvider):  # type: ignore[misc]  # Nautilus has no stubs
    """Loads the configured coins from the venue's universe; one is shared by both clients of a url."""

    def __init__(self, http: HyperliquidHttp, coins: tuple[str, ...], clock: LiveClock) -> None:
        super().__init__(config=InstrumentProviderConfig(load_all=True))
        self._http, self._coins, self._clock = http, coins, clock
        self._listings: dict[str, _Listing] = {}
        self._fees = (BASE_MAKER_FEE, BASE_TAKER_FEE)

    async def load_all_async(self, filters: dict[str, object] | None = None) -> None:
        """Load every configured coin; raises `Rejected` where the venue does not list one.

        A coin the venue does not know would later close the whole socket on subscription.
        """
        listed = _listed(await self._http.meta(), first_asset=0)
        for dex in sorted({dex for coin in self._coins if (dex := coin.rpartition(":")[0])}):
            listed |= await self._listed_on(dex)
        if missing := set(self._coins) - set(listed):
            raise Rejected(f"not listed at the venue: {', '.join(sorted(missing))}")
        if unnameable := [coin for coin in self._coins if "*" in coin or "?" in coin]:
            raise Rejected(f"{', '.join(unnameable)}: in names of topics such characters stand for any others")
        self._listings = {coin: listed[coin] for coin in self._coins}
        self._build()

    async def _listed_on(self, dex: str) -> dict[str, "_Listing"]:
        names = [None if found is None else found.name for found in await self._http.perp_dexs()]
        if dex not in names:
            raise Rejected(f"the venue has no exchange {dex!r}: coins of one are spelled like 'xyz:SP500'")
        meta = await self._http.meta(dex)
        if meta.collateral_token != USDC_TOKEN:
            raise Rejected(f"{dex} settles in token {meta.collateral_token} and not in USDC")
        return _listed(meta, first_asset=HIP3_FIRST_ASSET + names.index(dex) * HIP3_ASSETS)

    async def load_ids_async(self, instrument_ids: list[InstrumentId], filters: dict[str, object] | None = None) -> None:
        """See `load_all_async`: one answer holds them all."""
        await self.load_all_async(filters)

    async def load_async(self, instrument_id: InstrumentId, filters: dict[str, object] | None = None) -> None:
        """See `load_all_async`."""
        await self.load_all_async(filters)

    async def load_fees(self, user: str) -> None:
        """Replace the base fees by the account's own."""
        fees = await self._http.user_fees(user)
        self._fees = (fees.user_add_rate, fees.user_cross_rate)
        self._build()

    def _build(self) -> None:
        for coin, (perp, asset, tiers) in self._listings.items():
            factor = HIP3_FEE_FACTOR if ":" in coin else 1
            made = parsing.instrument(
                perp,
                asset,
                maker_fee=self._fees[0] * factor,
                taker_fee=self._fees[1] * factor,
                ts_ns=self._clock.timestamp_ns(),
                tiers=tiers,
            )
            self.add_currency(made.base_currency)
            self.add_currency(made.quote_currency)
            self.add(made)

    @property
    def fees(self) -> tuple[Decimal, Decimal]:
        """The maker and taker fee the instruments carry, as fractions."""
        return self._fees


class _Listing(NamedTuple):
    """A perpetual, its asset id and its margin tiers."""

    perp: PerpMeta
    asset: int
    tiers: tuple[Tier, ...]


def _listed(meta: Meta, *, first_asset: int) -> dict[str, _Listing]:
    """Return what an exchange lists; one that is delisted keeps its place in the numbering."""
    tables = dict(meta.margin_tables)
    listings = {}
    for asset, perp in enumerate(meta.universe, first_asset):
        table = None if perp.margin_table_id is None else tables.get(perp.margin_table_id)
        tiers = () if table is None else tuple(Tier(tier.lower_bound, tier.max_leverage) for tier in table.margin_tiers)
        if not perp.is_delisted:
            listings[perp.name] = _Listing(perp, asset, tiers)
    return listings
