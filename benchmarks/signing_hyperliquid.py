"""Hyperliquid: an order's terms to the signed bytes that go on the wire."""

import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import coincurve
import msgspec
from coincurve._libsecp256k1 import ffi, lib
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from hyperliquid.exchange import Exchange
from hyperliquid.utils.constants import TESTNET_API_URL
from hyperliquid.utils.types import Cloid

from adapters.hyperliquid import signing
from benchmarks.keys import HYPERLIQUID_KEY as KEY
from benchmarks.measure import interleaved
from benchmarks.outcome import Outcome, against_vendor_and_bare

NONCE_MS, EXPIRES_MS = 1_790_000_000_000, 1_790_000_005_000
PATH = "Hyperliquid order, sign to bytes"


class Terms(msgspec.Struct, frozen=True):
    """An order as a strategy means it."""

    is_buy: bool
    price: Decimal
    size: Decimal
    cloid: str


def terms(count: int = 32) -> list[Terms]:
    """Return random BTC orders on the venue's grid."""
    random = Random(11)
    return [
        Terms(
            random.random() < 0.5,
            Decimal(random.randrange(50_000, 99_999)),
            Decimal(random.randrange(1, 100_000)).scaleb(-5),
            signing.cloid(f"O-20261125-{number:06d}-001-FARB-{number}"),
        )
        for number in range(count)
    ]


def ours() -> Callable[..., bytes]:
    """Return our path."""
    signer = signing.L1Signer(KEY, is_mainnet=False)

    def sign(order: Terms, nonce_ms: int = NONCE_MS) -> bytes:
        wire = signing.order_wire(
            asset=0,
            is_buy=order.is_buy,
            price=order.price,
            size=order.size,
            reduce_only=False,
            tif="Ioc",
            cloid=order.cloid,
        )
        return signer.body(signing.order_action([wire]), nonce_ms, expires_ms=EXPIRES_MS)

    return sign


class _Exchange(Exchange):  # type: ignore[misc]
    """The official SDK; only its POST is left out, up to the body that `requests` would make of it."""

    def post(self, url_path: str, payload: Any = None) -> bytes:
        """Return the body."""
        return json.dumps(payload, allow_nan=False).encode()


def vendors() -> Callable[[Terms], bytes]:
    """Return `Exchange.order` of the official SDK."""
    listed: Any = {"universe": [{"name": "BTC", "szDecimals": 5}]}
    exchange = _Exchange(Account.from_key(KEY), TESTNET_API_URL, meta=listed, spot_meta={"universe": [], "tokens": []})
    exchange.set_expires_after(EXPIRES_MS)

    def sign(order: Terms) -> bytes:
        cloid = Cloid.from_str(order.cloid)
        body: bytes = exchange.order(
            "BTC", order.is_buy, float(order.size), float(order.price), {"limit": {"tif": "Ioc"}}, cloid=cloid
        )
        return body

    return sign


def bare() -> Callable[[Terms], object]:
    """Return one recoverable signature by libsecp256k1 over a ready digest, its buffer allocated once."""
    key = coincurve.PrivateKey(bytes.fromhex(KEY[2:]))
    signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
    context, digest, secret = key.context.ctx, bytes(range(32)), key.secret

    def sign(_order: Terms) -> object:
        return lib.secp256k1_ecdsa_sign_recoverable(context, signature, digest, secret, ffi.NULL, ffi.NULL)

    return sign


def check(orders: list[Terms], sign: Callable[..., bytes], vendor: Callable[[Terms], bytes]) -> None:
    """Raise `AssertionError` unless both make the same request, the signature as numbers, of the same moment."""
    backend = type(PrivateKey(bytes.fromhex(KEY[2:])).backend).__name__
    assert backend == "CoinCurveECCBackend", f"the SDK signs with {backend}"
    for order in orders:
        request = _read(vendor(order))
        assert _read(sign(order, request["nonce"])) == request, order


def _read(body: bytes) -> dict[str, Any]:
    request: dict[str, Any] = json.loads(body)
    signature = request["signature"]
    return {**request, "signature": (int(signature["r"], 16), int(signature["s"], 16), signature["v"])}


def run(rounds: int) -> list[Outcome]:
    """Measure."""
    orders, sign, vendor = terms(), ours(), vendors()
    check(orders, sign, vendor)
    found = interleaved({"ours": sign, "sdk": vendor, "bare": bare()}, orders, rounds=rounds)
    return against_vendor_and_bare(
        found, PATH, vendor="official SDK with coincurve", vendor_goal=12, bare="bare libsecp256k1 signature", bare_goal=1.4
    )
