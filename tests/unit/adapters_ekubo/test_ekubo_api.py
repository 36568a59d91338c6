"""AVNU's API: what is asked, how answers are judged, and that nobody is hurried."""

from decimal import Decimal

import pytest
from ekubo_wire import Wire, lost
from hypothesis import given
from hypothesis import strategies as st

from adapters.ekubo.api import AvnuApi, QuoteRequest
from adapters.ekubo.budget import RequestWindow
from adapters.ekubo.constants import ETH, MAX_BODY_BYTES, USDC
from adapters.ekubo.schemas import Number
from adapters.errors import Auth, Connectivity, Protocol, RateLimited, Rejected

ASKED = QuoteRequest(sell_token=ETH, buy_token=USDC, sell_amount=10**18)
# The API's own example, with what it has been seen to leave out or to add.
QUOTE = {
    "quoteId": "69ee30c9-5051-479e-9366-bde0584a2614",
    "sellTokenAddress": "0x49d36570d4e46f48e99674bd3fcc84644ddd6b96f7c741b1562b82f9e004dc7",
    "sellAmount": "0x2386f26fc10000",
    "sellAmountInUsd": 28.2265,
    "buyTokenAddress": "0x4718f5a0fc34cc1af16a1cdee98ffb20c31f5cd61d6ab07201858f4287c938d",
    "buyAmount": "0xd005a71ea99678000",
    "buyAmountInUsd": 28.25618,
    "fee": {
        "feeToken": "0x4718f5a0fc34cc1af16a1cdee98ffb20c31f5cd61d6ab07201858f4287c938d",
        "avnuFees": "0xda475abf000",
        "avnuFeesInUsd": 0.000002,
        "avnuFeesBps": "0xf",
        "integratorFees": "0x0",
        "integratorFeesInUsd": 0.0,
        "integratorFeesBps": "0x0",
    },
    "chainId": "0x534e5f4d41494e",
    "blockNumber": "0x3ca1b4",
    "expiry": None,
    "routes": [
        {
            "name": "Nostra",
            "address": "0x49ff5b3a7d38e2b50198f408fa8281635b5bc81ee49ab87ac36c8324c214427",
            "percent": 0.55,
            "sellTokenAddress": "0x49d3",
            "buyTokenAddress": "0x4718",
            "routes": [],
            "alternativeSwapCount": 0,
        },
        {
            "name": "Ekubo",
            "address": "0x5dd3d2f4429af886cd1a3b08289dbcea99a294197e9eb43b0e0325b4b",
            "percent": 0.45,
            "sellTokenAddress": "0x49d3",
            "buyTokenAddress": "0x4718",
        },
    ],
    "gasFees": "0x19b1b3cb5956130",
    "gasFeesInUsd": None,
    "priceImpact": 10.5,
    "sellTokenPriceInUsd": None,
    "exactTokenTo": False,
    "somethingNew": {"of": ["any", "shape"]},
}


def api(wire: Wire, **settings) -> AvnuApi:
    window = settings.pop("window", None)
    return AvnuApi(
        wire,
        "https://api.example/",
        prices_url="https://prices.example",
        window=window,
        now_secs=wire.clock,
        sleep=wire.sleep,
        jitter=lambda: 1.0,
        **settings,
    )


async def test_a_quote_of_the_documentation_is_read():
    (quote,) = await api(Wire([QUOTE])).quotes(ASKED)
    assert (quote.sell_amount, quote.buy_amount) == (10**16, 0xD005A71EA99678000)
    assert [route.percent for route in quote.routes] == [Decimal("0.55"), Decimal("0.45")]
    assert (quote.gas_fees, quote.gas_fees_in_usd, quote.fee.avnu_fees_bps) == (0x19B1B3CB5956130, None, 15)
    assert quote.expiry is None


async def test_what_is_asked_is_spelled_as_the_api_wants_it():
    wire = Wire([], [])
    await api(wire, api_key="key").quotes(
        QuoteRequest(
            sell_token=1,
            buy_token=2,
            buy_amount=255,
            taker=3,
            excluded_sources=("Nostra", "JediSwap"),
            is_direct_only=True,
            size=3,
        )
    )
    method, url, body, headers = wire.asked[0]
    assert (method, body, headers["x-api-key"]) == ("GET", None, "key")
    assert url == (
        "https://api.example/swap/v3/quotes?sellTokenAddress=0x1&buyTokenAddress=0x2&buyAmount=0xff&takerAddress=0x3"
        "&excludeSources=Nostra&excludeSources=JediSwap&onlyDirect=true&size=3"
    )
    await api(wire).quotes(ASKED)
    assert wire.asked[1][1].endswith(f"sellAmount={hex(10**18)}")


def test_a_quote_is_asked_for_one_amount():
    for amounts in ({}, {"sell_amount": 1, "buy_amount": 1}):
        with pytest.raises(ValueError, match="sell amount or a buy amount"):
            QuoteRequest(sell_token=1, buy_token=2, **amounts)


async def test_a_build_is_asked_for_with_its_approval_and_read_in_both_spellings():
    answer = {
        "chainId": "0x534e5f4d41494e",
        "calls": [{"contractAddress": "0x5", "entrypoint": "approve", "calldata": ["1000000000000000000", "0x10", 7]}],
    }
    wire = Wire(answer)
    build = await api(wire).build("q", 0x123, Decimal("0.005"))
    assert wire.asked[0][2] == {"quoteId": "q", "takerAddress": "0x123", "slippage": 0.005, "includeApprove": True}
    assert build.calls[0].calldata == (10**18, 16, 7)
    assert build.executor_address is None


