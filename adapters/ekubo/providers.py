"""The pairs of Ekubo as Nautilus instruments: tokens by address, decimals as the chain or AVNU has them."""

import asyncio
from collections.abc import Callable

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import InstrumentProviderConfig
from nautilus_trader.model.identifiers import InstrumentId

from adapters.ekubo import parsing
from adapters.ekubo.api import AvnuApi
from adapters.ekubo.config import TokenConfig
from adapters.ekubo.rpc import StarknetRpc
from adapters.ekubo.tokens import Pair, Token, address_of, check_tokens, codes_of
from adapters.errors import Rejected


class EkuboInstrumentProvider(InstrumentProvider):  # type: ignore[misc]  # Nautilus has no stubs
    """Loads the configured pairs; one is shared by both clients."""

    def __init__(
        self,
        api: AvnuApi,
        rpc: StarknetRpc | None,
        tokens: tuple[TokenConfig, ...],
        pairs: tuple[str, ...],
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(config=InstrumentProviderConfig(load_all=True))
        check_tokens(tokens)
        self._api, self._rpc, self._now_ns = api, rpc, now_ns
        self._configured = {token.code: token for token in tokens}
        self._symbols = pairs
        unknown = {code for symbol in pairs for code in codes_of(symbol)} - set(self._configured)
        if unknown:
            raise ValueError(f"pairs of tokens that are not configured: {', '.join(sorted(unknown))}")
        self._tokens: dict[int, Token] = {}
        self._pairs: dict[InstrumentId, Pair] = {}

    async def load_all_async(self, filters: dict[str, object] | None = None) -> None:
        """Load every pair; raises ValueError where a token's decimals are not what the config says, or not to be had."""
        codes = sorted({code for symbol in self._symbols for code in codes_of(symbol)})
        tokens = dict(zip(codes, await asyncio.gather(*(self._token(self._configured[code]) for code in codes)), strict=True))
        self._tokens = {token.address: token for token in tokens.values()}
        for symbol in self._symbols:
            base, quote = codes_of(symbol)
            pair = Pair(tokens[base], tokens[quote])
            made = parsing.instrument(pair, self._now_ns())
            self._pairs[made.id] = pair
            self.add_currency(made.base_currency)
            self.add_currency(made.quote_currency)
            self.add(made)

    def pair(self, instrument_id: InstrumentId) -> Pair | None:
        """Return the tokens of an instrument, None where it is not loaded."""
        return self._pairs.get(instrument_id)

    def code(self, address: int) -> str:
        """Return our code of a token, or its address where it is in none of the pairs."""
        token = self._tokens.get(address)
        return hex(address) if token is None else token.code

    async def _token(self, configured: TokenConfig) -> Token:
        address = address_of(configured.address)
        found = await self._decimals(address)
        decimals = found if configured.decimals is None else configured.decimals
        if decimals is None:
            raise ValueError(f"{configured.code}: nobody tells the decimals of {configured.address}")
        if found not in (None, decimals):
            raise ValueError(f"{configured.code} at {configured.address} has {found} decimals, not {decimals}")
        return Token(configured.code, address, decimals)

    async def _decimals(self, address: int) -> int | None:
        """Return a token's decimals as its contract has them, or else as AVNU lists them."""
        if self._rpc is not None:
            return await self._rpc.decimals(address)
        try:
            return (await self._api.token(address)).decimals
        except Rejected:
            return None
