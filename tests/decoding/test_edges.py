"""The edges of decoding: scores that are none, functions and arguments that misbehave, texts that end early.

Each was found broken once, and is the smallest case that breaks it.
"""

import numpy as np
import pytest

from scratchgpt.decoding import generate, sequence_logprob
from scratchgpt.decoding.constraints import regex
from scratchgpt.decoding.output import noted
from scratchgpt.decoding.prompt import as_prompt
from scratchgpt.errors import DataError, GenerationError
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config
from scratchgpt.tokenizers import CharTokenizer
from tests.checks import checks
from tests.decoding.test_prompt import translator
from tests.layers.cases import V, gpt2
from tests.models.test_language_model import model_and_batch

TOKENIZER = CharTokenizer.train("abcde", ["</s>"])
IDS = np.array([[1, 2, 3], [4, 1, 2]])


def unit(make=gpt2, seed=0):
    return model_and_batch(make, 1, 1, seed)[0]


def drawn(**options):
    return {**options, "rng": np.random.default_rng(0)}


CUTS = [dict(top_k=2), dict(top_p=0.5), dict(top_h=0.5), dict(typical_p=0.5), dict(mirostat=1)]


@checks(generate)
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_infinite_scores_give_one_clear_error_whatever_cuts(cut):
    def infinite(ids, scores):
        return np.where(np.arange(V) % 3 == 1, np.inf, scores)
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=2, logits_processor=[infinite], **drawn(**cut))


@checks(generate)
def test_a_nan_is_refused_by_mirostat_1_as_by_all_others():
    def broken(ids, scores):
        return np.where(np.arange(V) == 3, np.nan, scores)
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=3, logits_processor=[broken],
                 **drawn(mirostat=1, mirostat_tau=1.0, mirostat_m=2))


@checks(generate)
@pytest.mark.parametrize("search", [{}, dict(prompt_lookup_num_tokens=2), dict(penalty_alpha=0.5, top_k=3)], ids=str)
def test_a_processor_that_writes_into_its_scores_does_not_change_what_the_model_said(search):
    def writes(ids, scores):
        scores[:, 3] = -np.inf
        return scores

    def returns(ids, scores):
        return writes(ids, scores.copy())
    try:
        found = generate(unit(seed=1), IDS, max_new_tokens=3, logits_processor=[writes], return_dict_in_generate=True,
                         **search)
    except (GenerationError, ValueError):                             # an array that refuses to be written is fine too
        return
    expected = generate(unit(seed=1), IDS, max_new_tokens=3, logits_processor=[returns], return_dict_in_generate=True,
                        **search)
    np.testing.assert_allclose(found.logprobs, expected.logprobs)


@checks(generate)
@pytest.mark.parametrize("processor", [lambda ids, scores: None, lambda ids, scores: scores[:, :3]],
                         ids=["None", "another shape"])
def test_a_processor_that_gives_back_no_scores_is_named(processor):
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=2, logits_processor=[processor])


@checks(generate)
@pytest.mark.parametrize("options", [
    dict(generation_config={"max_new_tokens": 2}), dict(stop_strings="a", tokenizer=5),
    dict(regex="a", eos_token_id=1, tokenizer=5), dict(token_healing=True, tokenizer=5), dict(assistant_model=GPT2)],
    ids=str)
def test_arguments_of_another_kind_are_one_clear_error(options):
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=2, **options)


@checks(as_prompt)
@pytest.mark.parametrize("rows", [1, 3])
def test_the_answers_of_an_encoder_decoder_begin_with_one_row_for_each_source(rows):
    with pytest.raises(GenerationError):
        generate(translator(), [[1, 2], [3, 4]], decoder_input_ids=[[1]] * rows, max_new_tokens=2)


@checks(as_prompt)
def test_a_bos_begins_the_answer_to_every_source_of_a_model_that_has_several():
    model = translator().given([[1, 2], [3, 4]])
    np.testing.assert_array_equal(generate(model, bos_token_id=1, max_new_tokens=3),
                                  generate(model, [[1], [1]], max_new_tokens=3))


def removed(output):
    return [(change.step, change.row, change.removed.tolist()) for change in output.trace.changes]


def near_the_best(ids, scores):
    return np.where(scores < scores.max(axis=1, keepdims=True) - 1, -np.inf, scores)


@checks(noted)
def test_a_trace_is_that_of_what_was_said_whatever_was_drafted_beside_it():
    options = dict(max_new_tokens=5, logits_processor=[near_the_best], return_dict_in_generate=True, output_trace=True)
    for seed in range(20):
        model, ids = unit(seed=seed), np.array([[1, 2, 1, 2], [3, 4, 5, 6]])
        drafted = generate(model, ids, lookahead_num_tokens=4, **options)
        assert removed(drafted) == removed(generate(model, ids, **options))


