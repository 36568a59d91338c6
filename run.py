"""Run one node: load its config, build the TradingNode, trade until the end, say what it earned."""

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.schema import AppConfig


class EarlyStop:
    """Notes a signal that comes before a session listens for them.

    Raised as `KeyboardInterrupt` it would get lost in a destructor, or break the import of an extension
    module, so it is only noted and looked at between two steps; a second one is raised at once.
    """

    def __init__(self) -> None:
        self.is_asked = self.is_flatten_asked = False

    def listen(self) -> None:
        """Take the signals that end a run, and the one that flattens."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)
        signal.signal(signal.SIGUSR1, self._note_flatten)

    def _note_flatten(self, *_: object) -> None:
        self.is_flatten_asked = True

    def _note(self, *_: object) -> None:
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal has come."""
        if self.is_asked:
            raise KeyboardInterrupt


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> Any:
        self.exit(2, f"run.py: {message}; see run.py --help\n")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = _Parser(prog="run.py", description="Funding-rate arbitrage between Hyperliquid and Paradex.")
    parser.add_argument("--config", type=Path, default=Path("config/sim.toml"), help="node config (default: %(default)s)")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write orders, fills, funding, fees and PnL parts as JSON")
    parser.add_argument("--forever", action="store_true", help="go on after the scenario until Ctrl-C")
    parser.add_argument("--flatten", action="store_true", help="close what is open before stopping")
    parser.add_argument("--attach", type=Path, metavar="FILE", help="use simulators that run already: their ready line")
    parser.add_argument("--watchdog", action="store_true", help="start the watchdog process, as testnet and live always do")
    parser.add_argument("--plain", action="store_true", help="print lines instead of the live view")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run a node; return 0 after an orderly end, 1 where it could not trade, 2 for a wrong call or config."""
    args, stop = parse(argv), EarlyStop()
    stop.listen()
    # Imports that cost seconds wait until the arguments are known to be right.
    from config.load import ConfigError, load
    from config.schema import forever
    from config.secret import SecretError
    from operations.check import problems
    from operations.places import VAR
    from operations.presence import PresenceError
    from operations.venues import VenuesError, attach, started, use
    from strategies.journal import JournalError

    try:
        config = load(args.config)
        if args.attach is not None and config.simulators is None:
            raise ConfigError("--attach is for a config with simulators")
        if args.watchdog and config.simulators is not None and args.attach is None:
            raise ConfigError("--watchdog watches simulators that outlive the node: start them alone and give --attach")
        if args.summary is not None and not args.summary.parent.is_dir():
            raise ConfigError(f"--summary: there is no folder {args.summary.parent}")
        _prepare(args.summary)
        with contextlib.ExitStack() as stack:
            if args.attach is not None:
                config = use(config, attach(args.attach))
            elif config.simulators is not None:
                print("starting the simulated venues on 127.0.0.1 ...", flush=True)
                config = use(config, stack.enter_context(started(config.simulators, VAR / "simulators.log")))
            stop.check()
            if found := problems(config):
                raise ConfigError("; ".join(found))
            return trade(forever(config) if args.forever else config, args, stop)
    except (ConfigError, SecretError) as e:
        print(f"run.py: {e}", file=sys.stderr)
        return 2
    except (VenuesError, UnwritableError, PresenceError, JournalError) as e:
        print(f"run.py: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the node ran; from then on the session takes the signal
        print("run.py: interrupted before the start, nothing was traded", file=sys.stderr)
        return 130


class UnwritableError(RuntimeError):
    """Logs or a summary could not be written: known before anything is traded."""


def _prepare(summary: Path | None) -> None:
    """Make sure that the run can be recorded, and that no summary of an earlier one is taken for its own."""
    from operations.places import LOGS, VAR

    probe = LOGS / ".probe"
    for path in (probe, summary):
        if path is None:
            continue
        try:
            if path is probe:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        except OSError as e:
            raise UnwritableError(f"{VAR if path is probe else path} cannot be written: {e.strerror}") from None
    probe.unlink()


def trade(config: "AppConfig", args: argparse.Namespace, stop: EarlyStop) -> int:
    """Run the node to its end and return its exit code."""
    stop.check()
    print(f"starting the node, entries by the {config.strategy.mode.value} rule ...", flush=True)
    from operations.launch import Wishes, run

    wishes = Wishes(
        config=args.config,
        ready=args.attach,
        summary=args.summary,
        flatten=args.flatten,
        watchdog=args.watchdog,
        plain=args.plain,
        is_stop_asked=lambda: stop.is_asked,
        is_flatten_asked=lambda: stop.is_flatten_asked,
    )
    stop.check()
    return run(config, wishes)


if __name__ == "__main__":
    sys.exit(main())
