"""A Starknet node: every refusal by its code, and an outcome that is not known never told as a refusal."""

import pytest
from ekubo_wire import Wire, lost, rpc_error, rpc_result

from adapters.ekubo.constants import SELECTORS
from adapters.ekubo.pools import PoolKey, PoolState
from adapters.ekubo.rpc import AccountRefused, NodeCode, NodeRefused, StarknetRpc, reason_of
from adapters.ekubo.signing import selector
from adapters.errors import Auth, Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected

TRANSACTION = {"type": "INVOKE", "nonce": "0x3"}
ESTIMATE = {
    "l1_gas_consumed": "0x0",
    "l1_gas_price": "0x2d79883d2000",
    "l2_gas_consumed": "0x6acfc0",
    "l2_gas_price": "0xb2d05e00",
    "l1_data_gas_consumed": "0x540",
    "l1_data_gas_price": "0x8f0d180",
    "overall_fee": "0x4a91",
    "unit": "FRI",
    "unheard_of": [1],
}


def rpc(wire: Wire) -> StarknetRpc:
    return StarknetRpc(wire, "https://node.example/rpc", sleep=wire.sleep, jitter=lambda: 1.0)


def test_selectors_are_those_of_their_names():
    assert {name: selector(name) for name in SELECTORS} == SELECTORS


async def test_reads_are_asked_by_name_and_answered_as_numbers():
    wire = Wire(*map(rpc_result, ["0.10.2", "0x534e5f4d41494e", "0x3", "0x77", ["0x64", "0x1"], ["0x12"]]))
    node = rpc(wire)
    assert await node.spec_version() == "0.10.2"
    assert await node.chain_id() == 0x534E5F4D41494E
    assert await node.nonce(0x123) == 3
    assert wire.asked[-1][2]["method"] == "starknet_getNonce"
    assert wire.asked[-1][2]["params"] == {"contract_address": "0x123", "block_id": "pre_confirmed"}
    assert await node.class_hash_at(0x123, "latest") == 0x77
    assert await node.balance_of(0x1, 0x2) == 100 + 2**128
    request = wire.asked[-1][2]["params"]["request"]
    assert request == {
        "contract_address": "0x1",
        "entry_point_selector": hex(SELECTORS["balance_of"]),
        "calldata": ["0x2"],
    }
    assert await node.decimals(0x1) == 18
    assert len({asked[2]["id"] for asked in wire.asked}) == len(wire.asked)


async def test_a_pool_is_its_price_and_its_liquidity():
    key = PoolKey(1, 2, 3, 1000, 0)
    wire = Wire(rpc_result(["0x5", "0x1", "0x7", "0x1", "0x0", "0x0"]), rpc_result(["0x9"]))
    assert await rpc(wire).pool(0xC, key) == PoolState(key, 5 + 2**128, -7, 9)
    assert [asked[2]["params"]["request"]["calldata"] for asked in wire.asked] == [["0x1", "0x2", "0x3", "0x3e8", "0x0"]] * 2
    with pytest.raises(Protocol, match="2 words"):
        await rpc(Wire(rpc_result(["0x5", "0x1"]))).pool_price(0xC, key.words())


async def test_an_estimate_and_a_receipt_are_read_with_fields_nobody_knows():
    estimate = await rpc(Wire(rpc_result([ESTIMATE]))).estimate_fee(TRANSACTION)
    assert (estimate.l2_gas_consumed, estimate.overall_fee) == (7_000_000, 0x4A91)
    receipt = {
        "type": "INVOKE",
        "transaction_hash": "0x9",
        "actual_fee": {"amount": "0x11c37937e08000", "unit": "FRI", "new": 1},
        "execution_status": "SUCCEEDED",
        "finality_status": "PRE_CONFIRMED",
        "messages_sent": [],
        "events": [{"from_address": "0x1", "keys": ["0x2"], "data": []}],
        "execution_resources": {"l2_gas": 7000000},
        "block_number": 100,
    }
    found = await rpc(Wire(rpc_result(receipt))).receipt(9)
    assert (found.actual_fee.amount, found.block_hash, found.events[0].keys) == (0x11C37937E08000, None, (2,))
    with pytest.raises(Protocol, match="2 estimates"):
        await rpc(Wire(rpc_result([ESTIMATE, ESTIMATE]))).estimate_fee(TRANSACTION)


async def test_a_transaction_nobody_knows_is_none_and_no_error():
    for method in ("status", "receipt"):
        assert await getattr(rpc(Wire(rpc_error(29, "Transaction hash not found"))), method)(5) is None


async def test_a_status_says_whether_it_was_executed():
    received = await rpc(Wire(rpc_result({"finality_status": "RECEIVED"}))).status(1)
    reverted = {"finality_status": "PRE_CONFIRMED", "execution_status": "REVERTED", "failure_reason": "x", "new": 1}
    executed = await rpc(Wire(rpc_result(reverted))).status(1)
    assert (received.is_executed, executed.is_executed, executed.failure_reason) == (False, True, "x")


