"""Hashes, signatures and calldata equal starknet-py's, and its published vector."""

import ast
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fast_stark_crypto import verify

from adapters.ekubo import constants
from adapters.ekubo.signing import Bound, Bounds, Call, Invoke, Signer, account_calldata, selector

KEY = "0x139fe4d6f02e666e86a6f58e65060f115cd3c185bd9e98bd829636931458f79"


@pytest.fixture(scope="session")
def vendor() -> SimpleNamespace:
    from starknet_py.hash.selector import get_selector_from_name
    from starknet_py.hash.utils import verify_message_signature
    from starknet_py.net.account.account import _execute_payload_serializer_v1, _parse_calls_cairo_v1
    from starknet_py.net.client_models import Call as VendorCall
    from starknet_py.net.client_models import ResourceBounds, ResourceBoundsMapping
    from starknet_py.net.full_node_client import _create_broadcasted_txn
    from starknet_py.net.models.transaction import InvokeV3

    def invoke(signer: Signer, ours: Invoke, signature: list[int]) -> InvokeV3:
        bounds = {
            name: ResourceBounds(getattr(ours.bounds, name).amount, getattr(ours.bounds, name).price_fri)
            for name in ("l1_gas", "l2_gas", "l1_data_gas")
        }
        return InvokeV3(
            version=ours.version,
            signature=signature,
            nonce=ours.nonce,
            tip=ours.tip_fri,
            resource_bounds=ResourceBoundsMapping(**bounds),
            calldata=list(ours.calldata),
            sender_address=signer.account,
        )

    return SimpleNamespace(
        invoke=invoke,
        verify=verify_message_signature,
        selector=get_selector_from_name,
        calldata=lambda calls: _execute_payload_serializer_v1.serialize(
            {"calls": _parse_calls_cairo_v1([VendorCall(c.contract, c.selector, list(c.words)) for c in calls])}
        ),
        body=_create_broadcasted_txn,
    )


def random_invoke(rng: random.Random, is_query: bool) -> Invoke:
    felt = lambda: rng.randrange(constants.FIELD_PRIME)  # noqa: E731
    calls = [Call(felt(), felt(), tuple(felt() for _ in range(rng.randrange(5)))) for _ in range(rng.randrange(1, 4))]
    bound = lambda: Bound(rng.randrange(2**64), rng.randrange(2**128))  # noqa: E731
    bounds = Bounds() if is_query else Bounds(l1_gas=bound(), l2_gas=bound(), l1_data_gas=bound())
    return Invoke(
        nonce=rng.randrange(2**20),
        calldata=account_calldata(calls),
        bounds=bounds,
        tip_fri=rng.randrange(2**64),
        is_query=is_query,
    )


def test_the_hash_equals_the_published_vector():
    """starknet-py, tests/unit/hash/transaction_test.py."""
    words = (
        0x2,
        0x6359ED638DF79B82F2F9DBF92ABBCB41B57F9DD91EAD86B1C85D2DEE192C,
        0xB17D8A2731BA7CA1816631E6BE14F0FC1B8390422D649FA27F0FBB0C91EEA8,
        0x0,
        0x3FE8E4571772BBE0065E271686BD655EFD1365A5D6858981E582F82F2C10313,
        0x2FD9126EE011F3A837CEA02E32AE4EE73342D827E216998E5616BAB88D8B7EA,
        0x1,
        0x2FD9126EE011F3A837CEA02E32AE4EE73342D827E216998E5616BAB88D8B7EA,
    )
    account = "0x35ACD6DD6C5045D18CA6D0192AF46B335A5402C02D41F46E4E77EA2C951D9A3"
    bounds = Bounds(l1_gas=Bound(10**5, 10**13), l2_gas=Bound(10**10, 10**20), l1_data_gas=Bound(10**5, 10**13))
    digest = Signer(int.from_bytes(b"SN_GOERLI", "big"), account, KEY).hash(Invoke(nonce=5, calldata=words, bounds=bounds))
    assert digest == 0x119386B4AAAEF905BF027D3DD2734474C5E944942BF3FBD8FDB442704D32B8B


