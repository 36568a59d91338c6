"""The vendor's library as an oracle, imported once: it takes several seconds."""

from types import SimpleNamespace

import pytest

CHAIN = "PRIVATE_SN_POTC_SEPOLIA"


@pytest.fixture(scope="session")
def vendor() -> SimpleNamespace:
    from paradex_py.api.sbe import decode_frame
    from paradex_py.common.order import Order, OrderSide, OrderType
    from paradex_py.message.order import build_modify_order_message, build_order_message
    from starknet_py.utils.typed_data import TypedData

    def message_hash(order: Order, account: int) -> int:
        build = build_modify_order_message if order.id else build_order_message
        return TypedData.from_dict(build(int.from_bytes(CHAIN.encode(), "big"), order)).message_hash(account)

    return SimpleNamespace(
        decode_frame=decode_frame, Order=Order, OrderSide=OrderSide, OrderType=OrderType, message_hash=message_hash
    )
