"""Texts that have ended: the best are kept, and a search stops when its rule says so."""

import math

from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.strategies.beams import Hypotheses, Text
from tests.checks import checks
from tests.decoding.strategies.beams.beam_cases import penalty

ALPHAS, KINDS = st.floats(-1, 2), st.sampled_from(["power", "gnmt"])
TEXTS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([-8.0, -4.5, -3.0, -2.5, -1.0])), max_size=12)


@checks(Hypotheses, Text)
@given(TEXTS, st.integers(1, 5), ALPHAS, KINDS)
def test_the_best_are_kept_best_first_and_of_equals_the_first(texts, width, alpha, kind):
    kept = Hypotheses(width, 9, alpha, kind)
    for number, (length, score) in enumerate(texts):
        ranked = kept.add(Text((number,) * length, score))
        assert ranked.score == score / penalty(length, alpha, kind)
    expected = sorted(((-score / penalty(length, alpha, kind), number) for number, (length, score) in enumerate(texts)))
    assert [(-text.score, text.tokens[0]) for text in kept.texts] == expected[:width]


@checks(Hypotheses)
@given(TEXTS, st.integers(1, 5), ALPHAS, KINDS, st.sampled_from([True, False, "never"]), st.floats(-9, 0),
       st.integers(1, 9), st.sampled_from([9, 20, math.inf]))
def test_a_search_is_closed_once_it_is_full_and_its_rule_gives_up_the_rest(texts, width, alpha, kind, stop, best,
                                                                          length, longest):
    kept = Hypotheses(width, longest, alpha, kind, stop)
    for count, score in texts:
        kept.add(Text((0,) * count, score))
    reachable = {True: -math.inf, False: best / penalty(length, alpha, kind),
                 "never": best / penalty(longest if alpha > 0 else length, alpha, kind)}[stop]
    assert kept.closed(best, length) == (len(texts) >= width and reachable <= kept.texts[-1].score)
