"""The loop from a prompt to a text, against the same loop said plainly: no cache, no stream, the window sliding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate, greedy, sample, stream
from scratchgpt.decoding.processors import temperature, top_k, top_p
from scratchgpt.errors import GenerationError
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config
from tests.checks import checks
from tests.decoding.lively import lively_and_batch
from tests.layers.cases import P, V, gpt2
from tests.layers.llama_cases import llama
from tests.models.test_llama import MODELS as LLAMA_MODELS
from tests.models.test_llama import padding

MODELS = {"gpt2": gpt2, "bigram": lambda rng: BigramLM(BigramConfig(V), rng=rng), "llama": llama}
models = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
prompts = given(B=st.integers(1, 3), T=st.integers(1, P), count=st.integers(0, P + 3),
                seed=st.integers(0, 2**32 - 1))


def plainly(model, ids, count, processors=(), choose=greedy, rng=None):
    """nanoGPT's loop: crop to the context, run the whole of it, choose, append."""
    for _ in range(count):
        scores = model(ids if model.n_positions is None else ids[:, -model.n_positions:])[0][:, -1]
        for keep in processors:
            scores = keep(ids, scores)
        ids = np.concatenate([ids, choose(scores, rng)[:, None]], axis=1)
    return ids


@checks(generate, greedy)
@models
@prompts
def test_greedy_text_is_that_of_the_plain_loop_past_the_context_too(make, B, T, count, seed):
    model, ids, _ = lively_and_batch(make, B, T, seed)
    found = generate(model, ids, max_new_tokens=count)
    np.testing.assert_array_equal(found, plainly(model, ids, count))
    for row, alone in zip(ids, found):
        np.testing.assert_array_equal(generate(model, row[None], max_new_tokens=count)[0], alone)


@checks(generate, sample, temperature, top_k, top_p)
@models
@prompts
def test_sampled_text_is_that_of_the_plain_loop_with_the_same_generator(make, B, T, count, seed):
    model, ids, _ = lively_and_batch(make, B, T, seed)
    options = [({}, []), ({"temperature": 0.7}, [temperature(0.7)]),
               ({"top_p": 0.8, "top_k": 4, "temperature": 2}, [temperature(2), top_k(4), top_p(0.8)])]
    for wish, processors in options:
        found = generate(model, ids, max_new_tokens=count, rng=np.random.default_rng(seed), **wish)
        expected = plainly(model, ids, count, processors, sample, np.random.default_rng(seed))
        np.testing.assert_array_equal(found, expected)


@checks(stream, generate)
@models
def test_a_stream_yields_each_token_when_it_is_chosen_and_generate_joins_them(make):
    model, ids, _ = lively_and_batch(make, 2, 3, 0)
    read, next_logits = [], model.next_logits
    model.next_logits = lambda *args: read.append(1) or next_logits(*args)
    tokens = stream(model, ids, max_new_tokens=5)
    assert len(read) == 0
    collected = []
    for count, token in enumerate(tokens, 1):
        assert len(read) == count and token.shape == (2,)
        collected.append(token.copy())
        token[:] = 0                                                         # the caller's own: nothing depends on it
    np.testing.assert_array_equal(np.stack(collected, axis=1), generate(model, ids, max_new_tokens=5)[:, 3:])


@checks(generate)
def test_inside_the_context_each_step_reads_only_the_new_token():
    model, ids, _ = lively_and_batch(gpt2, 1, 3, 0)
    lengths, next_logits = [], model.next_logits
    model.next_logits = lambda ids, *cache: lengths.append(ids.shape[1]) or next_logits(ids, *cache)
    generate(model, ids, max_new_tokens=P)
    assert lengths == [3] + [1] * (P - 3) + [P, P]


FAMILY = {**LLAMA_MODELS, "bigram": MODELS["bigram"]}
padded = given(B=st.integers(2, 3), T=st.integers(1, P), count=st.integers(0, P + 2),
               seed=st.integers(0, 2**32 - 1))
