"""What people, breakers and the end of a run have asked for, and what may therefore be begun."""

from messages import Command, OperatorCommand, StateChange, TradingState


class Standing:
    """The orders that stand: a run that ends, a flatten, a trading state. Whoever is strictest is obeyed."""

    def __init__(self) -> None:
        self.is_finishing = self.is_flattening = False
        self._is_told_to_flatten = False  # by an operator, who may resume
        self._state = TradingState.RUNNING

    def on_trading_state(self, change: StateChange) -> None:
        """Obey what may be done from now on."""
        self._state = change.state

    def on_command(self, command: OperatorCommand) -> bool:
        """Take an operator's command; return whether it asks to flatten at once."""
        if command.command is Command.FLATTEN:
            self._is_told_to_flatten = True
        elif command.command is Command.RESUME:
            self._is_told_to_flatten = False
        return command.command is Command.FLATTEN

    @property
    def flattens(self) -> bool:
        """Whether everything is to be closed."""
        return self.is_flattening or self._is_told_to_flatten

    @property
    def entry_block(self) -> str | None:
        """Why nothing may be opened, if so."""
        if self.flattens or self.is_finishing:
            return "FLATTENING" if self.flattens else "STOPPING"
        return None if self._state is TradingState.RUNNING else self._state.value

    @property
    def exit_order(self) -> str | None:
        """Why what is open has to be closed, if so."""
        return self._state.value if self._state is TradingState.CLOSE_ONLY else None

    @property
    def is_acted_on(self) -> bool:
        """Whether signals lead to orders: not while a run ends or flattens, nor halted, where the gate passes none."""
        return not (self.is_finishing or self.flattens or self._state is TradingState.HALTED)
