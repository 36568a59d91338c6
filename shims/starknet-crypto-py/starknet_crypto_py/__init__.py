"""Stand in for the Rust package of this name, which has no Linux wheel for Python 3.12 or newer.

paradex-py imports exactly these four functions, with these keyword names. The curve arithmetic is
fast-stark-crypto's; the nonce is the reference implementation's (RFC 6979 over SHA-256 with an
optional seed), so signatures equal the published vectors digit for digit.
"""

import hmac

import fast_stark_crypto as _fast

EC_ORDER = 0x800000000000010FFFFFFFFFFFFFFFFB781126DCAE7B2321E66A241ADC64D2F

__all__ = ["get_public_key", "pedersen_hash", "sign", "verify"]


def get_public_key(private_key: int) -> int:
    """Return the x coordinate of the public key."""
    return _fast.get_public_key(private_key)


def pedersen_hash(first: int, second: int) -> int:
    """Return the Pedersen hash of two field elements."""
    return _fast.pedersen_hash(first, second)


def sign(private_key: int, msg_hash: int, seed: int | None = None) -> tuple[int, int]:
    """Return the STARK signature (r, s) of `msg_hash`; `seed` selects the deterministic nonce."""
    if seed is None:
        return _fast.sign(private_key, msg_hash)
    k = _nonce(private_key, msg_hash, seed)
    r = _fast.get_public_key(k)
    return r, (msg_hash + r * private_key) * pow(k, -1, EC_ORDER) % EC_ORDER


def verify(public_key: int, msg_hash: int, r: int, s: int) -> bool:
    """Tell whether (r, s) signs `msg_hash` under `public_key`."""
    return _fast.verify(public_key, msg_hash, r, s)


def _nonce(private_key: int, msg_hash: int, seed: int) -> int:
    """RFC 6979 HMAC-DRBG: key, hash and the seed's shortest form; draws are cut to 252 bits."""
    entropy = private_key.to_bytes(32, "big") + msg_hash.to_bytes(32, "big") + seed.to_bytes((seed.bit_length() + 7) // 8, "big")
    key, value = bytes(32), b"\x01" * 32
    for marker in (b"\x00", b"\x01"):
        key = hmac.digest(key, value + marker + entropy, "sha256")
        value = hmac.digest(key, value, "sha256")
    while True:
        value = hmac.digest(key, value, "sha256")
        candidate = int.from_bytes(value, "big") >> 4
        if 0 < candidate < EC_ORDER:
            return candidate
        key = hmac.digest(key, value + b"\x00", "sha256")
        value = hmac.digest(key, value, "sha256")
