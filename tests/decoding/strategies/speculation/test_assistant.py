"""An assistant: what it drafts, from which q, how it follows, and whom it can draft for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.decoding import GenerationConfig, generate
from scratchgpt.decoding.prepare import prepare
from scratchgpt.decoding.strategies.speculation import Assistant, assistant_reader, first_layers
from scratchgpt.errors import GenerationError
from scratchgpt.models import BigramConfig, BigramLM
from tests.checks import checks
from tests.decoding.strategies.speculation.drafting import small, talker, unit
from tests.layers.cases import P, V, transformer

PAD, BOS = 0, 1


def request(model, ids, **options):
    """A run that has not begun, and its drafter."""
    ready = prepare(model, ids, None, GenerationConfig(), dict(max_new_tokens=P, **options))
    return ready.run, ready.strategy.keywords["drafter"]


@checks(Assistant)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 5))
def test_a_draft_is_the_assistants_own_text_and_q_is_what_it_was_drawn_from(seed, n):
    model, helper, ids = talker(seed), talker(seed + 1), np.random.default_rng(seed).integers(0, V, (2, 3))
    run, drafter = request(model, ids, assistant_model=helper)
    draft, q = drafter.draft(run, n)
    expected = generate(helper, ids, max_new_tokens=n)[:, 3:]
    np.testing.assert_array_equal(draft, expected)
    assert q is None
    run, drafter = request(model, ids, assistant_model=helper, rng=np.random.default_rng(seed), top_k=3)
    draft, q = drafter.draft(run, n)
    text = np.concatenate([ids, draft], axis=1)
    for i in range(n):
        s = helper.logits(text[:, :3 + i])[:, -1]
        s = np.where(s >= np.sort(s)[:, -3:-2], s, -np.inf)
        np.testing.assert_allclose(q[:, i], formulas.softmax(s), rtol=1e-9, atol=1e-12)
        assert (np.take_along_axis(q[:, i], draft[:, i, None], axis=1) > 0).all()


@checks(Assistant)
def test_a_draft_ends_with_an_end_of_text_and_with_the_assistants_context():
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    model, free = next((model, free) for model in map(talker, range(50)) for free in [
        generate(model, ids, max_new_tokens=5)[:, 3:]] if free[0, 0] not in free[1])
    end = int(free[0, 0])
    run, drafter = request(model, ids, assistant_model=model, eos_token_id=end)
    draft, _ = drafter.draft(run, 5)
    assert draft.tolist() == [[end, -1, -1, -1, -1], free[1].tolist()]
    run, drafter = request(model, ids, assistant_model=small(1, n_positions=4))
    assert drafter.draft(run, 5)[0].shape == (2, 2)                       # read 3, read 4, and no more
    run, drafter = request(model, ids, assistant_model=small(1, n_positions=2))
    assert drafter.draft(run, 5)[0].shape == (2, 0)


@checks(Assistant)
def test_an_assistant_reads_each_token_once_also_the_last_of_a_draft_that_stayed_whole():
    model, helper, read = talker(0, n_positions=40), talker(0, n_positions=40), []
    next_logits = helper.next_logits
    helper.next_logits = lambda ids, *rest, **more: read.append(ids.shape[1]) or next_logits(ids, *rest, **more)
    generate(model, [[1, 2, 3]], max_new_tokens=12, assistant_model=helper, num_assistant_tokens=3)
    assert read == [3, 1, 1, 2, 1, 1, 2, 1, 1]            # a whole draft and one more: two tokens were not read yet


@checks(assistant_reader)
@given(seed=st.integers(0, 2**32 - 1), sampled=st.booleans())
def test_encoder_decoders_share_the_source_and_draft_for_each_other(seed, sampled):
    rng = np.random.default_rng(seed)
    model, helper = (unit(transformer(rng), rng) for _ in range(2))
    source = rng.integers(1, V, (3, 4))
    source[0, 2:] = PAD
    options = dict(max_new_tokens=P, eos_token_id=2, suppress_tokens=[PAD],
                   frequency_penalty=5.0)                 # without it such a model says one token all the time
    expected = generate(model, source, **options)
    for draft in (dict(assistant_model=model), dict(assistant_model=helper), dict(assistant_model=talker(seed, V + 1)),
                  dict(prompt_lookup_num_tokens=3), dict(lookahead_num_tokens=3)):
        np.testing.assert_array_equal(generate(model, source, **options, **draft), expected)
    start = np.full((3, 1), BOS)
    reader = assistant_reader(helper, model.given(source), start)
    np.testing.assert_allclose(reader.scores()[:, 0], helper.given(source).logits(start)[:, -1], rtol=1e-9, atol=1e-9)


@checks(assistant_reader)
@pytest.mark.parametrize("helper, says", [
    (small(0, V + 1), rf"vocab_size={V + 1} for {V}"), (transformer(np.random.default_rng(0)), "none to share"),
    (3, "must be a language model; got a int")])
def test_an_assistant_that_does_not_fit_is_refused_before_anything_is_said(helper, says):
    with pytest.raises(GenerationError, match=says):
        generate(small(0), [[1]], max_new_tokens=2, assistant_model=helper)


@checks(assistant_reader)
def test_a_bigram_drafts_for_any_model_without_a_cache():
    helper, model = BigramLM(BigramConfig(V), rng=np.random.default_rng(0)), talker(0)
    assert assistant_reader(helper, model, np.array([[1]])).cache is None
    assert assistant_reader(model, model, np.array([[1]]), cached=False).cache is None
    expected = generate(model, [[1, 2]], max_new_tokens=5)
    np.testing.assert_array_equal(generate(model, [[1, 2]], max_new_tokens=5, assistant_model=helper), expected)


@checks(first_layers)
def test_the_first_layers_are_the_model_left_early():
    model, ids = small(0), np.array([[1, 2, 3]])
    np.testing.assert_array_equal(first_layers(model, 1).logits(ids), model.early_exit(1).logits(ids))
    with pytest.raises(GenerationError, match="after 1 to all of its layers, n_layers=2"):
        generate(model, ids, max_new_tokens=2, assistant_early_exit=3)
    for other, prompt in ((transformer(np.random.default_rng(0)), [[1, 2]]),
                          (BigramLM(BigramConfig(V), rng=np.random.default_rng(0)), [[1, 2]])):
        with pytest.raises(GenerationError, match="has no early_exit"):
            generate(other, prompt, max_new_tokens=2, assistant_early_exit=1)
