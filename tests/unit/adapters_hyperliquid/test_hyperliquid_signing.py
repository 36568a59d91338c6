"""Signatures against the venue's published vectors and the official SDK as oracle."""

import random
from decimal import Decimal

import msgspec
import pytest
from eth_account import Account
from hyperliquid.utils import signing as sdk
from hyperliquid.utils.types import Cloid
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid import signing

KEY = "0x" + "0123456789" * 6 + "0123"
ETH_ORDER = signing.order_wire(
    asset=4, is_buy=True, price=Decimal("1670.1"), size=Decimal("0.0147"), reduce_only=False, tif="Ioc", cloid=None
)


def hundred(cloid=None):
    wire = signing.order_wire(
        asset=1, is_buy=True, price=Decimal(100), size=Decimal(100), reduce_only=False, tif="Gtc", cloid=cloid
    )
    return signing.order_action([wire])


def test_connection_id_of_the_published_order():
    digest = signing.action_hash(signing.order_action([ETH_ORDER]), 1677777606040)
    assert digest.hex() == "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"


@pytest.mark.parametrize(
    ("action", "is_mainnet", "r", "s", "v"),
    [
        (
            hundred(),
            True,
            "0xd65369825a9df5d80099e513cce430311d7d26ddf477f5b3a33d2806b100d78e",
            "0x2b54116ff64054968aa237c20ca9ff68000f977c93289157748a3162b6ea940e",
            28,
        ),
        (
            hundred(),
            False,
            "0x82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54",
            "0x6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5",
            27,
        ),
        (
            hundred("0x00000000000000000000000000000001"),
            True,
            "0x41ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3",
            "0x3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da",
            27,
        ),
    ],
)
def test_published_signatures(action, is_mainnet, r, s, v):
    signature = signing.L1Signer(KEY, is_mainnet=is_mainnet).sign(signing.action_hash(action, 0))
    assert (int(signature["r"], 16), int(signature["s"], 16), signature["v"]) == (int(r, 16), int(s, 16), v)


def test_published_signature_with_a_vault():
    vault = bytes.fromhex("1719884eb866cb12b2287399b15f7db5e7d775ea")
    digest = signing.action_hash({"type": "dummy", "num": 100000000000}, 0, vault)
    signature = signing.L1Signer(KEY, is_mainnet=True).sign(digest)
    assert int(signature["r"], 16) == int("3c548db75e479f8012acf3000ca3a6b05606bc2ec0c29c50c515066a326239", 16)
    assert int(signature["s"], 16) == int("4d402be7396ce74fbba3795769cda45aec00dc3125a984f2a9f23177b190da2c", 16)


@pytest.mark.parametrize(
    ("vault", "expires", "expected"),
    [
        (b"", None, "25367e0dba84351148288c2233cd6130ed6cec5967ded0c0b7334f36f957cc90"),
        (b"\x12\x34\x56\x78\x90" * 4, None, "214e2ea3270981b6fd18174216691e69f56872663139d396b10ded319cb4bb1e"),
        (b"", 1234567890, "c30b002ba3775e4c31c43c1dfd3291dfc85c6ae06c6b9f393991de86cad5fac7"),
        (b"\x12\x34\x56\x78\x90" * 4, 1234567890, "2d62412aa0fc57441b5189841d81554a6a9680bf07204e1454983a9ca44f0744"),
    ],
)
def test_hash_commits_to_vault_and_expiry(vault, expires, expected):
    wire = signing.order_wire(
        asset=0, is_buy=True, price=Decimal(30000), size=Decimal("0.1"), reduce_only=False, tif="Gtc", cloid=None
    )
    assert signing.action_hash(signing.order_action([wire]), 1234567890, vault, expires).hex() == expected


def random_order(rng):
    size_decimals = rng.randint(0, 5)
    return {
        "asset": rng.randint(0, 250),
        "is_buy": rng.random() < 0.5,
        "price": Decimal(rng.randint(1, 99999)).scaleb(rng.randint(-6, 1)),
        "size": Decimal(rng.randint(1, 10**7)).scaleb(-size_decimals),
        "reduce_only": rng.random() < 0.5,
        "tif": rng.choice(["Gtc", "Ioc", "Alo"]),
        "cloid": rng.choice([None, f"0x{rng.getrandbits(128):032x}"]),
    }


def sdk_wire(order):
    request = {
        "is_buy": order["is_buy"],
        "sz": float(order["size"]),
        "limit_px": float(order["price"]),
        "order_type": {"limit": {"tif": order["tif"]}},
        "reduce_only": order["reduce_only"],
        "cloid": None if order["cloid"] is None else Cloid(order["cloid"]),
    }
    return sdk.order_request_to_order_wire(request, order["asset"])


