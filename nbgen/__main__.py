"""The command line: `python -m nbgen lab`, `demo` and `doctor`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .errors import NbgenError, did_you_mean

COMMANDS = ("lab", "demo", "doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The exit code: 0 done, 1 failed, 2 not understood, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        print(f"nbgen has no command {words[0]!r}: {did_you_mean(words[0], COMMANDS)}", file=sys.stderr)
        return 2
    end = words.index("--") if "--" in words else len(words)
    words, for_jupyter = words[:end], words[end + 1 :]
    parser = _parser()
    try:
        options = parser.parse_args(words)
    except SystemExit as stop:  # argparse has printed help (0) or what it did not understand (2)
        return int(stop.code or 0)
    try:
        if options.command == "lab":
            from .cli.lab import open_lab

            return open_lab(options.folder, [*_server_options(options), *for_jupyter])
        if options.command == "demo":
            from .cli.demo import run_demo

            return run_demo(options.folder)
        if options.command == "doctor":
            from .cli.doctor import report

            return report()
        parser.print_help()
        return 2
    except NbgenError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _server_options(options: argparse.Namespace) -> list[str]:
    chosen = ["--no-browser"] if options.no_browser else []
    return [*chosen, f"--port={options.port}"] if options.port else chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nbgen",
        description="Generate, interpolate, compare and teach pictures in a Jupyter notebook.",
    )
    parser.add_argument("--version", action="version", version=f"nbgen {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    lab = commands.add_parser(
        "lab",
        help="open JupyterLab on the quickstart",
        description="Open JupyterLab on the quickstart. What follows a -- is handed to JupyterLab.",
    )
    lab.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="where your copy of the notebooks lies or is made; files that are there stay as they are "
        "(default: nbgen-notebooks, and notebooks/ itself in a clone of the repository)",
    )
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.add_argument("--port", type=int, help="the port that JupyterLab listens on")

    demo = commands.add_parser(
        "demo",
        help="run the quickstart without a browser",
        description="Run the quickstart without a browser; leave it as a web page, and its pictures as PNG.",
    )
    demo.add_argument("folder", nargs="?", type=Path, default=Path("demo"), help="where to (default: demo)")

    commands.add_parser(
        "doctor",
        help="look at this machine: what nbgen finds, what is wrong, and the remedy",
        description="Say what nbgen finds on this machine, what is wrong, and the remedy.",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
