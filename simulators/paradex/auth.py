"""Who is calling: onboarding, login by StarkNet signature, and the short-lived bearer tokens (JWT)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from simulators.paradex.accounts import ParadexAccount, open_account
from simulators.paradex.constants import ACCOUNT_CLASS_HASH, PROXY_CLASS_HASH, TEST_ACCOUNTS
from simulators.paradex.errors import ApiError, TokenError
from simulators.paradex.settings import Settings
from simulators.paradex.signing import auth_hash, contract_address, onboarding_hash, parse_signature
from simulators.stark_curve import verify

DEFAULT_SIGNATURE_SECS = 1_800
MAX_SIGNATURE_SECS = 7 * 86_400
CLOCK_TOLERANCE_SECS = 60
INTERACTIVE = "interactive"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated account and the kind of token it came with."""

    account: ParadexAccount
    is_interactive: bool
    is_read_only: bool = False


class Registry:
    """The venue's accounts, and the tokens it hands out."""

    def __init__(self, settings: Settings, seed: int, now_ms: int) -> None:
        self._settings = settings
        self._key = hashlib.sha256(f"{seed}/paradex/jwt".encode()).digest()
        self.accounts: dict[int, ParadexAccount] = {}
        self.revoked: set[str] = set()  # lookup ids of tokens that are worth nothing before their time
        self._tokens = 0
        self._revoked_up_to = 0
        for test in TEST_ACCOUNTS:
            self._open(int(test.l2_address, 16), int(test.l2_public_key, 16), test.l1_address, now_ms)

    def onboard(self, headers: Mapping[str, str], body: object, now_ms: int) -> ParadexAccount:
        """Open an account for a signed onboarding request, or return the one that exists. Raise ApiError."""
        address = _number(headers, "PARADEX-STARKNET-ACCOUNT", "INVALID_STARKNET_ADDRESS")
        public_key = read_key(body.get("public_key") if isinstance(body, dict) else None)
        if contract_address(public_key, PROXY_CLASS_HASH, ACCOUNT_CLASS_HASH) != address:
            raise ApiError("INVALID_STARKNET_ADDRESS", "account address does not derive from public key")
        if not verify(public_key, onboarding_hash(address), _signature(headers)):
            raise ApiError("STARKNET_SIGNATURE_VERIFICATION_FAILED")
        known = self.accounts.get(address)
        return known or self._open(address, public_key, headers.get("PARADEX-ETHEREUM-ACCOUNT", ""), now_ms)

    def login(self, headers: Mapping[str, str], path_key: str | None, usage: str, now_secs: int) -> str:
        """Return a token for a signed login of an onboarded account. Raise ApiError."""
        account = self.accounts.get(_number(headers, "PARADEX-STARKNET-ACCOUNT", "INVALID_STARKNET_ADDRESS"))
        if account is None:
            raise ApiError("NOT_ONBOARDED", "User has never called /onboarding endpoint")
        public_key = _hex(path_key, "PUBLIC_KEY_INVALID") if path_key else account.main_key
        if public_key not in account.public_keys:
            raise ApiError("PUBLIC_KEY_INVALID", "public key is not registered for this account")
        timestamp, expiration = _lifetime(headers, now_secs)
        if not verify(public_key, auth_hash(account.address, timestamp, expiration), _signature(headers)):
            raise ApiError("STARKNET_SIGNATURE_VERIFICATION_FAILED")
        return self.token(account, now_secs, usage)

    def revoke_all(self) -> None:
        """Make all tokens handed out so far worthless; open sockets stay authenticated."""
        self._revoked_up_to = self._tokens

    def token(
        self, account: ParadexAccount, now_secs: int, usage: str = "", *, secs: int | None = None, lookup_id: str = ""
    ) -> str:
        """Mint a bearer token; it lives as long as the settings say, 300 s by default.

        One with a lookup id is read-only and can be revoked by that.
        """
        self._tokens += 1
        claims = {
            "typ": "at+JWT",
            "exp": now_secs + (self._settings.jwt_secs if secs is None else secs),
            "iat": now_secs,
            "iss": "Paradex simulator",
            "sub": account.address_text,
            "token_usage": usage,
            "jti": self._tokens,
            "lookup_id": lookup_id,
        }
        signed = f"{_base64({'alg': 'HS256', 'typ': 'JWT'})}.{_base64(claims)}"
        return f"{signed}.{self._mac(signed)}"

    def caller(self, token: str, now_secs: float) -> Caller:
        """Return whose token it is. Raise TokenError when it is malformed, forged or expired."""
        signed, _, mac = token.rpartition(".")
        if not signed or not hmac.compare_digest(mac.encode(errors="replace"), self._mac(signed).encode()):
            raise TokenError("token is malformed" if token else "")
        claims = json.loads(_decode(signed.partition(".")[2]))
        if now_secs >= claims["exp"]:
            raise TokenError(f"token is expired by {now_secs - claims['exp']:.9g}s")
        if claims["jti"] <= self._revoked_up_to or claims["lookup_id"] in self.revoked:
            raise TokenError("token is revoked")
        account = self.accounts[int(claims["sub"], 16)]
        return Caller(account, claims["token_usage"] == INTERACTIVE, is_read_only=bool(claims["lookup_id"]))

    def _open(self, address: int, public_key: int, l1_address: str, now_ms: int) -> ParadexAccount:
        account = open_account(address, public_key, l1_address, self._settings.starting_balance_usd, now_ms)
        self.accounts[address] = account
        return account

    def _mac(self, signed: str) -> str:
        return _strip(base64.urlsafe_b64encode(hmac.digest(self._key, signed.encode(errors="replace"), "sha256")))


