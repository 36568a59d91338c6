"""What a malicious or broken aggregator may answer: every lie is told by tampering with an honest answer."""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Any

from simulators.stark_curve import selector
from simulators.starknet import constants
from simulators.starknet.constants import NOSTRA, PERCENT_ALL, STRANGER
from simulators.starknet.pools import PoolKey
from simulators.starknet.routes import Direct, SwapCall, read_swap
from simulators.starknet.words import halves, to_hex

Answer = dict[str, Any]
HUGE_CHARACTERS = 400_000
UNLIMITED = (1 << 256) - 1


class LieKind(StrEnum):
    """Lies about the calls of a build answer, then (QUOTE_...) lies of a quote."""

    OTHER_BENEFICIARY = "other_beneficiary"
    LOWER_MINIMUM = "lower_minimum"  # half of the honest one
    ZERO_MINIMUM = "zero_minimum"
    OTHER_ROUTER = "other_router"  # the swap goes to a contract that is not the exchange
    OTHER_ENTRYPOINT = "other_entrypoint"
    OTHER_SELL_COIN = "other_sell_coin"
    OTHER_BUY_COIN = "other_buy_coin"
    LARGER_SELL_AMOUNT = "larger_sell_amount"  # ten times, in swap and approval
    HIGH_SELL_WORD = "high_sell_word"  # 2^128 more, for readers of the low half alone
    HIGH_APPROVE_WORD = "high_approve_word"
    UNLIMITED_APPROVAL = "unlimited_approval"
    APPROVE_OTHER_SPENDER = "approve_other_spender"
    APPROVE_OTHER_COIN = "approve_other_coin"
    SECOND_APPROVAL = "second_approval"  # of another spender, after the honest one
    EXTRA_CALL = "extra_call"  # a transfer to a stranger behind the swap
    SWAP_TWICE = "swap_twice"
    FOREIGN_HOP = "foreign_hop"  # on an exchange that is not Ekubo
    FOREIGN_ALTERNATIVE = "foreign_alternative"  # a branch with an alternative off Ekubo
    FOREIGN_EXTENSION = "foreign_extension"  # an Ekubo pool with a stranger's extension
    DETOUR = "detour"  # the routes begin with a token that is not sold
    PARTIAL_ROUTE = "partial_route"  # half of what is sold stays behind
    NO_ROUTES = "no_routes"
    INTEGRATOR_FEE = "integrator_fee"  # 5 % to a stranger
    TRAILING_WORDS = "trailing_words"
    TRUNCATED_WORDS = "truncated_words"
    NO_NUMBER = "no_number"
    OTHER_CHAIN = "other_chain"
    EXECUTOR = "executor"  # wants somebody else to execute
    HUGE_BODY = "huge_body"
    NO_CALLS = "no_calls"
    QUOTE_OTHER_SELL_COIN = "quote_other_sell_coin"
    QUOTE_OTHER_BUY_COIN = "quote_other_buy_coin"
    QUOTE_OTHER_AMOUNT = "quote_other_amount"
    QUOTE_INFLATED = "quote_inflated"  # 5 % more than the pools pay
    QUOTE_DEFLATED = "quote_deflated"  # 5 % less than the pools pay
    QUOTE_FOREIGN_ROUTE = "quote_foreign_route"
    QUOTE_RENAMED_ROUTE = "quote_renamed_route"  # calls another exchange Ekubo
    QUOTE_OTHER_CHAIN = "quote_other_chain"
    QUOTE_NEGATIVE = "quote_negative"  # no amount at all

    @property
    def is_about_quotes(self) -> bool:
        """Tell whether a quote tells it, not a build answer."""
        return self.value.startswith("quote_")


def tamper_build(kind: LieKind, answer: Answer) -> Answer:
    """Return a build answer that tells the lie; `calldata` are numbers still."""
    return BUILD_LIES[kind](answer)


def tamper_quote(kind: LieKind, quote: Answer) -> Answer:
    """Return a quote that tells the lie."""
    return {**quote, **QUOTE_LIES[kind](quote)}


def _swapping(change: Callable[[SwapCall], SwapCall]) -> Callable[[Answer], Answer]:
    """Return a lie that changes the swap's arguments."""

    def lie(answer: Answer) -> Answer:
        call = answer["calls"][-1]
        swap = read_swap(call["calldata"], exact_out=call["entrypoint"] == "swap_exact_token_to")
        return _with_swap(answer, calldata=change(swap).words())

    return lie


