"""Sign Hyperliquid's L1 actions (orders, cancels, leverage): pure, no I/O and no clock.

An action is hashed as msgpack of its fields in the venue's order, so the builders here are the only
place where actions are put together: another field order, a trailing zero or an upper-case address
makes the venue recover a different, unknown address.
"""

from binascii import hexlify
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import coincurve
import msgspec
from _pysha3 import keccak_256
from coincurve._libsecp256k1 import ffi, lib

type Action = dict[str, Any]
type OrderWire = dict[str, Any]

_MAX_WIRE_DECIMALS = 8

_pack = msgspec.msgpack.Encoder().encode
_dumps = msgspec.json.Encoder().encode
_NULL = ffi.NULL
_sign_recoverable = lib.secp256k1_ecdsa_sign_recoverable
_serialize = lib.secp256k1_ecdsa_recoverable_signature_serialize_compact
_BODY = b'{"action":%s,"nonce":%d,"signature":{"r":"0x%s","s":"0x%s","v":%d},"vaultAddress":%s,"expiresAfter":%s}'


def keccak(data: bytes) -> bytes:
    """Return the 32 bytes of keccak-256 (the original padding, not SHA3)."""
    digest: bytes = keccak_256(data).digest()
    return digest


_DOMAIN = keccak(
    keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    + keccak(b"Exchange")
    + keccak(b"1")
    + (1337).to_bytes(32, "big")
    + bytes(32)
)
_AGENT_TYPE = keccak(b"Agent(string source,bytes32 connectionId)")
_TYPED_DATA = b"\x19\x01" + _DOMAIN


def number(value: Decimal) -> str:
    """Return the venue's canonical text of a number: no exponent, no trailing zeros, no minus zero.

    Raises ValueError where more than 8 decimals would be needed: nothing is rounded here.
    """
    text = str(value)
    if text.isdigit():  # most prices
        return text
    if not value.is_finite():
        raise ValueError(f"{value} cannot be written on the wire")
    if not value:
        return "0"
    if "E" in text:
        text = f"{value:f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    if len(decimals) > _MAX_WIRE_DECIMALS:
        raise ValueError(f"{value} has more than {_MAX_WIRE_DECIMALS} decimals")
    return f"{whole}.{decimals}" if decimals else whole


def cloid(client_order_id: str) -> str:
    """Return the venue's 16-byte client order id for ours; the same for the same id, always."""
    return "0x" + keccak(client_order_id.encode())[:16].hex()


def address(private_key: str) -> str:
    """Return the lower-case address of a private key given as hex, with or without `0x`."""
    public: bytes = coincurve.PrivateKey(_key_bytes(private_key)).public_key.format(compressed=False)
    return "0x" + keccak(public[1:])[-20:].hex()


def order_wire(
    *, asset: int, is_buy: bool, price: Decimal, size: Decimal, reduce_only: bool, tif: str, cloid: str | None
) -> OrderWire:
    """Return one limit order; `tif` is `Gtc`, `Ioc` or `Alo` (post-only)."""
    wire: OrderWire = {
        "a": asset,
        "b": is_buy,
        "p": number(price),
        "s": number(size),
        "r": reduce_only,
        "t": {"limit": {"tif": tif}},
    }
    if cloid is not None:
        wire["c"] = cloid
    return wire


def order_action(orders: Sequence[OrderWire]) -> Action:
    """Return the action that places `orders`, in their order."""
    return {"type": "order", "orders": list(orders), "grouping": "na"}


def cancel_action(cancels: Sequence[tuple[int, int]]) -> Action:
    """Return the action that cancels by (asset, oid)."""
    return {"type": "cancel", "cancels": [{"a": asset, "o": oid} for asset, oid in cancels]}


def cancel_by_cloid_action(cancels: Sequence[tuple[int, str]]) -> Action:
    """Return the action that cancels by (asset, cloid)."""
    return {"type": "cancelByCloid", "cancels": [{"asset": asset, "cloid": cloid} for asset, cloid in cancels]}


