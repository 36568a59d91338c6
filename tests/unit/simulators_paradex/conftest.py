"""A simulated Paradex without sockets, and signers of what its clients send."""

import json
import time
from collections.abc import Callable

import fast_stark_crypto
import pytest
from exchange_desk import PRIVATE_KEYS, Desk, signed_body

from simulators.paradex.constants import TEST_ACCOUNTS
from simulators.paradex.signing import auth_hash


@pytest.fixture
def make_desk() -> Callable[..., Desk]:
    return lambda seed=7, hour_secs=3600.0: Desk(seed, hour_secs)


@pytest.fixture
def desk() -> Desk:
    return Desk(7, 3600.0)


@pytest.fixture
def sign_login() -> Callable[[int], dict[str, str]]:
    """Return the signed login headers of the trader at a time in Unix seconds."""

    def headers(now_secs: int) -> dict[str, str]:
        address = int(TEST_ACCOUNTS[0].l2_address, 16)
        r, s = fast_stark_crypto.sign(PRIVATE_KEYS[address], auth_hash(address, now_secs, now_secs + 600))
        return {
            "PARADEX-STARKNET-ACCOUNT": TEST_ACCOUNTS[0].l2_address,
            "PARADEX-STARKNET-SIGNATURE": json.dumps([hex(r), hex(s)]),
            "PARADEX-TIMESTAMP": str(now_secs),
            "PARADEX-SIGNATURE-EXPIRATION": str(now_secs + 600),
        }

    return headers


@pytest.fixture
def sign_order() -> Callable[..., dict[str, object]]:
    """Return a signer of the trader's order bodies, stamped with the wall clock."""
    return lambda **fields: signed_body(int(TEST_ACCOUNTS[0].l2_address, 16), time.time_ns() // 1_000_000, **fields)
