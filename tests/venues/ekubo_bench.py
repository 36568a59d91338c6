"""A Starknet chain in the test's own process, whose time passes when somebody sleeps, and our desk on it.

Requests are JSON texts as on the wire; only sockets are left out.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Container
from decimal import Decimal
from typing import Any

from adapters.ekubo import gas
from adapters.ekubo.account import Account
from adapters.ekubo.calldata import BranchLayout
from adapters.ekubo.desk import SwapDesk
from adapters.ekubo.journal import Documents, TransactionJournal
from adapters.ekubo.planning import Objection, Plan, SwapOrder
from adapters.ekubo.rpc import StarknetRpc
from adapters.ekubo.schemas import Build, convert
from adapters.ekubo.sending import Policy, Slot, Swap
from adapters.ekubo.signing import Signer
from adapters.ekubo.slices import CoolDown
from adapters.ekubo.tokens import Token
from adapters.ekubo.verification import SwapTerms, VerifiedSwap, maximum_sold, minimum_bought, verify
from adapters.errors import Connectivity
from adapters.transport import HttpResponse
from messages import FundingClock
from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.starknet import constants
from simulators.starknet.chain import Chain
from simulators.starknet.genesis import ACCOUNTS
from simulators.starknet.quotes import QuoteBook, QuoteRequest
from simulators.starknet.rpc import Node
from simulators.starknet.settings import Settings
from simulators.starknet.tokens import TokenPrices
from simulators.tape import TapeClock, scenario
from strategies.journal import Journal

START_NS = 1_700_000_000_000_000_000
OWNER = ACCOUNTS[0]
ETH = Token("ETH", constants.ETH, 18)
USDC = Token("USDC", constants.USDC, 6)
STRK = Token("STRK", constants.STRK, 18)
WBTC = Token("WBTC", constants.WBTC, 8)
PAIRS = ((ETH, USDC), (STRK, USDC), (WBTC, USDC))
TOKENS = (ETH, USDC, STRK, WBTC)
SLIPPAGE_BPS = Decimal(30)
POLICY = Policy(poll_secs=1.0, patience_secs=12.0, resend_secs=2.0, proof_secs=5.0)


class Bench:
    """The chain, and the wire to it."""

    def __init__(self, seed: int) -> None:
        self.now_ns, self.rng = START_NS, random.Random(seed)
        self.settings, self.faults = Settings(), FaultBoard()
        self.prices = TokenPrices(scenario("calm", seed), TapeClock(FundingClock(3600.0), START_NS), seed)
        self.chain = Chain(self.prices, ACCOUNTS, self.settings, self.faults, START_NS)
        self.node, self.book = Node(self.chain), QuoteBook(self.chain, self.prices, seed)
        self.losses: dict[str, list[str]] = {}  # by method: what befalls its next requests
        self.sends: Counter[str] = Counter()  # transactions that reached the node, by signature
        self.requests = 0

    async def sleep(self, secs: float) -> None:
        """Let time pass on the chain, and others have their turn."""
        self.pass_secs(secs)
        await asyncio.sleep(0)

    def pass_secs(self, secs: float) -> None:
        """Let time pass."""
        self.now_ns += round(secs * 1e9)
        self.chain.advance(self.now_ns)

    def inject(self, kind: FaultKind, **fields: Any) -> None:
        """Let something go wrong on the chain."""
        self.faults.inject(Fault(kind=kind, **fields))

    def lose(self, method: str, *what: str) -> None:
        """Let the next requests of a method be lost: the `request`, or its `reply`, or be answered `busy`."""
        self.losses.setdefault(method, []).extend(what)

    async def request(self, method: str, url: str, *, headers: Any = None, body: bytes = b"", timeout_secs: Any = None) -> Any:
        """Exchange one message (`HttpTransport`)."""
        asked = json.loads(body)
        self.requests += 1
        name = asked["method"].removeprefix("starknet_")
        self.pass_secs(0.01)
        await asyncio.sleep(0)
        fate = self.losses[name].pop(0) if self.losses.get(name) else ""
        if fate == "request":
            raise Connectivity("lost on the way there")
        if fate == "busy":
            return HttpResponse(503, {}, b"busy")
        if name == "addInvokeTransaction":
            self.sends[asked["params"]["invoke_transaction"]["signature"][0]] += 1
        answer = self.node.answer(asked, self.now_ns)
        if fate == "reply":
            raise Connectivity("lost on the way back")
        return HttpResponse(200, {}, json.dumps(answer).encode())

    async def die_after(self, requests: int, work: "asyncio.Task[None]") -> None:
        """Let a process go on until it has made so many more requests, and die then."""
        last = self.requests + requests
        while self.requests < last and not work.done():  # noqa: ASYNC110 - counted, not timed
            await asyncio.sleep(0)
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    def held(self, token: Token) -> int:
        """Return the owner's balance."""
        return self.chain.state.balance(token.address, OWNER.address)

    def wallet(self) -> dict[str, int]:
        """Return all of the owner's balances."""
        return {token.code: self.held(token) for token in TOKENS}

    def rpc(self, method: str, **params: Any) -> Any:
        """Ask the node beside the adapter."""
        request = {"jsonrpc": "2.0", "id": 1, "method": f"starknet_{method}", "params": params}
        answer = self.node.answer(request, self.now_ns)
        return answer.get("result", answer.get("error"))

    def executed(self, known: Container[str] = ()) -> dict[str, dict[str, Any]]:
        """Return the receipts of all that the chain has executed, by hash, but for those known already."""
        new = [hex(digest) for digest in self.chain.records if hex(digest) not in known]
        found = {digest: self.rpc("getTransactionReceipt", transaction_hash=digest) for digest in new}
        return {digest: receipt for digest, receipt in found.items() if "execution_status" in receipt}


