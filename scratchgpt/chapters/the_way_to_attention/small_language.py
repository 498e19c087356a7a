"""Scene 1: a language so small that everything about it is known, and what a table of pairs cannot know of it.

Before this file: `models.bigram`. After it: the reader knows what the past is worth, in nats, and why no table can hold
it. Every sentence of the language has seven words:

    the cow behind the barn moos .
        |                   |
        +---- four back ----+       who moos, the word "barn" does not say
"""

import math
from collections import Counter
from itertools import product

import numpy as np

SUBJECTS = ("dog", "cat", "cow", "owl")
PLACES = ("pond", "tree", "barn", "hill")
PREPOSITIONS = ("near", "under", "behind", "above")
VERBS = ("barks", "purrs", "moos", "hoots")                          # in the order of their subjects
WORDS = ("the", *SUBJECTS, *PREPOSITIONS, *PLACES, *VERBS, ".")


def all_sentences():
    """Every sentence there is: 4 subjects x 4 prepositions x 4 places, all equally likely.

        x_n = the S P the L V .        V = verb(S)

    returns ids (64, 7), int64, in [0, 18)
    Source: Elman 1990, Finding structure in time, for languages made to measure.
    """
    rows = [("the", subject, preposition, "the", place, VERBS[SUBJECTS.index(subject)], ".")
            for subject, preposition, place in product(SUBJECTS, PREPOSITIONS, PLACES)]
    return np.array([[WORDS.index(word) for word in row] for row in rows])


def spell(ids):
    """The words of ids (T,), with spaces between.    Source: as `all_sentences`."""
    return " ".join(WORDS[i] for i in ids)


def bigram_table(ids, V):
    """How often each word follows each other one: all that a bigram model can learn.

        p_ij = n_ij / sum_j n_ij        n_ij = how often j follows i

    ids (N, T) integers in [0, V)    returns probabilities (V, V), float64
    A word that nothing follows has a row of zeros.
    Source: Shannon 1948, A mathematical theory of communication, section 3.
    """
    n = np.zeros((V, V))
    np.add.at(n, (ids[:, :-1], ids[:, 1:]), 1)
    return n / np.maximum(n.sum(axis=1, keepdims=True), 1)


def loss_floor(ids, n):
    """The smallest loss that any model can reach that sees only the last n words, found by counting.

        H_n = -mean_t log p(x_{t+1} | x_{t-n+1} .. x_t)        p = count(context and next) / count(context)

    ids (N, T), every row equally likely    n >= 1 words, fewer at the start of a row
    returns float, nats per word
    Whatever a model answers to a context, the observed frequencies answer better (Gibbs); H_n falls with n.
    Source: Shannon 1948, section 7; Shannon 1951, Prediction and entropy of printed English.
    """
    contexts, pairs, rows = Counter(), Counter(), np.asarray(ids).tolist()
    steps = [(tuple(row[max(0, t - n):t]), row[t]) for row in rows for t in range(1, len(row))]
    for context, following in steps:
        contexts[context] += 1
        pairs[context, following] += 1
    return -sum(math.log(pairs[step] / contexts[step[0]]) for step in steps) / len(steps)


def tell(say):
    """Tell the scene through `say`, which takes a line of text.    Source: as `loss_floor`."""
    ids, V = all_sentences(), len(WORDS)
    say(f"All of a small language: {len(ids)} sentences, {V} words, such as")
    for row in ids[[0, 27, 46]]:
        say(f"    {spell(row)}")
    say("")
    say("A bigram model is a table: p_ij = n_ij / sum_j n_ij, the word j after the word i.")
    table = bigram_table(ids, V)
    for word in ("cow", "the", "barn"):
        row = table[WORDS.index(word)]
        say(f"    after {word + ':':6}" + "  ".join(f"{WORDS[j]} {row[j]:.3f}" for j in np.flatnonzero(row)))
    say('It takes both "the" for one, and after "barn" it cannot say who is there. Its loss, by counting:')
    say("    6 predictions:  ln 8  ln 4  0  ln 8  ln 4  0      mean 10/6 ln 2 = 1.155 nats per word")
    say("")
    say("A longer memory would know, but as a table it explodes:")
    say("    words it sees    best loss    rows of the table")
    for n in (1, 2, 3, 4):
        say(f"    {n:<17}{loss_floor(ids, n):<13.3f}{V ** n:,}")
    say("The last word that matters is four back. What is needed is a way to look back and choose.")
