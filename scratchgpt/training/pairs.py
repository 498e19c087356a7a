"""Pairs of texts, one a line with a tab between: what is given, and what is wanted.

Before this file: nothing. After it: lines of pairs are read strictly, and split so that what is held out is new.
"""

from ..errors import DataError


def parse_pairs(text, where):
    """The pairs (left, right) of str in lines `left<tab>right`.

    text   str, lines ending in "\\n" or "\\r\\n"    where  what the errors call it, such as a file's name
    Raises DataError naming the first line without exactly one tab, or with nothing on one side; or for no line at all.
    """
    pairs = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        sides = line.removesuffix("\r").split("\t")
        if len(sides) != 2 or not all(side.strip() for side in sides):
            what = (f"{len(sides) - 1} tabs" if len(sides) != 2 else
                    f"nothing {'after' if sides[0].strip() else 'before'} the tab")
            raise DataError(f"{where}, line {number}: must be a text, one tab, and another text; got {what} in "
                            f"{line[:40]!r}")
        pairs.append(tuple(sides))
    return pairs


def format_pairs(pairs):
    """The lines that `parse_pairs` reads."""
    return "".join(f"{left}\t{right}\n" for left, right in pairs)


def split_pairs(pairs, rng, share=0.1):
    """(train, held out), both lists of pairs in a random order; no left side is in both.

        held out: round(share n), at least 1, of the n distinct left sides

    rng  numpy.random.Generator    share  of the pairs to hold out
    Raises DataError for fewer than two distinct left sides.
    """
    lefts = list(dict.fromkeys(left for left, _ in pairs))
    if len(lefts) < 2:
        raise DataError(f"pairs must have two different left sides, one to learn and one to hold out; got {len(lefts)}")
    order = rng.permutation(len(lefts))
    rank = {lefts[i]: place for place, i in enumerate(order)}
    cut = max(1, round(share * len(lefts)))
    pairs = sorted(pairs, key=lambda pair: rank[pair[0]])
    held_out = sum(rank[left] < cut for left, _ in pairs)
    return pairs[held_out:], pairs[:held_out]