FEW = settings(max_examples=max(6, settings.default.max_examples // 5))


@checks(generate, greedy)
@pytest.mark.parametrize("make", FAMILY.values(), ids=FAMILY)
@FEW
@padded
def test_a_row_of_a_padded_batch_is_continued_as_it_is_alone_past_the_context_too(make, B, T, count, seed):
    model, ids, _ = lively_and_batch(make, B, T, seed)
    for side in ("left", "right", "anywhere"):
        words = padding(np.random.default_rng(seed), B, T, side)
        words[0] = 1
        words[:, -1] |= ~words.any(axis=1)                                   # every row has a token
        found = generate(model, ids, words, max_new_tokens=count)
        np.testing.assert_array_equal(found[:, :T], ids)
        for row, alone, new in zip(words == 1, ids, found[:, T:], strict=True):
            expected = generate(model, alone[row][None], max_new_tokens=count)[0, row.sum():]
            np.testing.assert_array_equal(new, expected)


@checks(generate, stream, sample)
@pytest.mark.parametrize("make", [gpt2, llama], ids=["gpt2", "llama"])
def test_padding_and_ends_go_together_with_sampling_and_processors(make):
    model, ids, _ = lively_and_batch(make, 2, 4, 0)
    words, seen = [[0, 0, 1, 1], [1, 1, 1, 0]], []

    def watch(text, scores):
        seen.append(text.copy())
        return scores
    options = dict(max_new_tokens=6, top_k=3, logits_processor=[watch], eos_token_id=1)
    text = generate(model, ids, words, rng=np.random.default_rng(0), **options)
    again = np.stack(list(stream(model, ids, words, rng=np.random.default_rng(0), **options)), axis=1)
    np.testing.assert_array_equal(text[:, 4:], again)
    ids = np.where(words, ids, -1)                                           # right-aligned, -1 where there is no token
    np.testing.assert_array_equal(seen[0], [ids[0, 1:], ids[1, :3]])


def ended(row, ends, pad):
    """A row that goes on for ever, cut behind its first end and filled."""
    at = [i for i, token in enumerate(row) if token in ends]
    return [*row[:at[0] + 1], *[pad] * (len(row) - at[0] - 1)] if at else list(row)


@checks(generate, stream)
@models
@given(B=st.integers(1, 3), T=st.integers(1, 4), count=st.integers(1, P + 2), seed=st.integers(0, 2**32 - 1),
       ends=st.lists(st.integers(0, V - 1), max_size=3), pad=st.none() | st.integers(0, V - 1))
def test_a_row_stops_at_its_end_is_filled_and_all_stop_when_all_have_ended(make, B, T, count, seed, ends, pad):
    model, ids, _ = lively_and_batch(make, B, T, seed)
    free = generate(model, ids, max_new_tokens=count)[:, T:]
    fill = pad if pad is not None else ends[0] if ends else 0
    expected = np.array([ended(row, ends, fill) for row in free.tolist()])
    if ends:
        stops = [next((i + 1 for i, token in enumerate(row) if token in ends), count) for row in free.tolist()]
        expected = expected[:, :max(stops)]
    for eos in [ends, tuple(ends), *(ends if len(ends) == 1 else [])] if ends else [None]:
        found = generate(model, ids, max_new_tokens=count, eos_token_id=eos, pad_token_id=pad)
        np.testing.assert_array_equal(found[:, T:], expected)
        tokens = list(stream(model, ids, max_new_tokens=count, eos_token_id=eos, pad_token_id=pad))
        assert len(tokens) == expected.shape[1]


@checks(generate)
def test_no_step_is_computed_after_the_last_row_has_ended():
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    free, read, next_logits = generate(model, ids, max_new_tokens=6)[:, 3:], [], model.next_logits
    model.next_logits = lambda *args: read.append(1) or next_logits(*args)
    ends = sorted({int(token) for token in free[:, 1]})
    found = generate(model, ids, max_new_tokens=6, eos_token_id=ends)
    assert len(read) == found.shape[1] - 3 <= 2


@checks(generate)
def test_a_callers_processors_come_in_their_order_and_see_the_text_so_far():
    model, ids, _ = lively_and_batch(gpt2, 2, 2, 0)
    seen = []

    def only_3(text, scores):
        seen.append(text.copy())
        return np.where(np.arange(V) == 3, scores, -np.inf)

    def fails_unless_filtered(text, scores):
        assert (np.isfinite(scores).sum(axis=1) == 1).all()
        return scores
    text = generate(model, ids, max_new_tokens=3, logits_processor=[only_3, fails_unless_filtered], rng=np.random.default_rng(0),
                    top_k=2)
    assert (text[:, 2:] == 3).all() and len(seen) == 3
    np.testing.assert_array_equal(seen[-1], text[:, :-1])


@checks(generate)
@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int32, np.int64, list])
def test_a_prompt_of_narrow_integers_holds_every_token_of_a_wide_vocabulary(kind):
    last = 69_999
    model = GPT2(GPT2Config(last + 1, n_positions=8, n_embd=2, n_layer=1, n_head=1), rng=np.random.default_rng(0))
    model.next_logits = lambda ids, cache: np.eye(1, last + 1, last)
    prompt = [[1, 2]] if kind is list else np.array([[1, 2]], kind)
    assert generate(model, prompt, max_new_tokens=2).tolist() == [[1, 2, last, last]]


