"""Invoke transactions of version 3: read from JSON, hashed with Poseidon and checked against the account's key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from poseidon_py.poseidon_hash import poseidon_hash_many

from simulators.stark_curve import FIELD_PRIME, felt, verify
from simulators.starknet import constants
from simulators.starknet.words import number

QUERY = 1 << 128  # added to the version of a transaction that only asks for an estimate
RESOURCES = (("l1_gas", "L1_GAS"), ("l2_gas", "L2_GAS"), ("l1_data_gas", "L1_DATA"))
DATA_MODES = {"L1": 0, "L2": 1}


class Malformed(Exception):
    """The parameters are not what the method takes."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The most of a resource a sender pays for, and the most per unit in FRI."""

    max_amount: int
    max_price: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an account's multicall."""

    contract: int
    selector: int
    calldata: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Invoke:
    """A signed transaction; `body` is how it came, `digest` its hash."""

    sender: int
    version: int
    nonce: int
    tip: int
    l1_gas: Bound
    l2_gas: Bound
    l1_data_gas: Bound
    calldata: tuple[int, ...]
    signature: tuple[int, ...]
    digest: int
    body: Mapping[str, Any]

    @property
    def worst_fee(self) -> int:
        """Return the most it may cost, in FRI."""
        tips = self.l2_gas.max_amount * self.tip
        return sum(bound.max_amount * bound.max_price for bound in (self.l1_gas, self.l2_gas, self.l1_data_gas)) + tips

    def is_signed_by(self, public_key: int) -> bool:
        """Tell whether the account's owner signed exactly this."""
        return len(self.signature) == 2 and verify(public_key, self.digest, (self.signature[0], self.signature[1]))

    def calls(self) -> list[Call] | None:
        """Return the multicall inside, or None when the calldata is none."""
        words, calls, at = self.calldata, [], 1
        if not words:
            return None
        for _ in range(min(words[0], len(words))):
            if at + 3 > len(words) or at + 3 + words[at + 2] > len(words):
                return None
            end = at + 3 + words[at + 2]
            calls.append(Call(words[at], words[at + 1], words[at + 3 : end]))
            at = end
        return calls if at == len(words) and len(calls) == words[0] else None


def read_invoke(body: Any) -> Invoke:
    """Read a transaction from its JSON form. Raise Malformed when it is none."""
    if not isinstance(body, Mapping) or body.get("type") != "INVOKE":
        raise Malformed("no invoke transaction")
    try:
        bounds = {name: _bound(body["resource_bounds"][name]) for name, _ in RESOURCES}
        numbers = {name: _felt(body[name]) for name in ("sender_address", "version", "nonce", "tip")}
        calldata, signature = _felts(body["calldata"]), _felts(body["signature"])
        digest = _digest(body, numbers, bounds, calldata)
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"{error!r}") from error
    sender, version, nonce, tip = numbers.values()
    l1_gas, l2_gas, l1_data_gas = bounds.values()
    return Invoke(sender, version, nonce, tip, l1_gas, l2_gas, l1_data_gas, calldata, signature, digest, body)


def _digest(body: Mapping[str, Any], numbers: Mapping[str, int], bounds: Mapping[str, Bound], calldata: tuple[int, ...]) -> int:
    """Return the transaction's hash (SNIP-8)."""
    modes = (DATA_MODES[body["nonce_data_availability_mode"]] << 32) + DATA_MODES[body["fee_data_availability_mode"]]
    fee = [numbers["tip"], *(_packed(felt(label), bounds[name]) for name, label in RESOURCES)]
    elements = [
        felt("invoke"),
        numbers["version"],
        numbers["sender_address"],
        _poseidon(fee),
        _poseidon(_felts(body["paymaster_data"])),
        constants.CHAIN_ID,
        numbers["nonce"],
        modes,
        _poseidon(_felts(body["account_deployment_data"])),
        _poseidon(calldata),
    ]
    proof = _felts(body.get("proof_facts") or [])
    return _poseidon([*elements, _poseidon(proof)] if proof else elements)


def _packed(label: int, bound: Bound) -> int:
    return (label << 192) + (bound.max_amount << 128) + bound.max_price


def _poseidon(values: Sequence[int]) -> int:
    return cast(int, poseidon_hash_many(list(values)))


def _bound(body: Mapping[str, Any]) -> Bound:
    bound = Bound(_felt(body["max_amount"]), _felt(body["max_price_per_unit"]))
    if bound.max_amount >> 64 or bound.max_price >> 128:
        raise ValueError("bound too large")
    return bound


def _felt(text: object) -> int:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError(f"{text!r} is no field element")
    value = number(text)
    if value >= FIELD_PRIME:
        raise ValueError(f"{text!r} is beyond the field")
    return value


def _felts(texts: object) -> tuple[int, ...]:
    if not isinstance(texts, Sequence) or isinstance(texts, str):
        raise ValueError("no list")
    return tuple(_felt(text) for text in texts)
