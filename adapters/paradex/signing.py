"""SNIP-12 (revision 0) signatures of orders, modifications, logins and account requests; pure, proved by golden vectors.

A message hash is a chain of Pedersen hashes, `H(x1..xn) = h(...h(h(0, x1), x2)..., n)`, over the
domain, the account and the message. The parts that never change are folded once per signer, which
leaves nine Pedersen hashes to an order.
"""

from decimal import Decimal
from functools import cache, reduce

import msgspec
from _pysha3 import keccak_256
from fast_stark_crypto import get_public_key, pedersen_hash, sign

_CURVE_ORDER = 0x800000000000010FFFFFFFFFFFFFFFFB781126DCAE7B2321E66A241ADC64D2F
_FIELDS = "timestamp:felt,market:felt,side:felt,orderType:felt,size:felt,price:felt"
_SIDES = {"BUY": 1, "SELL": 2}
_AUTH_METHOD, _AUTH_PATH, _AUTH_BODY = "POST", "/v1/auth", ""  # signed alike whatever url is called


def _selector(name: str) -> int:
    """Return Starknet's keccak of a type string: the low 250 bits."""
    return int.from_bytes(keccak_256(name.encode()).digest(), "big") & ((1 << 250) - 1)


def _fold(start: int, *values: int) -> int:
    return reduce(pedersen_hash, values, start)


@cache
def _felt(text: str) -> int:
    """Return a short string as a field element."""
    return int.from_bytes(text.encode("ascii"), "big")


_DOMAIN = _selector("StarkNetDomain(name:felt,chainId:felt,version:felt)")
_ORDER = _fold(0, _selector(f"Order({_FIELDS})"))
_MODIFY = _fold(0, _selector(f"ModifyOrder({_FIELDS},id:felt)"))
_REQUEST = _fold(0, _selector("Request(method:felt,path:felt,body:felt,timestamp:felt,expiration:felt)"))
_CONSTANT = _fold(0, _selector("Constant(action:felt)"))


def quantums(value: Decimal) -> int:
    """Return a size or price in units of 1e-8; raises ValueError where it is finer than that."""
    scaled = value.scaleb(8)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more than 8 decimals")
    return int(scaled)


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature covers: side BUY or SELL, kind LIMIT or MARKET, price 0 for a market order."""

    timestamp_ms: int
    market: str
    side: str
    kind: str
    size: Decimal
    price: Decimal

    def words(self) -> tuple[int, ...]:
        """Return the terms as field elements, in the order of their type."""
        size, price = quantums(self.size), quantums(self.price)
        return self.timestamp_ms, _felt(self.market), _SIDES[self.side], _felt(self.kind), size, price


class Signer:
    """Signs for one account of one chain; a subkey signs with the main account's address."""

    def __init__(self, chain_id: str, account_address: str, private_key: str) -> None:
        self._key = _key_number(private_key)
        domain = _fold(0, _DOMAIN, _felt("Paradex"), _felt(chain_id), 1, 4)
        self._account = int(account_address, 16)
        self._outer = _fold(0, _felt("StarkNet Message"), domain, self._account)
        self.account_address = account_address
        self.public_key = hex(get_public_key(self._key))

    def order_hash(self, terms: OrderTerms) -> int:
        """Return an order's message hash."""
        return self._finish(_fold(_ORDER, *terms.words(), 7))

    def modify_hash(self, terms: OrderTerms, order_id: str) -> int:
        """Return the message hash of a modification of the order `order_id`."""
        return self._finish(_fold(_MODIFY, *terms.words(), int(order_id), 8))

    def auth_hash(self, timestamp_secs: int, expiration_secs: int) -> int:
        """Return the message hash of a login, valid between the two times."""
        words = (_felt(_AUTH_METHOD), _felt(_AUTH_PATH), _felt(_AUTH_BODY))
        return self._finish(_fold(_REQUEST, *words, timestamp_secs, expiration_secs, 6))

    def onboarding_hash(self) -> int:
        """Return the message hash of the request that opens the account."""
        return self._finish(_fold(_CONSTANT, _felt("Onboarding"), 2))

    def subkey_hash(self, public_key: str, timestamp_secs: int, expiry_secs: int) -> int:
        """Return the hash of the request that lets another key sign: a plain Pedersen array, no typed data."""
        return _fold(0, self._account, int(public_key, 16), timestamp_secs, expiry_secs, 4)

    def sign(self, message_hash: int) -> str:
        """Return the signature as the wire wants it: a JSON array of two decimal strings, as text."""
        r, s = sign(self._key, message_hash)
        return f'["{r}","{s}"]'

    def _finish(self, inner: int) -> int:
        return _fold(self._outer, inner, 4)


def _key_number(private_key: str) -> int:
    """Return a key as a number; the error of one that is none must not repeat it."""
    try:
        key = int(private_key, 16)
    except ValueError:
        raise ValueError("the private key is not hexadecimal") from None
    if not 0 < key < _CURVE_ORDER:
        raise ValueError("the private key is no number of the Stark curve")
    return key
