import base64
import json

import fast_stark_crypto
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import stark_curve
from simulators.paradex import keys, signing
from simulators.paradex.auth import Registry, bearer
from simulators.paradex.constants import ACCOUNT_CLASS_HASH, PROXY_CLASS_HASH, TEST_ACCOUNTS
from simulators.paradex.errors import ApiError, TokenError
from simulators.paradex.settings import Settings

NOW = 1_790_000_000
TRADER = TEST_ACCOUNTS[0]


@pytest.fixture
def registry():
    return Registry(Settings(), 7, NOW * 1000)


def login_headers(account=TRADER, key=None, timestamp=NOW, expiration=NOW + 86_400, **changes):
    digest = signing.auth_hash(int(account.l2_address, 16), timestamp, expiration)
    r, s = fast_stark_crypto.sign(key or int(account.l2_private_key, 16), digest)
    headers = {
        "PARADEX-STARKNET-ACCOUNT": account.l2_address,
        "PARADEX-STARKNET-SIGNATURE": json.dumps([str(r), str(s)]),
        "PARADEX-TIMESTAMP": str(timestamp),
        "PARADEX-SIGNATURE-EXPIRATION": str(expiration),
    }
    return {**headers, **changes}


def code_of(call):
    with pytest.raises(ApiError) as error:
        call()
    return error.value.code


def test_a_login_gives_a_five_minute_token(registry):
    token = registry.login(login_headers(), TRADER.l2_public_key, "", NOW)
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (claims["exp"] - claims["iat"], claims["sub"]) == (300, TRADER.l2_address)
    caller = registry.caller(token, NOW + 299)
    assert (caller.account.address_text, caller.is_interactive) == (TRADER.l2_address, False)
    assert registry.caller(registry.login(login_headers(), None, "interactive", NOW), NOW).is_interactive
    with pytest.raises(TokenError, match=r"token is expired by 0\.5s"):
        registry.caller(token, NOW + 300.5)


def test_a_login_must_be_signed_by_the_account(registry):
    assert code_of(lambda: registry.login(login_headers(key=5), None, "", NOW)) == "STARKNET_SIGNATURE_VERIFICATION_FAILED"
    headers = login_headers(**{"PARADEX-TIMESTAMP": str(NOW + 1)})
    assert code_of(lambda: registry.login(headers, None, "", NOW)) == "STARKNET_SIGNATURE_VERIFICATION_FAILED"
    assert code_of(lambda: registry.login(login_headers(), TEST_ACCOUNTS[1].l2_public_key, "", NOW)) == "PUBLIC_KEY_INVALID"
    assert code_of(lambda: registry.login(login_headers(**{"PARADEX-STARKNET-ACCOUNT": "0x5"}), None, "", NOW)) == "NOT_ONBOARDED"
    assert code_of(lambda: registry.login({}, None, "", NOW)) == "INVALID_STARKNET_ADDRESS"


def test_a_login_signature_expires(registry):
    assert code_of(lambda: registry.login(login_headers(), None, "", NOW + 86_400)) == "INVALID_SIGNATURE_EXPIRATION"
    late = login_headers(expiration=NOW + 8 * 86_400)
    assert code_of(lambda: registry.login(late, None, "", NOW)) == "INVALID_SIGNATURE_EXPIRATION"
    early = login_headers(timestamp=NOW + 100, expiration=NOW + 1000)
    assert code_of(lambda: registry.login(early, None, "", NOW)) == "INVALID_TIMESTAMP"
    plain = login_headers(expiration=NOW + 1800)
    del plain["PARADEX-SIGNATURE-EXPIRATION"]
    assert registry.login(plain, None, "", NOW)


def test_a_fresh_account_is_onboarded_with_the_starting_balance(registry):
    key = 123_456_789
    public_key = stark_curve.public_key_of(key)
    address = signing.contract_address(public_key, PROXY_CLASS_HASH, ACCOUNT_CLASS_HASH)
    r, s = fast_stark_crypto.sign(key, signing.onboarding_hash(address))
    headers = {"PARADEX-STARKNET-ACCOUNT": hex(address), "PARADEX-STARKNET-SIGNATURE": json.dumps([hex(r), hex(s)])}
    body = {"public_key": hex(public_key)}
    account = registry.onboard(headers, body, NOW * 1000)
    assert account.money.cash_usd == 20_000
    assert registry.onboard(headers, body, NOW * 1000) is account
    forged = {**headers, "PARADEX-STARKNET-SIGNATURE": json.dumps([str(r), str(s + 1)])}
    assert code_of(lambda: registry.onboard(forged, body, 0)) == "STARKNET_SIGNATURE_VERIFICATION_FAILED"
    elsewhere = {**headers, "PARADEX-STARKNET-ACCOUNT": TRADER.l2_address}
    assert code_of(lambda: registry.onboard(elsewhere, body, 0)) == "INVALID_STARKNET_ADDRESS"


@pytest.fixture
def account(registry):
    return registry.accounts[int(TRADER.l2_address, 16)]


