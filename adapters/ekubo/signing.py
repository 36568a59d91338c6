"""Invoke transactions of version 3: account calldata, hash and signature; pure, proved against starknet-py and its vectors.

A hash is Poseidon over the transaction's fields (Starknet documentation, "Transaction hash"; SNIP-8), in compiled code
whose calls still add up to some milliseconds for a swap: the sender signs in a thread.
"""

from collections.abc import Sequence

import msgspec
from _pysha3 import keccak_256
from fast_stark_crypto import get_public_key, sign
from poseidon_py.poseidon_hash import poseidon_hash_many

_INVOKE = int.from_bytes(b"invoke", "big")
_L1_GAS, _L2_GAS, _L1_DATA = (int.from_bytes(name, "big") for name in (b"L1_GAS", b"L2_GAS", b"L1_DATA"))
_VERSION = 3
_QUERY = 1 << 128  # added to the version of a transaction that only asks what it would cost: never executable
_EMPTY = poseidon_hash_many([])


def selector(name: str) -> int:
    """Return the number of an entry point or event: the low 250 bits of its name's Keccak-256."""
    return int.from_bytes(keccak_256(name.encode()).digest(), "big") & ((1 << 250) - 1)


class Call(msgspec.Struct, frozen=True):
    """One call of a contract; `words` are field elements."""

    contract: int
    selector: int
    words: tuple[int, ...]


class Bound(msgspec.Struct, frozen=True):
    """The most of one resource a transaction may use, and the most it pays per unit (FRI, 1e-18 STRK)."""

    amount: int = 0
    price_fri: int = 0

    @property
    def fri(self) -> int:
        """The most this resource can cost."""
        return self.amount * self.price_fri


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The resource bounds of a transaction."""

    l1_gas: Bound = Bound()
    l2_gas: Bound = Bound()
    l1_data_gas: Bound = Bound()

    def fri(self, tip_fri: int = 0) -> int:
        """The most the whole transaction can cost, the tip is per unit of L2 gas; a node wants the account to hold it."""
        return self.l1_gas.fri + self.l2_gas.fri + self.l1_data_gas.fri + self.l2_gas.amount * tip_fri


class Invoke(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be signed; the tip is FRI per unit of L2 gas."""

    nonce: int
    calldata: tuple[int, ...]
    bounds: Bounds = Bounds()
    tip_fri: int = 0
    is_query: bool = False

    @property
    def version(self) -> int:
        """3, marked where it only asks for an estimate."""
        return _QUERY + _VERSION if self.is_query else _VERSION


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A signed transaction: its hash, and the JSON form a node takes."""

    hash: str
    body: dict[str, object]


def account_calldata(calls: Sequence[Call]) -> tuple[int, ...]:
    """Return the calldata by which a Cairo 1 account makes calls: their number, then (contract, selector, length, words) each."""
    words = [len(calls)]
    for call in calls:
        words += (call.contract, call.selector, len(call.words), *call.words)
    return tuple(words)


class Signer:
    """Signs for one account on one chain; the key lives here alone."""

    def __init__(self, chain_id: int, account_address: str, private_key: str) -> None:
        self._key = int(private_key, 16)
        self._chain_id, self.account = chain_id, int(account_address, 16)
        self.public_key = get_public_key(self._key)

    def hash(self, invoke: Invoke) -> int:
        """Return the hash of a transaction of this account: no paymaster, data on L1."""
        fee = poseidon_hash_many([invoke.tip_fri, *_packed(invoke.bounds)])
        head = [_INVOKE, invoke.version, self.account, fee, _EMPTY, self._chain_id, invoke.nonce, 0, _EMPTY]
        return int(poseidon_hash_many([*head, poseidon_hash_many(list(invoke.calldata))]))

    def sign(self, invoke: Invoke) -> Signed:
        """Return the signed transaction."""
        digest = self.hash(invoke)
        signature = sign(private_key=self._key, msg_hash=digest)
        return Signed(hash=hex(digest), body=self._body(invoke, signature))

    def _body(self, invoke: Invoke, signature: tuple[int, int]) -> dict[str, object]:
        bounds = {name: _wire(getattr(invoke.bounds, name)) for name in ("l1_gas", "l2_gas", "l1_data_gas")}
        return {
            "type": "INVOKE",
            "version": hex(invoke.version),
            "sender_address": hex(self.account),
            "nonce": hex(invoke.nonce),
            "tip": hex(invoke.tip_fri),
            "signature": [hex(part) for part in signature],
            "calldata": [hex(word) for word in invoke.calldata],
            "resource_bounds": bounds,
            "paymaster_data": [],
            "account_deployment_data": [],
            "nonce_data_availability_mode": "L1",
            "fee_data_availability_mode": "L1",
        }


def _packed(bounds: Bounds) -> list[int]:
    named = ((_L1_GAS, bounds.l1_gas), (_L2_GAS, bounds.l2_gas), (_L1_DATA, bounds.l1_data_gas))
    return [(name << 192) + (bound.amount << 128) + bound.price_fri for name, bound in named]


def _wire(bound: Bound) -> dict[str, str]:
    return {"max_amount": hex(bound.amount), "max_price_per_unit": hex(bound.price_fri)}