def test_a_thousand_random_orders_are_hashed_and_signed_as_the_sdk_does():
    rng = random.Random(20261101)
    wallet = Account.from_key(KEY)
    signers = {network: signing.L1Signer(KEY, is_mainnet=network) for network in (True, False)}
    for _ in range(1000):
        orders = [random_order(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        nonce, is_mainnet = rng.randint(1, 2**42), rng.random() < 0.5
        vault = rng.choice([None, f"0x{rng.getrandbits(160):040x}"])
        expires = rng.choice([None, nonce + 5000])
        ours = signing.order_action([signing.order_wire(**order) for order in orders])
        theirs = sdk.order_wires_to_order_action([sdk_wire(order) for order in orders])
        vault_bytes = b"" if vault is None else bytes.fromhex(vault[2:])
        assert signing.action_hash(ours, nonce, vault_bytes, expires) == sdk.action_hash(theirs, vault, nonce, expires)
        body = msgspec.json.decode(signers[is_mainnet].body(ours, nonce, vault_bytes, expires))
        expected = sdk.sign_l1_action(wallet, theirs, vault, nonce, expires, is_mainnet)
        signature = body["signature"]
        for part in ("r", "s"):
            assert int(signature[part], 16) == int(expected[part], 16)
        assert signature["v"] == expected["v"]
        assert (body["vaultAddress"], body["expiresAfter"], body["nonce"]) == (vault, expires, nonce)
        assert body["action"] == ours


def test_cancels_hash_as_the_sdk_does():
    cloid = "0x" + "0a" * 16
    ours = signing.cancel_by_cloid_action([(3, cloid)])
    theirs = {"type": "cancelByCloid", "cancels": [{"asset": 3, "cloid": cloid}]}
    assert signing.action_hash(ours, 7) == sdk.action_hash(theirs, None, 7, None)
    theirs = {"type": "cancel", "cancels": [{"a": 3, "o": 2**33}]}
    assert signing.action_hash(signing.cancel_action([(3, 2**33)]), 7) == sdk.action_hash(theirs, None, 7, None)


def test_modification_hashes_as_the_sdk_does():
    theirs = {"type": "batchModify", "modifies": [{"oid": 2**33, "order": ETH_ORDER}]}
    assert signing.action_hash(signing.modify_action(2**33, ETH_ORDER), 7) == sdk.action_hash(theirs, None, 7, None)


def test_account_actions_hash_as_the_sdk_does():
    for ours, theirs in (
        (
            signing.update_leverage_action(3, is_cross=False, leverage=5),
            {"type": "updateLeverage", "asset": 3, "isCross": False, "leverage": 5},
        ),
        (signing.schedule_cancel_action(123456789), {"type": "scheduleCancel", "time": 123456789}),
        (signing.schedule_cancel_action(None), {"type": "scheduleCancel"}),
    ):
        assert list(ours) == list(theirs)
        assert signing.action_hash(ours, 7) == sdk.action_hash(theirs, None, 7, None)


def test_address_is_the_wallets():
    assert signing.address(KEY) == Account.from_key(KEY).address.lower()
    assert signing.L1Signer(KEY.removeprefix("0x"), is_mainnet=False).address == signing.address(KEY)


def test_a_bad_key_is_refused_without_being_repeated():
    with pytest.raises(ValueError, match="hexadecimal"):
        signing.address("0xnotakey")
    with pytest.raises(ValueError, match="32 bytes, had 4"):
        signing.address("0xdeadbeef")
    assert KEY[2:] not in repr(signing.L1Signer(KEY, is_mainnet=True))


@given(st.decimals(min_value=Decimal("-1e9"), max_value=Decimal("1e9"), places=8))
def test_numbers_are_canonical_and_exact(value):
    text = signing.number(value)
    assert Decimal(text) == value
    assert "e" not in text.lower()
    assert text != "-0"
    assert "." not in text or not text.endswith(("0", "."))


def test_numbers_are_written_as_the_sdk_writes_them():
    for text in ("70000.0", "0.000010", "1E+3", "0.00", "123456.50", "0.12345678"):
        assert signing.number(Decimal(text)) == sdk.float_to_wire(float(text))


@pytest.mark.parametrize("text", ["0.123456789", "NaN", "Infinity"])
def test_numbers_that_cannot_be_written_are_refused(text):
    with pytest.raises(ValueError, match=r"decimals|cannot be written"):
        signing.number(Decimal(text))


def test_cloid_is_deterministic_and_well_formed():
    cloid = signing.cloid("O-20261125-000001-001-001-1")
    assert cloid == signing.cloid("O-20261125-000001-001-001-1")
    assert cloid != signing.cloid("O-20261125-000001-001-001-2")
    assert str(Cloid.from_str(cloid)) == cloid


@given(st.lists(st.integers(min_value=0, max_value=2**42), min_size=1))
def test_nonces_never_repeat_whatever_the_clock_does(clock):
    source = signing.NonceSource()
    nonces = [source.next_ms(now) for now in clock]
    assert nonces == sorted(set(nonces))
    assert all(nonce >= now for nonce, now in zip(nonces, clock, strict=True))
