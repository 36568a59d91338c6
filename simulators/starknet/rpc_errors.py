"""The node's JSON-RPC errors: codes and messages of the specification."""

from simulators.starknet import constants
from simulators.starknet.chain import describe
from simulators.starknet.state import Reverted
from simulators.starknet.words import to_hex

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
PARSE_ERROR = -32700

MESSAGES = {
    20: "Contract not found",
    24: "Block not found",
    28: "Class hash not found",
    29: "Transaction hash not found",
    40: "Contract error",
    41: "Transaction execution error",
    52: "Invalid transaction nonce",
    53: "The transaction's resources don't cover validation or the minimal transaction fee",
    54: "Account balance is smaller than the transaction's maximal fee (the sum of each resource's limit x max price)",
    55: "Account validation failed",
    59: "A transaction with the same hash already exists in the mempool",
    61: "The transaction version is not supported",
    63: "An unexpected error occurred",
    64: "Replacement transaction is underpriced",
    65: "Transaction fee below minimum",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    PARSE_ERROR: "Parse error",
}


def error_body(code: int, data: object) -> dict[str, object]:
    """Return an answer's error object."""
    body: dict[str, object] = {"code": code, "message": MESSAGES.get(code, "An unexpected error occurred")}
    return body if data is None else {**body, "data": data}


def nested(error: Reverted, outer: int | None = None) -> dict[str, object]:
    """Return a revert as the node nests it: the failing call's error, inside the account's when it came from one."""
    inner: dict[str, object] = {
        "contract_address": to_hex(error.contract),
        "class_hash": to_hex(constants.ACCOUNT_CLASS_HASH),
        "selector": to_hex(error.selector),
        "error": describe(error),
    }
    if outer is None or outer == error.contract:
        return inner
    head = {"contract_address": to_hex(outer), "class_hash": to_hex(constants.ACCOUNT_CLASS_HASH)}
    return {**head, "selector": to_hex(constants.EXECUTE), "error": inner}
