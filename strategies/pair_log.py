"""How a pair is written to the journal and read back from it."""

from collections.abc import Sequence

import msgspec

from messages import PairResult
from strategies.journal import Entry, PairRecord
from strategies.pair_orders import LegRequest, OrderEvent
from strategies.pair_plan import PairPlan

_encode = msgspec.json.Encoder().encode
_decode_plan = msgspec.json.Decoder(PairPlan).decode
_decode_request = msgspec.json.Decoder(LegRequest).decode
_decode_fact = msgspec.json.Decoder(OrderEvent).decode


def plan_bytes(plan: PairPlan) -> bytes:
    """Return a plan as it is kept."""
    return _encode(plan)


def intents(requests: Sequence[LegRequest]) -> list[tuple[str, bytes]]:
    """Return intents as they are kept, by client order id."""
    return [(request.client_order_id, _encode(request)) for request in requests]


def fact_bytes(event: OrderEvent) -> bytes:
    """Return a fact as it is kept."""
    return _encode(event)


def result_bytes(result: PairResult) -> bytes:
    """Return a pair's end as it is kept."""
    return _encode(result)


def read_back(record: PairRecord) -> tuple[PairPlan, list[LegRequest | OrderEvent]]:
    """Return a pair's plan and log; raise `msgspec.MsgspecError` where they cannot be read."""
    return _decode_plan(record.plan), [_entry(entry) for entry in record.entries]


def _entry(entry: Entry) -> LegRequest | OrderEvent:
    return _decode_request(entry.value) if entry.kind == "INTENT" else _decode_fact(entry.value)