def modify_action(oid: int | str, order: OrderWire) -> Action:
    """Return the action that replaces the order with this oid or cloid by `order`."""
    return {"type": "batchModify", "modifies": [{"oid": oid, "order": order}]}


def update_leverage_action(asset: int, *, is_cross: bool, leverage: int) -> Action:
    """Return the action that sets an asset's leverage and margin mode."""
    return {"type": "updateLeverage", "asset": asset, "isCross": is_cross, "leverage": leverage}


def schedule_cancel_action(time_ms: int | None) -> Action:
    """Return the action that has the venue cancel every order at `time_ms`, or (None) takes that back."""
    return {"type": "scheduleCancel"} if time_ms is None else {"type": "scheduleCancel", "time": time_ms}


def action_hash(action: Action, nonce_ms: int, vault: bytes = b"", expires_ms: int | None = None) -> bytes:
    """Return the connection id: what the agent struct of an L1 action commits to."""
    tail = b"\x01" + vault if vault else b"\x00"
    if expires_ms is not None:
        tail += b"\x00" + expires_ms.to_bytes(8, "big")
    digest: bytes = keccak_256(_pack(action) + nonce_ms.to_bytes(8, "big") + tail).digest()
    return digest


class L1Signer:
    """Turns an action into the signed JSON body the venue takes over HTTP and WebSocket alike.

    libsecp256k1 is called directly, into buffers made once: that saves the wrapper's allocations.
    One thread at a time.
    """

    def __init__(self, private_key: str, *, is_mainnet: bool) -> None:
        key = coincurve.PrivateKey(_key_bytes(private_key))
        self._key, self._context, self._secret = key, key.context.ctx, key.secret  # the key owns the context
        self._signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
        self._compact, self._recovery_id = ffi.new("unsigned char[64]"), ffi.new("int *")
        self._compact_bytes = ffi.buffer(self._compact)
        self._agent = _AGENT_TYPE + keccak(b"a" if is_mainnet else b"b")
        self.address = address(private_key)

    def __repr__(self) -> str:
        return f"L1Signer({self.address})"

    def sign(self, digest: bytes) -> dict[str, str | int]:
        """Return r, s (64 hex digits each) and v (27 or 28) over the connection id `digest`."""
        r, s, v = self._sign(digest)
        return {"r": "0x" + r.decode(), "s": "0x" + s.decode(), "v": v}

    def body(self, action: Action, nonce_ms: int, vault: bytes = b"", expires_ms: int | None = None) -> bytes:
        """Return the signed request; `vault` is the 20 bytes of a vault or sub-account address."""
        return _BODY % (
            _dumps(action),
            nonce_ms,
            *self._sign(action_hash(action, nonce_ms, vault, expires_ms)),
            b'"0x%s"' % hexlify(vault) if vault else b"null",
            b"null" if expires_ms is None else b"%d" % expires_ms,
        )

    def _sign(self, digest: bytes) -> tuple[bytes, bytes, int]:
        message = keccak_256(_TYPED_DATA + keccak_256(self._agent + digest).digest()).digest()
        if not _sign_recoverable(self._context, self._signature, message, self._secret, _NULL, _NULL):
            raise ValueError("the private key cannot sign")
        _serialize(self._context, self._compact, self._recovery_id, self._signature)
        digits = hexlify(self._compact_bytes)
        return digits[:64], digits[64:], 27 + self._recovery_id[0]


class NonceSource:
    """The one source of nonces of a signer: wall milliseconds, but never the same or a lower one."""

    def __init__(self) -> None:
        self._last_ms = 0

    def next_ms(self, now_ms: int) -> int:
        """Return a nonce for an action signed at `now_ms`."""
        self._last_ms = max(now_ms, self._last_ms + 1)
        return self._last_ms


def _key_bytes(private_key: str) -> bytes:
    try:
        key = bytes.fromhex(private_key.removeprefix("0x"))
    except ValueError:
        raise ValueError("the private key is not hexadecimal") from None
    if len(key) != 32:
        raise ValueError(f"the private key must have 32 bytes, had {len(key)}")
    return key
