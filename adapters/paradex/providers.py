"""The instruments of Paradex, loaded from its markets."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import InstrumentProviderConfig
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.instruments import CryptoPerpetual

from adapters.paradex import parsing
from adapters.paradex.http import ParadexHttp
from adapters.paradex.schemas import Market


class ParadexInstrumentProvider(InstrumentProvider):  # type: ignore[misc]
    """Perpetuals by base name or symbol; data and execution client share one."""

    def __init__(self, http: ParadexHttp, markets: tuple[str, ...], now_ns: Callable[[], int]) -> None:
        # The markets wanted are named in our own config, so everything in it is always loaded.
        super().__init__(config=InstrumentProviderConfig(load_all=True))
        self._http, self._now_ns = http, now_ns
        self._wanted = tuple(parsing.market_symbol(market) for market in markets)
        self._markets: dict[str, Market] = {}
        self._fees: tuple[Decimal, Decimal] | None = None  # the account's own, once known

    @property
    def symbols(self) -> tuple[str, ...]:
        """The venue's names of the markets loaded."""
        return tuple(self._markets)

    async def load_all_async(self, filters: dict[str, Any] | None = None) -> None:
        """Load the wanted markets; raises ValueError where the venue does not list one of them."""
        listed = {market.symbol: market for market in await self._http.markets()}
        missing = [symbol for symbol in self._wanted if symbol not in listed]
        if missing:
            raise ValueError(f"Paradex does not list {', '.join(missing)}")
        self._markets = {symbol: listed[symbol] for symbol in self._wanted or listed}
        self.add_currency(USDC)
        for market in self._markets.values():
            self._add(market)

    def apply_fees(self, maker: Decimal, taker: Decimal) -> None:
        """Replace the instruments by ones with the account's own fees (fractions of notional)."""
        self._fees = (maker, taker)
        for market in self._markets.values():
            self._add(market)

    def perpetual(self, market: str) -> CryptoPerpetual | None:
        """Return the instrument of a venue symbol, None for a market that is not loaded."""
        return self.find(parsing.instrument_id(market))

    async def refresh(self) -> list[CryptoPerpetual]:
        """Read the markets again and return the instruments whose rules have changed.

        A market that is no longer listed keeps its instrument: positions in it still have to be valued.
        """
        listed = {market.symbol: market for market in await self._http.markets()}
        changed = [listed[symbol] for symbol, known in self._markets.items() if listed.get(symbol, known) != known]
        for market in changed:
            self._markets[market.symbol] = market
            self._add(market)
        return [self.find(parsing.instrument_id(market.symbol)) for market in changed]

    def _add(self, market: Market) -> None:
        perpetual = parsing.instrument(market, self._now_ns(), self._fees)
        self.add_currency(perpetual.base_currency)
        self.add(perpetual)
