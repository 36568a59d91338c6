"""The node: every JSON-RPC method a wallet needs, answered from the chain."""

from collections.abc import Callable, Mapping
from typing import Any

from simulators.faults import FaultKind
from simulators.starknet import constants, contracts, receipts
from simulators.starknet.blocks import Block, Record
from simulators.starknet.chain import Chain
from simulators.starknet.execution import Execution
from simulators.starknet.mempool import Refused, wrong_nonce
from simulators.starknet.rpc_errors import INVALID_PARAMS, METHOD_NOT_FOUND, error_body, nested
from simulators.starknet.state import Reverted, State
from simulators.starknet.tokens import BY_ADDRESS
from simulators.starknet.transactions import QUERY, Invoke, Malformed, read_invoke
from simulators.starknet.words import number, to_hex, to_hexes

Params = Mapping[str, Any]
PREFIX = "starknet_"
CLASS_STUB = {
    "sierra_program": ["0x1"],
    "contract_class_version": "0.1.0",
    "entry_points_by_type": {"CONSTRUCTOR": [], "EXTERNAL": [], "L1_HANDLER": []},
    "abi": "[]",
}
CONTRACTS = {constants.AVNU_EXCHANGE, constants.EKUBO_CORE, constants.EKUBO_ROUTER, *BY_ADDRESS}
EVENT_PAGE = 100


