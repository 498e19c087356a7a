"""The original Transformer: its sizes, its start, its one table, and the paper's layers literally."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.cache import LayerCache
from scratchgpt.decoding import generate
from scratchgpt.errors import ConfigError
from scratchgpt.layers import ACTIVATIONS, Checkpoint, DecoderBlock, Embedding, PostNormBlock
from scratchgpt.models import Transformer, TransformerConfig
from scratchgpt.optim import Adam, schedule
from tests import laws, oracles
from tests.checks import checks
from tests.goldens.make_transformer_golden import SIZES, SMOOTHING
from tests.layers.cases import V, block, decoder_block, transformer
from tests.models.test_encoder_decoder import CLOSE, batches, gradients, model_and_batch


@st.composite
def small_configs(draw):
    nhead, src = draw(st.integers(1, 3)), draw(st.integers(3, 9))
    share = draw(st.booleans())
    sizes = {name: draw(st.integers(1, 4)) for name in ("num_encoder_layers", "num_decoder_layers", "dim_feedforward")}
    return TransformerConfig(src, src if share else draw(st.integers(3, 9)), nhead * 2 * draw(st.integers(1, 3)), nhead,
                             **sizes, activation=draw(st.sampled_from(sorted(ACTIVATIONS))),
                             layer_norm_eps=draw(st.floats(1e-12, 1e-2)), share_embeddings=share,
                             tie_word_embeddings=draw(st.booleans()),
                             max_length=draw(st.one_of(st.none(), st.integers(1, 9))))


# the config -----------------------------------------------------------------------------------------------------------

@checks(Transformer, TransformerConfig)
@given(small_configs())
def test_the_config_counts_the_parameters_of_the_model(config):
    model = Transformer(config, rng=np.random.default_rng(0))
    assert config.num_parameters == model.num_parameters == sum(a.size for a in model.state_dict().values())
    assert config.num_tensors == len(model.state_dict())
    assert config.vocab_size == model(np.ones((1, 1), int), np.ones((1, 1), int))[0].shape[-1]


@checks(TransformerConfig)
@given(small_configs())
def test_a_config_survives_its_own_config_json(config):
    values = config.to_dict()
    assert values["model_type"] == "transformer"
    assert TransformerConfig.from_dict({**values, "some_other_key": [1]}) == config


@checks(TransformerConfig)
def test_the_defaults_are_the_papers_base_model():
    config = TransformerConfig(37_000, 37_000, share_embeddings=True)
    assert (config.d_model, config.nhead, config.dim_feedforward, config.dropout) == (512, 8, 2048, 0.1)
    assert config.num_encoder_layers == config.num_decoder_layers == 6 and config.activation == "relu"
    assert config.num_parameters == 44_138_496 + 37_000 * 512                # the paper's table 3: 65 million


COUNTS = ("src_vocab_size", "tgt_vocab_size", "d_model", "nhead", "num_encoder_layers", "num_decoder_layers",
          "dim_feedforward", "max_length")


@checks(TransformerConfig)
@pytest.mark.parametrize("name, value", [
    *((name, value) for name in COUNTS for value in (0, -1, 1.0, "8", True, [1], 2**31)),
    *((name, None) for name in COUNTS if name != "max_length"),
    *(("dropout", value) for value in (-0.1, 1.0, 1.5, math.nan, "0.1", None)),
    *(("layer_norm_eps", value) for value in (0, -1e-5, math.inf, math.nan, "1", None)),
    *((name, value) for name in ("tie_word_embeddings", "share_embeddings") for value in (0, 1, None, "yes")),
    *((name, value) for name in ("pad_token_id", "bos_token_id", "eos_token_id")
      for value in (-1, 1.0, None, True, 5000)),
    ("activation", "tanh"), ("activation", None), ("activation", ["relu"]),
], ids=lambda value: str(value)[:20])
def test_a_value_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        TransformerConfig(**{name: value})


@checks(TransformerConfig)
@pytest.mark.parametrize("values, says", [
    (dict(d_model=100), "d_model must be divisible by nhead; got d_model=100, nhead=8"),
    (dict(d_model=9, nhead=3), "d_model must be even.*got d_model=9"),
    (dict(share_embeddings=True, src_vocab_size=7), "share_embeddings needs one vocabulary.*got 7 and 5000"),
    (dict(pad_token_id=9, src_vocab_size=9), "pad_token_id must be a token, below a vocabulary of 9; got 9"),
    (dict(eos_token_id=9, tgt_vocab_size=9), "eos_token_id must be a token, below a vocabulary of 9; got 9"),
    (dict(pad_token_id=1), "pad_token_id must not be bos_token_id or eos_token_id.*got 1 for both"),
    (dict(pad_token_id=2), "pad_token_id must not be"),
])
def test_values_that_do_not_fit_each_other_are_refused(values, says):
    with pytest.raises(ConfigError, match=says):
        TransformerConfig(**values)


# the paper, literally -------------------------------------------------------------------------------------------------

def literal(attention, mlp, **norms):
    """A block's weights under the paper's letters."""
    def weights(attention):
        if hasattr(attention.project, "qkv"):
            W, b = attention.project.qkv.weight.data, attention.project.qkv.bias.data
            parts = zip("qkv", np.split(W, 3, axis=1), np.split(b, 3))
        else:
            parts = [(name, getattr(attention.project, name).weight.data, getattr(attention.project, name).bias.data)
                     for name in "qkv"]
        letters = {f"{kind}_{name}": array for name, W, b in parts for kind, array in (("W", W), ("b", b))}
        return {**letters, "W_o": attention.out.weight.data, "b_o": attention.out.bias.data}
    return {**{name: weights(each) for name, each in attention.items()},
            **{name: (norm.weight.data, norm.bias.data) for name, norm in norms.items()},
            "mlp": {"W_1": mlp.up.weight.data, "b_1": mlp.up.bias.data, "W_2": mlp.down.weight.data,
                    "b_2": mlp.down.bias.data}}


def literal_encoder(layer):
    return literal({"self": layer.attention}, layer.mlp, norm1=layer.norm1, norm2=layer.norm2)


def literal_decoder(layer):
    return literal({"self": layer.attention, "cross": layer.cross}, layer.mlp, norm1=layer.norm1, norm2=layer.norm2,
                   norm3=layer.norm3)


@checks(Transformer, PostNormBlock, DecoderBlock)
@given(B=st.integers(1, 2), S=st.integers(1, 4), T=st.integers(1, 4), share=st.booleans(),
       seed=st.integers(0, 2**32 - 1))
def test_the_model_is_the_papers_word_for_word(B, S, T, share, seed):
    model, *_ = model_and_batch(B, S, T, seed, tgt_vocab_size=V, share_embeddings=share)
    rng, eps, C = np.random.default_rng(seed), model.config.layer_norm_eps, model.config.d_model
    sources, targets = rng.integers(0, V, (B, S)), rng.integers(0, V, (B, T))            # with pads anywhere
    logits, _ = model(sources, targets)
    for source, target, found in zip(sources, targets, logits):
        words, spoken = source != 0, target != 0
        memory = oracles.embedding(source, model.source_embedding.weight.data) * math.sqrt(C)
        memory = memory + oracles.sinusoidal_positions(S, C)
        for layer in model.encoder:
            memory = oracles.encoder_layer(memory, words, literal_encoder(layer), 2, eps)
        h = oracles.embedding(target, model.target_embedding.weight.data) * math.sqrt(C)
        h = h + oracles.sinusoidal_positions(T, C)
        for layer in model.decoder:
            h = oracles.decoder_layer(h, spoken, memory, words, literal_decoder(layer), 2, eps)
        np.testing.assert_allclose(found, oracles.linear(h, model.target_embedding.weight.data.T), **CLOSE)


@checks(DecoderBlock)
@given(T=st.integers(1, 5), S=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_a_decoder_block_reads_its_memory_once_and_then_from_its_cache(T, S, seed):
    layer = laws.Case("", decoder_block, None, None).make(seed)
    rng = np.random.default_rng(seed)
    x, memory = rng.normal(size=(2, T, 4)), rng.normal(size=(2, S, 6))
    whole, _ = layer(x, memory, causal=True)
    cache, maps = (LayerCache(), LayerCache()), ([], [])
    for t in range(T):
        y, backward = layer(x[:, t:t + 1], memory, causal=True, cache=cache, maps=maps)
        np.testing.assert_allclose(y, whole[:, t:t + 1], **CLOSE)
        assert (backward(np.ones_like(y))[1] is None) == (t > 0)             # from a cache, the memory is a constant
    assert [weights.shape for weights in maps[0]] == [(2, 2, 1, t + 1) for t in range(T)]
    assert [weights.shape for weights in maps[1]] == [(2, 2, 1, S)] * T


@checks(DecoderBlock, PostNormBlock)
@given(S=st.integers(1, 4), T=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_a_decoder_block_whose_memory_is_silent_is_a_post_ln_block_with_one_norm_more(S, T, seed):
    layer = laws.Case("", decoder_block, None, None).make(seed)
    plain = block(np.random.default_rng(0), PostNormBlock)
    plain.norm1, plain.attention, plain.norm2, plain.mlp = layer.norm1, layer.attention, layer.norm3, layer.mlp
    layer.cross.out.weight.data, layer.cross.out.bias.data = (np.zeros(p.shape) for p in layer.cross.out.parameters())
    layer.norm2.weight.data, layer.norm2.bias.data, layer.norm2.eps = np.ones(4), np.zeros(4), 1e-12
    layer.norm1.weight.data, layer.norm1.bias.data, layer.norm1.eps = np.ones(4), np.zeros(4), 1e-12
    rng = np.random.default_rng(seed)
    x, memory = rng.normal(size=(2, T, 4)), rng.normal(size=(2, S, 6))
    found, _ = layer(x, memory, causal=True)                                 # what is normed already, a norm leaves
    np.testing.assert_allclose(found, plain(x, causal=True)[0], rtol=1e-8, atol=1e-8)


# tables, start, dropout -----------------------------------------------------------------------------------------------

@checks(Transformer, Embedding)
@batches
def test_the_gradient_of_the_one_table_is_the_sum_of_its_three_uses(B, S, T, seed):
    shared, *batch = model_and_batch(B, S, T, seed, tgt_vocab_size=V, share_embeddings=True)
    apart, *_ = model_and_batch(B, S, T, seed, tgt_vocab_size=V, tie_word_embeddings=False)
    tied, *_ = model_and_batch(B, S, T, seed, tgt_vocab_size=V)
    table, names = shared.source_embedding.weight.data, shared.state_dict()
    for model in (apart, tied):
        for name, parameter in model.named_parameters():
            parameter.data = names.get(name, table).copy()
    apart.head.weight.data = table.T.copy()
    (_, one), (_, two), (_, three) = (gradients(model, *batch) for model in (shared, tied, apart))
    target_and_head = three.pop("target_embedding.weight") + three.pop("head.weight").T
    np.testing.assert_allclose(two["target_embedding.weight"], target_and_head, **CLOSE)
    np.testing.assert_allclose(one["source_embedding.weight"], three.pop("source_embedding.weight") + target_and_head,
                               **CLOSE)
    for name in three:
        np.testing.assert_allclose(one[name], three[name], err_msg=name, **CLOSE)


@checks(Transformer)
@pytest.mark.parametrize("tied", [True, False])
def test_weights_start_at_the_scales_that_keep_variances(tied):
    config = TransformerConfig(300, 200, d_model=64, nhead=4, num_encoder_layers=1, num_decoder_layers=1,
                               dim_feedforward=128, tie_word_embeddings=tied)
    model = Transformer(config, rng=np.random.default_rng(0))
    for name, array in model.state_dict().items():
        if name.endswith("bias"):
            assert not array.any(), name
        elif "norm" in name:
            assert (array == 1).all(), name
        else:
            C_in, C_out = (64, 64) if "qkv" in name or "embedding" in name else array.shape
            expected = math.sqrt(2 / (C_in + C_out))                         # for a table that is 1 / sqrt(C)
            sigmas = 5 * expected / math.sqrt(array.size)                    # 5 standard errors
            assert abs(array.mean()) < sigmas and abs(array.std() - expected) < sigmas, name
    source, target = (np.random.default_rng(1).integers(3, 200, (8, 20)) for _ in range(2))
    first, *_ = model.hidden_states(source, target)["encoder"]
    assert 1.0 < float((first ** 2).mean()) < 2.0                            # words at unit size, waves at 1 / 2
    loss = float(model.loss(source, target, target[:, ::-1])[0])
    assert math.log(200) - 0.1 < loss < math.log(200) + 1                    # at first every token is about as likely


@checks(Transformer)
def test_dropout_acts_only_where_a_generator_is_given_and_on_every_stream():
    model, *batch = model_and_batch(2, 5, 4, 0, p=0.5)
    plain = gradients(model, *batch)[0]
    assert gradients(model, *batch)[0] == plain
    first, again, other = (gradients(model, *batch, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert first == again != other and first != plain
    asked = []
    for dropout in [model.dropout, *(layer.dropout for layer in [*model.encoder, *model.decoder])]:
        dropout.mask = lambda shape, rng, like: asked.append(shape[1])
    model.loss(*batch, rng=np.random.default_rng(0))
    assert asked == [5, 5, 5, 4, 4, 4, 4, 4, 4, 4]                           # two embeddings, and every sublayer


@checks(Transformer, Checkpoint)
@given(p=st.sampled_from([0.0, 0.2]), seed=st.integers(0, 2**32 - 1))
def test_checkpointed_activations_change_no_bit_of_loss_gradients_or_names(p, seed):
    results = []
    for wrapped in (False, True):
        model, *batch = model_and_batch(2, 4, 3, seed, p=p, checkpoint_activations=wrapped)
        results.append(gradients(model, *batch, rng=np.random.default_rng(seed)))
    assert results[0][0] == results[1][0]
    laws.assert_same(results[1][1], results[0][1])


@checks(Transformer)
@given(small_configs(), st.integers(0, 2**32 - 1))
def test_saved_and_loaded_it_keeps_its_config_and_every_bit(tmp_path_factory, config, seed):
    folder = tmp_path_factory.mktemp("transformer")
    model = Transformer(config, rng=np.random.default_rng(seed))
    model.save_pretrained(folder)
    again = Transformer.from_pretrained(folder)
    assert again.config == config
    laws.assert_same(again.state_dict(), model.state_dict())
    assert (again.target_embedding is again.source_embedding) == config.share_embeddings


@checks(Transformer, generate, schedule.inverse_sqrt, Adam)
def test_trained_as_in_the_paper_it_learns_to_reverse_its_source():
    rng = np.random.default_rng(0)
    config = TransformerConfig(8, 8, d_model=32, nhead=4, num_encoder_layers=1, num_decoder_layers=1,
                               dim_feedforward=64, dropout=0.0, share_embeddings=True)
    model = Transformer(config, rng=rng)
    rate = schedule.inverse_sqrt((config.d_model * 100) ** -0.5, warmup=100)
    optimizer = Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)

    def drawn(B):
        source = rng.integers(3, 8, (B, 5))
        source[np.arange(5) >= rng.integers(2, 6, B)[:, None]] = 0
        reverse = np.zeros_like(source)
        for row, words in enumerate((source != 0).sum(axis=1)):
            reverse[row, :words] = source[row, :words][::-1]
        return source, reverse
    for step in range(300):
        source, target = drawn(32)
        optimizer.lr = rate(step)
        model.zero_grad()
        loss, backward = model.loss(source, *model.shifted(target), rng=rng, label_smoothing=0.1)
        backward()
        optimizer.step()
    source, target = drawn(100)
    said = generate(model.given(source), np.ones((100, 1), int), max_new_tokens=6)[:, 1:]
    _, expected = model.shifted(target)
    right = [(row[:n] == wanted[:n]).all() for row, wanted, n in zip(said, expected, (expected != 0).sum(axis=1))]
    assert np.mean(right) > 0.95


@checks(Transformer)
def test_the_golden_of_torch_gives_the_same_logits_loss_and_gradients():
    golden = dict(np.load(Path(__file__).parent.parent / "goldens" / "transformer.npz"))
    model = Transformer(TransformerConfig(**SIZES), rng=np.random.default_rng(0)).astype(np.float64)
    names, parameters = zip(*sorted(model.named_parameters()))
    edges = np.cumsum([parameter.size for parameter in parameters])
    for parameter, array in zip(parameters, np.split(golden["weights"].astype(np.float64), edges[:-1])):
        parameter.data = array.reshape(parameter.shape)
    loss, grads = gradients(model, golden["source"], golden["inputs"], golden["targets"], label_smoothing=SMOOTHING)
    np.testing.assert_allclose(model.given(golden["source"]).logits(golden["inputs"]), golden["logits"], **CLOSE)
    assert loss == pytest.approx(float(golden["loss"]), rel=1e-11) and edges[-1] == len(golden["gradients"])
    np.testing.assert_allclose(np.concatenate([grads[name].ravel() for name in names]), golden["gradients"], **CLOSE)