def bearer(header: str) -> str:
    """Return the token of an Authorization header; raise TokenError without one."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenError
    return token.strip()


def _lifetime(headers: Mapping[str, str], now_secs: int) -> tuple[int, int]:
    timestamp = _number(headers, "PARADEX-TIMESTAMP", "INVALID_TIMESTAMP")
    expiration = timestamp + DEFAULT_SIGNATURE_SECS
    if "PARADEX-SIGNATURE-EXPIRATION" in headers:
        expiration = _number(headers, "PARADEX-SIGNATURE-EXPIRATION", "INVALID_SIGNATURE_EXPIRATION")
    if timestamp > now_secs + CLOCK_TOLERANCE_SECS:
        raise ApiError("INVALID_TIMESTAMP", "timestamp is in the future")
    if not now_secs < expiration <= timestamp + MAX_SIGNATURE_SECS:
        raise ApiError("INVALID_SIGNATURE_EXPIRATION", "signature expiration is past or beyond one week")
    return timestamp, expiration


def _signature(headers: Mapping[str, str]) -> tuple[int, int]:
    try:
        return parse_signature(headers.get("PARADEX-STARKNET-SIGNATURE", ""))
    except ValueError as error:
        raise ApiError("INVALID_STARKNET_SIGNATURE") from error


def _number(headers: Mapping[str, str], name: str, code: str) -> int:
    try:
        return int(headers[name], 0)
    except (KeyError, ValueError) as error:
        raise ApiError(code, f"{name} is missing or malformed") from error


def _hex(value: str, code: str) -> int:
    try:
        return int(value, 16)
    except ValueError as error:
        raise ApiError(code) from error


def read_key(value: object) -> int:
    """Return a public key from its hexadecimal text. Raise ApiError."""
    if not isinstance(value, str):
        raise ApiError("PUBLIC_KEY_INVALID")
    return _hex(value, "PUBLIC_KEY_INVALID")


def _base64(claims: Mapping[str, object]) -> str:
    return _strip(base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()))


def _strip(encoded: bytes) -> str:
    return encoded.decode().rstrip("=")


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
