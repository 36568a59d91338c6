"""A build is signed only if it does what was asked: each word of good calldata changed is refused, or does no harm."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ekubo import constants
from adapters.ekubo.calldata import (
    Alternative,
    BranchLayout,
    CalldataError,
    DirectSwap,
    SwapCall,
    SwapRoute,
    read_swap,
    write_swap,
)
from adapters.ekubo.constants import AVNU_EXCHANGE, BRANCH_MARKER, EKUBO_CORE, FIELD_PRIME, SELECTORS, SN_MAIN, WHOLE_PERCENT
from adapters.ekubo.schemas import Build, Call, Number, Quote, Route, convert
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

STRK, ETH, USDC, WBTC = constants.STRK, constants.ETH, constants.USDC, constants.WBTC
US, STRANGER, NOSTRA = 0x123, 0xBAD, 0x49FF5B3A7D38E2B50198F408FA8281635B5BC81EE49AB87AC36C8324C214427
TWAMM = constants.TWAMM_EXTENSION

# The calldata of a build answered on mainnet: 1 STRK for ETH through Ekubo alone, slippage 0.005.
LIVE = [
    hex(STRK),
    "0xde0b6b3a7640000",
    "0x0",
    hex(ETH),
    hex(16494615875021),
    "0x0",
    hex(16412142795645),
    "0x0",
    hex(US),
    "0x0",
    "0x0",
    "0x1",
    hex(STRK),
    hex(ETH),
    hex(EKUBO_CORE),
    hex(WHOLE_PERCENT),
    "0x6",
    hex(STRK),
    hex(ETH),
    hex(170141183460469235273462165868118016),
    hex(354892),
    hex(TWAMM),
    hex(9 << 128),
]
WORDS = [int(word, 16) for word in LIVE]
TERMS = SwapTerms(
    chain_id=SN_MAIN,
    exchange=AVNU_EXCHANGE,
    account=US,
    sell_token=STRK,
    buy_token=ETH,
    sell_amount=10**18,
    buy_amount=16412142795645,
    exchanges=frozenset({EKUBO_CORE}),
    extensions=frozenset({0, TWAMM}),
)


def build(words=WORDS, *, approval=(AVNU_EXCHANGE, 10**18, 0), **fields) -> Build:
    calls = [{"contractAddress": hex(AVNU_EXCHANGE), "entrypoint": "multi_route_swap", "calldata": [str(word) for word in words]}]
    if approval is not None:
        approve = {"contractAddress": hex(STRK), "entrypoint": "approve", "calldata": [hex(word) for word in approval]}
        calls.insert(0, approve)
    return convert(Build, {"chainId": hex(SN_MAIN), "calls": calls, **fields})


def with_word(at: int, word: int) -> list[int]:
    return [*WORDS[:at], word, *WORDS[at + 1 :]]


def fault(answer) -> Fault:
    assert isinstance(answer, Refusal)
    return answer.fault


def call_of(**changes) -> SwapCall:
    return msgspec.structs.replace(read_swap(WORDS, is_exact_out=False), **changes)


def verdict(call: SwapCall, terms: SwapTerms = TERMS):
    return verify(build(write_swap(call)), terms)


def test_the_live_build_is_read_whole_and_becomes_the_calls_to_sign():
    verified = verify(build(), TERMS)
    assert isinstance(verified, VerifiedSwap)
    approve, swap = verified.calls
    assert (approve.contract, approve.selector, approve.words) == (STRK, SELECTORS["approve"], (AVNU_EXCHANGE, 10**18, 0))
    assert (swap.contract, swap.selector, list(swap.words)) == (AVNU_EXCHANGE, SELECTORS["multi_route_swap"], WORDS)
    assert verified.swap.limit == minimum_bought(16494615875021, Decimal(50))
    assert verified.swap.routes[0].swap == DirectSwap(EKUBO_CORE, WHOLE_PERCENT, tuple(WORDS[17:]))
    assert all(type(word) is int for call in verified.calls for word in call.words)


def test_an_allowance_that_is_there_needs_no_approval():
    assert len(verify(build(approval=None), TERMS).calls) == 1


# What changing one word of the swap to another one leads to: the fault found, or why it does no harm.
HARMLESS = "harmless"
BY_WORD = {
    0: {Fault.SELL_TOKEN},
    1: {Fault.SELL_AMOUNT, Fault.MALFORMED},
    2: {Fault.SELL_AMOUNT, Fault.MALFORMED},
    3: {Fault.BUY_TOKEN},
    4: {Fault.BUY_AMOUNT, Fault.MALFORMED, HARMLESS},  # only said to be expected: what we get at least is another word
    5: {HARMLESS, Fault.MALFORMED},  # the same
    6: {Fault.LIMIT, Fault.BUY_AMOUNT, Fault.MALFORMED, HARMLESS},  # a higher minimum only protects us more
    7: {Fault.BUY_AMOUNT, Fault.MALFORMED},
    8: {Fault.BENEFICIARY},
    9: {Fault.INTEGRATOR_FEE, Fault.MALFORMED},
    10: {Fault.INTEGRATOR_FEE},
    11: {Fault.MALFORMED},
    12: {Fault.ROUTE},
    13: {Fault.ROUTE},
    14: {Fault.EXCHANGE, Fault.BRANCH},
    15: {Fault.PERCENT, Fault.MALFORMED},
    16: {Fault.MALFORMED},
    17: {Fault.POOL},
    18: {Fault.POOL},
    19: {HARMLESS, Fault.POOL},  # another pool of the same tokens at Ekubo: the minimum holds
    20: {HARMLESS},  # the same
    21: {Fault.POOL, HARMLESS},  # another allowed extension: the same
    22: {HARMLESS},  # a price limit in the pool: at worst the swap reverts
}


def mutations(word: int) -> set[int]:
    special = {0, 1, 6, STRANGER, NOSTRA, WBTC, BRANCH_MARKER, TWAMM, FIELD_PRIME - 1, 1 << 128, (1 << 128) - 1}
    flipped = {word ^ (1 << bit) for bit in range(0, 251, 5)}
    near = {word + 1, max(0, word - 1), word * 2, word // 2}
    return {each for each in special | flipped | near if each != word and each < FIELD_PRIME}


def outcome(at: int, word: int):
    answer = verify(build(with_word(at, word)), TERMS)
    if isinstance(answer, Refusal):
        return answer.fault
    swap = answer.swap
    assert (swap.sell_token, swap.sell_amount, swap.buy_token) == (STRK, 10**18, ETH)
    assert swap.limit >= TERMS.buy_amount
    assert (swap.beneficiary, swap.integrator_fee_bps, swap.integrator) == (US, 0, 0)
    assert [route.swap.exchange for route in swap.routes] == [EKUBO_CORE]
    assert not any(route.alternatives for route in swap.routes)
    return HARMLESS


@pytest.mark.parametrize("at", range(len(WORDS)))
def test_every_word_changed_is_refused_or_does_no_harm(at):
    assert set(BY_WORD) == set(range(len(WORDS)))
    assert {outcome(at, word) for word in mutations(WORDS[at])} == BY_WORD[at]


@given(st.integers(0, len(WORDS) - 1), st.integers(0, FIELD_PRIME - 1), st.integers(0, len(WORDS) - 1), st.integers(0, 2**64))
def test_two_words_changed_at_once_do_no_harm_either(first, word, second, other):
    words = with_word(first, word)
    words[second] = other
    answer = verify(build(words), TERMS)
    if isinstance(answer, VerifiedSwap):
        assert answer.swap.limit >= TERMS.buy_amount
        assert (answer.swap.beneficiary, answer.swap.sell_amount) == (US, 10**18)
        assert all(route.swap.exchange == EKUBO_CORE for route in answer.swap.routes)


@pytest.mark.parametrize("length", [*range(len(WORDS)), len(WORDS) + 1, len(WORDS) + 5])
def test_calldata_of_another_length_is_refused(length):
    assert fault(verify(build([*WORDS, 1, 2, 3, 4, 5][:length]), TERMS)) is Fault.MALFORMED


def test_a_word_outside_the_field_is_refused():
    assert fault(verify(build(with_word(22, FIELD_PRIME)), TERMS)) is Fault.MALFORMED


@pytest.mark.parametrize(
    ("approval", "expected"),
    [
        ((STRANGER, 10**18, 0), Fault.APPROVED_SPENDER),
        ((AVNU_EXCHANGE, 10**18 + 1, 0), Fault.APPROVED_AMOUNT),
        ((AVNU_EXCHANGE, 10**18 - 1, 0), Fault.APPROVED_AMOUNT),
        ((AVNU_EXCHANGE, 10**18, 1), Fault.APPROVED_AMOUNT),
        ((AVNU_EXCHANGE, 2**128 - 1, 2**128 - 1), Fault.APPROVED_AMOUNT),
        ((AVNU_EXCHANGE, 2**128, 0), Fault.MALFORMED),
        ((AVNU_EXCHANGE, 10**18), Fault.MALFORMED),
        ((AVNU_EXCHANGE, 10**18, 0, 0), Fault.MALFORMED),
    ],
)
def test_an_approval_is_for_the_exchange_and_for_just_what_is_sold(approval, expected):
    assert fault(verify(build(approval=approval), TERMS)) is expected


def call(contract: int, entrypoint: str, *words: int) -> Call:
    return Call(contract_address=Number(contract), entrypoint=entrypoint, calldata=tuple(Number(word) for word in words))


def rebuilt(*calls: Call, **changes) -> Build:
    return msgspec.structs.replace(build(), calls=calls, **changes)


def test_only_our_two_calls_are_made():
    approve, swap = build().calls
    transfer = call(STRK, "transfer", STRANGER, 10**18, 0)
    assert fault(verify(rebuilt(), TERMS)) is Fault.CALLS
    assert fault(verify(rebuilt(approve, swap, transfer), TERMS)) is Fault.CALLS
    assert fault(verify(rebuilt(approve, approve, swap), TERMS)) is Fault.CALLS
    assert fault(verify(rebuilt(swap, swap), TERMS)) is Fault.ENTRYPOINT
    assert fault(verify(rebuilt(transfer, swap), TERMS)) is Fault.ENTRYPOINT
    assert fault(verify(rebuilt(swap, approve), TERMS)) is Fault.CONTRACT
    assert fault(verify(rebuilt(approve, transfer), TERMS)) is Fault.CONTRACT
    elsewhere = msgspec.structs.replace(swap, contract_address=Number(STRANGER))
    assert fault(verify(rebuilt(approve, elsewhere), TERMS)) is Fault.CONTRACT
    upgrade = msgspec.structs.replace(swap, entrypoint="upgrade_class")
    assert fault(verify(rebuilt(approve, upgrade), TERMS)) is Fault.ENTRYPOINT
    exact_out = msgspec.structs.replace(swap, entrypoint="swap_exact_token_to")
    assert fault(verify(rebuilt(approve, exact_out), TERMS)) is Fault.ENTRYPOINT
    other_coin = msgspec.structs.replace(approve, contract_address=Number(USDC))
    assert fault(verify(rebuilt(other_coin, swap), TERMS)) is Fault.APPROVED_TOKEN
    assert fault(verify(build(chainId="0x534e5f5345504f4c4941"), TERMS)) is Fault.CHAIN
    assert fault(verify(build(executorAddress=hex(STRANGER)), TERMS)) is Fault.EXECUTOR
    assert isinstance(verify(build(executorAddress=None), TERMS), VerifiedSwap)


def hop(sell: int, buy: int, percent: int = WHOLE_PERCENT, exchange: int = EKUBO_CORE) -> SwapRoute:
    token0, token1 = sorted((sell, buy))
    return SwapRoute(sell, buy, DirectSwap(exchange, percent, (token0, token1, 1 << 100, 1000, 0, 1)))


HALF = WHOLE_PERCENT // 2
ROUTED = [
    ((hop(STRK, ETH, HALF), hop(STRK, ETH)), None),
    ((hop(STRK, USDC), hop(USDC, ETH)), None),
    ((hop(STRK, USDC, HALF), hop(STRK, ETH), hop(USDC, ETH)), None),
    ((), Fault.ROUTE),
    ((hop(STRK, ETH, HALF),), Fault.PERCENT),
    ((hop(STRK, ETH, 0),), Fault.PERCENT),
    ((hop(STRK, ETH, WHOLE_PERCENT + 1),), Fault.PERCENT),
    ((hop(STRK, ETH), hop(STRK, ETH)), Fault.ROUTE),
    ((hop(STRK, USDC),), Fault.ROUTE),
    ((hop(STRK, USDC, HALF), hop(STRK, ETH)), Fault.PERCENT),
    ((hop(STRK, USDC), hop(USDC, ETH, HALF)), Fault.PERCENT),
    ((hop(USDC, ETH), hop(STRK, USDC)), Fault.ROUTE),
    ((hop(STRK, ETH), hop(ETH, USDC), hop(USDC, ETH)), Fault.ROUTE),
    ((hop(STRK, USDC), hop(USDC, STRK), hop(STRK, ETH)), Fault.ROUTE),
    ((hop(STRK, STRK), hop(STRK, ETH)), Fault.ROUTE),
    ((hop(STRK, USDC), hop(USDC, ETH, exchange=NOSTRA)), Fault.EXCHANGE),
]


@pytest.mark.parametrize(("routes", "expected"), ROUTED)
def test_routes_lead_from_the_one_token_to_the_other_and_leave_nothing_behind(routes, expected):
    terms = msgspec.structs.replace(TERMS, is_direct_only=False)
    answer = verdict(call_of(routes=routes), terms)
    assert isinstance(answer, VerifiedSwap) if expected is None else fault(answer) is expected


def test_a_detour_is_refused_where_only_direct_routes_were_asked_for():
    assert fault(verdict(call_of(routes=(hop(STRK, USDC), hop(USDC, ETH))))) is Fault.ROUTE


def test_any_exchange_and_pool_may_be_allowed():
    anywhere = msgspec.structs.replace(TERMS, exchanges=None, extensions=None)
    route = SwapRoute(STRK, ETH, DirectSwap(NOSTRA, WHOLE_PERCENT, (5,)))
    assert isinstance(verdict(call_of(routes=(route,)), anywhere), VerifiedSwap)
    assert fault(verdict(call_of(routes=(route,)))) is Fault.EXCHANGE
    odd = SwapRoute(STRK, ETH, DirectSwap(EKUBO_CORE, WHOLE_PERCENT, (5,)))
    assert fault(verdict(call_of(routes=(odd,)))) is Fault.POOL


def branch(exchange: int, price: int | None) -> SwapRoute:
    route = hop(STRK, ETH)
    alternative = Alternative(exchange, HALF, route.swap.parameters, price)
    return msgspec.structs.replace(route, alternatives=(alternative,), is_branch=True)


@pytest.mark.parametrize(("layout", "price"), [(BranchLayout.PLAIN, None), (BranchLayout.PRICED, 7 << 130)])
def test_branches_are_refused_unless_their_layout_is_known_and_then_each_exchange_counts(layout, price):
    good, bad = call_of(routes=(branch(EKUBO_CORE, price),)), call_of(routes=(branch(NOSTRA, price),))
    known = msgspec.structs.replace(TERMS, branches=layout)
    assert read_swap(write_swap(good), is_exact_out=False, branches=layout) == good
    assert fault(verdict(good)) is Fault.BRANCH
    assert isinstance(verdict(good, known), VerifiedSwap)
    assert fault(verdict(bad, known)) is Fault.EXCHANGE
    other = BranchLayout.PRICED if layout is BranchLayout.PLAIN else BranchLayout.PLAIN
    assert isinstance(verdict(good, msgspec.structs.replace(TERMS, branches=other)), Refusal)


EXACT_OUT = SwapCall(
    is_exact_out=True,
    sell_token=USDC,
    sell_amount=2_902_351_484,
    buy_token=ETH,
    buy_amount=10**18,
    limit=2_916_863_242,
    beneficiary=US,
    integrator_fee_bps=0,
    integrator=0,
    routes=(hop(USDC, ETH),),
)
OUT_TERMS = msgspec.structs.replace(
    TERMS, sell_token=USDC, buy_token=ETH, sell_amount=2_916_863_242, buy_amount=10**18, is_exact_out=True
)


def built_out(swap: SwapCall, approved: int | None = None) -> Build:
    amount = swap.limit if approved is None else approved
    return rebuilt(call(USDC, "approve", AVNU_EXCHANGE, amount, 0), call(AVNU_EXCHANGE, "swap_exact_token_to", *write_swap(swap)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"limit": 2_916_863_243}, Fault.LIMIT),
        ({"limit": 2**200}, Fault.LIMIT),
        ({"buy_amount": 10**18 - 1}, Fault.BUY_AMOUNT),
        ({"buy_amount": 10**18 + 1}, Fault.BUY_AMOUNT),
        ({"sell_amount": 2_916_863_243}, Fault.SELL_AMOUNT),
        ({"sell_amount": 0}, Fault.SELL_AMOUNT),
        ({"beneficiary": STRANGER}, Fault.BENEFICIARY),
    ],
)
def test_exact_output_buys_exactly_that_for_no_more_than_our_limit(changes, expected):
    swap = msgspec.structs.replace(EXACT_OUT, **changes)
    assert read_swap(write_swap(swap), is_exact_out=True) == swap
    answer = verify(built_out(swap), OUT_TERMS)
    if expected is None:
        assert answer.swap == swap
        assert answer.calls[0].words == (AVNU_EXCHANGE, 2_916_863_242, 0)
    else:
        assert fault(answer) is expected


@pytest.mark.parametrize(("approved", "is_fine"), [(2_902_351_484, True), (2_902_351_483, False), (2_916_863_243, False)])
def test_exact_output_approves_between_what_is_expected_and_our_limit(approved, is_fine):
    answer = verify(built_out(EXACT_OUT, approved), OUT_TERMS)
    assert isinstance(answer, VerifiedSwap) if is_fine else fault(answer) is Fault.APPROVED_AMOUNT


def test_limits_are_rounded_as_the_venue_rounds_them_and_asked_for_a_little_tighter():
    assert minimum_bought(16494615875021, Decimal(50)) == 16412142795645
    assert minimum_bought(10**36 + 1, Decimal("0.1")) == 99999 * 10**31  # beyond 28 digits
    assert maximum_sold(2_902_351_484, Decimal(50)) == 2_916_863_242
    assert asked_slippage(Decimal(50)) == Decimal("0.004995")


def test_terms_of_nothing_are_no_terms():
    for changes in ({"sell_amount": 0}, {"buy_amount": -1}, {"buy_token": STRK}):
        with pytest.raises(ValueError, match="a swap of"):
            msgspec.structs.replace(TERMS, **changes)


def quote(**changes) -> Quote:
    route = {"name": "Ekubo", "address": hex(EKUBO_CORE), "percent": 1.0} | {
        "sellTokenAddress": hex(STRK),
        "buyTokenAddress": hex(ETH),
    }
    fields = {
        "quoteId": "q",
        "sellTokenAddress": hex(STRK),
        "sellAmount": hex(10**18),
        "buyTokenAddress": hex(ETH),
        "buyAmount": hex(16494615875021),
        "chainId": hex(SN_MAIN),
        "expiry": None,
        "routes": [route],
    }
    return convert(Quote, {**fields, **changes})


def route(address: int = EKUBO_CORE, sell: int = STRK, buy: int = ETH, following: tuple[Route, ...] = ()) -> dict:
    hops = [route(int(each.address), int(each.sell_token_address), int(each.buy_token_address)) for each in following]
    return {
        "name": "Ekubo",
        "address": hex(address),
        "percent": 1,
        "sellTokenAddress": hex(sell),
        "buyTokenAddress": hex(buy),
        "routes": hops,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"chainId": "0x1"}, Fault.CHAIN),
        ({"sellTokenAddress": hex(USDC)}, Fault.SELL_TOKEN),
        ({"buyTokenAddress": hex(constants.USDC_BRIDGED)}, Fault.BUY_TOKEN),
        ({"sellAmount": hex(10**18 + 1)}, Fault.SELL_AMOUNT),
        ({"buyAmount": "0x0"}, Fault.BUY_AMOUNT),
        ({"expiry": 99}, Fault.EXPIRED),
        ({"expiry": 100.5}, None),
        ({"expiry": 0}, None),
        ({"routes": []}, Fault.ROUTE),
        ({"routes": [route(NOSTRA)]}, Fault.EXCHANGE),
        ({"routes": [route(), route(NOSTRA)]}, Fault.EXCHANGE),
        ({"routes": [route(buy=USDC)]}, Fault.ROUTE),
    ],
)
def test_a_quote_answers_what_was_asked(changes, expected):
    answer = check_quote(quote(**changes), TERMS, Decimal(100))
    assert (None if answer is None else answer.fault) == expected


def test_a_quote_through_another_token_is_checked_hop_by_hop():
    behind = convert(Route, route(NOSTRA, USDC, ETH))
    terms = msgspec.structs.replace(TERMS, is_direct_only=False)
    through = quote(routes=[route(buy=USDC, following=(behind,))])
    assert check_quote(through, terms, Decimal(100)).fault is Fault.EXCHANGE
    fine = msgspec.structs.replace(behind, address=Number(EKUBO_CORE))
    assert check_quote(quote(routes=[route(buy=USDC, following=(fine,))]), terms, Decimal(100)) is None
    assert check_quote(quote(routes=[route(buy=USDC, following=(fine,))]), TERMS, Decimal(100)).fault is Fault.ROUTE


@given(st.lists(st.integers(0, 2**128), max_size=40), st.booleans(), st.sampled_from(BranchLayout))
def test_whatever_is_read_is_written_back_word_for_word(words, is_exact_out, branches):
    try:
        swap = read_swap(words, is_exact_out=is_exact_out, branches=branches)
    except CalldataError:
        return
    assert write_swap(swap) == tuple(words)
