"""A chain without a server, whose time the test tells."""

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import fast_stark_crypto
import pytest

from messages import FundingClock
from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.starknet import constants
from simulators.starknet.chain import Chain
from simulators.starknet.genesis import ACCOUNTS, Account
from simulators.starknet.quotes import Quote, QuoteBook, QuoteRequest
from simulators.starknet.rpc import Node
from simulators.starknet.settings import Settings
from simulators.starknet.tokens import TokenPrices
from simulators.starknet.transactions import read_invoke
from simulators.tape import TapeClock, scenario

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


class Bench:
    """A chain, a node and quotes, driven by hand."""

    def __init__(self, seed: int = 5) -> None:
        self.now_ns = START_NS
        self.settings, self.faults = Settings(), FaultBoard()
        self.prices = TokenPrices(scenario("calm", seed), TapeClock(FundingClock(3600.0), START_NS), seed)
        self.chain = Chain(self.prices, ACCOUNTS, self.settings, self.faults, START_NS)
        self.node, self.book = Node(self.chain), QuoteBook(self.chain, self.prices, seed)
        self.ids = itertools.count(1)

    def inject(self, kind: FaultKind, **fields: Any) -> None:
        self.faults.inject(Fault(kind=kind, **fields))

    def pass_ms(self, milliseconds: int) -> None:
        self.now_ns += milliseconds * MS
        self.chain.advance(self.now_ns)

    def rpc(self, method: str, **params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": next(self.ids), "method": f"starknet_{method}", "params": params}
        answer = self.node.answer(request, self.now_ns)
        assert answer["id"] == request["id"]
        return answer.get("result", answer.get("error"))

    def invoke(self, calls: Sequence[tuple[int, int, Sequence[int]]], nonce: int | None = None, **fields: Any) -> dict[str, Any]:
        """Return a signed transaction of an account's calls."""
        account: Account = fields.pop("account", ACCOUNTS[0])
        l2_gas, price = fields.pop("l2_gas", 80_000_000), fields.pop("price", 6_000_000_000)
        words = [len(calls), *(word for to, name, data in calls for word in (to, name, len(data), *data))]
        body = {
            "type": "INVOKE",
            "version": "0x3",
            "sender_address": hex(account.address),
            "nonce": hex(self.chain.nonces[account.address] if nonce is None else nonce),
            "tip": "0x0",
            "calldata": [hex(word) for word in words],
            "resource_bounds": {
                "l1_gas": {"max_amount": "0x0", "max_price_per_unit": "0x0"},
                "l2_gas": {"max_amount": hex(l2_gas), "max_price_per_unit": hex(price)},
                "l1_data_gas": {"max_amount": "0x2710", "max_price_per_unit": hex(10**9)},
            },
            "paymaster_data": [],
            "account_deployment_data": [],
            "nonce_data_availability_mode": "L1",
            "fee_data_availability_mode": "L1",
            "signature": [],
            **fields,
        }
        digest = read_invoke(body).digest
        signature = fast_stark_crypto.sign(private_key=account.private_key, msg_hash=digest)
        return {**body, "signature": [hex(part) for part in signature]}

    def send(self, calls: Sequence[tuple[int, int, Sequence[int]]], **fields: Any) -> Any:
        """Send calls; return the hash, or the error."""
        answer = self.rpc("addInvokeTransaction", invoke_transaction=self.invoke(calls, **fields))
        return answer.get("transaction_hash", answer)

    def status(self, digest: str) -> Any:
        return self.rpc("getTransactionStatus", transaction_hash=digest)

    def receipt(self, digest: str) -> Any:
        return self.rpc("getTransactionReceipt", transaction_hash=digest)

    def quote(self, sell: int, buy: int, amount: int, **fields: Any) -> Quote:
        return self.book.offer(QuoteRequest(sell, buy, amount, None, **fields), self.now_ns)[0]

    def calls(self, quote: Quote, slippage: str = "0.005") -> list[tuple[int, int, Sequence[int]]]:
        bodies = self.book.calls(quote, ACCOUNTS[0].address, Decimal(slippage), approves=True)
        return [
            (int(each["contractAddress"], 16), constants.ENTRYPOINTS[each["entrypoint"]], each["calldata"]) for each in bodies
        ]

    def held(self, token: int, account: Account = ACCOUNTS[0]) -> int:
        return self.chain.state.balance(token, account.address)

    def nonce(self, tag: str = "pre_confirmed") -> int:
        return int(self.rpc("getNonce", contract_address=hex(ACCOUNTS[0].address), block_id=tag), 16)


@pytest.fixture
def bench() -> Bench:
    return Bench()
