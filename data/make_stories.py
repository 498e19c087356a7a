"""Make stories.txt: short stories about one small valley, the same bytes on every run.

    python data/make_stories.py                  write stories.txt beside this file
    python data/make_stories.py --check          compare instead of writing; exit 1 if the file differs

Before this file: the package `storybook` beside it. After it: a corpus of our own for a character-level model.
"""

import argparse
import os
import random
import sys
from pathlib import Path

from storybook import caring, counting, losing, seeking, wondering
from storybook.scenes import ending, opening
from storybook.telling import Story

PLOTS = (
    seeking.earn, seeking.barter, seeking.swap, seeking.make,
    losing.stuck, losing.under_the_nose, losing.found, losing.thief, losing.broken,
    counting.garden, counting.fair_share, counting.recipe, counting.stacking, counting.guessing,
    caring.fear, caring.quarrel, caring.guest, caring.gift, caring.lesson,
    wondering.letter, wondering.contest, wondering.noise, wondering.riddle, wondering.machine,
)
SEASON_OF_PLOT = {counting.garden: "spring", caring.guest: "winter", caring.fear: "summer"}
WORDS = range(80, 251)                  # the length of a story, title included


def tell_story(rng):
    """One story: who and when, a plot, and an ending that remembers both."""
    plot = PLOTS[int(rng.random() * len(PLOTS))]
    story = Story(rng, SEASON_OF_PLOT.get(plot))
    opening(story)
    plot(story)
    ending(story)
    return story.text()


def make_corpus(seed, size):
    """Tell stories, each with a different text and of a good length, until they fill `size` bytes."""
    rng, stories, filled = random.Random(seed), {}, 0       # a dict keeps the order and shows a repetition
    while filled < size:
        text = tell_story(rng)
        if len(text.split()) in WORDS and text not in stories:
            stories[text] = None
            filled += len(text) + 2
    return "\n\n".join(stories) + "\n"


def write_atomically(path, data):
    """Write a neighbour, then rename it, so that a kill leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the source of all chance (default: %(default)s)")
    parser.add_argument("--bytes", type=int, default=1_200_000, help="stop at this size (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("stories.txt"),
                        help="the file to write (default: stories.txt beside this script)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file differs")
    options = parser.parse_args(arguments)
    data = make_corpus(options.seed, options.bytes).encode("ascii")
    if not options.check:
        write_atomically(options.output, data)
    elif not options.output.is_file() or options.output.read_bytes() != data:
        sys.exit(f"{options.output} must be what this script makes, and differs; run it again without --check")


if __name__ == "__main__":
    main()
