"""`python -m simulators`: run the venues as a process; one JSON ready line on stdout, logs on stderr."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from simulators.faults import load_schedule
from simulators.launch import launch
from simulators.venue import VENUE_NAMES

STDIN = 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"simulators: error: {message}\n")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; exit with code 2 and one line when it is wrong."""
    parser = _Parser(prog="simulators", description="Hyperliquid, Paradex, Starknet on 127.0.0.1, by their real wire protocols.")
    parser.add_argument("--seed", type=int, default=7, help="seed of prices, books and prints")
    parser.add_argument("--hour-secs", type=_positive, default=3600.0, help="wall seconds to the funding hour")
    parser.add_argument("--tape", default="generated", help="generated, or a CSV file of recorded funding to replay")
    parser.add_argument("--scenario", choices=("demo", "calm"), default="demo", help="what a generated tape holds")
    parser.add_argument("--faults", type=Path, help="JSON list of scheduled faults")
    parser.add_argument("--only", choices=VENUE_NAMES, help="run one venue")
    parser.add_argument("--with", dest="also", action="append", choices=VENUE_NAMES, default=[], help="run this venue as well")
    parser.add_argument("--hyperliquid-port", type=_port, default=0, help="0 picks a free port")
    parser.add_argument("--paradex-port", type=_port, default=0, help="0 picks a free port")
    parser.add_argument("--starknet-port", type=_port, default=0, help="0 picks a free port")
    parser.add_argument("--ready-file", type=Path, help="also write the ready line to this file")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when stdin reaches its end")
    return parser.parse_args(argv)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return value


async def serve(options: argparse.Namespace) -> None:
    """Run until a signal, or until stdin ends when asked to follow the parent."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if options.exit_with_parent:
        threading.Thread(target=_follow_stdin, args=(loop, ended), daemon=True).start()
    async with launch(
        seed=options.seed,
        hour_secs=options.hour_secs,
        only=options.only,
        also=options.also,
        tape=options.tape,
        scenario=options.scenario,
        faults=load_schedule(options.faults) if options.faults else (),
        ports={name: getattr(options, f"{name}_port") for name in VENUE_NAMES},
    ) as sims:
        line = json.dumps(sims.ready, separators=(",", ":"))
        if options.ready_file:
            await asyncio.to_thread(_write_whole, options.ready_file, line)
        print(line, flush=True)
        await ended.wait()


def _write_whole(path: Path, line: str) -> None:
    """Write beside and rename: whoever waits for the file never reads a part of it."""
    part = path.with_name(path.name + ".part")
    part.write_text(line + "\n")
    part.replace(path)


def _follow_stdin(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Set `ended` when stdin ends.

    A thread, for the loop can poll neither files nor the null device; a raw read, for a buffered one
    would hold the lock that the interpreter takes at its own end.
    """
    with contextlib.suppress(OSError):
        while os.read(STDIN, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended first
        loop.call_soon_threadsafe(ended.set)


def main(argv: list[str] | None = None) -> int:
    """Run the simulators; return the exit code."""
    options = parse(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(options))
    except (ValueError, OSError) as error:
        print(f"simulators: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
