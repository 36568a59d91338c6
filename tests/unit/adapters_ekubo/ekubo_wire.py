"""A transport that answers what a test has put on it, and a clock that only sleep moves."""

import json
from typing import Any

from adapters.errors import Connectivity
from adapters.transport import HttpResponse


class Wire:
    """Answers requests in order; an answer is (status, body), a bare body (200), headers third, or an error to raise."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.slept: list[float] = []
        self.now = 1000.0

    async def request(self, method, url, *, headers=None, body=None, timeout_secs=None) -> HttpResponse:
        self.asked.append((method, url, None if body is None else json.loads(body), headers or {}))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, content, headers = (*answer, {})[:3] if isinstance(answer, tuple) else (200, answer, {})
        return HttpResponse(status, headers, content if isinstance(content, bytes) else json.dumps(content).encode())

    async def sleep(self, secs: float) -> None:
        self.slept.append(secs)
        self.now += secs

    def clock(self) -> float:
        return self.now


def rpc_result(result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def rpc_error(code: int, message: str = "", data: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message, "data": data}}


def lost() -> Connectivity:
    return Connectivity("no answer")