@checks(generate)
def test_no_new_tokens_give_back_the_prompt_and_the_prompt_is_never_written_to():
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    ids.flags.writeable = False
    np.testing.assert_array_equal(generate(model, ids, max_new_tokens=0), ids)
    np.testing.assert_array_equal(generate(model, ids, max_new_tokens=4)[:, :3], ids)


REFUSED = {
    "temperature 0": dict(temperature=0, rng=np.random.default_rng(0)),
    "temperature below 0": dict(temperature=-1.0, rng=np.random.default_rng(0)),
    "top_k 0": dict(top_k=0, rng=np.random.default_rng(0)),
    "top_p 0": dict(top_p=0.0, rng=np.random.default_rng(0)),
    "top_p above 1": dict(top_p=1.5, rng=np.random.default_rng(0)),
    "temperature without rng": dict(temperature=0.5),
    "top_k without rng": dict(top_k=5),
    "top_p without rng": dict(top_p=0.5),
    "fewer than no tokens": dict(max_new_tokens=-1),
    "half a token": dict(max_new_tokens=1.5),
    "a truth value of tokens": dict(max_new_tokens=True),
    "a seed in place of a generator": dict(rng=3),
    "a generator of old": dict(rng=np.random.RandomState(3), temperature=0.5),
}
REFUSED |= {f"{name} {value}": {name: value} for name in ("eos_token_id", "pad_token_id")
            for value in (-1, 1.0, "2", True, np.float64(1))}
REFUSED |= {f"eos_token_id {value}": {"eos_token_id": value} for value in ([1, -1], [1, None], [[1]], ["1"], (1, 2.0))}
REFUSED |= {f"attention_mask {value}": {"attention_mask": value}
            for value in ([1], [[1, 1]], [[1], [1]], [[2]], [[0.5]], [[-1]], [[np.nan]], [["1"]], [[1], [1, 1]], 1)}
PROMPTS = {"empty": [[]], "no axis": 3, "one axis": [1, 2], "floats": [[0.5]], "text": "abc", "ragged": [[1], [2, 3]],
           "none": None, "no tokens": np.zeros((2, 0), int), "booleans": [[True]]}


@checks(generate, stream)
@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED)
def test_a_request_that_cannot_be_met_is_refused_before_the_first_token(options):
    for ask in (generate, stream):
        with pytest.raises(GenerationError):
            ask(gpt2(np.random.default_rng(0)), [[1]], **{"max_new_tokens": 3, **options})


@checks(generate, stream)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_prompt_that_is_none_is_refused(prompt):
    for ask in (generate, stream):
        with pytest.raises(GenerationError, match="the prompt must be"):
            ask(gpt2(np.random.default_rng(0)), prompt, max_new_tokens=1)


@checks(generate)
@pytest.mark.parametrize("prompt", [[[V]], [[-1]]])
def test_a_prompt_outside_the_vocabulary_is_refused(prompt):
    with pytest.raises(GenerationError, match="vocab_size"):
        generate(gpt2(np.random.default_rng(0)), prompt, max_new_tokens=1)


@checks(generate)
def test_a_prompt_longer_than_the_context_is_refused_and_its_end_is_taken():
    model, ids, _ = lively_and_batch(gpt2, 1, P, 0)
    long = np.concatenate([ids, ids], axis=1)
    with pytest.raises(GenerationError, match=f"n_positions={P} tokens; got {2 * P}"):
        generate(model, long, max_new_tokens=1)
    assert generate(model, long[:, -P:], max_new_tokens=1).shape == (1, P + 1)
    words = np.ones_like(long)
    words[:, :P] = 0
    np.testing.assert_array_equal(generate(model, long, words, max_new_tokens=3)[:, 2 * P:],
                                  generate(model, ids, max_new_tokens=3)[:, P:])


@checks(generate)
def test_a_row_without_a_token_is_refused():
    with pytest.raises(GenerationError, match="hides all of row 1"):
        generate(gpt2(np.random.default_rng(0)), [[1, 2], [1, 2]], [[0, 1], [0, 0]], max_new_tokens=1)


@checks(generate)
@pytest.mark.parametrize("rng", [None, np.random.default_rng(0)])
def test_a_model_that_has_gone_to_nan_is_refused(rng):
    model = GPT2(GPT2Config(vocab_size=V, n_positions=P, n_embd=4, n_head=2, n_layer=1), rng=np.random.default_rng(0))
    model.ln_f.weight.data[0] = np.nan
    with pytest.raises(GenerationError, match="neither NaN"):
        generate(model, [[1]], max_new_tokens=1, rng=rng)
