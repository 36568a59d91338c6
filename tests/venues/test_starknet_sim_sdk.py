"""starknet-py's own client and account against the simulated node, and swaps built by the simulated aggregator."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from simulators import Simulators, launch
from simulators.faults import Fault, FaultKind
from simulators.starknet import constants

CHAIN_ID = 0x534E5F4D41494E


@pytest.fixture(scope="session")
def sdk() -> SimpleNamespace:
    """The parts of starknet-py in use; importing it takes seconds, so once."""
    import fast_stark_crypto
    from starknet_py.hash.selector import get_selector_from_name
    from starknet_py.net.account.account import Account
    from starknet_py.net.client_errors import ClientError
    from starknet_py.net.client_models import Call, ResourceBounds, ResourceBoundsMapping
    from starknet_py.net.full_node_client import FullNodeClient
    from starknet_py.net.signer.key_pair import KeyPair
    from starknet_py.net.signer.stark_curve_signer import StarkCurveSigner

    class FastSigner(StarkCurveSigner):
        def sign_transaction(self, transaction: Any) -> list[int]:
            digest = transaction.calculate_hash(self.chain_id)
            return list(fast_stark_crypto.sign(private_key=self.private_key, msg_hash=digest))

    names = [Account, ClientError, Call, ResourceBounds, ResourceBoundsMapping, FullNodeClient, KeyPair, FastSigner]
    return SimpleNamespace(**{each.__name__: each for each in names}, selector=get_selector_from_name)


class Desk:
    """A wallet, and the aggregator it asks."""

    def __init__(self, sims: Simulators, session: aiohttp.ClientSession, sdk: SimpleNamespace) -> None:
        self.sims, self.session, self.sdk = sims, session, sdk
        self.venue, self.chain = sims.starknet, sims.starknet.chain
        ready = sims.ready["starknet"]
        self.url, self.tokens = ready["avnu_url"], {name: int(token["address"], 16) for name, token in ready["tokens"].items()}
        self.client = sdk.FullNodeClient(ready["rpc_url"], session=session)
        self.account = self.open(ready["accounts"][0])
        self.address = self.account.address

    def open(self, account: dict[str, str], key: int | None = None) -> Any:
        address, private = int(account["address"], 16), key or int(account["private_key"], 16)
        signer = self.sdk.FastSigner(address, self.sdk.KeyPair.from_private_key(private), CHAIN_ID)
        return self.sdk.Account(address=address, client=self.client, signer=signer)

    async def quote(self, sell: str, buy: str, **params: Any) -> list[dict[str, Any]]:
        tokens = {"sellTokenAddress": hex(self.tokens[sell]), "buyTokenAddress": hex(self.tokens[buy])}
        async with self.session.get(f"{self.url}/swap/v3/quotes", params={**tokens, **params}) as answer:
            return await answer.json()

    async def build(self, quote: dict[str, Any], slippage: float = 0.005, **fields: Any) -> dict[str, Any]:
        body = {"quoteId": quote["quoteId"], "takerAddress": hex(self.address), "slippage": slippage, "includeApprove": True}
        async with self.session.post(f"{self.url}/swap/v3/build", json={**body, **fields}) as answer:
            return await answer.json()

    async def calls(self, sell: str, buy: str, amount: int, **params: Any) -> tuple[dict[str, Any], list[Any]]:
        quote = (await self.quote(sell, buy, sellAmount=hex(amount), **params))[0]
        return quote, self.read((await self.build(quote))["calls"])

    def read(self, calls: list[dict[str, Any]]) -> list[Any]:
        return [
            self.sdk.Call(
                int(call["contractAddress"], 16),
                self.sdk.selector(call["entrypoint"]),
                [int(word, 0) for word in call["calldata"]],
            )
            for call in calls
        ]

    def approve(self, amount: int = 1) -> Any:
        return self.sdk.Call(constants.ETH, constants.APPROVE, [constants.AVNU_EXCHANGE, amount, 0])

    def bounds(self, l2_gas: int = 60_000_000, price: int = 5_000_000_000) -> Any:
        bound = self.sdk.ResourceBounds
        return self.sdk.ResourceBoundsMapping(l1_gas=bound(0, 0), l2_gas=bound(l2_gas, price), l1_data_gas=bound(10_000, 10**9))

    async def send(self, calls: list[Any], **options: Any) -> int:
        return (await self.account.execute_v3(calls, **(options or {"auto_estimate": True}))).transaction_hash

    async def settled(self, digest: int, final: str = "ACCEPTED_ON_L2") -> Any:
        """Return the receipt once the transaction has come so far."""
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(self.sdk.ClientError):  # not known yet
                    if (await self.client.get_transaction_status(digest)).finality_status.value == final:
                        return await self.client.get_transaction_receipt(digest)
                await asyncio.sleep(0.05)

    def held(self, token: str, holder: int | None = None) -> int:
        return self.chain.state.balance(self.tokens[token], self.address if holder is None else holder)

    async def refusal(self, calls: list[Any], **options: Any) -> Any:
        with pytest.raises(self.sdk.ClientError) as caught:
            await self.account.execute_v3(calls, **options)
        return caught.value

    def inject(self, kind: FaultKind, **fields: Any) -> Fault:
        return self.venue.faults.inject(Fault(kind=kind, **fields))


@pytest_asyncio.fixture
async def desk(sdk: SimpleNamespace) -> AsyncIterator[Desk]:
    async with launch(seed=3, hour_secs=3600.0, only="starknet", scenario="calm") as sims, aiohttp.ClientSession() as session:
        yield Desk(sims, session, sdk)


def transfers(receipt: Any, token: int) -> list[tuple[int, int, int]]:
    """Read the transfers of a token in either layout: sender, receiver, amount."""
    found = [each for each in receipt.events if each.from_address == token and each.keys[0] == constants.TRANSFER_EVENT]
    words = [(*each.keys[1:], *each.data) for each in found]
    return [(sender, receiver, low + (high << 128)) for sender, receiver, low, high in words]


async def test_reads(desk: Desk) -> None:
    client = desk.client
    assert int(await client.get_chain_id(), 16) == CHAIN_ID
    assert await client.spec_version() == "0.10.2"
    assert await client.get_block_number() == desk.chain.block_number
    block = await client.get_block_with_tx_hashes(block_number="latest")
    assert (block.block_number, block.transactions) == (desk.chain.block_number, [])
    assert (await client.get_block_hash_and_number()).block_hash == desk.chain.blocks[-1].digest
    assert (await client.get_block(block_number=block.block_number)).block_hash == block.block_hash
    assert await client.get_contract_nonce(desk.address) == 0
    assert await client.get_class_hash_at(desk.address) == constants.ACCOUNT_CLASS_HASH
    assert await desk.account.get_balance(constants.ETH) == 5 * 10**18
    for call, code in (
        (client.get_contract_nonce(0x123), 20),
        (client.get_transaction_receipt(0x123), 29),
        (client.get_transaction_status(0x123), 29),
        (client.get_block_with_tx_hashes(block_number=1), 24),
        (client.call_contract(desk.sdk.Call(0x123, 1, [])), 20),
        (client.call_contract(desk.sdk.Call(constants.ETH, 1, [])), 40),
    ):
        with pytest.raises(desk.sdk.ClientError) as caught:
            await call
        assert caught.value.code == code


async def test_contract_reads(desk: Desk) -> None:
    async def read(contract: int, name: str, *words: int) -> list[int]:
        return await desk.client.call_contract(desk.sdk.Call(contract, desk.sdk.selector(name), list(words)))

    assert await read(constants.USDC, "decimals") == [6]
    assert await read(constants.USDC, "balance_of", desk.address) == [20_000 * 10**6, 0]
    assert await read(constants.USDC, "allowance", desk.address, constants.AVNU_EXCHANGE) == [0, 0]
    key, pool = next(iter(desk.chain.state.pools.items()))
    low, high, tick, negative = await read(constants.EKUBO_CORE, "get_pool_price", *key.fields())
    assert (low + (high << 128), tick * (1 - 2 * negative)) == (pool.sqrt_ratio, pool.tick)
    assert await read(constants.EKUBO_CORE, "get_pool_liquidity", *key.fields()) == [pool.liquidity]
    expected = pool.swap(10**9, is_token1=False)
    words = await read(constants.EKUBO_ROUTER, "quote_swap", *key.fields(), 0, 0, 0, key.token0, 10**9, 0)
    assert words == [expected.amount0, 0, -expected.amount1, 1]
    # Buyable while the price moves by 0.1 %; moving the price by just that pays out just that
    depth0, depth1 = await read(constants.EKUBO_ROUTER, "get_market_depth_v2", *key.fields(), 2**64 // 1000)
    bought = pool.swap(-depth1, is_token1=True)
    assert bought.pool.price() / pool.price() == pytest.approx(0.999, abs=1e-6)
    assert pool.swap(-depth0, is_token1=False).pool.price() / pool.price() == pytest.approx(1.001, abs=1e-6)


@pytest.mark.parametrize(("sell", "buy", "amount"), [("ETH", "USDC", 10**18), ("USDC", "STRK", 10**8), ("STRK", "WBTC", 10**20)])
async def test_a_built_swap_moves_balances_exactly(desk: Desk, sell: str, buy: str, amount: int) -> None:
    sold_before, bought_before, strk_before = desk.held(sell), desk.held(buy), desk.held("STRK")
    quote, calls = await desk.calls(sell, buy, amount, excludeSources="Nostra")
    receipt = await desk.settled(await desk.send(calls))
    assert receipt.execution_status.value == "SUCCEEDED"
    assert receipt.finality_status.value == "ACCEPTED_ON_L2"
    fee, out = receipt.actual_fee.amount, int(quote["buyAmount"], 16)
    gas = {"STRK": fee}
    assert sold_before - desk.held(sell) == amount + gas.get(sell, 0)
    swap = next(each for each in receipt.events if each.keys == [constants.SWAP_EVENT])
    received = swap.data[5]
    assert swap.data == [desk.address, desk.tokens[sell], amount, 0, desk.tokens[buy], received, 0, desk.address]
    assert desk.held(buy) - bought_before == received - gas.get(buy, 0)
    assert received == pytest.approx(out, rel=1e-4)  # the pool may move with the market in between
    assert received == sum(value for _, receiver, value in transfers(receipt, desk.tokens[buy]) if receiver == desk.address)
    assert transfers(receipt, constants.STRK)[-1] == (desk.address, constants.SEQUENCER, fee)
    if "STRK" not in (sell, buy):
        assert strk_before - desk.held("STRK") == fee
    assert await desk.client.get_contract_nonce(desk.address) == 1
    known = await desk.client.get_transaction(receipt.transaction_hash)
    assert (known.nonce, known.sender_address) == (0, desk.address)
    events = await desk.client.get_events(address=constants.AVNU_EXCHANGE, keys=[[constants.SWAP_EVENT]], chunk_size=10)
    assert [event.transaction_hash for event in events.events] == [receipt.transaction_hash]


async def test_a_pool_event_tells_the_price_after_the_swap(desk: Desk) -> None:
    desk.venue.settings.refill_half_life_secs = 1e12  # arbitrage stands still
    _, calls = await desk.calls("ETH", "USDC", 3 * 10**18, excludeSources="Nostra", onlyDirect="true")
    before = dict(desk.chain.state.pools)
    receipt = await desk.settled(await desk.send(calls), "PRE_CONFIRMED")
    swapped = [each.data for each in receipt.events if each.keys == [constants.SWAPPED_EVENT]]
    assert swapped
    for data in swapped:
        assert len(data) == 21
        key = next(key for key in before if key.fields() == tuple(data[1:6]))
        pool = desk.chain.state.pools[key]
        assert data[16] + (data[17] << 128) == pool.sqrt_ratio != before[key].sqrt_ratio
        assert data[18] * (1 - 2 * data[19]) == pool.tick
        assert data[20] == pool.liquidity


async def test_exact_output_buys_the_amount_and_returns_the_rest(desk: Desk) -> None:
    eth, usdc = desk.held("ETH"), desk.held("USDC")
    quote = (await desk.quote("ETH", "USDC", buyAmount=hex(1000 * 10**6)))[0]
    assert quote["exactTokenTo"] is True
    receipt = await desk.settled(await desk.send(desk.read((await desk.build(quote))["calls"])))
    assert receipt.execution_status.value == "SUCCEEDED"
    assert 1000 * 10**6 <= desk.held("USDC") - usdc <= 1000 * 10**6 + 1
    assert eth - desk.held("ETH") == pytest.approx(int(quote["sellAmount"], 16), rel=1e-4)


async def test_statuses_follow_one_another(desk: Desk) -> None:
    desk.venue.settings.block_secs = 1.0
    digest, seen = await desk.send([desk.approve()]), []
    async with asyncio.timeout(20):
        while "ACCEPTED_ON_L2" not in seen:
            status = await desk.client.get_transaction_status(digest)
            assert (status.execution_status is None) == (status.finality_status.value in ("RECEIVED", "CANDIDATE"))
            if status.finality_status.value not in seen:
                seen.append(status.finality_status.value)
            await asyncio.sleep(0.005)
    order = ["RECEIVED", "CANDIDATE", "PRE_CONFIRMED", "ACCEPTED_ON_L2"]
    assert seen == [each for each in order if each in seen]
    assert {"PRE_CONFIRMED", "ACCEPTED_ON_L2"} <= set(seen)


async def test_refusals_have_their_codes(desk: Desk, sdk: SimpleNamespace) -> None:
    call, bounds, ready = [desk.approve()], desk.bounds(), desk.sims.ready["starknet"]["accounts"]
    stranger = desk.open(ready[0], key=int(ready[1]["private_key"], 16))
    desk.account, owner = stranger, desk.account
    assert (await desk.refusal(call, resource_bounds=bounds, nonce=0)).code == 55
    assert (await desk.refusal(call, auto_estimate=True)).code == 41
    desk.account = owner
    wrong = await desk.refusal(call, resource_bounds=bounds, nonce=1)
    assert wrong.code == 52
    assert "Account nonce: 0x0; got: 0x1" in wrong.data
    assert (await desk.refusal(call, resource_bounds=desk.bounds(l2_gas=10), nonce=0)).code == 53
    assert (await desk.refusal(call, resource_bounds=desk.bounds(price=10), nonce=0)).code == 65
    assert (await desk.refusal(call, resource_bounds=desk.bounds(l2_gas=10**15), nonce=0)).code == 54
    assert desk.chain.records == {}
    assert await desk.client.get_contract_nonce(desk.address) == 0


async def test_tampering_with_a_signed_transaction_spoils_its_signature(desk: Desk, sdk: SimpleNamespace) -> None:
    signed = await desk.account.sign_invoke_v3([desk.approve(5)], resource_bounds=desk.bounds(), nonce=0)
    for field, value in (
        ("tip", 1),
        ("calldata", [*signed.calldata[:-2], 6, 0]),
        ("resource_bounds", desk.bounds(l2_gas=50_000_000)),
    ):
        changed = replace(signed, **{field: value})
        with pytest.raises(sdk.ClientError) as caught:
            await desk.client.send_transaction(changed)
        assert caught.value.code == 55
    digest = (await desk.client.send_transaction(signed)).transaction_hash
    assert digest == signed.calculate_hash(CHAIN_ID)
    with pytest.raises(sdk.ClientError) as caught:
        await desk.client.send_transaction(signed)
    assert caught.value.code == 59
    await desk.settled(digest, "PRE_CONFIRMED")
    with pytest.raises(sdk.ClientError) as caught:
        await desk.client.send_transaction(signed)
    assert caught.value.code == 52


async def test_a_waiting_transaction_is_replaced_by_one_that_pays_more(desk: Desk) -> None:
    desk.inject(FaultKind.STUCK_TRANSACTION)
    options = {"resource_bounds": desk.bounds(price=4_000_000_000), "nonce": 0}
    first = await desk.send([desk.approve(1)], **options)
    assert (await desk.client.get_transaction_status(first)).finality_status.value == "RECEIVED"
    assert (await desk.refusal([desk.approve(2)], **options)).code == 64
    second = await desk.send([desk.approve(3)], nonce=0, resource_bounds=desk.bounds(price=4_400_000_000))
    with pytest.raises(desk.sdk.ClientError) as caught:
        await desk.client.get_transaction_status(first)
    assert caught.value.code == 29
    await desk.settled(second)
    assert desk.chain.state.allowances[constants.ETH, desk.address, constants.AVNU_EXCHANGE] == 3


async def test_an_estimate_of_a_failing_swap_is_error_41_with_the_contracts_words(desk: Desk) -> None:
    _, calls = await desk.calls("USDC", "ETH", 10**9)
    desk.chain.state.mint(constants.USDC, desk.address, -(20_000 * 10**6 - 5))
    refused = await desk.refusal(calls, auto_estimate=True)
    assert refused.code == 41
    assert refused.data["transaction_index"] == 0
    leaf = refused.data["execution_error"]["error"]
    assert int(leaf["contract_address"], 16) == constants.AVNU_EXCHANGE
    assert "Token from balance is too low" in leaf["error"]
    assert bytes.fromhex(leaf["error"].split()[0][2:]) == b"Token from balance is too low"


@pytest.mark.parametrize("seen_by", ["front_run", "revert"])
async def test_a_reverted_swap_costs_its_fee_and_nothing_else(desk: Desk, seen_by: str) -> None:
    _, calls = await desk.calls("ETH", "USDC", 10**18, excludeSources="Nostra")
    if seen_by == "front_run":
        desk.inject(FaultKind.FRONT_RUN, reason="0.02")
    else:
        desk.inject(FaultKind.REVERT, reason="Insufficient tokens received")
    before = {name: desk.held(name) for name in desk.tokens}
    receipt = await desk.settled(await desk.send(calls))
    assert receipt.execution_status.value == "REVERTED"
    assert "Insufficient tokens received" in receipt.revert_reason
    assert receipt.actual_fee.amount > 0
    assert [each.from_address for each in receipt.events] == [constants.STRK]
    before["STRK"] -= receipt.actual_fee.amount
    assert {name: desk.held(name) for name in desk.tokens} == before
    assert await desk.client.get_contract_nonce(desk.address) == 1
    assert (await desk.client.get_transaction_status(receipt.transaction_hash)).failure_reason == receipt.revert_reason


async def test_too_little_gas_reverts_and_is_charged(desk: Desk) -> None:
    _, calls = await desk.calls("ETH", "USDC", 10**17)
    receipt = await desk.settled(await desk.send(calls, resource_bounds=desk.bounds(l2_gas=6_000_000), nonce=0))
    assert "Insufficient max L2Gas: max amount: 6000000" in receipt.revert_reason
    assert 0 < receipt.actual_fee.amount <= 6_000_000 * 5_000_000_000 + 10_000 * 10**9


async def test_one_who_sells_the_strk_for_the_fee_reverts(desk: Desk) -> None:
    _, calls = await desk.calls("STRK", "USDC", 5_000 * 10**18)
    receipt = await desk.settled(await desk.send(calls, resource_bounds=desk.bounds(), nonce=0))
    assert "Insufficient fee token balance" in receipt.revert_reason
    assert desk.held("STRK") == 5_000 * 10**18 - receipt.actual_fee.amount


async def test_a_transaction_whose_answer_was_lost_is_executed(desk: Desk) -> None:
    signed = await desk.account.sign_invoke_v3([desk.approve(5)], resource_bounds=desk.bounds(), nonce=0)
    desk.inject(FaultKind.LOSE_REPLY, path="addInvokeTransaction")
    with pytest.raises(aiohttp.ClientError):
        await desk.client.send_transaction(signed)
    receipt = await desk.settled(signed.calculate_hash(CHAIN_ID))
    assert receipt.execution_status.value == "SUCCEEDED"
    assert await desk.client.get_contract_nonce(desk.address) == 1


async def test_unknown_fields_come_when_asked_for(desk: Desk) -> None:
    digest = await desk.send([desk.approve()])
    await desk.settled(digest)
    desk.inject(FaultKind.UNKNOWN_FIELD, path="getTransactionReceipt")
    body = {"jsonrpc": "2.0", "id": 9, "method": "starknet_getTransactionReceipt", "params": {"transaction_hash": hex(digest)}}
    async with desk.session.post(desk.url + "/rpc", json=body) as answer:
        text = await answer.json()
    assert (text["id"], text["result"]["field_of_a_newer_version"]) == (9, "0x1")