def test_hashes_signatures_and_json_equal_the_vendors_over_random_transactions(vendor):
    rng = random.Random(11)
    for number in range(60):
        signer = Signer(constants.SN_MAIN, hex(rng.randrange(1, constants.FIELD_PRIME)), hex(rng.randrange(1, 2**250)))
        invoke = random_invoke(rng, is_query=number % 4 == 0)
        signed = signer.sign(invoke)
        signature = [int(part, 16) for part in signed.body["signature"]]
        theirs = vendor.invoke(signer, invoke, signature)
        assert int(signed.hash, 16) == theirs.calculate_hash(constants.SN_MAIN)
        assert vendor.verify(int(signed.hash, 16), signature, signer.public_key)
        assert signed.body == vendor.body(theirs)


def test_a_signature_is_of_this_key_alone():
    signer, other = Signer(1, "0x5", KEY), Signer(1, "0x5", "0x77")
    signed = signer.sign(Invoke(nonce=1, calldata=(1, 2)))
    r, s = (int(part, 16) for part in signed.body["signature"])
    assert verify(public_key=signer.public_key, msg_hash=int(signed.hash, 16), r=r, s=s)
    assert not verify(public_key=other.public_key, msg_hash=int(signed.hash, 16), r=r, s=s)


def test_everything_a_hash_covers_changes_it():
    base = Invoke(nonce=1, calldata=(1, 2), bounds=Bounds(l2_gas=Bound(10, 20)))
    signer = Signer(1, "0x5", KEY)
    others = [
        Invoke(nonce=2, calldata=base.calldata, bounds=base.bounds),
        Invoke(nonce=1, calldata=(1, 3), bounds=base.bounds),
        Invoke(nonce=1, calldata=base.calldata, bounds=Bounds(l2_gas=Bound(11, 20))),
        Invoke(nonce=1, calldata=base.calldata, bounds=Bounds(l2_gas=Bound(10, 21))),
        Invoke(nonce=1, calldata=base.calldata, bounds=Bounds(l1_gas=Bound(10, 20))),
        Invoke(nonce=1, calldata=base.calldata, bounds=base.bounds, is_query=True),
        Invoke(nonce=1, calldata=base.calldata, bounds=base.bounds, tip_fri=1),
    ]
    hashes = {signer.hash(invoke) for invoke in (base, *others)}
    hashes |= {Signer(2, "0x5", KEY).hash(base), Signer(1, "0x6", KEY).hash(base)}
    assert len(hashes) == len(others) + 3


def test_account_calldata_and_selectors_equal_the_vendors(vendor):
    calls = [Call(1, 2, (3, 4)), Call(5, 6, ()), Call(7, 8, (9,))]
    assert list(account_calldata(calls)) == vendor.calldata(calls) == [3, 1, 2, 2, 3, 4, 5, 6, 0, 7, 8, 1, 9]
    for name in ("approve", "multi_route_swap", "__execute__", "Transfer"):
        assert selector(name) == vendor.selector(name)
    assert {name: selector(name) for name in constants.SELECTORS} == constants.SELECTORS


def test_the_most_a_transaction_can_cost_is_the_sum_of_its_bounds():
    assert Bounds(l1_gas=Bound(2, 3), l2_gas=Bound(5, 7), l1_data_gas=Bound(11, 13)).fri(4) == 6 + 35 + 143 + 20


def test_a_node_never_imports_the_vendors_library():
    """It takes seconds to import, and its own signer hundreds of milliseconds."""
    outside = {"msgspec", "_pysha3", "fast_stark_crypto", "poseidon_py", "nautilus_trader", "adapters", "config", "messages"}
    for file in (Path(__file__).parents[3] / "adapters/ekubo").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in outside | sys.stdlib_module_names, (file.name, name)