def _words(change: Callable[[list[Any]], list[Any]]) -> Callable[[Answer], Answer]:
    """Return a lie that changes the swap's words."""
    return lambda answer: _with_swap(answer, calldata=change(list(answer["calls"][-1]["calldata"])))


def _with_swap(answer: Answer, **fields: Any) -> Answer:
    return {**answer, "calls": [*answer["calls"][:-1], {**answer["calls"][-1], **fields}]}


def _with_approval(answer: Answer, **fields: Any) -> Answer:
    """Return the answer with a changed approval, which is put in when there was none."""
    swap = answer["calls"][-1]["calldata"]
    honest = {
        "contractAddress": to_hex(swap[0]),
        "entrypoint": "approve",
        "calldata": [constants.AVNU_EXCHANGE, swap[1], swap[2]],
    }
    return {**answer, "calls": [{**honest, **fields}, answer["calls"][-1]]}


def _approving(change: Callable[[list[int]], list[int]]) -> Callable[[Answer], Answer]:
    def lie(answer: Answer) -> Answer:
        swap = answer["calls"][-1]["calldata"]
        return _with_approval(answer, calldata=change([constants.AVNU_EXCHANGE, swap[1], swap[2]]))

    return lie


def _direct(change: Callable[[Direct], Direct]) -> Callable[[Answer], Answer]:
    """Return a lie about the first route's swap."""

    def replaced(swap: SwapCall) -> SwapCall:
        first, *others = swap.routes
        return replace(swap, routes=(replace(first, principal=change(first.principal)), *others))

    return _swapping(replaced)


def _larger(answer: Answer) -> Answer:
    tenfold = _swapping(lambda swap: replace(swap, sell_amount=swap.sell_amount * 10))(answer)
    return _with_approval(tenfold)


def _strange_extension(direct: Direct) -> Direct:
    pool = PoolKey(*direct.parameters[:5])
    return replace(direct, parameters=(*replace(pool, extension=STRANGER).fields(), direct.parameters[5]))


def _foreign_alternative(swap: SwapCall) -> SwapCall:
    first, *others = swap.routes
    foreign = Direct(NOSTRA, PERCENT_ALL, (selector("a pair"),))
    return replace(swap, routes=(replace(first, alternatives=(foreign,)), *others))


def _detour(swap: SwapCall) -> SwapCall:
    first, *others = swap.routes
    other = constants.WBTC if first.sell != constants.WBTC else constants.SOL
    return replace(swap, routes=(replace(first, sell=other), *others))


def _extra(call: Answer) -> Callable[[Answer], Answer]:
    return lambda answer: {**answer, "calls": [*answer["calls"], call]}


def _another(token: int) -> int:
    return constants.USDC_E if token != constants.USDC_E else constants.STRK


