"""Break frames on purpose, the same way for the same seed: bytes, JSON values and binary fields."""

import json
from random import Random
from typing import Any

EXTREMES: tuple[Any, ...] = (
    0, -0.0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**33, 1e308, -1e308, 5e-324, 1.5,
    "0", "-0", "-1", "1e308", "1E+999999999", "-1E+999999999", "1e-999999", "NaN", "sNaN", "-Infinity", "Infinity", "0E+999999",
    "0.00000000000000000001", "123456789012345678901234567890", "9" * 400, "", " ", "5_0", "٣", "９", "0x10", "1,5",
    None, True, False, [], {}, [[]], {"": ""}, "\u0000", "\ud83d", "💥", "\u202e", "é" * 90, "a" * 3000,
)  # fmt: skip
WORDS = ("open", "filled", "canceled", "marginCanceled", "rejected", "OPEN", "NEW", "CLOSED", "BUY", "SELL", "A", "B", "s", "d")
INT64_EXTREMES = (0, 1, -1, 2**63 - 1, -(2**63), -(2**63) + 1, 2**62, 10**16, -(10**16))


type Frame = tuple[bytes, bool]
"""A message and whether the socket says that it is text."""


class Mutator:
    """Mutates frames of a corpus; every choice comes from the seed."""

    def __init__(self, seed: int, corpus: list[Frame]) -> None:
        self._random = Random(seed)
        self._corpus = corpus

    def next(self) -> Frame:
        """Return a broken frame (now and then the breakage means nothing)."""
        frame, is_text = self._random.choice(self._corpus)
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            frame = self._once(frame)
        return frame, is_text

    def _once(self, frame: bytes) -> bytes:
        is_json = frame[:1] == b"{"
        if self._random.random() < 0.65:
            return self._json(frame) if is_json else self._binary(frame)
        return self._random.choice((self._flip, self._cut, self._splice, self._repeat, self._insert))(frame)

    def _flip(self, frame: bytes) -> bytes:
        data = bytearray(frame)
        for _ in range(self._random.randint(1, 6)):
            if data:
                data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        return bytes(data)

    def _cut(self, frame: bytes) -> bytes:
        at = self._random.randrange(len(frame) + 1)
        return frame[:at] if self._random.random() < 0.7 else frame[at:]

    def _splice(self, frame: bytes) -> bytes:
        other, _ = self._random.choice(self._corpus)
        return frame[: self._random.randrange(len(frame) + 1)] + other[self._random.randrange(len(other) + 1) :]

    def _repeat(self, frame: bytes) -> bytes:
        start, end = sorted(self._random.randrange(len(frame) + 1) for _ in range(2))
        return frame[:end] + frame[start:end] + frame[end:]

    def _insert(self, frame: bytes) -> bytes:
        at = self._random.randrange(len(frame) + 1)
        return frame[:at] + self._random.randbytes(self._random.randint(1, 12)) + frame[at:]

    def _json(self, frame: bytes) -> bytes:
        try:
            document = json.loads(frame)
        except (ValueError, RecursionError):
            return self._flip(frame)
        places = list(_places(document))
        if not places:
            return frame
        holder, key = self._random.choice(places)
        action = self._random.randrange(10)
        if action == 0:
            del holder[key]
        elif action == 1:
            holder[key] = [holder[key], holder[key]] if self._random.random() < 0.5 else {"x": holder[key]}
        elif action == 2:
            other_holder, other_key = self._random.choice(places)
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        elif action == 3 and isinstance(holder, dict):
            holder[f"{key}X"] = holder.pop(key)
        elif action == 4 and isinstance(holder, list):
            holder.append(holder[key])
        elif action == 5:
            holder[key] = self._random.choice(EXTREMES)
        else:
            holder[key] = self._plausible(holder[key])
        return json.dumps(document, separators=(",", ":"), ensure_ascii=self._random.random() < 0.5).encode(
            errors="surrogatepass"
        )

    def _plausible(self, value: Any) -> Any:
        """Return another value of the same kind, which gets further than a broken one."""
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return value + self._random.choice((-1000, -1, 1, 2, 1000))
        if isinstance(value, str) and value[-1:].isdigit() and not value.startswith("0x"):
            return self._random.choice(("0", "0.5", "0.00001", "-0.5", "61000.0", "99999.9", "1"))
        if isinstance(value, str):
            return self._random.choice(WORDS)
        return value

    def _binary(self, frame: bytes) -> bytes:
        data = bytearray(frame)
        action = self._random.randrange(4)
        if action == 0 and len(data) >= 8:  # the header: block length, template, schema, version
            at = 2 * self._random.randrange(4)
            data[at : at + 2] = self._random.choice((0, 1, 2, 3, 5, 20, 21, 22, 23, 40, 48, 255, 65535)).to_bytes(2, "little")
        elif action in (1, 2) and len(data) >= 24:  # a number of the root block or of a level
            at = 8 + 8 * self._random.randrange((len(data) - 8) // 8)
            data[at : at + 8] = self._random.choice(INT64_EXTREMES).to_bytes(8, "little", signed=True)
        elif data:
            data[self._random.randrange(len(data))] = self._random.choice((0, 1, 0x7F, 0x80, 0xFF))
        return bytes(data)


def _places(document: Any) -> Any:
    """Yield (container, key) of every value of a document."""
    stack = [document]
    while stack:
        holder = stack.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in list(keys):
            yield holder, key
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])