async def test_tokens_are_found_by_address_and_prices_where_there_are_any():
    token = {"address": "0x1", "symbol": "A", "decimals": 6, "logoUri": None}
    wire = Wire(token)
    asked = api(wire)
    assert (await asked.token(1)).decimals == 6
    assert wire.asked[0][1] == "https://api.example/v1/starknet/tokens/0x1"
    rows = [
        {"address": "0x1", "globalMarket": {"usd": 1700}, "starknetMarket": None},
        {"address": "0x2", "globalMarket": None, "starknetMarket": {"usd": 0.5}},
        {"address": "0x3", "globalMarket": {"usd": None}},
    ]
    wire.answers.append(rows)
    assert await asked.prices_usd([1, 2, 3]) == {1: Decimal(1700), 2: Decimal("0.5")}
    assert wire.asked[-1][1] == "https://prices.example/v3/tokens/prices"


async def test_no_route_is_no_error_in_either_spelling():
    assert await api(Wire([])).quotes(ASKED) == []
    assert await api(Wire((400, {"messages": ["INSUFFICIENT_LIQUIDITY"]}))).quotes(ASKED) == []


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((400, {"messages": ["Invalid quote id"], "revertError": None}), Rejected, "Invalid quote id"),
        ((500, {"messages": ["Contract error"], "revertError": "Insufficient tokens"}), Rejected, "Insufficient tokens"),
        ((401, {"messages": ["401 Unauthorized"]}), Auth, "Unauthorized"),
        ((403, b"forbidden"), Auth, "forbidden"),
        ((404, b"nothing here"), Rejected, "nothing here"),
        (b"<html>", Protocol, "not understood"),
        ([{"quoteId": 5}], Protocol, "not understood"),
        ([{**QUOTE, "buyAmount": "-0x5"}], Protocol, "non-negative"),
        (b"[" + b" " * MAX_BODY_BYTES + b"]", Protocol, "bytes"),
        (b'[{"quoteId":' + b"[" * 5_000 + b"]" * 5_000 + b"}]", Protocol, "not understood"),
        ([{**QUOTE, "expiry": "NaN"}], Protocol, "no number to reckon with"),
        ([{**QUOTE, "gasFeesInUsd": "Infinity"}], Protocol, "no number to reckon with"),
        ([{**QUOTE, "gasFeesInUsd": "1e999999"}], Protocol, "no number to reckon with"),
        ([{**QUOTE, "routes": [{**QUOTE["routes"][0], "percent": "-sNaN"}]}], Protocol, "no number to reckon with"),
    ],
)
async def test_an_answer_that_is_definite_is_given_up_at_once(answer, kind, words):
    wire = Wire(answer)
    with pytest.raises(kind, match=words):
        await api(wire).quotes(ASKED)
    assert (len(wire.asked), wire.slept) == (1, [])


async def test_failures_are_tried_again_with_growing_pauses():
    wire = Wire((503, b"down"), lost(), (500, {"messages": ["oops"]}), [QUOTE])
    assert len(await api(wire).quotes(ASKED)) == 1
    assert wire.slept == [0.5, 1.0, 2.0]
    wire = Wire(*[(502, b"down")] * 4)
    with pytest.raises(Connectivity, match="502"):
        await api(wire).quotes(ASKED)
    assert len(wire.asked) == 4


async def test_too_many_requests_make_everybody_wait_as_long_as_was_asked():
    wire = Wire((429, b"Too Many Requests", {"retry-after": "7"}), [QUOTE], (429, b"slow"), [QUOTE])
    asked = api(wire)
    await asked.quotes(ASKED)
    assert wire.slept == [7.0]
    await asked.quotes(ASKED)
    assert wire.slept == [7.0, 0.5]
    wire.answers = [(429, b"", {"retry-after": "3600"})] * 4
    with pytest.raises(RateLimited):
        await asked.quotes(ASKED)
    assert max(wire.slept) <= 20
    wire.answers = [[QUOTE]]
    before = wire.now
    await asked.quotes(ASKED)  # the next one waits as well
    assert wire.now - before == 20


async def test_prices_wait_for_the_limit_and_trading_takes_what_is_kept_for_it():
    window = RequestWindow(limit=3, window_secs=10.0, reserved=1)
    wire = Wire(*[[QUOTE]] * 6)
    asked = api(wire, window=window)
    for _ in range(2):
        await asked.quotes(ASKED)
    assert window.wait_secs(wire.now, is_urgent=False) == 10.0
    await asked.quotes(ASKED, is_urgent=True)
    assert wire.slept == []
    await asked.quotes(ASKED, is_urgent=True)
    assert wire.slept == [10.0]


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60), st.integers(2, 8))
def test_no_window_ever_holds_more_requests_than_the_limit(waits, limit):
    window, now, sent = RequestWindow(limit, 20.0, 1), 0.0, []
    for pause, is_urgent in waits:
        now += pause
        if (wait := window.wait_secs(now, is_urgent=is_urgent)) > 0:
            now += wait
            assert window.wait_secs(now + 1e-6, is_urgent=is_urgent) == 0
        window.count(now)
        sent.append(now)
    assert all(sum(1 for each in sent if at <= each < at + 20.0 - 1e-6) <= limit for at in sent)


def test_a_window_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="leave none"):
        RequestWindow(limit=5, window_secs=1.0, reserved=5)


@pytest.mark.parametrize("given", ["0x", "-0x5", "-5", "1_0", "ten", "", " 5", -1, 1.5, True, None, "0x" + "f" * 129])
def test_what_is_no_number_is_refused(given):
    with pytest.raises(ValueError, match="no non-negative number"):
        Number.parse(given)


def test_numbers_come_in_hexadecimal_in_decimal_and_bare():
    assert [Number.parse(given) for given in ("0x10", "0X0A", "010", 7)] == [16, 10, 10, 7]
