"""Requests that come by WebSocket, and what may go wrong with them."""

import asyncio
from collections.abc import Callable
from typing import Any

from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.hyperliquid.connection import Session
from simulators.hyperliquid.limits import SocketLimits

Post = Callable[[str, Any], dict[str, Any]]


class Posts:
    """Answers posts; faults match them by the name `ws action:order` or `ws info:meta`."""

    def __init__(self, faults: FaultBoard, answer: Post, limits: SocketLimits) -> None:
        self._faults, self._answer, self._limits = faults, answer, limits

    def receive(self, session: Session, message: dict[str, Any]) -> None:
        """Answer a post, sooner or later or never; raise KeyError, TypeError or ValueError when it is none."""
        number, request = message["id"], message["request"]
        if type(number) is not int or not 0 <= number < 2**64:
            raise ValueError(f"{number} is no id")
        kind, payload = request["type"], request["payload"]
        action = payload.get("action", payload) if isinstance(payload, dict) else {}
        name = f"ws {kind}:{action.get('type') if isinstance(action, dict) else ''}"
        if session.posts_in_flight >= self._limits.posts_in_flight:
            session.send({"channel": "error", "data": f"too many pending post requests id={number}"})
        elif fault := self._faults.take(FaultKind.STATUS, name):
            session.send(_reply(number, _failure(fault)))
        elif self._faults.take(FaultKind.LOSE_REQUEST, name):
            session.abort()
        else:
            session.posts_in_flight += 1
            wait = self._faults.take(FaultKind.DELAY_REQUEST, name)
            self._later(wait, lambda: self._run(session, number, name, request))

    def _run(self, session: Session, number: int, name: str, request: dict[str, Any]) -> None:
        late, lost = self._faults.take(FaultKind.DELAY_REPLY, name), self._faults.take(FaultKind.LOSE_REPLY, name)
        response = self._answer(request["type"], request["payload"])
        if lost and not lost.status:
            session.abort()  # executed, but the client will never know
            return
        reply = _reply(number, _failure(lost) if lost else response)
        self._later(late, lambda: self._finish(session, reply))

    def _finish(self, session: Session, reply: dict[str, Any]) -> None:
        session.posts_in_flight -= 1
        session.send(reply)

    @staticmethod
    def _later(fault: Fault | None, call: Callable[[], None]) -> None:
        if fault is None:
            call()
        else:
            asyncio.get_running_loop().call_later(fault.secs, call)


def _reply(number: int, response: dict[str, Any]) -> dict[str, Any]:
    return {"channel": "post", "data": {"id": number, "response": response}}


def _failure(fault: Fault) -> dict[str, Any]:
    return {"type": "error", "payload": f"{fault.status or 503} {fault.reason or 'simulated'}"}
