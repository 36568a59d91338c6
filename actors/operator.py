"""Keeps what an operator last asked: over restarts, and until a person resumes."""

import msgspec
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from actors.documents import Documents, keep
from messages import Command, OperatorCommand, StateRequest, TradingState, topics

SOURCE = "operator"
_KEY = "standing"
_ASKS = {
    Command.PAUSE: TradingState.REDUCE_ONLY,
    Command.FLATTEN: TradingState.CLOSE_ONLY,
    Command.HALT: TradingState.HALTED,
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What stands of an operator's commands: the strictest state asked, by which words, and a flatten to be finished."""

    state: TradingState = TradingState.RUNNING
    reason: str = ""
    flatten: OperatorCommand | None = None


class OperatorDesk(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Turn commands into requests for a trading state; only RESUME takes one back, no other command loosens."""

    def __init__(self, documents: Documents) -> None:
        super().__init__(ActorConfig(component_id="OPERATOR"))
        self._documents = documents
        self._standing = Standing()

    def listen(self) -> None:
        """Ask again for what stood at the end of the last run, and hear commands from now on."""
        kept = self._documents.get(_KEY)
        if kept is not None:
            self._standing = self._decode(kept)
            self._request()
        self.msgbus.subscribe(topic=topics.OPERATOR_COMMAND, handler=self._on_command)

    def on_start(self) -> None:
        """Give an unfinished flatten again, under its old time and so its old tag, now that strategies can hear it."""
        if self._standing.flatten is not None:
            self.msgbus.publish(topic=topics.OPERATOR_COMMAND, msg=self._standing.flatten)

    def _decode(self, kept: bytes) -> Standing:
        try:
            return msgspec.json.decode(kept, type=Standing)
        except msgspec.DecodeError as e:
            self.log.error(f"what the operator asked cannot be read, trading is halted until a person resumes: {e}")
            return Standing(state=TradingState.HALTED, reason="the journal of the operator's commands cannot be read")

    def _on_command(self, command: OperatorCommand) -> None:
        standing = self._after(command)
        if standing == self._standing:
            return
        keep(self, self._documents, _KEY, msgspec.json.encode(standing))
        self._standing = standing
        self.log.warning(f"operator: {command.command.value} by {command.source}: {command.reason}")
        self._request()

    def _after(self, command: OperatorCommand) -> Standing:
        if command.command is Command.RESUME:
            return Standing()
        asked, known = _ASKS[command.command], self._standing
        is_stricter = asked.strictness > known.state.strictness
        return Standing(
            state=asked if is_stricter else known.state,
            reason=f"{command.command.value} by {command.source}: {command.reason}" if is_stricter else known.reason,
            flatten=command if command.command is Command.FLATTEN else known.flatten,
        )

    def _request(self) -> None:
        request = StateRequest(
            state=self._standing.state,
            source=SOURCE,
            reason=self._standing.reason,
            until_ns=None,
            ts_ns=self.clock.timestamp_ns(),
        )
        self.msgbus.publish(topic=topics.STATE_REQUEST, msg=request)
