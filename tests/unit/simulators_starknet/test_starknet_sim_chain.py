"""The chain: fees, nonces, blocks, and every fault of a transaction's life."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from simulators.faults import FaultKind
from simulators.stark_curve import selector
from simulators.starknet import constants
from simulators.starknet.constants import AVNU_EXCHANGE, ETH, SEQUENCER, STRK, USDC, WBTC
from simulators.starknet.genesis import ACCOUNTS, PLANS, fee_fraction
from simulators.starknet.market import push
from simulators.starknet.tokens import BY_ADDRESS, TOKENS

TRADER = ACCOUNTS[0].address
TOKEN_IDS = list(BY_ADDRESS)
APPROVE = [(ETH, constants.APPROVE, [AVNU_EXCHANGE, 7, 0])]


def supply(bench) -> Counter[int]:
    total: Counter[int] = Counter()
    for (token, _), amount in bench.chain.state.balances.items():
        assert amount >= 0
        total[token] += amount
    return total


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("approve", 0x219209E083275171774DAB1DF80982E9DF2096516F06319C5C6D71AE0A8480C),
        ("multi_route_swap", 0x1171593AA5BDADDA4D6B0EFDE6CC94EE7649C3163D5EFEB19DA6C16D63A2A63),
        ("swap_exact_token_to", 0xE9F3B52DC560050C4C679481500C1B1E2BA7496B6A0831638C1ACAEDCBC6AC),
        ("get_pool_price", 0x63ECB4395E589622A41A66715A0EAC930ABC9F0B92C0B1DCDA630ADFB2BF2D),
        ("Swap", 0xE316F0D9D2A3AFFA97DE1D99BB2AAC0538E2666D0D8545545EAD241EF0CCAB),
        ("Swapped", 0x157717768ACA88DA4AC4279765F09F4D0151823D573537FBBEB950CDBD9A870),
        ("Transfer", 0x99CD8BDE557814842A3121E8DDFD433A539B8C9F14BF31EBF108D12E6196E9),
    ],
)
def test_selectors_are_the_published_ones(name, number) -> None:
    assert selector(name) == number


def test_fees_of_pools_are_the_published_fractions() -> None:
    assert fee_fraction(5) == 170141183460469235273462165868118016
    assert fee_fraction(30) == 1020847100762815411640772995208708096


def test_pools_start_at_the_fair_prices(bench) -> None:
    assert len(bench.chain.state.pools) == len(PLANS)
    for key, pool in bench.chain.state.pools.items():
        fair = [
            bench.prices.usd(next(t for t in TOKENS if t.address == token), bench.now_ns) for token in (key.token0, key.token1)
        ]
        units = [next(t for t in TOKENS if t.address == token).unit for token in (key.token0, key.token1)]
        assert pool.price() * units[0] / units[1] == pytest.approx(float(fair[0] / fair[1]), rel=1e-6)


def test_a_swap_pays_what_the_quote_said_when_nothing_moves(bench) -> None:
    before = supply(bench)
    quote = bench.quote(ETH, USDC, 2 * 10**18)
    usdc, strk = bench.held(USDC), bench.held(STRK)
    digest = bench.send(bench.calls(quote))
    bench.pass_ms(200)
    receipt = bench.receipt(digest)
    assert receipt["finality_status"] == "PRE_CONFIRMED"
    assert "block_hash" not in receipt
    assert receipt["block_number"] == bench.chain.block_number + 1
    assert bench.held(USDC) - usdc == quote.plan.bought
    fee = int(receipt["actual_fee"]["amount"], 16)
    assert strk - bench.held(STRK) == fee == bench.chain.state.balance(STRK, SEQUENCER)
    used = receipt["execution_resources"]
    assert fee == used["l2_gas"] * bench.settings.l2_gas_price + used["l1_data_gas"] * bench.settings.l1_data_gas_price
    assert supply(bench) == before
    assert bench.chain.state.allowances[ETH, TRADER, AVNU_EXCHANGE] == 0
    share = bench.chain.state.balance(USDC, constants.FEES_RECIPIENT)
    assert share == (quote.plan.bought + share) * bench.settings.single_route_fee_bps // 10_000 > 0
    assert bench.chain.state.balance(ETH, AVNU_EXCHANGE) == bench.chain.state.balance(USDC, AVNU_EXCHANGE) == 0
    bench.pass_ms(1000)
    assert bench.receipt(digest)["block_hash"] == hex(bench.chain.blocks[-1].digest)


def test_latest_lags_behind_pre_confirmed(bench) -> None:
    bench.send(APPROVE)
    assert (bench.nonce(), bench.nonce("latest")) == (0, 0)
    bench.pass_ms(200)
    assert (bench.nonce(), bench.nonce("latest")) == (1, 0)
    bench.pass_ms(1000)
    assert (bench.nonce(), bench.nonce("latest")) == (1, 1)
    bench.send(APPROVE)
    bench.pass_ms(200)
    assert (bench.nonce(), bench.nonce("latest")) == (2, 1)


def test_what_the_estimate_says_is_charged(bench) -> None:
    calls = bench.calls(bench.quote(USDC, WBTC, 10**9))
    body = bench.invoke(calls, version=hex((1 << 128) + 3))
    (estimate,) = bench.rpc("estimateFee", request=[body], simulation_flags=[], block_id="pre_confirmed")
    digest = bench.send(calls)
    bench.pass_ms(200)
    assert bench.receipt(digest)["actual_fee"] == {"amount": estimate["overall_fee"], "unit": "FRI"}


def test_an_estimate_checks_nonce_and_signature_unless_told_not_to(bench) -> None:
    body = {**bench.invoke(APPROVE, version=hex((1 << 128) + 3)), "signature": ["0x1", "0x1"]}
    refused = bench.rpc("estimateFee", request=[body], simulation_flags=[])
    assert (refused["code"], refused["data"]["transaction_index"]) == (41, 0)
    assert "invalid signature" in refused["data"]["execution_error"]["error"]
    assert len(bench.rpc("estimateFee", request=[body], simulation_flags=["SKIP_VALIDATE"])) == 1
    late = bench.invoke(APPROVE, nonce=4)
    assert "Invalid transaction nonce" in str(bench.rpc("estimateFee", request=[late], simulation_flags=["SKIP_VALIDATE"]))


def test_a_stuck_transaction_waits_until_released(bench) -> None:
    bench.inject(FaultKind.STUCK_TRANSACTION)
    digest = bench.send(APPROVE)
    bench.pass_ms(60_000)
    assert bench.status(digest) == {"finality_status": "RECEIVED"}
    assert bench.receipt(digest)["code"] == 29
    assert bench.nonce() == 0
    bench.chain.mempool.release(bench.now_ns)
    bench.pass_ms(1)
    assert bench.status(digest)["execution_status"] == "SUCCEEDED"


def test_a_transaction_stuck_for_a_while_comes_through(bench) -> None:
    bench.inject(FaultKind.STUCK_TRANSACTION, secs=5)
    digest = bench.send(APPROVE)
    bench.pass_ms(4_900)
    assert "execution_status" not in bench.status(digest)
    bench.pass_ms(200)
    assert bench.status(digest)["execution_status"] == "SUCCEEDED"


def test_a_dropped_transaction_leaves_its_nonce_free(bench) -> None:
    bench.inject(FaultKind.DROP_TRANSACTION, secs=0.5)
    digest = bench.send(APPROVE)
    assert bench.status(digest)["finality_status"] == "RECEIVED"
    bench.pass_ms(600)
    assert bench.status(digest)["code"] == 29
    assert bench.nonce() == 0
    again = bench.send(APPROVE)
    assert again == digest
    bench.pass_ms(200)
    assert bench.status(again)["execution_status"] == "SUCCEEDED"


def test_a_replaced_transaction_vanishes_and_its_nonce_is_used(bench) -> None:
    bench.inject(FaultKind.REPLACE_TRANSACTION)
    strk, digest = bench.held(STRK), bench.send(APPROVE)
    assert bench.status(digest)["finality_status"] == "RECEIVED"
    bench.pass_ms(200)
    assert bench.status(digest)["code"] == 29
    assert bench.nonce() == 1
    assert bench.held(STRK) < strk
    assert (ETH, TRADER, AVNU_EXCHANGE) not in bench.chain.state.allowances
    assert bench.send(APPROVE, nonce=0)["code"] == 52


def test_a_nonce_race_is_lost(bench) -> None:
    bench.inject(FaultKind.NONCE_RACE)
    assert bench.send(APPROVE)["code"] == 52
    assert bench.nonce() == 1
    assert bench.send(APPROVE).startswith("0x")


def test_a_skewed_nonce_is_told_once(bench) -> None:
    bench.inject(FaultKind.NONCE_SKEW, reason="3")
    assert (bench.nonce(), bench.nonce()) == (3, 0)


def test_a_gas_spike_holds_transactions_back_and_passes(bench) -> None:
    digest = bench.send(APPROVE, price=4_000_000_000)
    bench.inject(FaultKind.GAS_SPIKE, reason="2", secs=3)
    bench.pass_ms(1000)
    assert "execution_status" not in bench.status(digest)
    assert bench.send(APPROVE, nonce=0, price=5_900_000_000, account=ACCOUNTS[1])["code"] == 65
    bench.pass_ms(3500)
    assert bench.status(digest)["execution_status"] == "SUCCEEDED"


def test_a_gap_in_nonces_is_refused_or_waits(bench) -> None:
    assert bench.send(APPROVE, nonce=1)["code"] == 52
    bench.settings.max_nonce_gap = 2
    later = bench.send(APPROVE, nonce=1)
    bench.pass_ms(500)
    assert "execution_status" not in bench.status(later)
    bench.send(APPROVE, nonce=0)
    bench.pass_ms(500)
    assert bench.status(later)["execution_status"] == "SUCCEEDED"


def test_errors_come_when_asked_for(bench) -> None:
    bench.inject(FaultKind.RPC_ERROR, path="addInvokeTransaction", status=52, reason="raced")
    assert bench.send(APPROVE) == {"code": 52, "message": "Invalid transaction nonce", "data": "raced"}
    assert bench.rpc("nonsense")["code"] == -32601
    assert bench.rpc("getNonce")["code"] == -32602
    assert bench.rpc("addInvokeTransaction", invoke_transaction={"type": "INVOKE"})["code"] == -32602
    assert bench.send(APPROVE, version="0x1")["code"] == 61


def test_an_approval_lets_no_more_be_taken(bench) -> None:
    _, swap = bench.calls(bench.quote(ETH, USDC, 10**17))
    bench.send([(ETH, constants.APPROVE, [AVNU_EXCHANGE, 15 * 10**16, 0]), swap])
    bench.pass_ms(200)
    assert bench.chain.state.allowances[ETH, TRADER, AVNU_EXCHANGE] == 5 * 10**16
    digest = bench.send([swap])
    bench.pass_ms(200)
    assert "u256_sub Overflow" in bench.receipt(digest)["revert_reason"]


def test_refusals_and_signatures(bench) -> None:
    body = bench.invoke(APPROVE)
    poor = bench.invoke(APPROVE, l2_gas=10**15)
    assert bench.rpc("addInvokeTransaction", invoke_transaction=poor)["code"] == 54
    for field, value in (("nonce", "0x0"), ("tip", "0x1"), ("signature", ["0x1", "0x2"]), ("calldata", ["0x0"])):
        changed = {**(bench.invoke(APPROVE, nonce=1) if field == "nonce" else body), field: value}
        assert bench.rpc("addInvokeTransaction", invoke_transaction=changed)["code"] == 55
    other = bench.invoke(APPROVE, l2_gas=70_000_000)["resource_bounds"]
    assert bench.rpc("addInvokeTransaction", invoke_transaction={**body, "resource_bounds": other})["code"] == 55
    assert "transaction_hash" in bench.rpc("addInvokeTransaction", invoke_transaction=body)
    assert bench.rpc("addInvokeTransaction", invoke_transaction=body)["code"] == 59


def test_a_reverted_transaction_costs_no_more_than_its_bounds(bench) -> None:
    calls = bench.calls(bench.quote(ETH, USDC, 10**17))
    digest = bench.send(calls, l2_gas=4_500_000, price=bench.settings.l2_gas_price)
    bench.pass_ms(200)
    receipt = bench.receipt(digest)
    assert receipt["execution_status"] == "REVERTED"
    assert "Insufficient max L2Gas" in bench.status(digest)["failure_reason"]
    data_fee = 10_000 * 10**9
    assert int(receipt["actual_fee"]["amount"], 16) == 4_500_000 * bench.settings.l2_gas_price + data_fee


def test_outsiders_pay_into_the_core_what_the_pools_take(bench) -> None:
    key = next(key for key in bench.chain.state.pools if {key.token0, key.token1} == {ETH, USDC})
    before, pool = bench.chain.state, bench.chain.state.pools[key]
    after = before.fork()
    push(after, key, pool.sqrt_ratio * 99 // 100)
    moved = {
        token: after.balance(token, constants.EKUBO_CORE) - before.balance(token, constants.EKUBO_CORE) for token in TOKEN_IDS
    }
    done = pool.swap(1 << 126, is_token1=False, limit=pool.sqrt_ratio * 99 // 100)
    assert moved == {**dict.fromkeys(TOKEN_IDS, 0), key.token0: done.amount0, key.token1: done.amount1}
    assert done.amount0 > 0 > done.amount1


def test_front_running_moves_the_pool_against_the_swap(bench) -> None:
    quote = bench.quote(ETH, USDC, 10**18)
    bench.inject(FaultKind.FRONT_RUN, reason="0.004")
    usdc, digest = bench.held(USDC), bench.send(bench.calls(quote))
    bench.pass_ms(200)
    assert bench.status(digest)["execution_status"] == "SUCCEEDED"
    assert bench.held(USDC) - usdc == pytest.approx(quote.plan.bought * 0.996, rel=2e-4)


def test_arbitrage_closes_a_gap_by_half_each_half_life(bench) -> None:
    key = next(key for key in bench.chain.state.pools if {key.token0, key.token1} == {ETH, USDC})
    fair = bench.chain.state.pools[key].price()
    assert key.token1 == ETH
    bench.inject(FaultKind.PRICE_SHOCK, reason="0.05", path="ETH")
    bench.pass_ms(1)
    gaps = [fair / bench.chain.state.pools[key].price() - 1]
    assert gaps[0] == pytest.approx(0.05, rel=1e-3)
    bench.chain.step_market(bench.now_ns)
    for _ in range(3):
        bench.now_ns += round(bench.settings.refill_half_life_secs * 1e9)
        bench.chain.step_market(bench.now_ns)
        gaps.append(fair / bench.chain.state.pools[key].price() - 1)
    fee = key.fee / 2**128
    for wider, narrower in pairwise(gaps):
        assert (narrower - fee) / (wider - fee) == pytest.approx(0.5, abs=0.03)
    assert bench.held(ETH) == 5 * 10**18


def test_pools_follow_the_tape_within_their_fee(bench) -> None:
    eth = next(token for token in TOKENS if token.symbol == "ETH")
    start = float(bench.prices.usd(eth, bench.now_ns))
    for _ in range(48):
        bench.now_ns += 3600 * 10**9
        bench.chain.step_market(bench.now_ns)
    price = float(bench.prices.usd(eth, bench.now_ns))
    assert abs(price / start - 1) > 0.001
    for key, pool in bench.chain.state.pools.items():
        if {key.token0, key.token1} == {ETH, USDC}:
            ratio = pool.price() * 1e12 / price if key.token0 == ETH else 1e12 / pool.price() / price
            assert abs(ratio - 1) <= key.fee / 2**128 + 1e-6
    for token in TOKENS:
        assert bench.chain.state.balance(token.address, constants.EKUBO_CORE) > 0


WRONG_SWAPS = [
    ("Beneficiary is not the caller", 8, 0x123),
    ("Token from amount is 0", 1, 0),
    ("Token from balance is too low", 1, 10**20),
    ("Routes is empty", 11, 0),
    ("Invalid token from", 12, USDC),
    ("Invalid token to", 13, WBTC),
    ("Unknown exchange", 14, 0x99),
    ("Invalid route percent", 15, 2 * 10**12),
    ("Insufficient tokens received", 6, 10**15),
    ("NOT_INITIALIZED", 20, 5),
    ("Residual tokens", 15, 5 * 10**11),
    ("Failed to deserialize", 16, 9),
    ("u256_sub Overflow", 1, 10**18 + 1),
]


@pytest.mark.parametrize(("message", "index", "value"), WRONG_SWAPS)
def test_a_wrong_swap_reverts_in_the_contracts_words(bench, message, index, value) -> None:
    approve, (contract, name, words) = bench.calls(bench.quote(ETH, USDC, 10**18), slippage="0.9")
    assert (len(words), words[11]) == (23, 1)
    changed = list(words[:12]) if message == "Routes is empty" else list(words)
    changed[index] = value
    before, supplied = bench.held(ETH), supply(bench)
    digest = bench.send([approve, (contract, name, changed)])
    bench.pass_ms(200)
    receipt = bench.receipt(digest)
    assert message in receipt["revert_reason"]
    assert bench.held(ETH) == before
    assert supply(bench) == supplied
    assert (ETH, TRADER, AVNU_EXCHANGE) not in bench.chain.state.allowances


def test_calls_that_are_none_revert(bench) -> None:
    for calls, message in (
        ([(0x77, 1, [])], "not deployed"),
        ([(ETH, 1, [])], "ENTRYPOINT_NOT_FOUND"),
        ([(ETH, constants.TRANSFER, [5, 10**30, 0])], "u256_sub Overflow"),
        ([(USDC, constants.TRANSFER, [5, 10**30, 0])], "ERC20: insufficient balance"),
    ):
        digest = bench.send(calls)
        bench.pass_ms(200)
        assert message in bench.receipt(digest)["revert_reason"]
    digest = bench.send(APPROVE, calldata=["0x2", "0x1"])
    bench.pass_ms(200)
    assert "Failed to deserialize" in bench.receipt(digest)["revert_reason"]


@pytest.mark.parametrize("seed", range(3))
def test_tokens_are_conserved_whatever_happens(bench, seed) -> None:
    chance, tokens = random.Random(seed), [token.address for token in TOKENS]
    kinds = [FaultKind.STUCK_TRANSACTION, FaultKind.DROP_TRANSACTION, FaultKind.REPLACE_TRANSACTION, FaultKind.REVERT]
    before = supply(bench)
    for _ in range(60):
        sell, buy = chance.sample(tokens, 2)
        amount = bench.held(sell) // chance.choice([20, 50, 1000])
        if chance.random() < 0.3:
            bench.inject(chance.choice(kinds), secs=0.3)
        bench.send(bench.calls(bench.quote(sell, buy, amount, only_direct=False)))
        bench.pass_ms(chance.choice([50, 500, 1500]))
        assert supply(bench) == before
    records = bench.chain.records.values()
    assert sum(record.outcome is not None and record.outcome.revert_reason is None for record in records) >= 10
    assert sum(record.outcome is not None and record.outcome.revert_reason is not None for record in records) >= 1
    assert bench.chain.nonces[TRADER] == sum(record.outcome is not None for record in records)
