"""A Starknet node over JSON-RPC (specification 0.10) on any `HttpTransport`: lenient reading, and every refusal by its code."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import msgspec

from adapters.ekubo.constants import MAX_BODY_BYTES, SELECTORS, WORD_BITS
from adapters.ekubo.pools import PoolKey, PoolState
from adapters.ekubo.schemas import (
    FeeEstimate,
    Number,
    Receipt,
    RpcAnswer,
    RpcError,
    TransactionStatus,
    decode,
)
from adapters.errors import Auth, Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected
from adapters.transport import HttpResponse, HttpTransport
from adapters.transport.backoff import delay_secs

PRE_CONFIRMED = "pre_confirmed"
_JSON = {"Content-Type": "application/json"}
_ATTEMPTS = 3
_BASE_SECS, _CAP_SECS = 0.25, 5.0


class NodeCode(IntEnum):
    """The specification's error codes, and those of JSON-RPC."""

    FAILED_TO_RECEIVE = 1
    CONTRACT_NOT_FOUND = 20
    ENTRYPOINT_NOT_FOUND = 21
    BLOCK_NOT_FOUND = 24
    HASH_NOT_FOUND = 29
    CONTRACT_ERROR = 40
    EXECUTION_ERROR = 41
    INVALID_NONCE = 52
    INSUFFICIENT_BOUNDS = 53  # the bounds do not cover validation or the minimal fee
    INSUFFICIENT_BALANCE = 54  # the balance does not cover all that the bounds allow to be charged
    VALIDATION_FAILED = 55  # the account did not accept its own signature
    DUPLICATE = 59  # the very same transaction is in the mempool: it has arrived
    UNSUPPORTED_VERSION = 61
    UNEXPECTED = 63
    REPLACEMENT_UNDERPRICED = 64
    FEE_BELOW_MINIMUM = 65
    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    LIMIT_EXCEEDED = -32005  # what providers answer to too many requests