STOLEN = {
    "contractAddress": to_hex(constants.STRK),
    "entrypoint": "transfer",
    "calldata": [STRANGER, *halves(10**18)],
}
SECOND_APPROVAL = {
    "contractAddress": to_hex(constants.USDC),
    "entrypoint": "approve",
    "calldata": [STRANGER, *halves(UNLIMITED)],
}
BUILD_LIES: dict[LieKind, Callable[[Answer], Answer]] = {
    LieKind.OTHER_BENEFICIARY: _swapping(lambda swap: replace(swap, beneficiary=STRANGER)),
    LieKind.LOWER_MINIMUM: _swapping(lambda swap: replace(swap, limit=swap.limit // 2)),
    LieKind.ZERO_MINIMUM: _swapping(lambda swap: replace(swap, limit=0)),
    LieKind.OTHER_ROUTER: lambda answer: _with_swap(answer, contractAddress=to_hex(STRANGER)),
    LieKind.OTHER_ENTRYPOINT: lambda answer: _with_swap(answer, entrypoint="upgrade_class"),
    LieKind.OTHER_SELL_COIN: _swapping(lambda swap: replace(swap, sell=_another(swap.sell))),
    LieKind.OTHER_BUY_COIN: _swapping(lambda swap: replace(swap, buy=_another(swap.buy))),
    LieKind.LARGER_SELL_AMOUNT: _larger,
    LieKind.HIGH_SELL_WORD: _words(lambda words: [*words[:2], 1, *words[3:]]),
    LieKind.HIGH_APPROVE_WORD: _approving(lambda words: [*words[:2], 1]),
    LieKind.UNLIMITED_APPROVAL: _approving(lambda words: [words[0], *halves(UNLIMITED)]),
    LieKind.APPROVE_OTHER_SPENDER: _approving(lambda words: [STRANGER, *words[1:]]),
    LieKind.APPROVE_OTHER_COIN: lambda answer: _with_approval(
        answer, contractAddress=to_hex(_another(answer["calls"][-1]["calldata"][0]))
    ),
    LieKind.SECOND_APPROVAL: lambda answer: {**answer, "calls": [*answer["calls"][:-1], SECOND_APPROVAL, answer["calls"][-1]]},
    LieKind.EXTRA_CALL: _extra(STOLEN),
    LieKind.SWAP_TWICE: lambda answer: {**answer, "calls": [*answer["calls"], *answer["calls"]]},
    LieKind.FOREIGN_HOP: _direct(lambda direct: replace(direct, exchange=NOSTRA)),
    LieKind.FOREIGN_ALTERNATIVE: _swapping(_foreign_alternative),
    LieKind.FOREIGN_EXTENSION: _direct(_strange_extension),
    LieKind.DETOUR: _swapping(_detour),
    LieKind.PARTIAL_ROUTE: _direct(lambda direct: replace(direct, percent=direct.percent // 2)),
    LieKind.NO_ROUTES: _swapping(lambda swap: replace(swap, routes=())),
    LieKind.INTEGRATOR_FEE: _swapping(lambda swap: replace(swap, integrator_fee_bps=500, integrator=STRANGER)),
    LieKind.TRAILING_WORDS: _words(lambda words: [*words, 1]),
    LieKind.TRUNCATED_WORDS: _words(lambda words: words[:-1]),
    LieKind.NO_NUMBER: _words(lambda words: [*words[:6], "a lot", *words[7:]]),
    LieKind.OTHER_CHAIN: lambda answer: {**answer, "chainId": "0x534e5f5345504f4c4941"},
    LieKind.EXECUTOR: lambda answer: {**answer, "executorAddress": to_hex(STRANGER)},
    LieKind.HUGE_BODY: _words(lambda words: [*words, *[0] * (HUGE_CHARACTERS // 6)]),
    LieKind.NO_CALLS: lambda answer: {**answer, "calls": []},
}


def _amount(quote: Answer, name: str, parts: int) -> Answer:
    return {name: to_hex(int(quote[name], 16) * parts // 100)}


def _routes(quote: Answer, **fields: Any) -> Answer:
    return {"routes": [{**route, **fields} for route in quote["routes"]]}


QUOTE_LIES: dict[LieKind, Callable[[Answer], Answer]] = {
    LieKind.QUOTE_OTHER_SELL_COIN: lambda quote: {"sellTokenAddress": to_hex(_another(int(quote["sellTokenAddress"], 16)))},
    LieKind.QUOTE_OTHER_BUY_COIN: lambda quote: {"buyTokenAddress": to_hex(_another(int(quote["buyTokenAddress"], 16)))},
    LieKind.QUOTE_OTHER_AMOUNT: lambda quote: _amount(quote, "sellAmount", 110),
    LieKind.QUOTE_INFLATED: lambda quote: _amount(quote, "buyAmount", 105),
    LieKind.QUOTE_DEFLATED: lambda quote: _amount(quote, "buyAmount", 95),
    LieKind.QUOTE_FOREIGN_ROUTE: lambda quote: _routes(quote, name="Nostra", address=to_hex(NOSTRA)),
    LieKind.QUOTE_RENAMED_ROUTE: lambda quote: _routes(quote, name="Ekubo", address=to_hex(NOSTRA)),
    LieKind.QUOTE_OTHER_CHAIN: lambda _quote: {"chainId": "0x534e5f5345504f4c4941"},
    LieKind.QUOTE_NEGATIVE: lambda _quote: {"buyAmount": "-0x1"},
}
assert {*BUILD_LIES, *QUOTE_LIES} == set(LieKind)
