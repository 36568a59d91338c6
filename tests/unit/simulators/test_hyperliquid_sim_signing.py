"""Signatures are rebuilt from first principles: the published vectors of the venue's SDK recover to their key."""

import pytest
from eth_account import Account
from hyperliquid.utils.signing import sign_agent, sign_l1_action, sign_usd_class_transfer_action

from simulators.hyperliquid.actions import Malformed, decode_action
from simulators.hyperliquid.signing import MAINNET, TESTNET, address_of, connection_id, l1_digest, recover, user_digest

KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
OTHER_KEY = "0x822e9959e022b78423eb653a62ea0020cd283e71a2a8133a6ff2aeffaf373cff"


def order(**changes):
    return {"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}, **changes}


def place(*orders):
    return {"type": "order", "orders": list(orders), "grouping": "na"}


def recovered(action, nonce, source, signature, vault=None, expires=None):
    return recover(l1_digest(connection_id(decode_action(action), nonce, vault, expires), source), signature)


def test_the_published_phantom_agent():
    action = place(order(a=4, p="1670.1", s="0.0147", t={"limit": {"tif": "Ioc"}}))
    connection = connection_id(decode_action(action), 1677777606040, None, None)
    assert connection.hex() == "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        (
            MAINNET,
            {
                "r": "0xd65369825a9df5d80099e513cce430311d7d26ddf477f5b3a33d2806b100d78e",
                "s": "0x2b54116ff64054968aa237c20ca9ff68000f977c93289157748a3162b6ea940e",
                "v": 28,
            },
        ),
        (
            TESTNET,
            {
                "r": "0x82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54",
                "s": "0x6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5",
                "v": 27,
            },
        ),
    ],
)
def test_the_published_order_signatures(source, signature):
    assert recovered(place(order()), 0, source, signature) == address_of(KEY)


def test_a_published_signature_whose_leading_zero_was_stripped():
    signature = {
        "r": "0x41ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3",
        "s": "0x3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da",
        "v": 27,
    }
    action = place(order(c="0x00000000000000000000000000000001"))
    assert recovered(action, 0, MAINNET, signature) == address_of(KEY)


@pytest.mark.parametrize(
    ("vault", "expires", "expected"),
    [
        (None, None, "25367e0dba84351148288c2233cd6130ed6cec5967ded0c0b7334f36f957cc90"),
        (True, None, "214e2ea3270981b6fd18174216691e69f56872663139d396b10ded319cb4bb1e"),
        (None, True, "c30b002ba3775e4c31c43c1dfd3291dfc85c6ae06c6b9f393991de86cad5fac7"),
        (True, True, "2d62412aa0fc57441b5189841d81554a6a9680bf07204e1454983a9ca44f0744"),
    ],
)
def test_the_published_hashes_with_vault_and_expiry(vault, expires, expected):
    action = decode_action(place(order(a=0, p="30000", s="0.1")))
    address = "0x1234567890123456789012345678901234567890" if vault else None
    assert connection_id(action, 1234567890, address, 1234567890 if expires else None).hex() == expected


def test_key_order_unknown_keys_and_trailing_zeros_do_not_matter():
    tidy, untidy = place(order(p="100", s="0.5")), place(dict(reversed(order(p="100.0", s="0.50", note="x").items())))
    assert connection_id(decode_action(tidy), 1, None, None) == connection_id(decode_action(untidy), 1, None, None)


ACTIONS = [
    {"type": "cancel", "cancels": [{"a": 7, "o": 2**40}]},
    {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": "0x" + "ab" * 16}]},
    {"type": "batchModify", "modifies": [{"oid": 3, "order": order()}]},
    {"type": "modify", "oid": "0x" + "01" * 16, "order": order()},
    {"type": "updateLeverage", "asset": 5, "isCross": True, "leverage": 10},
    {"type": "updateIsolatedMargin", "asset": 5, "isBuy": True, "ntli": 1_000_000},
    {"type": "scheduleCancel"},
    {"type": "scheduleCancel", "time": 1_800_000_000_000},
    {"type": "noop"},
    {**place(order()), "builder": {"b": "0x" + "cd" * 20, "f": 10}},
]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action["type"])
@pytest.mark.parametrize("is_mainnet", [True, False])
def test_what_the_sdk_signs_recovers_to_its_wallet(action, is_mainnet):
    wallet = Account.from_key(OTHER_KEY)
    signature = sign_l1_action(wallet, action, None, 1_795_000_000_000, 1_795_000_005_000, is_mainnet)
    source = MAINNET if is_mainnet else TESTNET
    assert recovered(action, 1_795_000_000_000, source, signature, expires=1_795_000_005_000) == wallet.address.lower()
    assert recovered(action, 1_795_000_000_001, source, signature, expires=1_795_000_005_000) != wallet.address.lower()


@pytest.mark.parametrize("is_mainnet", [True, False])
def test_user_signed_actions_recover_to_their_wallet(is_mainnet):
    wallet = Account.from_key(OTHER_KEY)
    transfer = {"type": "usdClassTransfer", "amount": "1.0", "toPerp": True, "nonce": 1_795_000_000_000}
    signature = sign_usd_class_transfer_action(wallet, transfer, is_mainnet)
    assert recover(user_digest(transfer), signature) == wallet.address.lower()
    agent = {"type": "approveAgent", "agentAddress": "0x" + "ef" * 20, "agentName": "", "nonce": 1_795_000_000_000}
    signature = sign_agent(wallet, agent, is_mainnet)
    del agent["agentName"]  # as the SDK does for an unnamed agent
    assert recover(user_digest(agent), signature) == wallet.address.lower()


@pytest.mark.parametrize(
    "action",
    [
        {"type": "fly"},
        {"type": "order"},
        place({**order(), "a": "1"}),
        place({**order(), "p": "cheap"}),
        place({**order(), "c": "0x12"}),
        place({**order(), "p": 100.0}),
    ],
)
def test_what_is_no_action_is_malformed(action):
    with pytest.raises(Malformed):
        decode_action(action)


def test_nonsense_signatures_recover_nobody():
    digest = l1_digest(bytes(32), MAINNET)
    assert recover(digest, {"r": "0x0", "s": "0x0", "v": 27}) is None
    assert recover(digest, {"r": "0x" + "ff" * 40, "s": "0x1", "v": 27}) is None
    assert recover(digest, {"r": None, "s": "0x1", "v": 27}) is None