class BookPlanner:
    """Plans by the simulated aggregator's own quotes: all of what remains, `count` slices of it."""

    def __init__(self, bench: Bench, count: int = 1) -> None:
        self.bench, self.count = bench, count

    async def plan(self, order: SwapOrder, remaining: int) -> Plan | Objection:
        size = min(remaining, order.quantity // self.count)
        amounts = (None, size) if order.is_buy else (size, None)
        asked = QuoteRequest(order.sold.address, order.bought.address, *amounts, only_direct=True, excluded=frozenset({"Nostra"}))
        offered = self.bench.book.offer(asked, self.bench.now_ns)
        if not offered:
            return Objection("no route")
        plan = offered[0].plan
        bodies = self.bench.book.calls(offered[0], OWNER.address, Decimal("0.0029"), approves=True)
        terms = SwapTerms(
            chain_id=constants.CHAIN_ID,
            exchange=constants.AVNU_EXCHANGE,
            account=OWNER.address,
            sell_token=order.sold.address,
            buy_token=order.bought.address,
            sell_amount=maximum_sold(plan.sold, SLIPPAGE_BPS) if order.is_buy else size,
            buy_amount=size if order.is_buy else minimum_bought(plan.bought, SLIPPAGE_BPS),
            is_exact_out=order.is_buy,
            exchanges=frozenset({constants.EKUBO_CORE}),
            branches=BranchLayout.REFUSED,
        )
        verified = verify(convert(Build, {"chainId": constants.CHAIN_ID, "calls": json.loads(json.dumps(bodies))}), terms)
        assert isinstance(verified, VerifiedSwap), verified
        swap = Swap(
            client_order_id=order.client_order_id,
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            is_buy=order.is_buy,
            order_quantity=str(order.base.amount(order.quantity)),
            limit_price=None,
            sell_token=hex(terms.sell_token),
            buy_token=hex(terms.buy_token),
            sell_amount=terms.sell_amount,
            buy_amount=terms.buy_amount,
        )
        return Plan(calls=verified.calls, swap=swap, size=size, count=self.count, fresh_until_ns=self.bench.now_ns + 10 * 10**9)


class Told:
    """Everything the desk says, kept over the deaths of processes as a venue's counterpart would keep it: by id."""

    def __init__(self) -> None:
        self.fills: dict[str, Slot] = {}
        self.gas: dict[str, Slot] = {}
        self.ends: dict[str, str] = {}
        self.accepted: set[str] = set()
        self.over: set[str] = set()
        self.repeats = 0

    def accepted_(self, order: SwapOrder, slot: Slot) -> None:
        self.accepted.add(order.client_order_id)

    def is_over(self, order: SwapOrder) -> bool:
        return order.client_order_id in self.over

    def filled(self, order: SwapOrder, slot: Slot) -> None:
        self.repeats += slot.executed in self.fills
        self.fills[slot.executed] = slot

    def gas_paid(self, slot: Slot) -> None:
        self.gas[slot.executed] = slot

    def canceled(self, order: SwapOrder) -> None:
        self.ends[order.client_order_id] = "canceled"

    def rejected(self, order: SwapOrder, words: str) -> None:
        assert words
        self.ends[order.client_order_id] = words

    def inherited(self, slots: list[Slot]) -> None:
        for slot in slots:
            if slot.fate == "SUCCEEDED":
                self.filled(None, slot)


class _Events:
    def __init__(self, told: Told) -> None:
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._told, {"accepted": "accepted_"}.get(name, name))


def documents() -> Documents:
    """Return the node's own store, in memory: it outlives our processes."""
    return Journal().documents("ekubo")


class Process:
    """One life of a node: it dies with its tasks, the documents and what was told stay."""

    def __init__(
        self,
        bench: Bench,
        documents: Documents,
        told: Told,
        planner: Any = None,
        policy: Policy = POLICY,
        written_off: frozenset[int] = frozenset(),
    ) -> None:
        self.bench, self.log = bench, []
        self.journal = TransactionJournal(documents)
        self.account = Account(
            rpc=StarknetRpc(bench, "http://node", sleep=bench.sleep, jitter=bench.rng.random),
            signer=Signer(constants.CHAIN_ID, hex(OWNER.address), hex(OWNER.private_key)),
            journal=self.journal,
            policy=policy,
            rules=gas.GasRules(amount_multiplier=Decimal("1.3"), price_multiplier=Decimal("1.5"), max_fee_strk=Decimal(50)),
            exchange=constants.AVNU_EXCHANGE,
            core=constants.EKUBO_CORE,
            now_ns=lambda: bench.now_ns,
            told=lambda slot: self.desk.told(slot),  # noqa: PLW0108 - there is no desk yet
            log=self.log.append,
            sleep=bench.sleep,
            written_off=written_off,
        )
        self.desk = SwapDesk(
            account=self.account,
            journal=self.journal,
            planner=planner or BookPlanner(bench),
            events=_Events(told),
            cool_down=CoolDown(5.0),
            max_slices=5,
            turn_secs=60.0,
            now_ns=lambda: bench.now_ns,
            log=self.log.append,
            sleep=bench.sleep,
        )


def order(name: str, pair: tuple[Token, Token], is_buy: bool, quantity: int) -> SwapOrder:
    """Return a market order."""
    base, quote = pair
    return SwapOrder(
        client_order_id=name,
        strategy_id="S-1",
        instrument_id=f"{base.code}-{quote.code}.EKUBO",
        is_buy=is_buy,
        quantity=quantity,
        granule=1,
        limit_price=None,
        base=base,
        quote=quote,
    )
