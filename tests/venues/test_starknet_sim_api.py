"""The simulated aggregator over HTTP: quotes, builds, tokens, and every lie it can tell."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from simulators import Simulators, launch
from simulators.faults import Fault, FaultKind
from simulators.starknet import constants
from simulators.starknet.constants import AVNU_EXCHANGE, EKUBO_CORE, NOSTRA, STRANGER
from simulators.starknet.lies import LieKind
from simulators.starknet.routes import SwapCall, read_swap

BUILD_LIES = [kind for kind in LieKind if not kind.is_about_quotes]
QUOTE_LIES = [kind for kind in LieKind if kind.is_about_quotes]
SLIPPAGE = 0.005


class Api:
    """The aggregator as a client sees it."""

    def __init__(self, sims: Simulators, session: aiohttp.ClientSession) -> None:
        self.sims, self.session, self.venue = sims, session, sims.starknet
        ready = sims.ready["starknet"]
        self.url, self.taker = ready["avnu_url"], ready["accounts"][0]["address"]
        self.tokens = {name: token["address"] for name, token in ready["tokens"].items()}

    async def get(self, path: str, params: Any = None, status: int = 200) -> Any:
        async with self.session.get(self.url + path, params=params) as answer:
            assert answer.status == status
            return json.loads(await answer.read()) if "json" in answer.content_type else await answer.text()

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        async with self.session.post(self.url + path, json=body) as answer:
            assert answer.status == status
            return json.loads(await answer.read())

    async def quotes(self, sell: str = "ETH", buy: str = "USDC", status: int = 200, **params: Any) -> Any:
        tokens = {"sellTokenAddress": self.tokens[sell], "buyTokenAddress": self.tokens[buy]}
        defaults = {} if "buyAmount" in params else {"sellAmount": hex(10**18)}
        return await self.get("/swap/v3/quotes", {**tokens, **defaults, **params}, status)

    async def build(self, quote: dict[str, Any], status: int = 200, **fields: Any) -> Any:
        body = {"quoteId": quote["quoteId"], "takerAddress": self.taker, "slippage": SLIPPAGE, "includeApprove": True}
        return await self.post("/swap/v3/build", {**body, **fields}, status)

    async def ekubo_build(self, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        (quote,) = await self.quotes(excludeSources="Nostra", onlyDirect="true")
        return quote, await self.build(quote, **fields)

    def lie(self, kind: LieKind) -> None:
        self.venue.faults.inject(Fault(kind=FaultKind.QUOTE_LIE, reason=kind.value))


def swap_of(answer: dict[str, Any]) -> SwapCall:
    return read_swap([int(word, 0) for word in answer["calls"][-1]["calldata"]], exact_out=False)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    async with launch(seed=2, hour_secs=3600.0, only="starknet", scenario="calm") as sims, aiohttp.ClientSession() as session:
        sims.starknet.settings.refill_half_life_secs = 1e12
        yield Api(sims, session)


async def test_sources_tokens_and_prices(api: Api) -> None:
    assert await api.get("/swap/v3/sources") == [{"name": "Ekubo", "type": "DEX"}, {"name": "Nostra", "type": "DEX"}]
    page = await api.get("/v1/starknet/tokens", {"page": "0", "size": "10", "search": "USDC"})
    assert [(each["symbol"], each["decimals"]) for each in page["content"]] == [("USDC", 6), ("USDC.e", 6)]
    assert (page["totalElements"], page["totalPages"], page["number"]) == (2, 1, 0)
    assert len((await api.get("/v1/starknet/tokens", {"page": "1", "size": "4"}))["content"]) == 2
    token = await api.get(f"/v1/starknet/tokens/{api.tokens['WBTC']}")
    assert (int(token["address"], 16), token["decimals"]) == (constants.WBTC, 8)
    await api.get("/v1/starknet/tokens/0x5", status=404)
    (price,) = await api.post("/v3/tokens/prices", {"tokens": [api.tokens["ETH"], "0x5"]})
    assert price["starknetMarket"]["usd"] == pytest.approx(2900, rel=0.01)


async def test_a_quote_and_its_build_agree(api: Api) -> None:
    quote, answer = await api.ekubo_build()
    assert {int(quote[name], 16) for name in ("sellTokenAddress", "sellAmount")} == {constants.ETH, 10**18}
    assert quote["buyAmountInUsd"] == pytest.approx(quote["sellAmountInUsd"], rel=0.002)
    assert (quote["expiry"], quote["exactTokenTo"]) == (None, False)
    (route,) = quote["routes"]
    assert (route["name"], int(route["address"], 16), route["percent"], route["routes"]) == ("Ekubo", EKUBO_CORE, 1.0, [])
    approve, swap = answer["calls"]
    assert (int(approve["contractAddress"], 16), approve["entrypoint"]) == (constants.ETH, "approve")
    assert [int(word, 16) for word in approve["calldata"]] == [AVNU_EXCHANGE, 10**18, 0]
    assert (int(swap["contractAddress"], 16), swap["entrypoint"], len(swap["calldata"])) == (
        AVNU_EXCHANGE,
        "multi_route_swap",
        23,
    )
    call, bought = swap_of(answer), int(quote["buyAmount"], 16)
    assert (call.sell, call.sell_amount, call.buy, call.buy_amount) == (constants.ETH, 10**18, constants.USDC, bought)
    assert call.limit == bought * 995 // 1000
    assert (call.beneficiary, call.integrator_fee_bps, call.integrator) == (int(api.taker, 16), 0, 0)
    assert call.routes[0].principal.exchange == EKUBO_CORE
    assert call.routes[0].principal.parameters[:5] in {key.fields() for key in api.venue.chain.state.pools}
    bare = await api.build(quote, includeApprove=False)
    assert bare["calls"] == [swap]
    api.venue.settings.decimal_calldata = True
    decimal = (await api.build(quote))["calls"][1]["calldata"]
    assert decimal == [str(int(word, 16)) for word in swap["calldata"]]


async def test_larger_sizes_pay_less_and_may_split_or_hop(api: Api) -> None:
    small = (await api.quotes(sellAmount=hex(10**16)))[0]
    large = (await api.quotes(sellAmount=hex(400 * 10**18)))[0]
    assert int(large["buyAmount"], 16) < int(small["buyAmount"], 16) * 40_000
    assert len(large["routes"]) == 2
    assert sum(route["percent"] for route in large["routes"]) == pytest.approx(1)
    call = swap_of(await api.build(large))
    shares = [route.principal.percent for route in call.routes]
    assert shares[0] == round(large["routes"][0]["percent"] * 10**12)
    assert shares[1] == 10**12
    (hopping,) = await api.quotes("SOL", "WBTC", sellAmount=hex(10**9))
    (route,) = hopping["routes"]
    (following,) = route["routes"]
    assert (route["buyTokenAddress"], following["buyTokenAddress"]) == (following["sellTokenAddress"], api_hex(api, "WBTC"))
    assert len(swap_of(await api.build(hopping)).routes) == 2
    assert await api.quotes("SOL", "WBTC", sellAmount=hex(10**9), onlyDirect="true") == []


def api_hex(api: Api, name: str) -> str:
    return hex(int(api.tokens[name], 16))


async def test_sources_are_excluded_or_not(api: Api) -> None:
    async def names(**params: Any) -> set[str]:
        found = await api.quotes(size="5", sellAmount=hex(300 * 10**18), **params)
        return {route["name"] for quote in found for route in quote["routes"]}

    assert await names() == {"Ekubo", "Nostra"}
    assert await names(excludeSources="Nostra") == {"Ekubo"}
    api.venue.faults.inject(Fault(kind=FaultKind.IGNORE_EXCLUDED))
    assert "Nostra" in await names(excludeSources="Nostra")


async def test_sizes_are_sorted_best_first(api: Api) -> None:
    found = await api.quotes(size="4")
    amounts = [int(quote["buyAmount"], 16) for quote in found]
    assert len(amounts) == 4
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize(
    "params",
    [
        {"sellAmount": "0x0"},
        {"sellAmount": "ten"},
        {"size": "9"},
        {"sellAmount": "0x1", "buyAmount": "0x1"},
        {"takerAddress": "me"},
    ],
)
async def test_a_malformed_request_is_refused(api: Api, params: dict[str, str]) -> None:
    assert "messages" in await api.quotes(status=400, **params)


async def test_quotes_expire(api: Api) -> None:
    api.venue.settings.tells_expiry = True
    (quote,) = await api.quotes()
    assert quote["expiry"] > 1_600_000_000
    assert (await api.build({"quoteId": "unknown"}, status=400))["messages"] == ["Invalid quote id"]
    assert "messages" in await api.build(quote, status=400, slippage=1.5)
    api.venue.faults.inject(Fault(kind=FaultKind.EXPIRE_QUOTES))
    assert (await api.build(quote, status=400))["messages"] == ["Invalid quote id"]
    api.venue.settings.quote_secs = 0.05
    (quote,) = await api.quotes()
    await asyncio.sleep(0.06)
    assert (await api.build(quote, status=400))["messages"] == ["Invalid quote id"]


async def test_knobs_of_quotes(api: Api) -> None:
    for kind in (FaultKind.EMPTY_QUOTES, FaultKind.NULL_USD):
        api.venue.faults.inject(Fault(kind=kind))
    assert await api.quotes() == []
    (quote,) = await api.quotes()
    assert {quote[name] for name in ("gasFeesInUsd", "sellTokenPriceInUsd", "buyTokenPriceInUsd")} == {None}
    assert (await api.quotes())[0]["sellTokenPriceInUsd"] > 0


async def test_the_rate_limit(api: Api) -> None:
    api.venue.settings.requests_per_window = 3
    for _ in range(3):
        await api.get("/swap/v3/sources")
    await api.get("/swap/v3/sources", status=429)
    api.venue.settings.requests_per_window = None
    await api.get("/swap/v3/sources")
    api.venue.faults.inject(Fault(kind=FaultKind.EXHAUST_LIMIT, path="quotes", secs=60))
    assert "Too Many" in await api.quotes(status=429)


async def test_replies_are_refused_and_lost_by_name(api: Api) -> None:
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "starknet_blockNumber"}
    api.venue.faults.inject(Fault(kind=FaultKind.STATUS, path="/rpc", status=503, count=2))
    assert await api.get("/swap/v3/sources")
    for _ in range(2):
        async with api.session.post(api.url + "/rpc", json=rpc) as answer:
            assert answer.status == 503
    api.venue.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="starknet_blockNumber"))
    with pytest.raises(aiohttp.ClientError):
        await api.post("/rpc", rpc)
    assert (await api.post("/rpc", rpc))["result"] == api.venue.chain.block_number
    assert [each["id"] for each in await api.post("/rpc", [rpc, {**rpc, "id": 2}])] == [1, 2]


async def test_exact_output(api: Api) -> None:
    (quote,) = await api.quotes("USDC", "ETH", buyAmount=hex(10**18))
    approve, swap = (await api.build(quote))["calls"]
    assert swap["entrypoint"] == "swap_exact_token_to"
    call = read_swap([int(word, 16) for word in swap["calldata"]], exact_out=True)
    assert (call.buy, call.buy_amount, call.sell_amount) == (constants.ETH, 10**18, int(quote["sellAmount"], 16))
    assert call.limit == -(-call.sell_amount * 1005 // 1000)
    assert int(approve["calldata"][1], 16) == call.limit


@pytest.mark.parametrize("kind", BUILD_LIES)
async def test_every_lie_of_a_build_is_told_once_and_shows(api: Api, kind: LieKind) -> None:
    quote, honest = await api.ekubo_build()
    api.lie(kind)
    lying, again = await api.build(quote), await api.build(quote)
    assert again == honest
    assert lying != honest
    assert SHOWS[kind](honest, lying)


def words(answer: dict[str, Any], call: int = -1) -> list[str]:
    return answer["calls"][call]["calldata"]


def changed(*indices: int) -> Any:
    """Tell whether just these words of the swap differ, and the rest of the answer does not."""

    def check(honest: dict[str, Any], lying: dict[str, Any]) -> bool:
        before, after = words(honest), words(lying)
        where = tuple(at for at, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1])
        same = honest["calls"][:-1] == lying["calls"][:-1] and honest["chainId"] == lying["chainId"]
        return same and where == indices

    return check


def approval(index: int) -> Any:
    """Tell whether just this word of the approval differs."""

    def check(honest: dict[str, Any], lying: dict[str, Any]) -> bool:
        pairs = zip(words(honest, 0), words(lying, 0), strict=True)
        return [at for at, pair in enumerate(pairs) if pair[0] != pair[1]] == [index] and honest["calls"][1] == lying["calls"][1]

    return check


def is_larger(honest: dict[str, Any], lying: dict[str, Any]) -> bool:
    return swap_of(lying).sell_amount == 10 * swap_of(honest).sell_amount == int(words(lying, 0)[1], 16)


def has_alternative(_honest: dict[str, Any], lying: dict[str, Any]) -> bool:
    (route,) = swap_of(lying).routes
    return [each.exchange for each in route.alternatives] == [NOSTRA]


def has_stranger_behind(honest: dict[str, Any], lying: dict[str, Any]) -> bool:
    *others, last = lying["calls"]
    return others == honest["calls"] and last["entrypoint"] == "transfer" and int(last["calldata"][0], 16) == STRANGER


def has_second_approval(honest: dict[str, Any], lying: dict[str, Any]) -> bool:
    first, second, swap = lying["calls"]
    return [first, swap] == honest["calls"] and second["entrypoint"] == "approve" and int(second["calldata"][0], 16) == STRANGER


SHOWS: dict[LieKind, Any] = {
    LieKind.OTHER_BENEFICIARY: changed(8),
    LieKind.LOWER_MINIMUM: changed(6),
    LieKind.ZERO_MINIMUM: changed(6),
    LieKind.OTHER_ROUTER: lambda _, lying: int(lying["calls"][-1]["contractAddress"], 16) == STRANGER,
    LieKind.OTHER_ENTRYPOINT: lambda _, lying: lying["calls"][-1]["entrypoint"] == "upgrade_class",
    LieKind.OTHER_SELL_COIN: changed(0),
    LieKind.OTHER_BUY_COIN: changed(3),
    LieKind.LARGER_SELL_AMOUNT: is_larger,
    LieKind.HIGH_SELL_WORD: changed(2),
    LieKind.HIGH_APPROVE_WORD: approval(2),
    LieKind.UNLIMITED_APPROVAL: lambda _, lying: set(words(lying, 0)[1:]) == {hex(2**128 - 1)},
    LieKind.APPROVE_OTHER_SPENDER: approval(0),
    LieKind.APPROVE_OTHER_COIN: lambda _, lying: int(lying["calls"][0]["contractAddress"], 16) != constants.ETH,
    LieKind.SECOND_APPROVAL: has_second_approval,
    LieKind.EXTRA_CALL: has_stranger_behind,
    LieKind.SWAP_TWICE: lambda honest, lying: lying["calls"] == honest["calls"] * 2,
    LieKind.FOREIGN_HOP: changed(14),
    LieKind.FOREIGN_ALTERNATIVE: has_alternative,
    LieKind.FOREIGN_EXTENSION: changed(21),
    LieKind.DETOUR: changed(12),
    LieKind.PARTIAL_ROUTE: changed(15),
    LieKind.NO_ROUTES: lambda _, lying: swap_of(lying).routes == (),
    LieKind.INTEGRATOR_FEE: changed(9, 10),
    LieKind.TRAILING_WORDS: lambda honest, lying: words(lying) == [*words(honest), "0x1"],
    LieKind.TRUNCATED_WORDS: lambda honest, lying: words(lying) == words(honest)[:-1],
    LieKind.NO_NUMBER: changed(6),
    LieKind.OTHER_CHAIN: lambda _, lying: int(lying["chainId"], 16) != constants.CHAIN_ID,
    LieKind.EXECUTOR: lambda _, lying: int(lying["executorAddress"], 16) == STRANGER,
    LieKind.HUGE_BODY: lambda _, lying: len(json.dumps(lying)) > 256 * 1024,
    LieKind.NO_CALLS: lambda _, lying: lying["calls"] == [],
}


def test_every_lie_of_a_build_has_its_proof() -> None:
    assert set(SHOWS) == set(BUILD_LIES)
    assert len(BUILD_LIES) >= 12


@pytest.mark.parametrize("kind", QUOTE_LIES)
async def test_every_lie_of_a_quote_is_told_once_and_shows(api: Api, kind: LieKind) -> None:
    (honest,) = await api.quotes(excludeSources="Nostra")
    api.lie(kind)
    (lying,) = await api.quotes(excludeSources="Nostra")
    (again,) = await api.quotes(excludeSources="Nostra")
    ignored = {"quoteId", "gasFeesInUsd", "blockNumber"}
    differing = {name for name in honest if honest[name] != lying[name]} - ignored
    assert {name for name in honest if honest[name] != again[name]} <= {*ignored, *PRICED}
    assert TOLD[kind] in differing
    assert differing <= {TOLD[kind], *PRICED}


PRICED = {"sellAmountInUsd", "buyAmountInUsd", "sellTokenPriceInUsd", "buyTokenPriceInUsd", "fee", "priceImpact"}
TOLD = {
    LieKind.QUOTE_OTHER_SELL_COIN: "sellTokenAddress",
    LieKind.QUOTE_OTHER_BUY_COIN: "buyTokenAddress",
    LieKind.QUOTE_OTHER_AMOUNT: "sellAmount",
    LieKind.QUOTE_INFLATED: "buyAmount",
    LieKind.QUOTE_DEFLATED: "buyAmount",
    LieKind.QUOTE_FOREIGN_ROUTE: "routes",
    LieKind.QUOTE_RENAMED_ROUTE: "routes",
    LieKind.QUOTE_OTHER_CHAIN: "chainId",
    LieKind.QUOTE_NEGATIVE: "buyAmount",
}


async def test_starknet_runs_only_when_asked_for() -> None:
    async with launch(seed=1, hour_secs=10.0) as sims:
        assert sims.starknet is None
        assert set(sims.ready) == {"ready", "seed", "hour_secs", "hyperliquid", "paradex"}
    async with launch(seed=1, hour_secs=10.0, also=["starknet"]) as sims:
        assert {"hyperliquid", "paradex", "starknet"} <= set(sims.ready)


async def test_the_command_line_serves_it_on_a_port(unused_tcp_port: int, tmp_path: Path) -> None:
    schedule = tmp_path / "faults.json"
    schedule.write_text(json.dumps([{"venue": "starknet", "fault": "empty_quotes", "at_secs": 0.0}]))
    arguments = ["--with", "starknet", "--starknet-port", str(unused_tcp_port), "--hour-secs", "10", "--exit-with-parent"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators", *arguments, "--faults", str(schedule)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ},
    )
    try:
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["starknet"]
        assert ready["avnu_url"] == f"http://127.0.0.1:{unused_tcp_port}"
        params = {"sellAmount": "0x1000000000", "sellTokenAddress": ready["tokens"]["ETH"]["address"]}
        params["buyTokenAddress"] = ready["tokens"]["USDC"]["address"]
        await asyncio.sleep(0.3)  # a step strikes the scheduled fault
        async with aiohttp.ClientSession() as session:
            answers = []
            for _ in range(2):
                async with session.get(ready["avnu_url"] + "/swap/v3/quotes", params=params) as answer:
                    answers.append(await answer.json())
        assert answers[0] == []
        assert len(answers[1]) == 1
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 30)
    assert process.returncode == 0
