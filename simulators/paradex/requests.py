"""Order requests: what clients may send, read tolerantly, checked strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.constants import DEFAULT_RECV_WINDOW_MS, MIN_RECV_WINDOW_MS, PerpTerms
from simulators.paradex.errors import ApiError
from simulators.paradex.sbe import INSTRUCTIONS, ORDER_FLAGS, ORDER_TYPES, SELF_TRADE
from simulators.paradex.signing import signs_order

DEFAULT_SELF_TRADE = "EXPIRE_TAKER"
MAX_CLIENT_ID = 64


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A well-formed order; `price` is None for market orders."""

    market: str
    is_buy: bool
    kind: str
    size: Decimal
    price: Decimal | None
    instruction: str
    stp: str
    flags: tuple[str, ...]
    client_id: str
    trigger_price: Decimal | None
    signed_ms: int


def parse_order(body: Mapping[str, Any], markets: Mapping[str, PerpTerms]) -> OrderRequest:
    """Read an order body; null and empty optional fields count as absent. Raise ApiError."""
    if not isinstance(body, Mapping):
        raise ApiError("BINDING_ERROR", "order must be an object")
    terms = markets.get(str(body.get("market")))
    if terms is None:
        raise ApiError("MARKET_NOT_FOUND")
    kind, instruction = _choice(body, "type", ORDER_TYPES), _choice(body, "instruction", INSTRUCTIONS, "GTC")
    _check_combination(kind, instruction)
    client_id = str(body.get("client_id") or "")
    if len(client_id) > MAX_CLIENT_ID or not client_id.isascii():
        raise ApiError("VALIDATION_ERROR", f"client_id must be ASCII of at most {MAX_CLIENT_ID} characters")
    return OrderRequest(
        market=terms.symbol,
        is_buy=_choice(body, "side", ("BUY", "SELL")) == "BUY",
        kind=kind,
        size=_size(body, terms),
        price=None if kind.endswith("MARKET") else _price(body, "price", terms),
        instruction=instruction,
        stp=_choice(body, "stp", SELF_TRADE[1:], DEFAULT_SELF_TRADE),
        flags=_flags(body),
        client_id=client_id,
        trigger_price=_price(body, "trigger_price", terms) if kind not in ("LIMIT", "MARKET") else None,
        signed_ms=_integer(body, "signature_timestamp"),
    )


def check_signature(account: ParadexAccount, body: Mapping[str, Any]) -> None:
    """Raise ApiError unless a key of the account signed the body."""
    if isinstance(body, Mapping) and body.get("on_behalf_of_account") not in (None, "", account.address_text):
        raise ApiError("ISOLATED_MARKET_ACCOUNT_MISMATCH", "account has no isolated margin")
    if not isinstance(body, Mapping) or not signs_order(account.address, account.public_keys, body):
        raise ApiError("INVALID_ORDER_SIGNATURE", "order signature is invalid")


def check_window(body: Mapping[str, Any], signed_ms: int, now_ms: int) -> None:
    """Raise ApiError when the order was signed longer ago, or longer ahead, than its receive window allows."""
    window_ms = body.get("recv_window")
    window_ms = DEFAULT_RECV_WINDOW_MS if window_ms is None else _integer(body, "recv_window")
    if window_ms < MIN_RECV_WINDOW_MS:
        raise ApiError("VALIDATION_ERROR", f"recv_window below {MIN_RECV_WINDOW_MS} ms")
    if abs(now_ms - signed_ms) > window_ms:
        raise ApiError("INVALID_TIMESTAMP", "signature_timestamp is outside of recv_window")


def _check_combination(kind: str, instruction: str) -> None:
    if instruction == "RPI" and kind != "LIMIT":
        raise ApiError("VALIDATION_ERROR", "RPI is only valid for LIMIT orders")
    if instruction == "IOC" and kind != "LIMIT":
        raise ApiError("VALIDATION_ERROR", "IOC is only valid for LIMIT orders")
    if instruction == "POST_ONLY" and kind not in ("LIMIT", "STOP_LIMIT"):
        raise ApiError("VALIDATION_ERROR", "POST_ONLY is only valid for LIMIT and STOP_LIMIT orders")


def _choice(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = body.get(name) or default
    if value not in allowed:
        raise ApiError("VALIDATION_ERROR", f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def _flags(body: Mapping[str, Any]) -> tuple[str, ...]:
    flags = body.get("flags") or []
    if not isinstance(flags, list) or any(flag not in ORDER_FLAGS for flag in flags):
        raise ApiError("VALIDATION_ERROR", "unknown order flag")
    if "TARGET_STRATEGY_VWAP" in flags:
        raise ApiError("VALIDATION_ERROR", "VWAP orders are not simulated")
    return tuple(flags)


def _size(body: Mapping[str, Any], terms: PerpTerms) -> Decimal:
    size = _number(body, "size")
    if size <= 0 or size % terms.size_step or size > terms.max_order_size:
        raise ApiError(
            "INVALID_ORDER_SIZE", f"size must be a positive multiple of {terms.size_step} up to {terms.max_order_size}"
        )
    return size


def _price(body: Mapping[str, Any], name: str, terms: PerpTerms) -> Decimal:
    price = _number(body, name)
    if price <= 0 or price % terms.tick:
        raise ApiError("INVALID_PRICE_PRECISION", f"{name} must be a positive multiple of {terms.tick}")
    return price


def _number(body: Mapping[str, Any], name: str) -> Decimal:
    try:
        value = Decimal(str(body[name]))
    except (KeyError, InvalidOperation) as error:
        raise ApiError("VALIDATION_ERROR", f"{name} must be a decimal string") from error
    if not value.is_finite() or abs(value) >= 10**12:
        raise ApiError("VALIDATION_ERROR", f"{name} is out of range")
    return value


def _integer(body: Mapping[str, Any], name: str) -> int:
    try:
        return int(body[name])
    except (KeyError, TypeError, ValueError) as error:
        raise ApiError("VALIDATION_ERROR", f"{name} must be an integer") from error
