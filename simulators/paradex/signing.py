"""StarkNet typed-data hashes (SNIP-12 revision 0, Pedersen) and their verification, from first principles.

H(x1 .. xn) = h(h(.. h(h(0, x1), x2) .., xn), n); text is its big-endian ASCII number.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache, reduce
from typing import Any, cast

import fast_stark_crypto
from _pysha3 import keccak_256

CHAIN_ID = "PRIVATE_SN_POTC_SEPOLIA"
FIELD_PRIME = 2**251 + 17 * 2**192 + 1
CURVE_BETA = 0x6F21413EFBE40DE150E596D72F7A8C5609AD26C15C915C1F4CDFCB99CEE9E89
LIMIT = 2**251
E8 = Decimal(100_000_000)

pedersen = cast(Callable[[int, int], int], fast_stark_crypto.pedersen_hash)
public_key_of = cast(Callable[[int], int], fast_stark_crypto.get_public_key)


def selector(text: str) -> int:
    """Return starknet_keccak: keccak-256 modulo 2^250."""
    return int.from_bytes(keccak_256(text.encode()).digest(), "big") % 2**250


@lru_cache(maxsize=10_000)
def felt(text: str) -> int:
    """Return a short ASCII text as a number."""
    return int.from_bytes(text.encode("ascii"), "big")


def hash_many(*values: int) -> int:
    """Return the Pedersen hash of a list, its length included."""
    return pedersen(reduce(pedersen, values, 0), len(values))


ORDER_FIELDS = "timestamp:felt,market:felt,side:felt,orderType:felt,size:felt,price:felt"
ORDER_TYPE = selector(f"Order({ORDER_FIELDS})")
MODIFY_TYPE = selector(f"ModifyOrder({ORDER_FIELDS},id:felt)")
AUTH_TYPE = selector("Request(method:felt,path:felt,body:felt,timestamp:felt,expiration:felt)")
ONBOARDING_TYPE = selector("Constant(action:felt)")
DOMAIN = hash_many(selector("StarkNetDomain(name:felt,chainId:felt,version:felt)"), felt("Paradex"), felt(CHAIN_ID), 1)


def message_hash(account: int, *members: int) -> int:
    """Return the hash an account signs for a struct given as type hash and fields."""
    return hash_many(felt("StarkNet Message"), DOMAIN, account, hash_many(*members))


def auth_hash(account: int, timestamp_secs: int, expiration_secs: int) -> int:
    """Return the hash of a login request; its path is /v1/auth whatever URL carries it."""
    return message_hash(account, AUTH_TYPE, felt("POST"), felt("/v1/auth"), felt(""), timestamp_secs, expiration_secs)


def onboarding_hash(account: int) -> int:
    """Return the hash of an onboarding request."""
    return message_hash(account, ONBOARDING_TYPE, felt("Onboarding"))


def order_hash(account: int, body: Mapping[str, Any], *, has_price: bool) -> int:
    """Return the hash of an order body; with an `id` it is a modification. Raise ValueError when malformed."""
    try:
        price = _e8(body["price"]) if has_price and body.get("price") not in (None, "") else 0
        side = {"BUY": 1, "SELL": 2}[body["side"]]
        fields = [int(body["signature_timestamp"]), felt(str(body["market"])), side, felt(str(body["type"]))]
        fields += [_e8(body["size"]), price]
        if body.get("id"):
            return message_hash(account, MODIFY_TYPE, *fields, int(body["id"]))
        return message_hash(account, ORDER_TYPE, *fields)
    except (KeyError, TypeError, UnicodeEncodeError, InvalidOperation, OverflowError) as error:
        raise ValueError(f"malformed order: {error!r}") from error


def signs_order(account: int, public_keys: set[int], body: Mapping[str, Any]) -> bool:
    """Tell whether the body carries a signature of any of the keys.

    Clients differ on the price of conditional market orders (zero or as sent), so both are tried.
    """
    kind = str(body.get("type"))
    prices = (False,) if kind == "MARKET" else (True, False) if kind.endswith("MARKET") else (True,)
    try:
        signature = parse_signature(str(body["signature"]))
        hashes = [order_hash(account, body, has_price=has_price) for has_price in prices]
    except (KeyError, ValueError):
        return False
    return any(verify(key, digest, signature) for key in public_keys for digest in hashes)


def parse_signature(text: str) -> tuple[int, int]:
    """Read `["r","s"]`, decimal or hex. Raise ValueError when it is neither."""
    try:
        first, second = json.loads(text)
        return int(str(first), 0), int(str(second), 0)
    except (ValueError, TypeError) as error:
        raise ValueError("malformed signature") from error


def verify(public_key: int, digest: int, signature: tuple[int, int]) -> bool:
    """Tell whether (r, s) signs `digest` under `public_key`; numbers outside the curve's ranges do not."""
    r, s = signature
    if not (0 < r < LIMIT and 0 < s < LIMIT and 0 <= digest < LIMIT and is_public_key(public_key)):
        return False  # the library panics on them
    return bool(fast_stark_crypto.verify(public_key, digest, r, s))


@lru_cache(maxsize=1_000)
def is_public_key(x: int) -> bool:
    """Tell whether a point of the curve y^2 = x^3 + x + beta has this x coordinate (Euler's criterion)."""
    return 0 < x < FIELD_PRIME and pow(x**3 + x + CURVE_BETA, (FIELD_PRIME - 1) // 2, FIELD_PRIME) == 1


def contract_address(public_key: int, proxy_class_hash: int, account_class_hash: int) -> int:
    """Return the account address of a public key: a proxy whose constructor names the account class."""
    calldata = (account_class_hash, selector("initialize"), 2, public_key, 0)
    prefix = felt("STARKNET_CONTRACT_ADDRESS")
    return hash_many(prefix, 0, public_key, proxy_class_hash, hash_many(*calldata)) % (2**251 - 256)


def _e8(value: object) -> int:
    return int(Decimal(str(value)) * E8)
