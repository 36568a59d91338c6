"""Paradex: an order's terms to the signed bytes that go on the wire."""

import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import fast_stark_crypto
from paradex_py.account.account import CustomStarknetChainId, ParadexAccount, StarknetAccount
from paradex_py.common.order import Order, OrderSide, OrderType
from starknet_py.net.full_node_client import FullNodeClient
from starknet_py.net.signer.key_pair import KeyPair

from adapters.paradex.order_body import order_body
from adapters.paradex.signing import OrderTerms, Signer
from adapters.paradex.stream import Stream
from benchmarks.keys import PARADEX_ADDRESS as ADDRESS
from benchmarks.keys import PARADEX_CHAIN as CHAIN
from benchmarks.keys import PARADEX_KEY as KEY
from benchmarks.measure import interleaved
from benchmarks.outcome import Outcome, against_vendor_and_bare

RECV_WINDOW_MS = 5_000
PATH = "Paradex order, sign to bytes"


def terms(count: int = 8) -> list[OrderTerms]:
    """Return random BTC orders."""
    random = Random(12)
    return [
        OrderTerms(
            timestamp_ms=1_790_000_000_000 + number,
            market="BTC-USD-PERP",
            side=random.choice(("BUY", "SELL")),
            kind="LIMIT",
            size=Decimal(random.randrange(1, 100_000)).scaleb(-5),
            price=Decimal(random.randrange(500_000, 999_999)).scaleb(-1),
        )
        for number in range(count)
    ]


def ours() -> Callable[[OrderTerms], bytes]:
    """Return our path, from the terms to the request as it goes to the socket."""
    signer, stream = Signer(CHAIN, ADDRESS, KEY), Stream()

    def sign(order: OrderTerms) -> bytes:
        body = order_body(order, signer, client_id="O-1", instruction="IOC", is_reduce_only=False, recv_window_ms=RECV_WINDOW_MS)
        return stream.request("order.create", body)[1]

    return sign


def vendors() -> Callable[[OrderTerms], bytes]:
    """Return what paradex-py does to submit an order, up to its POST; only its chain client leads nowhere."""
    account: Any = ParadexAccount.__new__(ParadexAccount)
    account.l2_chain_id = int.from_bytes(CHAIN.encode(), "big")
    account.starknet = StarknetAccount(
        client=FullNodeClient(node_url="http://127.0.0.1:9"),
        address=int(ADDRESS, 16),
        key_pair=KeyPair.from_private_key(int(KEY, 16)),
        chain=CustomStarknetChainId(account.l2_chain_id),
    )

    def sign(terms: OrderTerms) -> bytes:
        order = Order(
            market=terms.market,
            order_type=OrderType.Limit,
            order_side=OrderSide(terms.side),
            size=terms.size,
            limit_price=terms.price,
            client_id="O-1",
            signature_timestamp=terms.timestamp_ms,
            instruction="IOC",
            recv_window=RECV_WINDOW_MS,
        )
        order.signature = account.sign_order(order)
        return json.dumps(order.dump_to_dict()).encode()

    return sign


def bare() -> Callable[[OrderTerms], object]:
    """Return one signature of the fast signer over a ready hash."""
    key, digest = int(KEY, 16), Signer(CHAIN, ADDRESS, KEY).order_hash(terms(1)[0])
    return lambda _order: fast_stark_crypto.sign(key, digest)


def check(orders: list[OrderTerms], sign: Callable[[OrderTerms], bytes], vendor: Callable[[OrderTerms], bytes]) -> None:
    """Raise `AssertionError` unless both say the same and both signatures are valid over the same hash.

    The signatures themselves differ: the vendor's nonce has a seed.
    """
    signer = Signer(CHAIN, ADDRESS, KEY)
    for order in orders:
        one, other = json.loads(sign(order))["params"], json.loads(vendor(order))
        assert other.pop("stp") is None
        for request in (one, other):
            r, s = (int(part) for part in json.loads(request.pop("signature")))
            assert fast_stark_crypto.verify(int(signer.public_key, 16), signer.order_hash(order), r, s), order
        assert one == other


def run(rounds: int) -> list[Outcome]:
    """Measure."""
    orders, sign, vendor = terms(), ours(), vendors()
    check(orders, sign, vendor)
    found = interleaved({"ours": sign, "sdk": vendor, "bare": bare()}, orders, rounds=rounds)
    return against_vendor_and_bare(
        found, PATH, vendor="paradex-py on the same fast signer", vendor_goal=5, bare="bare fast signature", bare_goal=3
    )
