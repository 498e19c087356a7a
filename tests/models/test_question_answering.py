"""The post-LN decoder that answers questions: its order, its sizes, its answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.errors import ConfigError, GenerationError, TokenizerError
from scratchgpt.models import QuestionAnsweringConfig, QuestionAnsweringGPT
from scratchgpt.optim import AdamW
from scratchgpt.tokenizers import CharTokenizer
from tests import oracles
from tests.checks import checks
from tests.layers.cases import P, V, H, D
from tests.layers.llama_cases import question_answering
from tests.models.test_language_model import model_and_batch

PAIRS = {"ab": "c", "ba": "dd", "a": "abc"}
FEW = settings(max_examples=max(5, settings.default.max_examples // 3))


def tokenizer():
    chars = CharTokenizer("abcd", ["<pad>", "<unk>", "<sep>"])
    chars.pad_token, chars.unk_token = "<pad>", "<unk>"
    return chars


def answering(**sizes):
    """An untrained model that can spell."""
    sizes = {**dict(vocab_size=7, n_positions=12, n_embd=16, n_head=2, head_dim=6, n_inner=24, n_layer=2), **sizes}
    return QuestionAnsweringGPT(QuestionAnsweringConfig(**sizes), rng=np.random.default_rng(0), tokenizer=tokenizer())


def literally(w, ids, words, layers, eps=1e-5):
    """The logits of one row, number by number: post-LN, ReLU, no bias in any linear map."""
    T, place, seen = len(ids), 0, oracles.causal_mask(len(ids), len(ids)) & (words == 1)
    x = np.empty((T, w["embed_tokens.weight"].shape[1]))
    for t in range(T):
        x[t] = w["embed_tokens.weight"][ids[t]] + w["embed_positions.weight"][max(place + words[t] - 1, 0)]
        place += words[t]
    for i in range(layers):
        def part(name, i=i):
            return w[f"layers.{i}.{name}.weight"]
        q, k, v = (oracles.linear(x, part(f"attention.project.{name}")) for name in "qkv")
        own = [slice(h * D, h * D + D) for h in range(H)]
        heads = [oracles.attention(q[:, h], k[:, h], v[:, h], seen)[0] for h in own]
        a = oracles.linear(np.concatenate(heads, axis=1), part("attention.out"))
        h = oracles.layer_norm(x + a, part("norm1"), w[f"layers.{i}.norm1.bias"], eps)
        f = oracles.linear(oracles.relu(oracles.linear(h, part("mlp.up"))), part("mlp.down"))
        x = oracles.layer_norm(h + f, part("norm2"), w[f"layers.{i}.norm2.bias"], eps)
    return oracles.linear(x, w["lm_head.weight"])


@checks(QuestionAnsweringGPT)
@FEW
@given(T=st.integers(1, P), seed=st.integers(0, 2**32 - 1), padded=st.booleans())
def test_the_model_is_its_definition_number_by_number(T, seed, padded):
    model, ids, _ = model_and_batch(question_answering, 1, T, seed)
    words = np.random.default_rng(seed).integers(0, 2, T) if padded else np.ones(T, int)
    expected = literally(model.state_dict(), ids[0], words, 1)
    found = model.logits(ids, attention_mask=words[None] if padded else None)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@checks(QuestionAnsweringGPT, QuestionAnsweringConfig)
def test_the_default_sizes_project_768_channels_to_8_heads_of_64_without_biases():
    config = QuestionAnsweringConfig(100)
    assert (config.n_positions, config.n_layer, config.n_inner) == (300, 6, 2048)
    C, HD, F = 768, 512, 2048
    assert config.num_parameters == 2 * 100 * C + 300 * C + 6 * (4 * C * HD + 2 * C * F + 4 * C)
    model = QuestionAnsweringGPT(QuestionAnsweringConfig(100, n_layer=1), rng=np.random.default_rng(0))
    shapes = {name: array.shape for name, array in model.state_dict().items()}
    assert all(shapes[f"layers.0.attention.project.{name}.weight"] == (C, HD) for name in "qkv")
    assert shapes["layers.0.attention.out.weight"] == (HD, C) and shapes["lm_head.weight"] == (C, 100)
    assert {name for name in shapes if name.endswith("bias")} == {"layers.0.norm1.bias", "layers.0.norm2.bias"}


@checks(QuestionAnsweringGPT)
@FEW
@given(T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))
def test_the_last_hidden_state_is_normed_by_the_last_block_and_no_norm_follows(T, seed):
    model, ids, _ = model_and_batch(question_answering, 2, T, seed)
    norm = model.layers[-1].norm2
    norm.weight.data, norm.bias.data = np.ones(4), np.zeros(4)
    h = model.hidden_states(ids)[-1]
    np.testing.assert_allclose(h.mean(axis=-1), 0, atol=1e-12)
    assert (h.std(axis=-1) <= 1 + 1e-12).all()


@checks(QuestionAnsweringGPT, QuestionAnsweringConfig)
def test_questions_are_learned_answered_saved_and_answered_again(tmp_path):
    model, chars = answering(), tokenizer()
    rows = [[*chars.encode(question), 2, *chars.encode(answer), 2] for question, answer in PAIRS.items()]
    ids = np.array([row + [0] * (8 - len(row)) for row in rows])
    words, inputs = (ids != 0)[:, :-1], ids[:, :-1]
    after_sep = np.cumsum(inputs == 2, axis=1) == 1                          # the answer, and the <sep> that closes it
    targets, optimizer = np.where(after_sep, ids[:, 1:], -100), AdamW(model.parameters(), lr=0.02)
    for _ in range(60):
        model.zero_grad()
        loss, backward = model.loss(inputs, targets, attention_mask=words)
        backward()
        optimizer.step()
    assert float(loss) < 0.05
    assert {question: model.answer(question) for question in PAIRS} == PAIRS
    assert model.answer_batch(list(PAIRS)) == list(PAIRS.values()) and model.answer_batch([]) == []
    assert model.answer("ba", max_new_tokens=1) == "d" and model.answer("ba", max_new_tokens=0) == ""
    model.save_pretrained(tmp_path, "20KB")
    again = QuestionAnsweringGPT.from_pretrained(tmp_path, "float32")        # options as of every model, by place or name
    assert {question: again.answer(question) for question in PAIRS} == PAIRS
    assert isinstance(again.tokenizer, CharTokenizer) and again.config == model.config


@checks(QuestionAnsweringGPT, generate)
def test_an_answer_ends_with_the_context_at_the_latest():
    model = answering()
    model.lm_head.weight.data = np.zeros_like(model.lm_head.weight.data)
    model.lm_head.weight.data[:, 3] = 1e-3                                   # an "a", or the first token, <pad>
    model.layers[-1].norm2.bias.data = np.ones_like(model.layers[-1].norm2.bias.data)
    assert model.answer("ab") == "a" * 9
    assert model.answer("ab", max_new_tokens=4) == "aaaa" and model.answer("ab", max_new_tokens=None) == "a" * 9
    assert model.answer("") == "a" * 11
    assert model.answer("x" * 10) == "a"                                     # letters it does not know are <unk>


@checks(QuestionAnsweringGPT)
def test_a_question_that_cannot_be_answered_is_refused():
    model = answering()
    with pytest.raises(GenerationError, match="room for an answer in 12 tokens; got 12"):
        model.answer("a" * 11)
    for count in (-1, 1.5):
        with pytest.raises(GenerationError, match="max_new_tokens"):
            model.answer("a", max_new_tokens=count)
    with pytest.raises(TokenizerError):
        model.answer(5)
    model.tokenizer = None
    with pytest.raises(GenerationError, match="model.tokenizer"):
        model.answer("a")


@checks(QuestionAnsweringGPT)
def test_without_a_tokenizer_a_model_is_saved_and_loaded_without_one(tmp_path):
    question_answering(np.random.default_rng(0)).save_pretrained(tmp_path)
    assert QuestionAnsweringGPT.from_pretrained(tmp_path).tokenizer is None


@checks(QuestionAnsweringConfig)
@pytest.mark.parametrize("name, value", [
    *((name, value) for name in ("vocab_size", "n_positions", "n_embd", "n_head", "head_dim", "n_inner", "n_layer")
      for value in (0, -1, 1.0, "8", True, None, 2**31)),
    *((name, value) for name in ("pad_token_id", "sep_token_id") for value in (-1, V, 1.0, None, True, 2**31)),
    ("pad_token_id", 2), ("sep_token_id", 0), ("dropout", 1.0), ("dropout", -0.1), ("layer_norm_epsilon", 0),
    ("initializer_range", -1.0),
])
def test_a_size_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        QuestionAnsweringConfig(**{"vocab_size": V, name: value})


@checks(QuestionAnsweringConfig)
@given(st.builds(QuestionAnsweringConfig, st.integers(3, 99), *6 * [st.integers(1, 2**31 - 1)],
                 dropout=st.floats(0, 0.99)))
def test_a_config_survives_its_own_config_json(config):
    values = config.to_dict()
    assert values["model_type"] == "question_answering_gpt" and "architectures" not in values
    assert QuestionAnsweringConfig.from_dict({**values, "more": 1}) == config
