"""Claims of decoding that were found broken by an adversarial search, each with the smallest case that breaks it."""

import importlib
import io
import sys

import numpy as np
import pytest

from scratchgpt.cli import main
from scratchgpt.decoding import GenerationConfig, generate, sequence_logprob, stream_text
from scratchgpt.decoding.constraints import from_config, regex
from scratchgpt.errors import DataError, GenerationError
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config
from scratchgpt.tokenizers import CharTokenizer
from tests.decoding.test_prompt import translator
from tests.layers.cases import V, gpt2
from tests.models.test_language_model import model_and_batch

allowed_by = importlib.import_module("scratchgpt.decoding.constraints.allowed_by")
TOKENIZER = CharTokenizer.train("abcde", ["</s>"])
EOS, IDS = TOKENIZER.special_tokens["</s>"], np.array([[1, 2, 3], [4, 1, 2]])


def unit(make=gpt2, seed=0):
    return model_and_batch(make, 1, 1, seed)[0]


def drawn(**options):
    return {**options, "rng": np.random.default_rng(0)}


def interrupted_at(function, name, line):
    """Call a function; Ctrl-C comes at the `line`-th line that the function `name` of the recogniser runs."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        if frame.f_code.co_name != name or not frame.f_code.co_filename.endswith("recogniser.py"):
            return trace if frame.f_code.co_filename.find("scratchgpt") > 0 else None
        count += event == "line"
        if count == line and event == "line":
            raise KeyboardInterrupt
        return trace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_ctrl_c_while_a_pattern_is_learned_leaves_the_pattern_usable():
    model = unit()

    def ask():
        return generate(model, IDS % 5, regex="((a|b)*c(ab|ba)?)*", tokenizer=TOKENIZER, eos_token_id=EOS,
                        max_new_tokens=6)
    expected, line, going = ask(), 0, True
    while going:
        line += 1
        allowed_by._masks.cache_clear()
        from_config._language.cache_clear()
        going = interrupted_at(ask, "_number", line)
        np.testing.assert_array_equal(ask(), expected)
    assert line > 10


CUTS = [dict(top_k=2), dict(top_p=0.5), dict(top_h=0.5), dict(typical_p=0.5), dict(mirostat=1)]


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinite_scores_give_one_clear_error_whatever_cuts(cut):
    def infinite(ids, scores):
        return np.where(np.arange(V) % 3 == 1, np.inf, scores)
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=2, logits_processor=[infinite], **drawn(**cut))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_nan_is_refused_by_mirostat_1_as_by_all_others():
    def broken(ids, scores):
        return np.where(np.arange(V) == 3, np.nan, scores)
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=3, logits_processor=[broken],
                 **drawn(mirostat=1, mirostat_tau=1.0, mirostat_m=2))


def removed(output):
    return [(change.step, change.row, change.removed.tolist()) for change in output.trace.changes]


def near_the_best(ids, scores):
    return np.where(scores < scores.max(axis=1, keepdims=True) - 1, -np.inf, scores)


def test_a_trace_is_that_of_what_was_said_whatever_was_drafted_beside_it():
    options = dict(max_new_tokens=5, logits_processor=[near_the_best], return_dict_in_generate=True, output_trace=True)
    for seed in range(20):
        model, ids = unit(seed=seed), np.array([[1, 2, 1, 2], [3, 4, 5, 6]])
        assert removed(generate(model, ids, lookahead_num_tokens=4, **options)) == removed(generate(model, ids, **options))


def test_a_trace_ends_where_the_text_does_though_more_was_drafted():
    options = dict(max_new_tokens=8, logits_processor=[near_the_best], stop_strings=["aa", "bb", "cc", "dd", "ee"],
                   tokenizer=TOKENIZER, return_dict_in_generate=True, output_trace=True)
    for seed in range(20):
        model, ids = unit(seed=seed), np.array([[1, 2, 1, 2, 0]])
        output = generate(model, ids, lookahead_num_tokens=5, **options)
        assert output.trace.steps == output.lengths[0]


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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_a_constraint_forbids_is_no_answer_of_beams_though_invalid_values_are_repaired():
    wish = dict(num_beams=4, num_return_sequences=4, regex="bc|cb", eos_token_id=0, tokenizer=CharTokenizer.train("abcdefg"),
                max_new_tokens=6, remove_invalid_values=True, return_dict_in_generate=True)
    language = regex("bc|cb")
    for seed in range(5):
        try:
            texts = generate(unit(seed=seed), IDS[:1], **wish).texts(wish["tokenizer"])
        except GenerationError:                                       # there are two texts, and four were asked for
            continue
        assert all(language.matches(text.encode()) for text in texts)


@pytest.mark.parametrize("rows", [1, 3])
def test_the_answers_of_an_encoder_decoder_begin_with_one_row_for_each_source(rows):
    with pytest.raises(GenerationError):
        generate(translator(), [[1, 2], [3, 4]], decoder_input_ids=[[1]] * rows, max_new_tokens=2)


def test_a_bos_begins_the_answer_to_every_source_of_a_model_that_has_several():
    model = translator().given([[1, 2], [3, 4]])
    np.testing.assert_array_equal(generate(model, bos_token_id=1, max_new_tokens=3),
                                  generate(model, [[1], [1]], max_new_tokens=3))


@pytest.mark.parametrize("ids, options", [
    ([1, 2, 3], {}), ([[1, 2], [3]], {}), (IDS, {"prompt_length": [1, 2, 1]}), (IDS, {"prompt_length": []}),
    ("abc", {}), (None, {}), (np.ones((2, 20), int), {"attention_mask": np.ones((2, 19))}),
    (np.ones((2, 20), int), {"attention_mask": np.full((2, 20), 2)})], ids=str)
def test_the_likelihood_of_what_is_no_text_is_an_error_that_says_so(ids, options):
    with pytest.raises((GenerationError, DataError)):
        sequence_logprob(unit(), ids, **options)


@pytest.mark.parametrize("search", [{}, dict(prompt_lookup_num_tokens=2), dict(penalty_alpha=0.5, top_k=3)], ids=str)
def test_a_processor_that_writes_into_its_scores_does_not_change_what_the_model_said(search):
    def writes(ids, scores):
        scores[:, 3] = -np.inf
        return scores

    def returns(ids, scores):
        return writes(ids, scores.copy())
    try:
        found = generate(unit(seed=1), IDS, max_new_tokens=3, logits_processor=[writes], return_dict_in_generate=True, **search)
    except (GenerationError, ValueError):                             # an array that refuses to be written is fine too
        return
    expected = generate(unit(seed=1), IDS, max_new_tokens=3, logits_processor=[returns], return_dict_in_generate=True,
                        **search)
    np.testing.assert_allclose(found.logprobs, expected.logprobs)


@pytest.mark.parametrize("processor", [lambda ids, scores: None, lambda ids, scores: scores[:, :3]],
                         ids=["None", "another shape"])
def test_a_processor_that_gives_back_no_scores_is_named(processor):
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=2, logits_processor=[processor])


def test_a_static_cache_has_room_for_drafts_and_guidance_in_ragged_rows():
    def echo(rng):
        return BigramLM(BigramConfig(V), rng=rng)
    mask = np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]])
    for seed in range(40):
        rng = np.random.default_rng(seed)
        model = GPT2(GPT2Config(vocab_size=V, n_positions=32, n_embd=4, n_layer=1, n_head=2), rng=rng).astype(np.float64)
        ids, assistant = rng.integers(0, V, (2, 6)), unit(echo, seed)
        for drafts in (dict(prompt_lookup_num_tokens=7), dict(assistant_model=assistant, num_assistant_tokens=7)):
            wish = dict(max_new_tokens=8, guidance_scale=1.5, **drafts)
            np.testing.assert_array_equal(generate(model, ids, mask, cache_implementation="static", **wish),
                                          generate(model, ids, mask, **wish))


@pytest.mark.parametrize("options", [
    dict(watermarking={"greenlist_ratio": 0.01}), dict(watermarking={1: 2}), dict(use_cache=False, cache_implementation="static"),
    drawn(mirostat=2, mirostat_m=3), dict(guidance_scale=1.0, negative_prompt_ids="nonsense"),
    dict(num_beams=4, num_beam_groups=2)], ids=lambda options: str({k: v for k, v in options.items() if k != "rng"}))
def test_an_option_that_could_change_nothing_is_refused(options):
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=4, **options)


@pytest.mark.parametrize("options", [
    dict(generation_config={"max_new_tokens": 2}), dict(stop_strings="a", tokenizer=5),
    dict(regex="a", eos_token_id=1, tokenizer=5), dict(token_healing=True, tokenizer=5), dict(assistant_model=GPT2)],
    ids=str)
def test_arguments_of_another_kind_are_one_clear_error(options):
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=2, **options)


def test_rows_of_several_lengths_are_one_clear_error_for_a_stream_of_text_too():
    with pytest.raises(GenerationError):
        stream_text(unit(), [[1], [1, 2]], TOKENIZER, max_new_tokens=2)


def test_what_was_asked_for_is_there_when_nothing_was_said():
    output = generate(unit(), IDS, max_new_tokens=0, return_dict_in_generate=True, output_scores=True,
                      output_candidates=2)
    assert output.scores is not None and output.scores.shape == (2, 0, V) and output.candidates is not None


def test_a_config_that_forbids_a_phrase_by_its_bias_can_be_saved(tmp_path):
    config = GenerationConfig(sequence_bias={(1, 2): -float("inf")})
    try:
        config.save_pretrained(tmp_path)
    except GenerationError:                                           # or it says that JSON has no such number
        return
    assert GenerationConfig.from_pretrained(tmp_path).asks("sequence_bias")


@pytest.mark.parametrize("text", ['{"suppress_tokens": []}', '{"bad_words_ids": []}', '{"length_penalty": 2.0}',
                                  '{"num_assistant_tokens": 20}'])
def test_a_file_of_the_field_with_options_that_do_nothing_yet_can_be_read(tmp_path, text):
    (tmp_path / "generation_config.json").write_text(text)
    GenerationConfig.from_pretrained(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    tokenizer = CharTokenizer.train("abcdef ")
    GPT2(GPT2Config(vocab_size=7, n_positions=9, n_embd=4, n_layer=1, n_head=2), rng=np.random.default_rng(0)
         ).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


@pytest.mark.parametrize("line", [["--prompt", "ab", "--max-new-tokens", "0", "--explain"],
                                  ["--prompt", "ab", "--max-new-tokens", "0", "--compare", "greedy,beam"],
                                  ["--prompt", "", "--bos-token-id", "1", "--max-new-tokens", "2", "--plot-cuts", "PICTURE"]],
                         ids=str)
def test_the_line_works_with_nothing_to_say_and_nothing_said_before(folder, line, tmp_path):
    line = [str(tmp_path / "cuts.png") if word == "PICTURE" else word for word in line]
    assert main(["generate", "--model", folder, *line]) == 0


def test_a_terminal_that_cannot_write_a_character_is_no_traceback(folder, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["generate", "--model", folder, "--prompt", "ab", "--max-new-tokens", "2", "--explain"]) in (0, 2)
