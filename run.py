"""Run one node: load its config, build the TradingNode, trade until the end, say what it earned."""

import argparse
import contextlib
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.schema import AppConfig
    from operations.assembly import Assembled
    from operations.ears import Channel, Ears
    from operations.guard import Guard

VERSION = "0.1.0"
VAR = Path("var")


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
    from config.schema import forever, refusal
    from config.secret import SecretError
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
            reason = refusal(config)
            if reason is not None:
                raise ConfigError(reason)
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
    probe = VAR / "logs" / ".probe"
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
    """Show that a node runs here, set a watchdog beside it where one is due, and run it."""
    from config.schema import Mode
    from operations.guard import Guard
    from operations.presence import Presence, presence_path

    guard = None
    presence, is_orderly = Presence(presence_path(config.trader_id)), False
    try:
        if args.watchdog or config.mode in (Mode.TESTNET, Mode.LIVE):
            guard = Guard(args.config, args.attach, VAR / "logs" / "watchdog.log")
            guard.start()
        code = trade_under(config, args, stop, presence.beat, guard)
        is_orderly = True
        return code
    finally:
        presence.close(is_orderly=is_orderly)


def trade_under(
    config: "AppConfig", args: argparse.Namespace, stop: EarlyStop, beat: "Callable[[], None]", guard: "Guard | None"
) -> int:
    """Build the node and what watches it, run the session, print and write the summary."""
    from rich.console import Console

    from actors.terminal import LineScreen, LiveScreen
    from operations.assembly import assemble
    from operations.ears import Ears
    from operations.presence import socket_path
    from operations.session import Session, StartError
    from operations.summary import show, summarise
    from strategies.journal import Journal

    stop.check()
    console = Console()
    if not console.is_terminal:
        console.width = 120  # a file or pipe has no width of its own, and tables need one
    print("starting the node ...", flush=True)
    with LiveScreen(console) if console.is_terminal and not args.plain else LineScreen() as screen:
        journal = Journal(_journal_path(config, outlives=args.attach is not None))
        node = assemble(config, screen, journal, log_dir=VAR / "logs", version=VERSION, beat=beat)
        ears = Ears(
            node.publish,
            socket=socket_path(config.trader_id),
            is_running=lambda: bool(node.node.trader.is_running),
            now_ns=time.time_ns,
            tell=node.tell,
        )
        if stop.is_flatten_asked:
            ears.on_signal()
        channels = _channels(config, node, ears, guard)
        session = Session(node, config.run, flatten=args.flatten, is_interrupted=stop.is_asked, ears=ears, channels=channels)
        try:
            node.loop.run_until_complete(session.run())
            summary = summarise(
                node,
                mode=config.mode.value,
                ended_because=session.ended_because,
                wall_secs=session.wall_secs,
                now_ns=time.time_ns(),
            )
            is_written = _write(args.summary, summary.to_json())  # first: the terminal may be gone
        except StartError as e:
            print(f"run.py: {e} ({VAR / 'logs'})", file=sys.stderr)
            return 1
        finally:
            node.dispose()
    show(summary, node.ledger, console, venues_end=config.simulators is not None and args.attach is None)
    if args.summary is not None and is_written:
        print(f"summary written to {args.summary}")
    return 0 if session.is_complete and is_written else 1


def _journal_path(config: "AppConfig", *, outlives: bool) -> str:
    """Return where the node's journal is: in memory for venues that end with the node, for then nothing is left to take up."""
    from strategies.journal import IN_MEMORY

    if config.simulators is not None and not outlives:
        return IN_MEMORY
    return str(VAR / f"{config.trader_id}-{config.mode.value}.journal")


def _channels(config: "AppConfig", node: "Assembled", ears: "Ears", guard: "Guard | None") -> "list[Channel]":
    """Return what has to be listened to beside the trader: Redis, and the watchdog's end."""
    from config.secret import REFERENCE, resolve

    found: list[Channel] = []
    if config.redis is not None:
        from operations.redis_channel import RedisChannel

        url = resolve(config.redis.url) if re.fullmatch(REFERENCE, config.redis.url) else config.redis.url
        found.append(RedisChannel(url, config.trader_id, ears.hear, node.alert))
    if guard is not None:
        found.append(guard.watched(node.alert))
    return found


def _write(path: Path | None, document: bytes) -> bool:
    """Write the summary if one is wanted; return False where that fails, which is said."""
    try:
        if path is not None:
            path.write_bytes(document)
    except OSError as e:
        print(f"run.py: {path} cannot be written: {e.strerror}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
