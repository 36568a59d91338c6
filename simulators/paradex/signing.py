"""StarkNet typed-data hashes (SNIP-12 revision 0, Pedersen) and their verification, from first principles.

H(x1 .. xn) = h(h(.. h(h(0, x1), x2) .., xn), n); text is its big-endian ASCII number.
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from simulators.stark_curve import felt, hash_many, selector, verify

CHAIN_ID = "PRIVATE_SN_POTC_SEPOLIA"
E8 = Decimal(100_000_000)

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


def contract_address(public_key: int, proxy_class_hash: int, account_class_hash: int) -> int:
    """Return the account address of a public key: a proxy whose constructor names the account class."""
    calldata = (account_class_hash, selector("initialize"), 2, public_key, 0)
    prefix = felt("STARKNET_CONTRACT_ADDRESS")
    return hash_many(prefix, 0, public_key, proxy_class_hash, hash_many(*calldata)) % (2**251 - 256)


def _e8(value: object) -> int:
    return int(Decimal(str(value)) * E8)
