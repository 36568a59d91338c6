"""Asks AVNU for quotes the way the config wants them and lets through only those that answer what was asked."""

from collections.abc import Callable
from decimal import Decimal

from adapters.ekubo.api import AvnuApi, QuoteRequest
from adapters.ekubo.constants import EKUBO_SOURCE
from adapters.ekubo.schemas import Quote
from adapters.ekubo.tokens import Token
from adapters.ekubo.verification import SwapTerms, check_quote
from adapters.errors import Rejected

_NS = Decimal(10) ** 9


class NoRoute(Rejected):
    """AVNU knows no way to swap this."""


class QuoteRefused(Rejected):
    """AVNU's answer is not one to what was asked: not to be used, whatever the reason for it."""


class Quoter:
    """Quotes between tokens; sources other than Ekubo are excluded, and checked to be, where the config says so.

    `is_urgent` lets its requests use what is reserved for trading.
    """

    def __init__(
        self,
        api: AvnuApi,
        *,
        chain_id: int,
        core: int,
        is_ekubo_only: bool,
        is_direct_only: bool,
        taker: int | None,
        now_ns: Callable[[], int],
        is_urgent: bool = False,
    ) -> None:
        self._api, self._chain_id, self._taker, self._now_ns, self._is_urgent = api, chain_id, taker, now_ns, is_urgent
        self._is_ekubo_only, self._is_direct_only = is_ekubo_only, is_direct_only
        self._exchanges = frozenset({core}) if is_ekubo_only else None
        self._excluded: tuple[str, ...] = ()

    async def refresh_sources(self) -> None:
        """Read what AVNU routes through; raises `Rejected` where Ekubo is not among it though only Ekubo is wanted."""
        if not self._is_ekubo_only:
            return
        names = {source.name for source in await self._api.sources()}
        if EKUBO_SOURCE not in names:
            raise Rejected(f"AVNU does not route through {EKUBO_SOURCE} but through {', '.join(sorted(names)) or 'nothing'}")
        self._excluded = tuple(sorted(names - {EKUBO_SOURCE}))

    async def sell(self, sold: Token, bought: Token, units: int) -> Quote:
        """Return a quote for giving exactly `units`; raises `NoRoute`, `QuoteRefused` and whatever `AvnuApi` raises."""
        return await self._quote(sold, bought, sell_amount=units)

    async def buy(self, sold: Token, bought: Token, units: int) -> Quote:
        """Return a quote for getting exactly `units`; raises as `sell`."""
        return await self._quote(sold, bought, buy_amount=units)

    async def _quote(self, sold: Token, bought: Token, *, sell_amount: int | None = None, buy_amount: int | None = None) -> Quote:
        asked = QuoteRequest(
            sell_token=sold.address,
            buy_token=bought.address,
            sell_amount=sell_amount,
            buy_amount=buy_amount,
            taker=self._taker,
            excluded_sources=self._excluded,
            is_direct_only=self._is_direct_only,
        )
        found = await self._api.quotes(asked, is_urgent=self._is_urgent)
        if not found:
            raise NoRoute(f"no route from {sold.code} to {bought.code}")
        terms = SwapTerms(
            chain_id=self._chain_id,
            exchange=0,
            account=0,
            sell_token=sold.address,
            buy_token=bought.address,
            sell_amount=sell_amount or 1,
            buy_amount=buy_amount or 1,
            is_exact_out=buy_amount is not None,
            exchanges=self._exchanges,
            is_direct_only=self._is_direct_only,
        )
        refusal = check_quote(found[0], terms, Decimal(self._now_ns()) / _NS)
        if refusal is not None:
            raise QuoteRefused(f"{sold.code} to {bought.code}: {refusal.detail}", refusal.fault)
        return found[0]