SUBKEY = 987_654_321
SUBKEY_PUBLIC = stark_curve.public_key_of(SUBKEY)


def main_signature(digest):
    r, s = fast_stark_crypto.sign(int(TRADER.l2_private_key, 16), digest)
    return [hex(r), hex(s)]


def registration(account, **changes):
    digest = stark_curve.hash_many(account.address, SUBKEY_PUBLIC, NOW, NOW + 100)
    body = {"name": "bot", "public_key": hex(SUBKEY_PUBLIC), "signature_timestamp": NOW, "signature_expiry": NOW + 100}
    return {**body, "signature": main_signature(digest), **changes}


def test_a_registered_subkey_signs_for_the_account_until_it_is_revoked(registry, account):
    forged = registration(account, signature=["0x1", "0x2"])
    late = (NOW + 101) * 10**9
    assert code_of(lambda: keys.register_subkey(account, forged, NOW * 10**9)) == "STARKNET_SIGNATURE_VERIFICATION_FAILED"
    assert code_of(lambda: keys.register_subkey(account, registration(account), late)) == "INVALID_SIGNATURE_EXPIRATION"
    keys.register_subkey(account, registration(account), NOW * 10**9)
    assert registry.login(login_headers(key=SUBKEY), hex(SUBKEY_PUBLIC), "", NOW)
    assert code_of(lambda: keys.register_subkey(account, registration(account), NOW * 10**9)) == "NOT_UNIQUE"
    keys.revoke_subkey(account, hex(SUBKEY_PUBLIC), NOW * 10**9)
    assert code_of(lambda: registry.login(login_headers(key=SUBKEY), hex(SUBKEY_PUBLIC), "", NOW)) == "PUBLIC_KEY_INVALID"
    keys.register_subkey(account, registration(account), NOW * 10**9)
    assert registry.login(login_headers(key=SUBKEY), hex(SUBKEY_PUBLIC), "", NOW)


def test_the_main_key_cannot_be_a_subkey_nor_be_revoked(account):
    own = registration(account, public_key=TRADER.l2_public_key)
    assert code_of(lambda: keys.register_subkey(account, own, NOW * 10**9)) == "NOT_UNIQUE"
    assert code_of(lambda: keys.revoke_subkey(account, TRADER.l2_public_key, 0)) == "INVALID_SUBKEY"


def test_a_pending_subkey_signs_once_it_is_activated(registry, account):
    pending = {
        "name": "phone",
        "public_key": hex(SUBKEY_PUBLIC),
        "state": "pending",
        "eph_public_key": "0x5",
        "encrypted_key": "0xabc",
    }
    keys.register_subkey(account, pending, NOW * 10**9)
    assert code_of(lambda: registry.login(login_headers(key=SUBKEY), hex(SUBKEY_PUBLIC), "", NOW)) == "PUBLIC_KEY_INVALID"
    activation = {"public_key": hex(SUBKEY_PUBLIC), "timestamp": NOW, "signature": main_signature(stark_curve.pedersen(NOW, 5))}
    wrong = {**activation, "timestamp": NOW + 1}
    assert code_of(lambda: keys.activate_subkey(account, wrong)) == "STARKNET_SIGNATURE_VERIFICATION_FAILED"
    assert keys.activate_subkey(account, activation) == "0xabc"
    assert registry.login(login_headers(key=SUBKEY), hex(SUBKEY_PUBLIC), "", NOW)
    assert code_of(lambda: keys.activate_subkey(account, activation)) == "SUBKEY_NOT_ACTIVATABLE"


def test_a_long_lived_token_only_reads_and_can_be_revoked(registry, account):
    wanted = {"name": "monitor", "token_type": "jwt", "expiry_duration": 3600}
    text, token = keys.create_token(registry, account, wanted, NOW * 10**9)
    caller = registry.caller(text, NOW + 3599)
    assert (caller.account, caller.is_read_only) == (account, True)
    assert not registry.caller(registry.token(account, NOW), NOW).is_read_only
    with pytest.raises(TokenError, match="expired"):
        registry.caller(text, NOW + 3600)
    keys.revoke_token(registry, account, token.lookup_id, NOW * 10**9)
    with pytest.raises(TokenError, match="revoked"):
        registry.caller(text, NOW)
    assert code_of(lambda: keys.create_token(registry, account, {**wanted, "expiry_duration": 59}, 0)) == "VALIDATION_ERROR"


@given(st.text(max_size=60))
def test_a_token_of_another_kind_is_refused(text):
    registry = Registry(Settings(), 7, 0)
    with pytest.raises(TokenError):
        registry.caller(text, NOW)
    other = Registry(Settings(), 8, 0)
    with pytest.raises(TokenError):
        other.caller(registry.token(registry.accounts[int(TRADER.l2_address, 16)], NOW), NOW)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc"])
def test_a_header_without_a_token_is_refused(header):
    with pytest.raises(TokenError):
        bearer(header)
