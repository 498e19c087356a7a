"""A request under way: what is said, who leaves, what is noted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import GenerationConfig, generate, stream
from scratchgpt.decoding.prepare import Request, prepare
from scratchgpt.decoding.run import Run
from scratchgpt.decoding.searches import new_cache, reader_of, search_of
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.lively import lively_and_batch
from tests.decoding.test_prompt import translator
from tests.layers.cases import P, V, gpt2
from tests.layers.llama_cases import llama, mistral


@checks(Run, Request, prepare)
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3), seed=st.integers(0, 2**32 - 1))
def test_rows_that_end_leave_and_the_others_go_on_with_their_own_text_and_chain(lengths, seed):
    rng = np.random.default_rng(seed)
    model, ids, _ = lively_and_batch(gpt2, len(lengths), 4, seed)
    mask = np.arange(4) >= 4 - np.array(lengths)[:, None]
    run = prepare(model, ids, mask, GenerationConfig(), dict(max_new_tokens=6, eos_token_id=1, min_new_tokens=1)).run
    texts, said = [row[m].tolist() for row, m in zip(ids, mask)], [[] for _ in lengths]
    while run.going:
        k = int(rng.integers(0, 3))
        draft = rng.integers(0, V, (len(run.rows), k))
        if k:
            run.reader.advance(draft)
        scores = run.read(k + 1)
        assert scores.shape == (len(run.rows), k + 1, V)
        tokens = np.full((len(run.rows), k + 1), -1)
        for b, count in enumerate(rng.integers(0, k + 1, len(tokens))):
            tokens[b, :count], tokens[b, count] = draft[b, :count], rng.integers(0, V)
        rows = run.rows
        kept, going = run.say(tokens, drop=k)
        for b, row in enumerate(rows):
            new = []
            for token in tokens[b][tokens[b] >= 0].tolist():
                new.append(token)
                if token == 1 or len(said[row]) + len(new) == 6:
                    break
            said[row] += new
            texts[row] += new
            assert kept[b][kept[b] >= 0].tolist() == new
            ended = said[row][-1] == 1 or len(said[row]) == 6
            assert (b in going) != ended and (run.reasons[row] is None) != ended
        assert run.rows.tolist() == rows[going].tolist() and run.said == said
        for b, row in enumerate(run.rows):
            assert run.reader.ids[b][run.reader.ids[b] >= 0].tolist() == texts[row]
        if run.going:
            lived = [len(said[row]) for row in run.rows]
            assert run.left == 6 - min(lived)
            probe = run.process(run.reader.ids, np.zeros((len(run.rows), V)))
            assert ((probe[:, 1] == -np.inf) == (np.array(lived) < 1)).all()          # min_new_tokens, row by row


@checks(generate, new_cache, reader_of, search_of)
@pytest.mark.parametrize("make", [gpt2, llama, mistral], ids=["gpt2", "llama", "mistral"])
@pytest.mark.parametrize("options", [{"use_cache": False}, {"cache_implementation": "static"},
                                     {"cache_implementation": "sliding_window"}, {"cache_implementation": "quantized"}], ids=str)
def test_every_kind_of_cache_gives_the_text_of_no_cache(make, options):
    model, ids, _ = lively_and_batch(make, 3, 4, 0)
    mask = [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]
    asked = dict(max_new_tokens=P + 3, eos_token_id=2, pad_token_id=0)
    if "sliding_window" in options.values() and make is not mistral:
        with pytest.raises(GenerationError, match="window"):
            generate(model, ids, mask, **asked, **options)
        return
    found, expected = generate(model, ids, mask, **asked, **options), generate(model, ids, mask, **asked)
    if "quantized" in options.values():                              # rounded keys may change what is chosen later
        assert found.shape[1] > 4 and (found[:, 4] == expected[:, 4]).all()
    else:
        np.testing.assert_array_equal(found, expected)


@checks(new_cache)
def test_a_static_cache_needs_a_length():
    model, ids, _ = lively_and_batch(llama, 1, 2, 0)
    with pytest.raises(GenerationError, match="static cache"):
        generate(model, ids, max_time=1.0, cache_implementation="static")
    assert generate(model, ids, max_length=5, cache_implementation="static").shape == (1, 5)


@checks(stream)
def test_a_stream_of_several_texts_yields_a_column_when_all_have_it():
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    text = generate(model, ids, max_new_tokens=5, eos_token_id=[1, 4], pad_token_id=6)
    columns = list(stream(model, ids, max_new_tokens=5, eos_token_id=[1, 4], pad_token_id=6))
    np.testing.assert_array_equal(np.stack(columns, axis=1), text[:, 3:])
    with pytest.raises(GenerationError, match="only at the end"):
        stream(model, ids, max_new_tokens=5, num_beams=2)


@checks(prepare)
@pytest.mark.parametrize("options, match", [
    (dict(stop_strings="a"), "tokenizer="), (dict(regex="a", eos_token_id=1), "tokenizer="),
    (dict(token_healing=True), "tokenizer="), (dict(logits_processor=3), "list of functions"),
    (dict(logits_processor=[3]), "list of functions"), (dict(stopping_criteria=len), "list of functions"),
    (dict(eos_token_id=V), "eos_token_id must be in"), (dict(bos_token_id=V), "bos_token_id must be in"),
    (dict(eos_token_id=[1, V + 5]), "eos_token_id must be in"), (dict(rng="0"), "numpy.random.Generator")], ids=str)
def test_what_does_not_go_together_is_refused_before_anything_is_read(options, match):
    model = gpt2(np.random.default_rng(0))
    model.next_logits = model.logits = None
    with pytest.raises(GenerationError, match=match):
        generate(model, [[1, 2]], **{"max_new_tokens": 3, **options})


@checks(generate)
def test_an_encoder_decoders_rows_leave_too():
    model = translator()
    source = np.random.default_rng(0).integers(1, 9, (4, 3))
    options = dict(max_new_tokens=6, eos_token_id=[3, 5], pad_token_id=0, frequency_penalty=2.0)
    found, lengths = generate(model, source, **options), set()
    for row, expected in zip(source, found):
        alone = generate(model, row[None], **options)[0]
        np.testing.assert_array_equal(alone, expected[:len(alone)])
        assert (expected[len(alone):] == 0).all()
        lengths.add(len(alone))
    assert len(lengths) == 3