@checks(noted)
def test_a_trace_ends_where_the_text_does_though_more_was_drafted():
    options = dict(max_new_tokens=8, logits_processor=[near_the_best], stop_strings=["aa", "bb", "cc", "dd", "ee"],
                   tokenizer=TOKENIZER, return_dict_in_generate=True, output_trace=True)
    for seed in range(20):
        model, ids = unit(seed=seed), np.array([[1, 2, 1, 2, 0]])
        output = generate(model, ids, lookahead_num_tokens=5, **options)
        assert output.trace.steps == output.lengths[0]


@checks(noted)
def test_the_trace_of_a_beam_says_who_removed_what_from_the_text_that_came_back():
    model = unit(seed=1)
    output = generate(model, np.array([[1, 2, 3], [4, 5, 1]]), max_new_tokens=5, num_beams=3, num_return_sequences=2,
                      bad_words_ids=[[1, 2], [3], [5, 5], [2, 6]], return_dict_in_generate=True, output_scores=True,
                      output_trace=True)
    for row, n in enumerate(output.lengths):
        for step in range(n):
            for token in range(V):
                gone = output.scores[row, step, token] == -np.inf
                assert (output.trace.why(token, step, row) is not None) == gone


@checks(noted)
def test_what_was_asked_for_is_there_when_nothing_was_said():
    output = generate(unit(), IDS, max_new_tokens=0, return_dict_in_generate=True, output_scores=True,
                      output_candidates=2)
    assert output.scores is not None and output.scores.shape == (2, 0, V) and output.candidates is not None


@checks(sequence_logprob)
@pytest.mark.parametrize("ids, options", [
    ([1, 2, 3], {}), ([[1, 2], [3]], {}), (IDS, {"prompt_length": [1, 2, 1]}), (IDS, {"prompt_length": []}),
    ("abc", {}), (None, {}), (np.ones((2, 20), int), {"attention_mask": np.ones((2, 19))}),
    (np.ones((2, 20), int), {"attention_mask": np.full((2, 20), 2)})], ids=str)
def test_the_likelihood_of_what_is_no_text_is_an_error_that_says_so(ids, options):
    with pytest.raises((GenerationError, DataError)):
        sequence_logprob(unit(), ids, **options)


@checks(generate)
def test_what_a_constraint_forbids_is_no_answer_of_beams_though_invalid_values_are_repaired():
    tokenizer, language = CharTokenizer.train("abcdefg"), regex("bc|cb")
    wish = dict(num_beams=4, num_return_sequences=4, regex="bc|cb", eos_token_id=0, tokenizer=tokenizer,
                max_new_tokens=6, remove_invalid_values=True, return_dict_in_generate=True)
    for seed in range(5):
        try:
            texts = generate(unit(seed=seed), IDS[:1], **wish).texts(tokenizer)
        except GenerationError:                                       # there are two texts, and four were asked for
            continue
        assert all(language.matches(text.encode()) for text in texts)


@checks(generate)
def test_a_static_cache_has_room_for_drafts_and_guidance_in_ragged_rows():
    def echo(rng):
        return BigramLM(BigramConfig(V), rng=rng)
    mask = np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]])
    for seed in range(40):
        rng = np.random.default_rng(seed)
        config = GPT2Config(vocab_size=V, n_positions=32, n_embd=4, n_layer=1, n_head=2)
        model = GPT2(config, rng=rng).astype(np.float64)
        ids, assistant = rng.integers(0, V, (2, 6)), unit(echo, seed)
        for drafts in (dict(prompt_lookup_num_tokens=7), dict(assistant_model=assistant, num_assistant_tokens=7)):
            wish = dict(max_new_tokens=8, guidance_scale=1.5, **drafts)
            np.testing.assert_array_equal(generate(model, ids, mask, cache_implementation="static", **wish),
                                          generate(model, ids, mask, **wish))


@checks(as_prompt)
def test_ids_beyond_all_integers_are_outside_the_vocabulary():
    with pytest.raises(GenerationError, match="vocab_size"):
        generate(unit(), np.array([[2**64 - 1]], np.uint64), max_new_tokens=1)


@checks(generate)
@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize("length_penalty", [-20.0, 0.0, 20.0])
def test_beams_without_a_longest_text_end_by_a_criterion(length_penalty, early_stopping):
    found = generate(unit(), IDS, num_beams=2, length_penalty=length_penalty, early_stopping=early_stopping,
                     stopping_criteria=[lambda ids, scores: ids.shape[1] >= 6])
    assert found.shape == (2, 6)


@checks(generate)
def test_a_negative_prompt_that_nobody_would_read_is_refused():
    for scale in ({}, {"guidance_scale": 1.0}):
        with pytest.raises(GenerationError, match="guidance_scale"):
            generate(unit(), IDS, max_new_tokens=1, negative_prompt_ids=[[1]], **scale)
