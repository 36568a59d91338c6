"""The account's transactions on paper: each is written down before it may leave, and stays until it is proven and booked."""

from typing import Protocol

import msgspec

from adapters.ekubo.sending import Slot

_KEPT = 200  # booked transactions, so that an order can still be asked for


class Documents(Protocol):
    """A store of small values by key, in the order in which the keys first came; `put` returns when it is on the disk."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value."""

    def items(self) -> list[tuple[str, bytes]]:
        """Return all keys and values."""

    def remove(self, key: str) -> None:
        """Forget a key."""


class TransactionJournal:
    """All slots of one account."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._slots = {key: msgspec.json.decode(value, type=Slot) for key, value in documents.items()}

    def put(self, slot: Slot) -> None:
        """Write a slot down; it is on the disk when this returns."""
        self._documents.put(slot.key, msgspec.json.encode(slot))
        self._slots[slot.key] = slot

    def pending(self) -> list[Slot]:
        """Return what is not proven or not booked yet, oldest first."""
        return [slot for slot in self._slots.values() if not slot.is_booked]

    def get(self, key: str) -> Slot | None:
        """Return the slot that began with this transaction, None where it is not (or no longer) known."""
        return self._slots.get(key)

    def of_order(self, client_order_id: str) -> list[Slot]:
        """Return the slots of an order, oldest first."""
        return [slot for slot in self._slots.values() if slot.swap.client_order_id == client_order_id]

    def settle(self, slot: Slot) -> None:
        """Write down that a slot is booked; of the booked ones the newest are kept."""
        self.put(msgspec.structs.replace(slot, is_booked=True))
        booked = [key for key, kept in self._slots.items() if kept.is_booked]
        for key in booked[:-_KEPT]:
            self._documents.remove(key)
            del self._slots[key]
