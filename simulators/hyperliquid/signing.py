"""Who signed a request: rebuild what was signed, in the venue's own order, and recover the signer.

Nothing here trusts the order or spelling of the JSON that arrived: an action is decoded into a
struct and encoded again, so a client that signed anything else recovers to a stranger's address.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import coincurve
import msgspec
from _pysha3 import keccak_256

from simulators.hyperliquid.actions import L1Action

MAINNET, TESTNET = "a", "b"
_pack = msgspec.msgpack.Encoder().encode


def keccak(data: bytes) -> bytes:
    """Return the Keccak-256 digest."""
    digest: bytes = keccak_256(data).digest()
    return digest


_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AGENT_TYPE = keccak(b"Agent(string source,bytes32 connectionId)")

# The signed fields of each user-signed action, in order
USER_SIGNED: Mapping[str, tuple[str, Sequence[tuple[str, str]]]] = {
    "usdClassTransfer": (
        "UsdClassTransfer",
        (("string", "hyperliquidChain"), ("string", "amount"), ("bool", "toPerp"), ("uint64", "nonce")),
    ),
    "approveAgent": (
        "ApproveAgent",
        (("string", "hyperliquidChain"), ("address", "agentAddress"), ("string", "agentName"), ("uint64", "nonce")),
    ),
    "userSetAbstraction": (
        "UserSetAbstraction",
        (("string", "hyperliquidChain"), ("address", "user"), ("string", "abstraction"), ("uint64", "nonce")),
    ),
}


def connection_id(action: L1Action, nonce: int, vault: str | None, expires_after: int | None) -> bytes:
    """Return the hash of an action that its phantom agent signs."""
    tail = b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault.removeprefix("0x"))
    if expires_after is not None:
        tail += b"\x00" + expires_after.to_bytes(8, "big")
    return keccak(_pack(action) + nonce.to_bytes(8, "big") + tail)


def l1_digest(connection: bytes, source: str) -> bytes:
    """Return the EIP-712 digest of a phantom agent; `source` is the network's letter."""
    agent = keccak(_AGENT_TYPE + keccak(source.encode()) + connection)
    return keccak(b"\x19\x01" + _domain("Exchange", 1337) + agent)


def user_digest(action: Mapping[str, Any]) -> bytes:
    """Return the EIP-712 digest of a user-signed action; a missing text counts as empty."""
    name, fields = USER_SIGNED[action["type"]]
    types = ",".join(f"{kind} {field}" for kind, field in fields)
    type_hash = keccak(f"HyperliquidTransaction:{name}({types})".encode())
    body = b"".join(_word(kind, action.get(field)) for kind, field in fields)
    domain = _domain("HyperliquidSignTransaction", int(action["signatureChainId"], 16))
    return keccak(b"\x19\x01" + domain + keccak(type_hash + body))


def recover(digest: bytes, signature: Mapping[str, Any]) -> str | None:
    """Return the signer's lowercase address, None when the signature belongs to no point of the curve."""
    try:
        r, s, v = int(signature["r"], 16), int(signature["s"], 16), int(signature["v"])
        compact = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v % 27])
        public = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception:  # coincurve raises bare Exception as well as ValueError
        return None
    return "0x" + keccak(public.format(compressed=False)[1:])[12:].hex()


def address_of(private_key: str) -> str:
    """Return the lowercase address of a private key."""
    public = coincurve.PrivateKey(bytes.fromhex(private_key.removeprefix("0x"))).public_key
    return "0x" + keccak(public.format(compressed=False)[1:])[12:].hex()


def _domain(name: str, chain_id: int) -> bytes:
    return keccak(_DOMAIN_TYPE + keccak(name.encode()) + keccak(b"1") + chain_id.to_bytes(32, "big") + bytes(32))


def _word(kind: str, value: Any) -> bytes:
    if kind == "string":
        return keccak((value or "").encode())
    number = int(value, 16) if kind == "address" else int(value)
    return number.to_bytes(32, "big")
