"""Transactions, receipts, events and blocks as the node's answers spell them."""

from collections.abc import Mapping
from typing import Any

from simulators.starknet import constants
from simulators.starknet.blocks import Block, Record
from simulators.starknet.chain import Chain
from simulators.starknet.execution import Event
from simulators.starknet.words import to_hex, to_hexes

ZERO = "0x0"
Json = dict[str, Any]


def status(chain: Chain, record: Record, now_ns: int) -> Json:
    """Return the answer of `getTransactionStatus`."""
    body: Json = {"finality_status": chain.finality(record, now_ns).value}
    if record.outcome is None:
        return body
    reason = record.outcome.revert_reason
    body["execution_status"] = "REVERTED" if reason else "SUCCEEDED"
    return {**body, "failure_reason": reason} if reason else body


def receipt(chain: Chain, record: Record, now_ns: int) -> Json:
    """Return the receipt of an executed transaction."""
    outcome = record.outcome
    assert outcome is not None
    body: Json = {
        "type": "INVOKE",
        "transaction_hash": to_hex(record.digest),
        "actual_fee": {"amount": to_hex(outcome.fee), "unit": "FRI"},
        "execution_status": "REVERTED" if outcome.revert_reason else "SUCCEEDED",
        "finality_status": chain.finality(record, now_ns).value,
        "messages_sent": [],
        "events": [event(each) for each in outcome.events],
        "execution_resources": {"l1_gas": 0, "l1_data_gas": outcome.l1_data_gas, "l2_gas": outcome.l2_gas},
        "block_number": record.block_number,
    }
    if outcome.revert_reason:
        body["revert_reason"] = outcome.revert_reason
    if record.sealed and (block := block_of(chain, record.block_number)):
        body["block_hash"] = to_hex(block.digest)
    return body


def event(source: Event) -> Json:
    """Return an event."""
    return {"from_address": to_hex(source.contract), "keys": to_hexes(source.keys), "data": to_hexes(source.data)}


def transaction(record: Record) -> Mapping[str, Any]:
    """Return a transaction as it was sent, or a plain one where its sending was not seen."""
    if record.invoke is not None:
        return {**record.invoke.body, "transaction_hash": to_hex(record.digest)}
    bound = {"max_amount": ZERO, "max_price_per_unit": ZERO}
    return {
        "type": "INVOKE",
        "transaction_hash": to_hex(record.digest),
        "sender_address": to_hex(record.sender),
        "nonce": to_hex(record.nonce),
        "version": "0x3",
        "tip": ZERO,
        "calldata": [ZERO],
        "signature": [],
        "resource_bounds": {"l1_gas": bound, "l2_gas": bound, "l1_data_gas": bound},
        "paymaster_data": [],
        "account_deployment_data": [],
        "nonce_data_availability_mode": "L1",
        "fee_data_availability_mode": "L1",
    }


def block_of(chain: Chain, number: int) -> Block | None:
    """Return a finished block that is still remembered."""
    return next((block for block in chain.blocks if block.number == number), None)


def header(chain: Chain, source: Block) -> Json:
    """Return a finished block without its transactions."""
    prices = chain.gas_prices()
    commitments = ("event_commitment", "transaction_commitment", "receipt_commitment", "state_diff_commitment")
    return {
        "status": "ACCEPTED_ON_L2",
        "block_hash": to_hex(source.digest),
        "parent_hash": to_hex(source.parent),
        "block_number": source.number,
        "new_root": to_hex(source.digest),
        "timestamp": source.timestamp_secs,
        "sequencer_address": to_hex(constants.SEQUENCER),
        "l1_gas_price": _price(prices.l1_gas),
        "l2_gas_price": _price(prices.l2_gas),
        "l1_data_gas_price": _price(prices.l1_data_gas),
        "l1_da_mode": "BLOB",
        "starknet_version": constants.STARKNET_VERSION,
        **dict.fromkeys(commitments, ZERO),
        "event_count": sum(len(record.outcome.events) for record in source.records if record.outcome),
        "transaction_count": len(source.records),
        "state_diff_length": 0,
    }


def _price(fri: int) -> Json:
    return {"price_in_fri": to_hex(fri), "price_in_wei": to_hex(max(fri // 25_000, 1))}
