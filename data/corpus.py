"""What the scripts of this folder share: the command line, and a file that is whole or is not there.

Before this file: nothing. After it: `make_stories.py`, `make_dates.py` and `make_questions.py` are what they make.
"""

import argparse
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def write_atomically(path, data):
    """Write a neighbour, then rename it, so that a kill leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def main(description, name, make, size, arguments=None):
    """The command line of a script: write the corpus that make(seed, size) tells, or check that it is there.

    name  the file beside the script      size  (option, default, help), what `make` is given besides the seed
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    option, default, text = size
    parser.add_argument("--seed", type=int, default=1, help="the source of all chance (default: %(default)s)")
    parser.add_argument(option, dest="size", type=int, default=default, help=f"{text} (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=FOLDER / name,
                        help=f"the file to write (default: {name} beside this script)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file differs")
    options = parser.parse_args(arguments)
    data = make(options.seed, options.size).encode("ascii")
    if not options.check:
        write_atomically(options.output, data)
    elif not options.output.is_file() or options.output.read_bytes() != data:
        sys.exit(f"{options.output} must be what this script makes, and differs; run it again without --check")
