"""Diverse beam search: the penalty between groups, told slowly, and plain beam search where there is none."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.strategies.beams import avoid, beam_search, diverse_beam_search
from tests.checks import checks
from tests.decoding.strategies.beams.beam_cases import TableModel, answers, assert_equal, log_softmax, searched

SEEDS, STOPS = st.integers(0, 2**31), st.sampled_from([True, False, "never"])
PROMPTS = np.array([[1, 0], [2, 3]])


@checks(avoid)
@given(SEEDS, st.floats(0, 5))
def test_scores_fall_by_lambda_for_each_time_a_token_was_chosen(seed, strength):
    rng = np.random.default_rng(seed)
    s, counts = rng.normal(size=(2, 4)), rng.integers(0, 3, (2, 4)).astype(float)
    expected = [[s[i, v] - sum(strength for _ in range(int(counts[i, v]))) for v in range(4)] for i in range(2)]
    np.testing.assert_allclose(avoid(s, counts, strength), expected, rtol=1e-12, atol=1e-12)
    assert avoid(s.astype(np.float32), counts.astype(np.float32), strength).dtype == np.float32


@checks(diverse_beam_search)
@given(SEEDS, st.integers(1, 5), STOPS)
def test_one_group_is_beam_search(seed, B, stop):
    model = TableModel(5, seed)
    options = dict(max_new_tokens=5, eos_token_id=[1], **(dict(num_beams=B, early_stopping=stop) if B > 1 else {}))
    [one, other] = [searched(search, model, PROMPTS, **options) for search in (beam_search, diverse_beam_search)]
    assert one.sequences.tolist() == other.sequences.tolist()
    assert one.sequences_scores.tolist() == other.sequences_scores.tolist()


@checks(diverse_beam_search)
@given(SEEDS, st.sampled_from([(2, 2), (2, 3), (3, 2)]), STOPS)
def test_with_a_penalty_of_next_to_nothing_every_group_finds_what_beams_of_its_width_find(seed, groups_of, stop):
    (G, width), model = groups_of, TableModel(6, seed)
    options = dict(max_new_tokens=4, eos_token_id=[1], early_stopping=stop, return_dict_in_generate=True)
    plain = generate(model, PROMPTS, num_beams=width, num_return_sequences=width, **options)
    diverse = generate(model, PROMPTS, num_beams=G * width, num_return_sequences=G * width, num_beam_groups=G,
                       diversity_penalty=1e-300, **options)
    for alone, together in zip(answers(plain, width), answers(diverse, G * width)):
        assert_equal(together, [pair for pair in alone for _ in range(G)])


def told_slowly(model, prompt, G, width, T, end, strength, twist):
    """[(text, score)] of all groups, best first, each group running until it has `width` texts."""
    running, finished, done = [{(): 0.0} for _ in range(G)], [[] for _ in range(G)], [False] * G
    for length in range(1, T + 1):
        chosen = []
        for g in range(G):
            if done[g]:
                continue
            options = {}
            for text, score in running[g].items():
                for v, l in enumerate(log_softmax(model.of((*prompt, *text)))):
                    options[text + (v,)] = score + twist * (l - strength * chosen.count(v))
            looked_at = sorted(options, key=lambda text: -options[text])[:2 * width]
            finished[g] += [(text, options[text] / length) for text in looked_at[:width]
                            if text[-1] == end or length == T]
            going = [text for text in looked_at if text[-1] != end and length < T][:width]
            running[g] = {text: options[text] for text in going}
            chosen += [text[-1] for text in (looked_at[:width] if length == T else going) if text[-1] != end]
            finished[g] = sorted(finished[g], key=lambda one: -one[1])[:width]
            done[g] = not going or len(finished[g]) == width
    return sorted((one for group in finished for one in group), key=lambda one: -one[1])


@checks(diverse_beam_search)
@given(SEEDS, st.sampled_from([(2, 1), (2, 2), (3, 1), (3, 2), (2, 3)]), st.sampled_from([0.3, 1.0, 5.0]),
       st.sampled_from([1.0, 1.5]))
@settings(max_examples=60)
def test_later_groups_are_told_what_earlier_ones_chose_before_processors_see_it(seed, groups_of, strength, twist):
    (G, width), model = groups_of, TableModel(6, seed)
    expected = [told_slowly(model, prompt, G, width, 4, 1, strength, twist) for prompt in PROMPTS.tolist()]
    n = min(map(len, expected))
    output = generate(model, PROMPTS, num_beams=G * width, num_beam_groups=G, diversity_penalty=strength,
                      num_return_sequences=n, max_new_tokens=4, eos_token_id=1, early_stopping=True,
                      logits_processor=[lambda ids, scores: twist * scores], return_dict_in_generate=True)
    for found, whole in zip(answers(output, n), expected):
        assert_equal(found, whole[:n])


@checks(diverse_beam_search)
@given(SEEDS)
def test_a_large_penalty_makes_groups_of_one_say_different_tokens_at_every_step(seed):
    output = generate(TableModel(6, seed), PROMPTS, num_beams=3, num_beam_groups=3, diversity_penalty=1e4,
                      num_return_sequences=3, max_new_tokens=4, return_dict_in_generate=True)
    for texts in answers(output, 3):
        assert all(len(set(tokens)) == 3 for tokens in zip(*(text for text, _ in texts)))
