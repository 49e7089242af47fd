"""`python -m nbgen.teach`: what the laboratories hold themselves to over many seeds, as tables."""

from __future__ import annotations

import argparse
import sys

from ..show.table import Table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m nbgen.teach", description=__doc__)
    parser.add_argument("what", choices=["samplers", "learning"])
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds (default: 10)")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds must be at least 1.")
    from . import measuring

    made: Table = measuring.samplers() if options.what == "samplers" else measuring.learning(options.seeds)
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