@pytest.mark.parametrize("code", [each for each in NodeCode if each not in (1, 29, 63, -32603, -32005)])
async def test_every_refusal_of_a_read_keeps_its_code_and_words(code):
    with pytest.raises(NodeRefused, match=f"^{int(code)}: getNonce: no: why$") as caught:
        await rpc(Wire(rpc_error(code, "no", "why"))).nonce(1)
    assert (caught.value.node_code, caught.value.code) == (code, str(int(code)))
    assert isinstance(caught.value, Auth) == (code is NodeCode.VALIDATION_FAILED)


async def test_a_code_nobody_knows_is_a_refusal_without_a_name():
    with pytest.raises(NodeRefused) as caught:
        await rpc(Wire(rpc_error(777, "new"))).nonce(1)
    assert caught.value.node_code is None


async def test_the_innermost_reason_is_found():
    leaf = "0x496e ('Insufficient tokens received')"
    nested = {"error": {"class_hash": "0x1", "error": {"error": leaf}}, "contract_address": "0x2"}
    data = {"transaction_index": 0, "execution_error": nested}
    with pytest.raises(NodeRefused, match="Insufficient tokens received"):
        await rpc(Wire(rpc_error(41, "Transaction execution error", data))).estimate_fee(TRANSACTION)
    assert reason_of({"revert_error": "text"}) == "text"
    assert reason_of(None) is None
    assert reason_of({"unheard": 1}) is None
    assert reason_of([1, 2]) == "[1, 2]"


async def test_reads_are_tried_again_where_that_may_help():
    wire = Wire(lost(), (503, b"down"), rpc_result("0x5"))
    assert await rpc(wire).nonce(1) == 5
    assert wire.slept == [0.25, 0.5]
    wire = Wire((429, b"slow", {"retry-after": "2"}), rpc_error(-32005, "limit exceeded"), rpc_error(63, "unexpected"))
    with pytest.raises(Connectivity, match="unexpected"):
        await rpc(wire).nonce(1)
    assert wire.slept == [2.0, 0.5]
    with pytest.raises(RateLimited):
        await rpc(Wire(*[(429, b"slow")] * 3)).nonce(1)
    with pytest.raises(Auth):
        await rpc(Wire((401, b"no key"))).nonce(1)
    for broken in (b"<html>", b"", rpc_result("zz"), {"jsonrpc": "2.0", "id": 1}):
        with pytest.raises(Protocol):
            await rpc(Wire(broken)).nonce(1)


async def test_an_error_in_words_counts_even_under_an_http_error():
    with pytest.raises(NodeRefused, match="Invalid params"):
        await rpc(Wire((400, rpc_error(-32602, "Invalid params")))).nonce(1)


async def test_a_transaction_that_is_taken_has_its_hash():
    wire = Wire(rpc_result({"transaction_hash": "0xabc", "new": 1}))
    assert await rpc(wire).add_invoke(TRANSACTION) == 0xABC
    assert wire.asked[0][2]["params"] == {"invoke_transaction": TRANSACTION}


DEFINITE = [20, 41, 52, 53, 54, 55, 59, 61, 64, 65, -32700, -32600, -32601, -32602]


@pytest.mark.parametrize("code", DEFINITE)
async def test_a_transaction_refused_in_words_is_a_refusal_sent_once(code):
    wire = Wire(rpc_error(code, "no"))
    with pytest.raises(NodeRefused) as caught:
        await rpc(wire).add_invoke(TRANSACTION)
    assert caught.value.node_code == code
    assert isinstance(caught.value, AccountRefused) == (code == 55)
    assert len(wire.asked) == 1


IN_DOUBT = {
    "no answer": lost(),
    "server error": (500, b"oops"),
    "gateway": (504, b"timeout"),
    "rate": (429, b"slow"),
    "rate in words": rpc_error(-32005, "limit"),
    "not allowed": (401, b"no key"),
    "unexpected": rpc_error(63, "unexpected"),
    "internal": rpc_error(-32603, "internal"),
    "failed to receive": rpc_error(1, "failed"),
    "unknown code": rpc_error(777, "new"),
    "hash not found": rpc_error(29, "odd"),
    "contract error": rpc_error(40, "odd"),
    "no JSON": b"<html>",
    "nothing": b"",
    "too deep": b'{"result":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "no result": {"jsonrpc": "2.0", "id": 1},
    "another result": rpc_result({"hash": "0x1"}),
    "no number": rpc_result({"transaction_hash": "zz"}),
}


@pytest.mark.parametrize("name", IN_DOUBT)
async def test_wherever_a_transaction_may_have_been_taken_the_outcome_is_unknown_and_it_is_sent_once(name):
    wire = Wire(IN_DOUBT[name])
    with pytest.raises(OutcomeUnknown) as caught:
        await rpc(wire).add_invoke(TRANSACTION)
    assert not isinstance(caught.value, Rejected)
    assert (len(wire.asked), wire.slept) == (1, [])
