import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import stark_curve
from simulators.paradex import signing
from simulators.paradex.constants import ACCOUNT_CLASS_HASH, PROXY_CLASS_HASH, SYSTEM_CONFIG, TEST_ACCOUNTS


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> dict[str, object]:
    return json.loads((shared_data / "raw/paradex/paradex_golden_vectors.json").read_text())


def vectors(golden, *names):
    return [vector for vector in golden["vectors"] if vector["name"] in names]


def as_body(vector, r="r", s="s"):
    fields = vector["fields"]
    return {
        **fields,
        "type": fields["order_type"],
        "signature_timestamp": fields["timestamp_ms"],
        "signature": json.dumps([vector[r], vector[s]]),
    }


def test_order_and_modify_hashes_and_signatures_equal_the_golden_ones(golden):
    account, key = int(golden["l2_address"], 16), int(golden["l2_public_key"], 16)
    for vector in vectors(golden, "order_limit_buy", "order_market_sell", "order_modify"):
        body = as_body(vector)
        assert hex(signing.order_hash(account, body, has_price=body["type"] != "MARKET")) == vector["hash"]
        assert signing.signs_order(account, {key}, body)
        assert signing.signs_order(account, {1234567, key}, as_body(vector, "r_without_seed", "s_without_seed"))
        assert not signing.signs_order(account, {key}, {**body, "size": "0.124"})
        assert not signing.signs_order(account + 1, {key}, body)


def test_signatures_may_be_hex(golden):
    account, key = int(golden["l2_address"], 16), int(golden["l2_public_key"], 16)
    (vector,) = vectors(golden, "order_limit_buy")
    body = {**as_body(vector), "signature": json.dumps([hex(int(vector["r"])), hex(int(vector["s"]))])}
    assert signing.signs_order(account, {key}, body)


def test_auth_and_onboarding_hashes_equal_the_golden_ones(golden):
    account = int(golden["l2_address"], 16)
    (auth,), (onboarding,) = vectors(golden, "auth"), vectors(golden, "onboarding")
    fields = auth["fields"]
    assert hex(signing.auth_hash(account, fields["timestamp_s"], fields["expiration_s"])) == auth["hash"]
    assert hex(signing.onboarding_hash(account)) == onboarding["hash"]


def test_reference_vectors_hold(shared_data):
    rows = (shared_data / "raw/paradex/paradex_ref_vectors.jsonl").read_text().splitlines()
    for row in map(json.loads, rows[:100]):
        key, digest = int(row["public_key"], 16), int(row["msg_hash"], 16)
        signature = int(row["r"], 16), int(row["s"], 16)
        assert stark_curve.pedersen(int(row["pedersen_a"], 16), int(row["pedersen_b"], 16)) == int(row["pedersen"], 16)
        assert stark_curve.public_key_of(int(row["private_key"], 16)) == key
        assert stark_curve.verify(key, digest, signature)
        assert not stark_curve.verify(key, (digest + 1) % 2**250, signature)


def test_test_accounts_derive_from_their_keys():
    for account in TEST_ACCOUNTS:
        public_key = stark_curve.public_key_of(int(account.l2_private_key, 16))
        assert hex(public_key) == account.l2_public_key
        assert hex(signing.contract_address(public_key, PROXY_CLASS_HASH, ACCOUNT_CLASS_HASH)) == account.l2_address


def test_configuration_is_the_published_test_configuration(shared_data):
    published = json.loads((shared_data / "raw/paradex/system_config_testnet.json").read_text())
    assert {key: SYSTEM_CONFIG[key] for key in published} == published


NUMBERS = st.integers(-1, 2**253) | st.sampled_from([0, 1, 2**251 - 1, 2**251, 2**251 + 5, stark_curve.FIELD_PRIME - 1])
KEYS = NUMBERS | st.sampled_from([int(account.l2_public_key, 16) for account in TEST_ACCOUNTS])


@settings(max_examples=200, deadline=None)
@given(KEYS, NUMBERS, NUMBERS, NUMBERS)
def test_arbitrary_numbers_get_an_answer_where_the_library_would_panic(key, digest, r, s):
    assert stark_curve.verify(key, digest, (r, s)) in (True, False)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '["1"]', '["x","y"]', "[1,2,3]", "[[1],[2]]"])
def test_malformed_signatures_are_refused(text):
    with pytest.raises(ValueError, match="malformed"):
        signing.parse_signature(text)