class NodeRefused(Rejected):
    """The node refused, in its own words; `node_code` is None for a code that is not in the specification."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason, str(code))
        self.node_code = NodeCode(code) if code in NodeCode else None


class AccountRefused(NodeRefused, Auth):
    """The account contract did not accept the signature: a person must act."""


# A transaction that is refused so has not been taken, whatever came before it. Any other error leaves that open.
_DEFINITE = frozenset(
    {
        NodeCode.CONTRACT_NOT_FOUND,
        NodeCode.EXECUTION_ERROR,
        NodeCode.INVALID_NONCE,
        NodeCode.INSUFFICIENT_BOUNDS,
        NodeCode.INSUFFICIENT_BALANCE,
        NodeCode.VALIDATION_FAILED,
        NodeCode.UNSUPPORTED_VERSION,
        NodeCode.REPLACEMENT_UNDERPRICED,
        NodeCode.FEE_BELOW_MINIMUM,
        NodeCode.PARSE_ERROR,
        NodeCode.INVALID_REQUEST,
        NodeCode.METHOD_NOT_FOUND,
        NodeCode.INVALID_PARAMS,
    }
)
_TRANSIENT = frozenset({NodeCode.UNEXPECTED, NodeCode.INTERNAL_ERROR, NodeCode.FAILED_TO_RECEIVE})


class StarknetRpc:
    """Reads raise `NodeRefused`, `RateLimited`, `Connectivity` or `Protocol` and are tried again where that may help.

    The one action, `add_invoke`, is sent once and raises `OutcomeUnknown` wherever the node may have taken it.
    """

    def __init__(
        self,
        transport: HttpTransport,
        url: str,
        *,
        attempts: int = _ATTEMPTS,
        timeout_secs: float = 5.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._transport, self._url = transport, url
        self._attempts, self._timeout_secs = attempts, timeout_secs
        self._sleep, self._jitter = sleep, jitter
        self._id = 0

    async def spec_version(self) -> str:
        """Return the version of the specification the node follows."""
        return await self._read(str, "specVersion")

    async def chain_id(self) -> int:
        """Return the chain's name as a number."""
        return await self._read(Number, "chainId")

    async def nonce(self, account: int, block: str = PRE_CONFIRMED) -> int:
        """Return the nonce an account's next transaction needs, as of a block."""
        return await self._read(Number, "getNonce", contract_address=hex(account), block_id=block)

    async def class_hash_at(self, address: int, block: str = PRE_CONFIRMED) -> int:
        """Return the class of a contract; raises `NodeRefused` (20) where there is none."""
        return await self._read(Number, "getClassHashAt", contract_address=hex(address), block_id=block)

    async def call(
        self, contract: int, selector: int, calldata: Sequence[int] = (), block: str = PRE_CONFIRMED
    ) -> tuple[int, ...]:
        """Return what a view answers; raises `NodeRefused` (20, 21, 40) where it cannot."""
        request = {
            "contract_address": hex(contract),
            "entry_point_selector": hex(selector),
            "calldata": [hex(word) for word in calldata],
        }
        return await self._read(tuple[Number, ...], "call", request=request, block_id=block)

    async def balance_of(self, token: int, owner: int, block: str = PRE_CONFIRMED) -> int:
        """Return a wallet's balance in base units."""
        return _u256(await self.call(token, SELECTORS["balance_of"], [owner], block))

    async def decimals(self, token: int) -> int:
        """Return a token's decimals."""
        return _word(await self.call(token, SELECTORS["decimals"]))

    async def pool_price(self, core: int, key: Sequence[int], block: str = PRE_CONFIRMED) -> tuple[int, int]:
        """Return the square root of a pool's price (64.128) and its tick; older pools answer more than that."""
        words = await self.call(core, SELECTORS["get_pool_price"], key, block)
        if len(words) < 4:
            raise Protocol(f"a pool's price of {len(words)} words")
        return _u256(words[:2]), -words[2] if words[3] else words[2]

    async def pool_liquidity(self, core: int, key: Sequence[int], block: str = PRE_CONFIRMED) -> int:
        """Return a pool's liquidity at its price."""
        return _word(await self.call(core, SELECTORS["get_pool_liquidity"], key, block))

    async def pool(self, core: int, key: PoolKey, block: str = PRE_CONFIRMED) -> PoolState:
        """Return a pool's price and liquidity, read one after the other."""
        sqrt_ratio, tick = await self.pool_price(core, key.words(), block)
        return PoolState(key, sqrt_ratio, tick, await self.pool_liquidity(core, key.words(), block))

    async def estimate_fee(
        self, transaction: Mapping[str, Any], flags: Sequence[str] = (), block: str = PRE_CONFIRMED
    ) -> FeeEstimate:
        """Return what a transaction would cost; raises `NodeRefused` (41) with the reason where it would revert."""
        estimates = await self._read(
            list[FeeEstimate], "estimateFee", request=[transaction], simulation_flags=list(flags), block_id=block
        )
        if len(estimates) != 1:
            raise Protocol(f"{len(estimates)} estimates for one transaction")
        return estimates[0]

    async def add_invoke(self, transaction: Mapping[str, Any]) -> int:
        """Send a signed transaction once and return its hash.

        Raises `NodeRefused` where the node did not take it. A refusal for its nonce (52) may mean that an earlier copy of
        the same transaction has been executed; DUPLICATE (59) means that one has arrived. Raises `OutcomeUnknown`
        wherever it may have been taken: ask for its hash, and send again nothing but the identical transaction.
        """
        try:
            raw = await self._exchange("addInvokeTransaction", {"invoke_transaction": transaction})
            answer = _answer(raw)
        except (Connectivity, RateLimited, Protocol, Auth) as e:
            raise OutcomeUnknown(f"addInvokeTransaction: {e}") from e
        if answer.error is not None:
            refusal = _refusal("addInvokeTransaction", answer.error)
            if isinstance(refusal, NodeRefused) and refusal.node_code in (*_DEFINITE, NodeCode.DUPLICATE):
                raise refusal
            raise OutcomeUnknown(f"addInvokeTransaction: {refusal}")
        try:
            return decode(_Added, bytes(answer.result)).transaction_hash
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise OutcomeUnknown(f"addInvokeTransaction: answer not understood, {e}") from e

    async def status(self, transaction_hash: int) -> TransactionStatus | None:
        """Return where a transaction stands, None where the node does not know it (yet, or any more)."""
        return await self._find(TransactionStatus, "getTransactionStatus", transaction_hash)

    async def receipt(self, transaction_hash: int) -> Receipt | None:
        """Return an executed transaction's receipt, None where there is none (yet)."""
        return await self._find(Receipt, "getTransactionReceipt", transaction_hash)

    async def _find[T](self, kind: type[T], method: str, transaction_hash: int) -> T | None:
        try:
            return await self._read(kind, method, transaction_hash=hex(transaction_hash))
        except NodeRefused as e:
            if e.node_code is NodeCode.HASH_NOT_FOUND:
                return None
            raise

    async def _read[T](self, kind: type[T], method: str, **params: Any) -> T:
        for attempt in range(self._attempts):
            try:
                answer = _answer(await self._exchange(method, params))
                if answer.error is not None:
                    raise _refusal(method, answer.error)
                return decode(kind, bytes(answer.result))
            except (msgspec.DecodeError, UnicodeDecodeError) as e:
                raise Protocol(f"{method}: answer not understood, {e}") from e
            except (Connectivity, RateLimited) as e:
                if attempt == self._attempts - 1:
                    raise
                pause_secs = delay_secs(attempt, base_secs=_BASE_SECS, cap_secs=_CAP_SECS, jitter=self._jitter())
                asked_secs = e.retry_after_secs if isinstance(e, RateLimited) else None
                await self._sleep(min(asked_secs or pause_secs, _CAP_SECS))
        raise AssertionError("unreachable")

    async def _exchange(self, method: str, params: Mapping[str, Any]) -> HttpResponse:
        self._id += 1
        body = {"jsonrpc": "2.0", "id": self._id, "method": f"starknet_{method}", "params": params}
        return await self._transport.request(
            "POST", self._url, headers=_JSON, body=msgspec.json.encode(body), timeout_secs=self._timeout_secs
        )


