"""What may act for an account beside its main key: subkeys that sign, and long-lived tokens that only read."""

import json
from collections.abc import Mapping
from typing import Any

from simulators.paradex.accounts import ApiToken, ParadexAccount, Subkey
from simulators.paradex.auth import Registry, read_key
from simulators.paradex.errors import ApiError
from simulators.paradex.signing import parse_signature
from simulators.stark_curve import hash_many, pedersen, verify

TOKEN_SECS = (60, 31_536_000)


def register_subkey(account: ParadexAccount, body: object, now_ns: int) -> None:
    """Let another key sign for the account, on the main key's signature, or keep a pending one. Raise ApiError."""
    fields = _object(body)
    public_key, state = read_key(fields.get("public_key")), fields.get("state") or "active"
    if public_key == account.main_key or account.subkeys.get(public_key, Subkey("", 0, "revoked", 0)).state != "revoked":
        raise ApiError("NOT_UNIQUE", "key is registered")
    if state == "pending":
        ephemeral = read_key(fields.get("eph_public_key"))
    elif state == "active":
        ephemeral = 0
        timestamp, expiry = _integer(fields, "signature_timestamp"), _integer(fields, "signature_expiry")
        if now_ns > expiry * 10**9:
            raise ApiError("INVALID_SIGNATURE_EXPIRATION", "signature has expired")
        _check_signature(account, hash_many(account.address, public_key, timestamp, expiry), fields)
        account.public_keys.add(public_key)
    else:
        raise ApiError("VALIDATION_ERROR", "state must be active or pending")
    account.subkeys[public_key] = Subkey(
        name=str(fields.get("name") or ""),
        public_key=public_key,
        state=state,
        created_ns=now_ns,
        ephemeral_key=ephemeral,
        encrypted_key=str(fields.get("encrypted_key") or ""),
    )


def activate_subkey(account: ParadexAccount, body: object) -> str:
    """Let a pending key sign from now on; return the encrypted key it was left with. Raise ApiError."""
    fields = _object(body)
    subkey = find_subkey(account, fields.get("public_key"))
    if subkey.state != "pending":
        raise ApiError("SUBKEY_NOT_ACTIVATABLE", f"subkey is {subkey.state}")
    _check_signature(account, pedersen(_integer(fields, "timestamp"), subkey.ephemeral_key), fields)
    subkey.state, subkey.name = "active", str(fields.get("name") or subkey.name)
    account.public_keys.add(subkey.public_key)
    return subkey.encrypted_key


def find_subkey(account: ParadexAccount, public_key: object) -> Subkey:
    """Return a subkey, revoked ones too. Raise ApiError when there is none."""
    subkey = account.subkeys.get(read_key(public_key))
    if subkey is None:
        raise ApiError("INVALID_SUBKEY", "no such subkey", status=404)
    return subkey


def revoke_subkey(account: ParadexAccount, public_key: object, now_ns: int) -> Subkey:
    """Let a subkey sign no more. Raise ApiError when there is none."""
    subkey = find_subkey(account, public_key)
    subkey.state, subkey.revoked_ns = "revoked", now_ns
    account.public_keys.discard(subkey.public_key)
    return subkey


def create_token(registry: Registry, account: ParadexAccount, body: object, now_ns: int) -> tuple[str, ApiToken]:
    """Mint a read-only token of up to a year. Raise ApiError."""
    fields = _object(body)
    secs = _integer(fields, "expiry_duration")
    if not TOKEN_SECS[0] <= secs <= TOKEN_SECS[1] or not fields.get("name") or not fields.get("token_type"):
        raise ApiError("VALIDATION_ERROR", "name, token_type and an expiry_duration of 60 s to 1 year are needed")
    lookup_id = f"{account.main_key % 10**8:08d}-{len(account.tokens) + 1}"
    token = ApiToken(lookup_id, str(fields["name"]), str(fields["token_type"]), now_ns, now_ns + secs * 10**9)
    account.tokens[lookup_id] = token
    return registry.token(account, now_ns // 10**9, secs=secs, lookup_id=lookup_id), token


def revoke_token(registry: Registry, account: ParadexAccount, lookup_id: str, now_ns: int) -> None:
    """Make a token worthless. Raise ApiError when there is none."""
    token = account.tokens.get(lookup_id)
    if token is None:
        raise ApiError("INVALID_TOKEN", "no such token", status=404)
    token.revoked_ns = now_ns
    registry.revoked.add(lookup_id)


def _check_signature(account: ParadexAccount, digest: int, fields: Mapping[str, Any]) -> None:
    try:
        signature = parse_signature(json.dumps(fields.get("signature")))
    except ValueError as error:
        raise ApiError("VALIDATION_ERROR", "malformed signature") from error
    if not verify(account.main_key, digest, signature):
        raise ApiError("STARKNET_SIGNATURE_VERIFICATION_FAILED")


def _object(body: object) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise ApiError("BINDING_ERROR")
    return body


def _integer(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or value < 0:
        raise ApiError("VALIDATION_ERROR", f"{name} must be a positive integer")
    return value
