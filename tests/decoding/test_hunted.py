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


@pytest.mark.parametrize("options", [
    dict(watermarking={"greenlist_ratio": 0.01}), dict(watermarking={1: 2}),
    dict(use_cache=False, cache_implementation="static"),
    drawn(mirostat=2, mirostat_m=3), dict(guidance_scale=1.0, negative_prompt_ids="nonsense"),
    dict(num_beams=4, num_beam_groups=2)], ids=lambda options: str({k: v for k, v in options.items() if k != "rng"}))
def test_an_option_that_could_change_nothing_is_refused(options):
    with pytest.raises(GenerationError):
        generate(unit(), IDS, max_new_tokens=4, **options)


def test_rows_of_several_lengths_are_one_clear_error_for_a_stream_of_text_too():
    with pytest.raises(GenerationError):
        stream_text(unit(), [[1], [1, 2]], TOKENIZER, max_new_tokens=2)


def test_a_config_that_forbids_a_phrase_by_its_bias_can_be_saved(tmp_path):
    config = GenerationConfig(sequence_bias={(1, 2): -float("inf")})
    try:
        config.save_pretrained(tmp_path)
    except GenerationError:                                           # or it says that JSON has no such number
        return
    assert GenerationConfig.from_pretrained(tmp_path).asks("sequence_bias")


@pytest.mark.parametrize("text", ['{"suppress_tokens": []}', '{"bad_words_ids": []}', '{"length_penalty": 2.0}'])
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
                                  ["--prompt", "", "--bos-token-id", "1", "--max-new-tokens", "2", "--plot-cuts",
                                   "PICTURE"]], ids=str)
def test_the_line_works_with_nothing_to_say_and_nothing_said_before(folder, line, tmp_path):
    line = [str(tmp_path / "cuts.png") if word == "PICTURE" else word for word in line]
    assert main(["generate", "--model", folder, *line]) == 0


def test_a_terminal_that_cannot_write_a_character_is_no_traceback(folder, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["generate", "--model", folder, "--prompt", "ab", "--max-new-tokens", "2", "--explain"]) in (0, 2)