class Node:
    """Answers JSON-RPC requests."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._methods: dict[str, Callable[[Params, int], Any]] = {
            "specVersion": lambda _params, _now_ns: constants.SPEC_VERSION,
            "chainId": lambda _params, _now_ns: to_hex(constants.CHAIN_ID),
            "syncing": lambda _params, _now_ns: False,
            "blockNumber": lambda _params, _now_ns: self._chain.block_number,
            "blockHashAndNumber": self._block_hash_and_number,
            "getBlockWithTxHashes": self._block_with_hashes,
            "getBlockWithTxs": self._block_with_transactions,
            "getNonce": self._nonce,
            "getClassHashAt": self._class_hash,
            "getClassAt": self._class,
            "call": self._call,
            "estimateFee": self._estimate,
            "addInvokeTransaction": self._add,
            "getTransactionStatus": lambda params, now_ns: receipts.status(self._chain, self._record(params), now_ns),
            "getTransactionReceipt": self._receipt,
            "getTransactionByHash": lambda params, _now_ns: receipts.transaction(self._record(params)),
            "getEvents": self._events,
        }

    def answer(self, request: Any, now_ns: int) -> dict[str, Any]:
        """Answer one request; what is wrong with it is an error object in the answer."""
        if not isinstance(request, Mapping):
            return {"jsonrpc": "2.0", "id": None, "error": error_body(-32600, None)}
        head = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            return {**head, "result": self._result(request, now_ns)}
        except Refused as refused:
            return {**head, "error": error_body(refused.code, refused.data)}
        except (KeyError, ValueError, TypeError, AttributeError, Malformed) as error:
            return {**head, "error": error_body(INVALID_PARAMS, str(error))}

    def _result(self, request: Mapping[str, Any], now_ns: int) -> Any:
        name, params = str(request.get("method")), request.get("params") or {}
        method = self._methods.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
        if method is None:
            raise Refused(METHOD_NOT_FOUND)
        if fault := self._chain.faults.take(FaultKind.RPC_ERROR, name):
            raise Refused(fault.status or 63, fault.reason or None)
        self._chain.advance(now_ns)
        result = method(params, now_ns)
        if self._chain.faults.take(FaultKind.UNKNOWN_FIELD, name):
            result = _with_unknown_field(result)
        return result

    def _block(self, params: Params) -> Block | None:
        """Return the block a request names; None is the block in the making. Raise Refused when unknown."""
        block_id = params.get("block_id", "latest")
        if block_id in ("pre_confirmed", "pending"):
            return None
        if block_id in ("latest", "l1_accepted"):
            return self._chain.blocks[-1]
        for block in self._chain.blocks:
            if block.number == block_id.get("block_number") or to_hex(block.digest) == block_id.get("block_hash"):
                return block
        raise Refused(24)

    def _state(self, params: Params) -> State:
        return self._chain.state if self._block(params) is None else self._chain.latest

    def _record(self, params: Params) -> Record:
        record = self._chain.records.get(number(params["transaction_hash"]))
        if record is None:
            raise Refused(29)
        return record

    def _block_hash_and_number(self, _params: Params, _now_ns: int) -> dict[str, Any]:
        block = self._chain.blocks[-1]
        return {"block_hash": to_hex(block.digest), "block_number": block.number}

    def _block_with_hashes(self, params: Params, _now_ns: int) -> dict[str, Any]:
        block = self._block(params) or self._chain.blocks[-1]
        return {**receipts.header(self._chain, block), "transactions": to_hexes([record.digest for record in block.records])}

    def _block_with_transactions(self, params: Params, _now_ns: int) -> dict[str, Any]:
        block = self._block(params) or self._chain.blocks[-1]
        return {**receipts.header(self._chain, block), "transactions": [receipts.transaction(record) for record in block.records]}

    def _nonce(self, params: Params, _now_ns: int) -> str:
        nonces = self._chain.nonces if self._block(params) is None else self._chain.latest_nonces
        address = number(params["contract_address"])
        if address not in nonces:
            raise Refused(20)
        skew = self._chain.faults.take(FaultKind.NONCE_SKEW)
        return to_hex(max(nonces[address] + (int(skew.reason) if skew else 0), 0))

    def _class_hash(self, params: Params, _now_ns: int) -> str:
        self._block(params)
        address = number(params["contract_address"])
        if address not in self._chain.accounts and address not in CONTRACTS:
            raise Refused(20)
        return to_hex(constants.ACCOUNT_CLASS_HASH if address in self._chain.accounts else address)

    def _class(self, params: Params, now_ns: int) -> dict[str, Any]:
        self._class_hash(params, now_ns)
        return CLASS_STUB

    def _call(self, params: Params, _now_ns: int) -> list[str]:
        request, state = params["request"], self._state(params)
        contract, entrypoint = number(request["contract_address"]), number(request["entry_point_selector"])
        try:
            words = contracts.read(state, contract, entrypoint, [number(word) for word in request["calldata"]])
        except Reverted as error:
            raise Refused(40, {"revert_error": nested(error)}) from error
        if words is None:
            raise Refused(20)
        return to_hexes(words)

    def _estimate(self, params: Params, _now_ns: int) -> list[dict[str, Any]]:
        self._block(params)
        skips = "SKIP_VALIDATE" in params.get("simulation_flags", [])
        return [self._estimated(read_invoke(body), index, skips=skips) for index, body in enumerate(params["request"])]

    def _estimated(self, invoke: Invoke, index: int, *, skips: bool) -> dict[str, Any]:
        account, chain = self._chain.accounts.get(invoke.sender), self._chain
        if account is None:
            raise Refused(20)
        if invoke.version not in (3, QUERY + 3):
            raise Refused(61)
        try:
            if invoke.nonce != chain.nonces[invoke.sender]:
                raise Reverted(wrong_nonce(invoke.sender, chain.nonces[invoke.sender], invoke.nonce), invoke.sender)
            if not skips and not invoke.is_signed_by(account.public_key):
                raise Reverted("Account: invalid signature", invoke.sender)
            return self._priced(chain.dry_run(invoke))
        except Reverted as error:
            raise Refused(41, {"transaction_index": index, "execution_error": nested(error, invoke.sender)}) from error

    def _priced(self, run: Execution) -> dict[str, Any]:
        prices = self._chain.gas_prices()
        return {
            "l1_gas_consumed": "0x0",
            "l1_gas_price": to_hex(prices.l1_gas),
            "l2_gas_consumed": to_hex(run.l2_gas),
            "l2_gas_price": to_hex(prices.l2_gas),
            "l1_data_gas_consumed": to_hex(run.l1_data_gas),
            "l1_data_gas_price": to_hex(prices.l1_data_gas),
            "overall_fee": to_hex(self._chain.fee_of(run.l2_gas, run.l1_data_gas)),
            "unit": "FRI",
        }

    def _add(self, params: Params, now_ns: int) -> dict[str, str]:
        record = self._chain.mempool.add(read_invoke(params["invoke_transaction"]), now_ns)
        return {"transaction_hash": to_hex(record.digest)}

    def _receipt(self, params: Params, now_ns: int) -> dict[str, Any]:
        record = self._record(params)
        if record.outcome is None:
            raise Refused(29)
        return receipts.receipt(self._chain, record, now_ns)

    def _events(self, params: Params, _now_ns: int) -> dict[str, Any]:
        """Answer a search of the remembered finished blocks by contract and keys, one page at a time."""
        wanted = params["filter"]
        address = number(wanted["address"]) if wanted.get("address") else None
        keys = [{number(key) for key in choices} for choices in wanted.get("keys") or []]
        start = int(wanted.get("continuation_token") or 0)
        first, last = _span(wanted, self._chain)
        found = [
            {**receipts.event(event), "block_hash": to_hex(block.digest), "block_number": block.number}
            | {"transaction_hash": to_hex(record.digest), "transaction_index": index, "event_index": place}
            for block in self._chain.blocks
            if first <= block.number <= last
            for index, record in enumerate(block.records)
            for place, event in enumerate(record.outcome.events if record.outcome else ())
            if address in (None, event.contract) and _has_keys(event.keys, keys)
        ]
        size = min(int(wanted.get("chunk_size") or EVENT_PAGE), EVENT_PAGE)
        body: dict[str, Any] = {"events": found[start : start + size]}
        return {**body, "continuation_token": str(start + size)} if start + size < len(found) else body


def _span(wanted: Params, chain: Chain) -> tuple[int, int]:
    edges = []
    for name, default in (("from_block", 0), ("to_block", chain.block_number)):
        block_id = wanted.get(name)
        edges.append(block_id.get("block_number", default) if isinstance(block_id, Mapping) else default)
    return edges[0], edges[1]


def _has_keys(keys: tuple[int, ...], wanted: list[set[int]]) -> bool:
    return len(keys) >= len(wanted) and all(not choices or key in choices for key, choices in zip(keys, wanted, strict=False))


def _with_unknown_field(result: Any) -> Any:
    if isinstance(result, list):
        return [_with_unknown_field(item) for item in result]
    return {**result, "field_of_a_newer_version": "0x1"} if isinstance(result, dict) else result
