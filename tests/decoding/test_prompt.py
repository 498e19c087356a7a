"""From what people hand in to lines that strategies read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.prompt import Prompt, as_prompt
from scratchgpt.errors import GenerationError
from scratchgpt.models import Transformer, TransformerConfig
from tests.checks import checks
from tests.layers.cases import V, gpt2


def translator():
    """An encoder-decoder in float64 that says other things of other sources, given a penalty on saying them again."""
    config = TransformerConfig(src_vocab_size=9, tgt_vocab_size=8, d_model=8, nhead=2, num_encoder_layers=1,
                               num_decoder_layers=2, dim_feedforward=16)
    model, rng = Transformer(config, rng=np.random.default_rng(0)).astype(np.float64), np.random.default_rng(5)
    for parameter in model.parameters():
        if parameter.data.ndim > 1:                                      # a drawn bias would say one token all the time
            parameter.data = rng.normal(size=parameter.shape)
    return model


@checks(as_prompt, Prompt)
@given(rows=st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=4), min_size=1, max_size=3),
       seed=st.integers(0, 2**32 - 1))
def test_rows_are_laid_to_the_right_and_pads_before_within_and_behind_them_are_gone(rows, seed):
    rng, T = np.random.default_rng(seed), max(map(len, rows)) + 2
    ids, mask = rng.integers(0, V, (len(rows), T)), np.zeros((len(rows), T), int)
    for b, row in enumerate(rows):
        at = np.sort(rng.permutation(T)[:len(row)])
        ids[b, at], mask[b, at] = row, 1
    prompt = as_prompt(gpt2(rng), ids, mask)
    longest = max(map(len, rows))
    assert prompt.lines.tolist() == [[-1] * (longest - len(row)) + row for row in rows]
    assert prompt.lengths.tolist() == list(map(len, rows)) and (prompt.ids == ids).all() and prompt.source is prompt.lines


@checks(as_prompt, generate)
def test_an_empty_prompt_begins_with_bos_and_needs_it():
    model = gpt2(np.random.default_rng(0))
    for ids in (None, [[]], np.zeros((2, 0), int)):
        found = generate(model, ids, bos_token_id=3, max_new_tokens=2)
        expected = generate(model, [[3]] * len(found), max_new_tokens=2)
        np.testing.assert_array_equal(found, expected)
        with pytest.raises(GenerationError, match="bos_token_id"):
            generate(model, ids, max_new_tokens=2)


@checks(as_prompt, generate)
def test_an_encoder_decoder_reads_ids_as_its_source_and_begins_with_its_bos():
    model, source, mask = translator(), [[4, 5, 6], [7, 8, 0]], [[1, 1, 1], [1, 1, 0]]
    bos = model.config.bos_token_id
    options = dict(max_new_tokens=4, frequency_penalty=2.0)
    expected = generate(model.given(source, mask), [[bos]] * 2, **options)
    assert expected[0].tolist() != expected[1].tolist()
    np.testing.assert_array_equal(generate(model, source, mask, **options), expected)
    begun = generate(model, source, mask, decoder_input_ids=[[bos, 5], [bos, 6]], **options)
    np.testing.assert_array_equal(begun[:, :2], [[bos, 5], [bos, 6]])
    np.testing.assert_array_equal(begun, generate(model.given(source, mask), [[bos, 5], [bos, 6]], **options))
    assert as_prompt(model, source, mask).source.tolist() == [[4, 5, 6], [7, 8, -1]]


@checks(as_prompt)
@pytest.mark.parametrize("ids, options, match", [
    (None, {}, "needs a source"), ([[99]], {}, "source"), ([[1, 2]], {"attention_mask": [[1]]}, "source_mask"),
    ([[1]], {"decoder_input_ids": [[50]]}, "vocab_size")])
def test_a_source_that_cannot_be_read_is_one_error(ids, options, match):
    with pytest.raises(GenerationError, match=match):
        generate(translator(), ids, max_new_tokens=1, **options)


@checks(as_prompt)
def test_what_continues_no_text_is_refused():
    with pytest.raises(GenerationError, match="got a list"):
        generate([], [[1]], max_new_tokens=1)
    with pytest.raises(GenerationError, match="decoder_input_ids"):
        generate(gpt2(np.random.default_rng(0)), [[1]], decoder_input_ids=[[1]], max_new_tokens=1)
