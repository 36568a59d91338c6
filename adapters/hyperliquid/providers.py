"""The perpetuals of Hyperliquid as Nautilus instruments."""

from decimal import Decimal

from nautilus_trader.common.component import LiveClock
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import InstrumentProviderConfig
from nautilus_trader.model.identifiers import InstrumentId

from adapters.errors import Rejected
from adapters.hyperliquid import parsing
from adapters.hyperliquid.constants import BASE_MAKER_FEE, BASE_TAKER_FEE
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.schemas import Meta


class HyperliquidInstrumentProvider(InstrumentProvider):  # type: ignore[misc]  # Nautilus has no stubs
    """Loads the configured coins from the venue's universe; one is shared by both clients of a url."""

    def __init__(self, http: HyperliquidHttp, coins: tuple[str, ...], clock: LiveClock) -> None:
        super().__init__(config=InstrumentProviderConfig(load_all=True))
        self._http, self._coins, self._clock = http, coins, clock
        self._meta = Meta(universe=[])
        self._fees = (BASE_MAKER_FEE, BASE_TAKER_FEE)

    async def load_all_async(self, filters: dict[str, object] | None = None) -> None:
        """Load every configured coin; raises `Rejected` where the venue does not list one.

        A coin the venue does not know would later close the whole socket on subscription.
        """
        self._meta = await self._http.meta()
        listed = {perp.name for perp in self._meta.universe if not perp.is_delisted}
        if missing := set(self._coins) - listed:
            raise Rejected(f"not listed at the venue: {', '.join(sorted(missing))}")
        self._build()

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
        maker_fee, taker_fee = self._fees
        for asset, perp in enumerate(self._meta.universe):
            if perp.name in self._coins:
                made = parsing.instrument(perp, asset, maker_fee=maker_fee, taker_fee=taker_fee, ts_ns=self._clock.timestamp_ns())
                self.add_currency(made.base_currency)
                self.add_currency(made.quote_currency)
                self.add(made)

    @property
    def fees(self) -> tuple[Decimal, Decimal]:
        """The maker and taker fee the instruments carry, as fractions."""
        return self._fees