class _Added(msgspec.Struct, frozen=True):
    transaction_hash: Number


def _answer(response: HttpResponse) -> RpcAnswer:
    """Return a node's answer, also one under an HTTP error; raises what the status means where it holds none."""
    text = response.body[:300].decode(errors="replace")
    if len(response.body) > 16 * MAX_BODY_BYTES:
        raise Protocol(f"an answer of {len(response.body)} bytes")
    if response.status == 429:
        raise RateLimited(text, _seconds(response.headers.get("retry-after")))
    if response.status in (401, 403):
        raise Auth(f"HTTP {response.status}: {text}")
    try:
        answer = decode(RpcAnswer, response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        if response.status >= 300:
            raise Connectivity(f"HTTP {response.status}: {text}") from e
        raise Protocol(f"answer not understood: {e}") from e
    if answer.error is None and response.status >= 300:
        raise Connectivity(f"HTTP {response.status}: {text}")
    return answer


def _refusal(method: str, error: RpcError) -> NodeRefused | RateLimited | Connectivity:
    words = f"{method}: {error.message}"
    if (detail := reason_of(error.data)) is not None:
        words = f"{words}: {detail}"
    if error.code == NodeCode.LIMIT_EXCEEDED:
        return RateLimited(words)
    if error.code in _TRANSIENT:
        return Connectivity(words)
    if error.code == NodeCode.VALIDATION_FAILED:
        return AccountRefused(words, error.code)
    return NodeRefused(words, error.code)


def reason_of(data: Any) -> str | None:
    """Return the innermost text of an error's data, where execution errors are nested by the call that failed."""
    for _ in range(64):
        if isinstance(data, str):
            return data[:2000]
        if not isinstance(data, Mapping):
            break
        data = next((data[name] for name in ("execution_error", "revert_error", "error") if name in data), None)
    return None if data is None else str(data)[:2000]


def _u256(words: Sequence[int]) -> int:
    if len(words) != 2 or max(words) >> WORD_BITS:
        raise Protocol(f"no u256: {words}")
    return words[0] | words[1] << WORD_BITS


def _word(words: Sequence[int]) -> int:
    if len(words) != 1:
        raise Protocol(f"{len(words)} words where one was expected")
    return words[0]


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
