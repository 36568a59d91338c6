"""The Stark curve: keys, signatures and Pedersen hashes, and StarkNet's way of naming things."""

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import cast

import fast_stark_crypto
from _pysha3 import keccak_256

FIELD_PRIME = 2**251 + 17 * 2**192 + 1
CURVE_BETA = 0x6F21413EFBE40DE150E596D72F7A8C5609AD26C15C915C1F4CDFCB99CEE9E89
LIMIT = 2**251

pedersen = cast(Callable[[int, int], int], fast_stark_crypto.pedersen_hash)
public_key_of = cast(Callable[[int], int], fast_stark_crypto.get_public_key)


@lru_cache(maxsize=1_000)
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
