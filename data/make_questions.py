"""Make questions.tsv: questions about a small world, a tab, and their answers.

    python data/make_questions.py                write questions.tsv beside this file
    python data/make_questions.py --check        compare instead of writing; exit 1 if the file differs

Before this file: `corpus` and the package `quiz` beside it. After it: a corpus of our own for a model that answers.
Each fact is asked about once, so whoever answers a question that was held out has not read the answer but understood
how questions of its kind are answered.
"""

import random
import sys

from corpus import main
from quiz import kinds

SHARES = {                              # of a thousand questions
    kinds.first_letter: 41, kinds.last_letter: 41, kinds.length: 41, kinds.backwards: 55, kinds.order: 70,
    kinds.parity: 42, kinds.size: 210, kinds.addition: 85, kinds.weight: 30, kinds.people: 300, kinds.neighbour: 85,
}


def make_corpus(seed, lines):
    """Ask about `lines` different facts, in a random order."""
    rng, pairs = random.Random(seed), []

    def pick(items):
        return items[int(rng.random() * len(items))]
    for kind, share in SHARES.items():
        asked, wanted = {}, lines * share // 1000       # fact -> line; a dict keeps the order and shows a repetition
        for _ in range(100 * wanted):
            if len(asked) < wanted:
                fact, question, answer = kind(pick)
                asked.setdefault(fact, f"{question}\t{answer}\n")
        if len(asked) < wanted:
            sys.exit(f"--lines must leave facts for all kinds; {kind.__name__} has only {len(asked)} for {wanted}")
        pairs += asked.values()
    return "".join(sorted(pairs, key=lambda pair: rng.random()))


if __name__ == "__main__":
    main(__doc__, "questions.tsv", make_corpus, ("--lines", 8_000, "how many questions"))
