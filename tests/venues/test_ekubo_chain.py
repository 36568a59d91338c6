"""Our pool mathematics against the simulated chain's own, which another hand has written: equal to the unit."""

from decimal import Decimal

import pytest

from adapters.ekubo.api import AvnuApi, QuoteRequest
from adapters.ekubo.constants import EKUBO_CORE, ETH, SN_MAIN, USDC, WBTC
from adapters.ekubo.parsing import single_pool
from adapters.ekubo.pools import execution_impact, largest_input, step
from adapters.ekubo.rpc import NodeCode, NodeRefused, StarknetRpc
from adapters.transport.http import NautilusHttp
from simulators import launch


async def test_quotes_follow_from_the_pool_on_the_chain_and_so_does_the_largest_size():
    async with launch(seed=5, hour_secs=3600.0, only="starknet", scenario="calm") as sims:
        sims.starknet.settings.refill_half_life_secs = 1e12
        sims.starknet.settings.requests_per_window = None
        ready = sims.ready["starknet"]
        api, rpc = AvnuApi(NautilusHttp(), ready["avnu_url"]), StarknetRpc(NautilusHttp(), ready["rpc_url"])

        async def compared(sell: int, buy: int, amount: int) -> tuple:
            asked = QuoteRequest(
                sell_token=sell, buy_token=buy, sell_amount=amount, excluded_sources=("Nostra",), is_direct_only=True
            )
            (quote,) = await api.quotes(asked)
            key = single_pool(quote)
            assert key is not None
            pool = await rpc.pool(EKUBO_CORE, key)
            is_token1, bps = sell == key.token1, int(quote.fee.avnu_fees_bps)

            def out(given: int) -> int:
                root, liquidity = pool.sqrt_ratio, pool.liquidity
                return step(sqrt_ratio=root, liquidity=liquidity, amount=given, is_token1=is_token1, fee=key.fee).calculated

            # AVNU takes its fee from what goes in or from what comes out, and does not say which
            assert quote.buy_amount in (out(amount - amount * bps // 10_000), out(amount) - out(amount) * bps // 10_000)
            return pool, is_token1

        for sell, buy, amounts in (
            (ETH, USDC, (10**13, 10**17 + 1, 3 * 10**18 + 7)),
            (USDC, ETH, (10**6 + 1, 4_321_987_654)),
            (WBTC, USDC, (12_345, 5_000_001)),
        ):
            for amount in amounts:
                pool, is_token1 = await compared(sell, buy, amount)
            limit_bps = Decimal(4)
            size = largest_input(pool, is_token1=is_token1, max_impact_bps=limit_bps)
            await compared(sell, buy, size)
            for units, is_within in ((size, True), (size + 1, False)):
                after = step(
                    sqrt_ratio=pool.sqrt_ratio, liquidity=pool.liquidity, amount=units, is_token1=is_token1, fee=pool.key.fee
                )
                assert (execution_impact(pool.sqrt_ratio, after.sqrt_ratio_after) * 10_000 <= limit_bps) is is_within


async def test_a_node_is_read_and_its_refusals_have_names():
    async with launch(seed=5, hour_secs=3600.0, only="starknet", scenario="calm") as sims:
        ready = sims.ready["starknet"]
        rpc, account = StarknetRpc(NautilusHttp(), ready["rpc_url"]), int(ready["accounts"][0]["address"], 16)
        assert await rpc.chain_id() == SN_MAIN
        assert (await rpc.spec_version()).startswith("0.10")
        assert await rpc.nonce(account) == 0
        assert await rpc.class_hash_at(account) > 0
        assert await rpc.balance_of(USDC, account) > 0
        assert [await rpc.decimals(token) for token in (ETH, USDC, WBTC)] == [18, 6, 8]
        assert (await rpc.status(5), await rpc.receipt(5)) == (None, None)
        for read, code in ((rpc.class_hash_at(7), NodeCode.CONTRACT_NOT_FOUND), (rpc.call(USDC, 5), NodeCode.CONTRACT_ERROR)):
            with pytest.raises(NodeRefused) as caught:
                await read
            assert caught.value.node_code is code
