"""Every lie the simulated AVNU can tell, over the wire: refused before anything is signed."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from adapters.ekubo.api import AvnuApi, QuoteRequest
from adapters.ekubo.calldata import BranchLayout
from adapters.ekubo.constants import AVNU_EXCHANGE, EKUBO_CORE, ETH, SN_MAIN, USDC
from adapters.ekubo.impact import refuse_price, worse_bps
from adapters.ekubo.tokens import Pair, Token
from adapters.ekubo.verification import (
    Fault,
    Refusal,
    SwapTerms,
    VerifiedSwap,
    asked_slippage,
    check_quote,
    maximum_sold,
    minimum_bought,
    verify,
)
from adapters.errors import Protocol
from adapters.transport.http import NautilusHttp
from messages import Side
from simulators import launch
from simulators.faults import Fault as Injected
from simulators.faults import FaultKind
from simulators.starknet.lies import LieKind

SLIPPAGE_BPS = Decimal(50)
PAIR = Pair(Token("ETH", ETH, 18), Token("USDC", USDC, 6))
NOW_SECS = Decimal(0)


class Avnu:
    """Our client on the simulated API."""

    def __init__(self, sims: Any) -> None:
        ready = sims.ready["starknet"]
        self.api = AvnuApi(NautilusHttp(), ready["avnu_url"], attempts=1)
        self.account, self.venue = int(ready["accounts"][0]["address"], 16), sims.starknet

    def lie(self, kind: LieKind) -> None:
        self.venue.faults.inject(Injected(kind=FaultKind.QUOTE_LIE, reason=kind.value))

    def terms(self, **amounts: Any) -> SwapTerms:
        given = {"sell_token": ETH, "buy_token": USDC, "sell_amount": 10**18, "buy_amount": 1, **amounts}
        return SwapTerms(
            chain_id=SN_MAIN,
            exchange=AVNU_EXCHANGE,
            account=self.account,
            exchanges=frozenset({EKUBO_CORE}),
            extensions=frozenset({0}),
            **given,
        )

    async def quote(self) -> Any:
        asked = QuoteRequest(
            sell_token=ETH, buy_token=USDC, sell_amount=10**18, excluded_sources=("Nostra",), is_direct_only=True
        )
        return (await self.api.quotes(asked))[0]

    async def swap(self) -> tuple[Any, SwapTerms]:
        """Return a quote and what its build has to keep."""
        quote = await self.quote()
        return quote, self.terms(buy_amount=minimum_bought(int(quote.buy_amount), SLIPPAGE_BPS))

    async def build(self, quote: Any, terms: SwapTerms) -> Any:
        return verify(await self.api.build(quote.quote_id, self.account, asked_slippage(SLIPPAGE_BPS)), terms)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def avnu() -> AsyncIterator[Avnu]:
    async with launch(seed=2, hour_secs=3600.0, only="starknet", scenario="calm") as sims:
        sims.starknet.settings.refill_half_life_secs = 1e12
        sims.starknet.settings.requests_per_window = None
        yield Avnu(sims)


BUILD_LIES = {
    LieKind.OTHER_BENEFICIARY: Fault.BENEFICIARY,
    LieKind.LOWER_MINIMUM: Fault.LIMIT,
    LieKind.ZERO_MINIMUM: Fault.LIMIT,
    LieKind.OTHER_ROUTER: Fault.CONTRACT,
    LieKind.OTHER_ENTRYPOINT: Fault.ENTRYPOINT,
    LieKind.OTHER_SELL_COIN: Fault.SELL_TOKEN,
    LieKind.OTHER_BUY_COIN: Fault.BUY_TOKEN,
    LieKind.LARGER_SELL_AMOUNT: Fault.SELL_AMOUNT,
    LieKind.HIGH_SELL_WORD: Fault.SELL_AMOUNT,
    LieKind.HIGH_APPROVE_WORD: Fault.APPROVED_AMOUNT,
    LieKind.UNLIMITED_APPROVAL: Fault.APPROVED_AMOUNT,
    LieKind.APPROVE_OTHER_SPENDER: Fault.APPROVED_SPENDER,
    LieKind.APPROVE_OTHER_COIN: Fault.APPROVED_TOKEN,
    LieKind.SECOND_APPROVAL: Fault.CALLS,
    LieKind.EXTRA_CALL: Fault.CALLS,
    LieKind.SWAP_TWICE: Fault.CALLS,
    LieKind.FOREIGN_HOP: Fault.EXCHANGE,
    LieKind.FOREIGN_ALTERNATIVE: Fault.BRANCH,
    LieKind.FOREIGN_EXTENSION: Fault.POOL,
    LieKind.DETOUR: Fault.ROUTE,
    LieKind.PARTIAL_ROUTE: Fault.PERCENT,
    LieKind.NO_ROUTES: Fault.ROUTE,
    LieKind.INTEGRATOR_FEE: Fault.INTEGRATOR_FEE,
    LieKind.TRAILING_WORDS: Fault.MALFORMED,
    LieKind.TRUNCATED_WORDS: Fault.MALFORMED,
    LieKind.OTHER_CHAIN: Fault.CHAIN,
    LieKind.EXECUTOR: Fault.EXECUTOR,
    LieKind.NO_CALLS: Fault.CALLS,
}
UNREADABLE = (LieKind.NO_NUMBER, LieKind.HUGE_BODY)  # the answer as a whole is turned away


def test_every_lie_has_its_place_here():
    known = {*BUILD_LIES, *UNREADABLE, *QUOTE_LIES, *PRICE_LIES, *UNREADABLE_QUOTES}
    assert known == set(LieKind)
    assert len(BUILD_LIES) + len(UNREADABLE) == 30


@pytest.mark.asyncio(loop_scope="module")
async def test_an_honest_build_is_accepted(avnu):
    quote, terms = await avnu.swap()
    assert check_quote(quote, terms, NOW_SECS) is None
    verified = await avnu.build(quote, terms)
    assert isinstance(verified, VerifiedSwap)
    assert verified.swap.limit >= terms.buy_amount


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", BUILD_LIES)
async def test_a_lying_build_is_refused_for_what_is_wrong_with_it_and_an_honest_one_after_it_is_not(avnu, kind):
    quote, terms = await avnu.swap()
    avnu.lie(kind)
    refused = await avnu.build(quote, terms)
    assert isinstance(refused, Refusal)
    assert refused.fault is BUILD_LIES[kind]
    assert isinstance(await avnu.build(quote, terms), VerifiedSwap)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", UNREADABLE)
async def test_a_build_that_cannot_be_read_is_turned_away_whole(avnu, kind):
    quote, terms = await avnu.swap()
    avnu.lie(kind)
    with pytest.raises(Protocol):
        await avnu.build(quote, terms)


QUOTE_LIES = {
    LieKind.QUOTE_OTHER_SELL_COIN: Fault.SELL_TOKEN,
    LieKind.QUOTE_OTHER_BUY_COIN: Fault.BUY_TOKEN,
    LieKind.QUOTE_OTHER_AMOUNT: Fault.SELL_AMOUNT,
    LieKind.QUOTE_FOREIGN_ROUTE: Fault.EXCHANGE,
    LieKind.QUOTE_RENAMED_ROUTE: Fault.EXCHANGE,
    LieKind.QUOTE_OTHER_CHAIN: Fault.CHAIN,
}
PRICE_LIES = (LieKind.QUOTE_INFLATED, LieKind.QUOTE_DEFLATED)
UNREADABLE_QUOTES = (LieKind.QUOTE_NEGATIVE,)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", QUOTE_LIES)
async def test_a_quote_of_something_else_is_refused(avnu, kind):
    avnu.lie(kind)
    refusal = check_quote(await avnu.quote(), avnu.terms(), NOW_SECS)
    assert refusal.fault is QUOTE_LIES[kind]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_negative_quote_cannot_be_read(avnu):
    avnu.lie(LieKind.QUOTE_NEGATIVE)
    with pytest.raises(Protocol, match="non-negative"):
        await avnu.quote()


def off_the_mark(quote: Any, mark: Decimal) -> Refusal | None:
    price = PAIR.price(int(quote.sell_amount), int(quote.buy_amount))
    return refuse_price(worse_bps(Side.SELL, price, mark), max_cost_bps=Decimal(40), max_gain_bps=Decimal(40))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", PRICE_LIES)
async def test_a_price_that_is_not_true_is_off_the_mark_to_either_side(avnu, kind):
    honest = await avnu.quote()
    mark = PAIR.price(int(honest.sell_amount), int(honest.buy_amount)) * Decimal("1.0008")
    assert off_the_mark(honest, mark) is None
    avnu.lie(kind)
    lying = await avnu.quote()
    assert check_quote(lying, avnu.terms(), NOW_SECS) is None  # it does not show in what is echoed
    assert off_the_mark(lying, mark).fault is Fault.REFERENCE


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stale_build_for_a_larger_size_is_refused(avnu):
    """The build of another quote: honest, but not what was asked for."""
    quote, terms = await avnu.swap()
    answer = await avnu.build(quote, msgspec.structs.replace(terms, sell_amount=2 * 10**18))
    assert answer.fault is Fault.SELL_AMOUNT
    answer = await avnu.build(quote, msgspec.structs.replace(terms, buy_amount=int(quote.buy_amount)))
    assert answer.fault is Fault.LIMIT


@pytest.mark.asyncio(loop_scope="module")
async def test_exact_output_is_built_and_accepted_and_its_lies_refused(avnu):
    asked = QuoteRequest(sell_token=USDC, buy_token=ETH, buy_amount=10**18, excluded_sources=("Nostra",), is_direct_only=True)
    (quote,) = await avnu.api.quotes(asked)
    most = maximum_sold(int(quote.sell_amount), SLIPPAGE_BPS)
    amounts = {"sell_token": USDC, "buy_token": ETH, "sell_amount": most, "buy_amount": 10**18, "is_exact_out": True}
    terms = avnu.terms(**amounts)
    assert check_quote(quote, terms, NOW_SECS) is None
    verified = await avnu.build(quote, terms)
    assert isinstance(verified, VerifiedSwap)
    assert verified.swap.limit <= most
    avnu.lie(LieKind.OTHER_BENEFICIARY)
    assert isinstance(await avnu.build(quote, terms), Refusal)


@pytest.mark.asyncio(loop_scope="module")
async def test_calldata_in_decimal_is_the_same(avnu):
    avnu.venue.settings.decimal_calldata = True
    try:
        quote, terms = await avnu.swap()
        assert isinstance(await avnu.build(quote, terms), VerifiedSwap)
    finally:
        avnu.venue.settings.decimal_calldata = False


@pytest.mark.asyncio(loop_scope="module")
async def test_a_foreign_alternative_is_refused_even_where_branches_are_read(avnu):
    quote, terms = await avnu.swap()
    avnu.lie(LieKind.FOREIGN_ALTERNATIVE)
    refused = await avnu.build(quote, msgspec.structs.replace(terms, branches=BranchLayout.PLAIN))
    assert refused.fault is Fault.EXCHANGE
