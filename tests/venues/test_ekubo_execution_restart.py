"""A node takes up what the one before it has left open; in a file of its own, for nodes that end disturb others of their loop."""

import time
from decimal import Decimal

from ekubo_node import ETH, eventually, running, simulated
from nautilus_trader.model.enums import OrderSide, OrderStatus

from adapters.ekubo.journal import TransactionJournal
from simulators.faults import FaultKind
from strategies.journal import Journal

FILLED = ["Initialized", "Submitted", "Accepted", "Filled"]


async def test_a_node_started_again_books_what_the_last_one_left_open_once_and_before_anything_new():
    documents = Journal().documents("ekubo")
    async with simulated() as sims:
        async with running(sims, documents, receipt_timeout_secs=60.0) as first:
            first.inject(FaultKind.STUCK_TRANSACTION)
            before, order = first.wallet(), first.hand.market(OrderSide.SELL, "0.01")
            await eventually(lambda: order.status == OrderStatus.ACCEPTED)
        assert len(TransactionJournal(documents).pending()) == 1
        sims.starknet.chain.mempool.release(time.time_ns())
        async with running(sims, documents) as second:
            assert TransactionJournal(documents).pending() == []
            (known,) = await eventually(lambda: second.node.cache.orders(instrument_id=ETH))
            await eventually(lambda: known.is_closed)
            assert known.filled_qty == Decimal("0.01")
            assert before["ETH"] - second.held("ETH") == 10**16
            count = second.executed()
            assert await second.done(second.hand.market(OrderSide.SELL, "0.01")) == FILLED
            assert second.executed() == count + 1
            await second.agree()
        async with running(sims, documents) as third:
            assert third.node.cache.orders() == []
            assert third.gas == []
