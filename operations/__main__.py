"""`python -m operations COMMAND`: what people run beside a node, or when none can start."""

import argparse
import os
import sys
from pathlib import Path

from config.load import ConfigError
from config.secret import SecretError
from operations import commands
from operations.check import check
from operations.venues import VenuesError


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; exit with code 2 where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m operations", description="Commands beside a running node.")
    subparsers = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: object, words: str, *, has_venues: bool = True) -> argparse.ArgumentParser:
        made = subparsers.add_parser(name, help=words, description=words)
        made.set_defaults(run=run)
        if name != "keystore":
            made.add_argument("config", type=Path, metavar="CONFIG")
        if has_venues:
            made.add_argument("--attach", type=Path, metavar="FILE", help="simulators that run already: their ready line")
        return made

    command("check", run_check, "check a node config without connecting, and print it redacted", has_venues=False)
    command("status", commands.run_status, "print positions, orders, equity and what is not hedged, from the venues")
    flatten = command("flatten", commands.run_flatten, "the kill switch: cancel everything and close both legs together")
    flatten.add_argument("--reason", default="", help="why, for the node's log")
    flatten.add_argument("--within-secs", type=float, default=45.0, help="when to give up (default: %(default)s)")
    flatten.add_argument("--node-secs", type=float, default=15.0, help="how long a running node may take (default: %(default)s)")
    flatten.add_argument("--no-node", action="store_true", help="do not ask a running node first")
    tell = command("tell", commands.run_tell, "hand a command to the node that runs in this folder", has_venues=False)
    tell.add_argument("order", choices=("pause", "resume", "flatten", "halt"))
    tell.add_argument("--reason", default="", help="why, for the node's log")
    watchdog = command("watchdog", commands.run_watchdog, "cancel the node's orders when it dies or hangs")
    watchdog.add_argument("--cancel-secs", type=float, default=300.0, help="how long to go on trying (default: %(default)s)")
    keystore = command("keystore", commands.run_keystore, "encrypt a private key into FILE", has_venues=False)
    keystore.add_argument("file", type=Path, metavar="FILE")
    return parser.parse_args(argv)


def run_check(args: argparse.Namespace) -> int:
    """Check a config; 1 when something would keep a node from starting."""
    text, problems = check(args.config)
    print(text)
    for problem in problems:
        print(f"operations: {problem}", file=sys.stderr)
    print("the config is valid" if not problems else "the config is valid, but a node could not start here", file=sys.stderr)
    return 1 if problems else 0


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code, 2 for a bad config or a key that cannot be had."""
    args = parse(argv)
    try:
        return int(args.run(args))
    except (ConfigError, SecretError, VenuesError) as e:
        print(f"operations: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by way of the interpreter's end: threads of the HTTP client may still be letting go of answers then, and
    # abort the process, which would be taken for a flatten that failed.
    os._exit(exit_code)
