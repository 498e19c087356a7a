"""Make stories.txt: short stories about one small valley, the same bytes on every run.

    python data/make_stories.py                  write stories.txt beside this file
    python data/make_stories.py --check          compare instead of writing; exit 1 if the file differs

Before this file: `corpus` and the package `storybook` beside it. After it: a corpus of our own for a character-level
model.
"""

import random

from corpus import main
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


if __name__ == "__main__":
    main(__doc__, "stories.txt", make_corpus, ("--bytes", 1_200_000, "stop at this size"))
