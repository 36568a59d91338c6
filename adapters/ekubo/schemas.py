"""Wire structs of AVNU's swap API and of a Starknet node, in their own names; tolerant of what is new or missing.

Numbers come as hexadecimal or decimal text or as JSON numbers; dollar fields and whatever else may be null are None then.
Unknown fields are ignored. A number that is negative or no number at all makes the whole answer one that is not understood.
"""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,128}|[0-9]{1,160}")
_MAX_EXPONENT = 40


class Number(int):
    """A non-negative integer, as either venue may spell it."""

    @classmethod
    def parse(cls, given: object) -> "Number":
        """Return what was given as a number; raises ValueError where it is none or is negative."""
        if isinstance(given, str) and _NUMBER.fullmatch(given):
            return cls(given, 16) if given[:2].lower() == "0x" else cls(given)
        if type(given) is int and given >= 0:
            return cls(given)
        raise ValueError(f"{str(given)[:40]!r} is no non-negative number")


def _decode_number(kind: type, given: object) -> Number:
    if kind is not Number:
        raise NotImplementedError(f"{kind} is not of the wire")
    return Number.parse(given)


def decode[T](kind: type[T], body: bytes) -> T:
    """Decode an answer; raises `msgspec.DecodeError` (or its kind) where it has another shape."""
    try:
        return msgspec.json.decode(body, type=kind, strict=False, dec_hook=_decode_number)
    except RecursionError as e:
        raise msgspec.DecodeError("nested too deeply") from e


def convert[T](kind: type[T], given: Any) -> T:
    """Convert what was decoded already; raises `msgspec.ValidationError` where it has another shape."""
    return msgspec.convert(given, type=kind, strict=False, dec_hook=_decode_number)


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """AVNU's spelling; no decimal in it is endless, or so large or small that no arithmetic holds it."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= _MAX_EXPONENT):
                raise ValueError(f"{name} is {str(value)[:40]}: no number to reckon with")


class Source(_Wire, frozen=True, kw_only=True):
    """Somewhere AVNU routes through."""

    name: str
    type: str = ""


class TokenInfo(_Wire, frozen=True, kw_only=True):
    """A token of AVNU's list; symbols are not unique."""

    address: Number
    symbol: str
    decimals: int
    name: str = ""
    tags: tuple[str, ...] = ()


class MarketPrice(_Wire, frozen=True, kw_only=True):
    """A price in USD, where there is one."""

    usd: Decimal | None = None


class TokenPrice(_Wire, frozen=True, kw_only=True):
    """A token's prices, for display and never for a decision to trade."""

    address: Number
    global_market: MarketPrice | None = None
    starknet_market: MarketPrice | None = None

    @property
    def usd(self) -> Decimal | None:
        """The price of all markets, or else the chain's own."""
        for market in (self.global_market, self.starknet_market):
            if market is not None and market.usd is not None:
                return market.usd
        return None


class Route(_Wire, frozen=True, kw_only=True):
    """One hop: `percent` is the fraction of the parent's amount, `routes` what follows it."""

    name: str = ""
    address: Number
    percent: Decimal
    sell_token_address: Number
    buy_token_address: Number
    route_info: dict[str, Any] | None = None
    routes: tuple["Route", ...] = ()
    alternative_swap_count: int = 0


class QuoteFee(_Wire, frozen=True, kw_only=True):
    """What AVNU says it charges; its amounts have been seen wrong, so nothing is accounted by them."""

    fee_token: Number | None = None
    avnu_fees: Number | None = None
    avnu_fees_in_usd: Decimal | None = None
    avnu_fees_bps: Number | None = None
    integrator_fees: Number | None = None
    integrator_fees_bps: Number | None = None


class Quote(_Wire, frozen=True, kw_only=True):
    """A quote; amounts are base units, `buy_amount` is net of fees, `gas_fees` FRI (1e-18 STRK), `expiry` Unix seconds.

    The unit of `price_impact` is disputed: it is logged and nothing is decided by it.
    """

    quote_id: str
    sell_token_address: Number
    sell_amount: Number
    buy_token_address: Number
    buy_amount: Number
    chain_id: Number
    routes: tuple[Route, ...] = ()
    sell_amount_in_usd: Decimal | None = None
    buy_amount_in_usd: Decimal | None = None
    sell_token_price_in_usd: Decimal | None = None
    buy_token_price_in_usd: Decimal | None = None
    fee: QuoteFee | None = None
    block_number: Number | None = None
    expiry: Decimal | None = None
    gas_fees: Number | None = None
    gas_fees_in_usd: Decimal | None = None
    price_impact: Decimal | None = None
    exact_token_to: bool = False
    estimated_slippage: Decimal | None = None


class Call(_Wire, frozen=True, kw_only=True):
    """One call of a contract, to be made by our account."""

    contract_address: Number
    entrypoint: str
    calldata: tuple[Number, ...] = ()


class Build(_Wire, frozen=True, kw_only=True):
    """The calls that execute a quote; with an `executor_address` somebody else would make them."""

    chain_id: Number
    calls: tuple[Call, ...] = ()
    executor_address: Number | None = None


class ApiError(_Wire, frozen=True, kw_only=True):
    """A refusal by AVNU; `revert_error` is what a simulation on chain said."""

    messages: tuple[str, ...] = ()
    revert_error: str | None = None


# Starknet JSON-RPC, specification 0.10


class FinalityStatus(StrEnum):
    """How far a transaction has come; the first two have not been executed."""

    RECEIVED = "RECEIVED"
    CANDIDATE = "CANDIDATE"
    PRE_CONFIRMED = "PRE_CONFIRMED"
    ACCEPTED_ON_L2 = "ACCEPTED_ON_L2"
    ACCEPTED_ON_L1 = "ACCEPTED_ON_L1"


SUCCEEDED, REVERTED = "SUCCEEDED", "REVERTED"


class RpcError(msgspec.Struct, frozen=True, kw_only=True):
    """A node's refusal."""

    code: int
    message: str = ""
    data: Any = None


class RpcAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a node answers: a result or an error."""

    result: msgspec.Raw = msgspec.Raw()
    error: RpcError | None = None


class FeeEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Estimated gas, prices in FRI per unit of gas, `overall_fee` in FRI."""

    l1_gas_consumed: Number
    l1_gas_price: Number
    l2_gas_consumed: Number
    l2_gas_price: Number
    l1_data_gas_consumed: Number
    l1_data_gas_price: Number
    overall_fee: Number
    unit: str = "FRI"


class TransactionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a transaction stands; `finality_status` may be a word that is not in `FinalityStatus` yet."""

    finality_status: str
    execution_status: str | None = None
    failure_reason: str | None = None

    @property
    def is_executed(self) -> bool:
        """Whether it has succeeded or reverted, so that there is a receipt."""
        return self.execution_status is not None


class FeePaid(msgspec.Struct, frozen=True, kw_only=True):
    """What was charged."""

    amount: Number
    unit: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a contract."""

    from_address: Number
    keys: tuple[Number, ...] = ()
    data: tuple[Number, ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """An executed transaction; it has a block number once pre-confirmed."""

    transaction_hash: Number
    actual_fee: FeePaid
    execution_status: str
    finality_status: str
    events: tuple[Event, ...] = ()
    revert_reason: str | None = None
    block_number: int | None = None
    block_hash: Number | None = None
