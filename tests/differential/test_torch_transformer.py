"""The encoder-decoder against torch.nn.Transformer: logits, loss, every gradient. Needs the `oracles` extra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")          # of a fast path that is not taken here

from scratchgpt.layers import DecoderBlock, PostNormBlock                      # noqa: E402
from scratchgpt.models import Transformer, TransformerConfig                   # noqa: E402
from scratchgpt.optim import AdamW                                             # noqa: E402
from tests.checks import checks                                                # noqa: E402
from tests.goldens import make_transformer_golden as golden                    # noqa: E402

CLOSE = dict(rtol=1e-10, atol=1e-12)
SHAPES = {
    "one head, one layer each": dict(nhead=1, d_model=4, num_encoder_layers=1, num_decoder_layers=1),
    "more encoder": dict(nhead=3, d_model=12, num_encoder_layers=3, num_decoder_layers=1),
    "more decoder": dict(nhead=2, d_model=8, num_encoder_layers=1, num_decoder_layers=3),
    "one table": dict(nhead=2, d_model=8, num_encoder_layers=2, num_decoder_layers=2, src_vocab_size=11,
                      share_embeddings=True),
    "three tables, GELU": dict(nhead=4, d_model=8, num_encoder_layers=2, num_decoder_layers=2, activation="gelu",
                               tie_word_embeddings=False, layer_norm_eps=1e-3),
}


def both(shape, rng):
    """Our model and PyTorch's, of the same weights."""
    config = TransformerConfig(**{**dict(src_vocab_size=9, tgt_vocab_size=11, dim_feedforward=7), **shape})
    reference = golden.reference(config)
    golden.set_weights(reference, rng)
    model = Transformer(config, rng=rng).astype(np.float64)
    model.load_state_dict(golden.weights_of(reference))
    return model, reference


@checks(Transformer, PostNormBlock, DecoderBlock)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@settings(max_examples=8)
@given(B=st.integers(1, 4), S=st.integers(1, 7), T=st.integers(1, 6), smoothing=st.sampled_from([0.0, 0.1]),
       seed=st.integers(0, 2**32 - 1))
def test_logits_loss_and_every_gradient_are_those_of_pytorch(shape, B, S, T, smoothing, seed):
    rng = np.random.default_rng(seed)
    model, reference = both(shape, rng)
    source, inputs, targets = golden.batch(rng, model.config, B, S, T)
    expected = golden.loss_and_gradients(reference, source, inputs, targets, model.config.pad_token_id, smoothing)
    loss, backward = model.loss(source, inputs, targets, label_smoothing=smoothing)
    backward()
    np.testing.assert_allclose(model.given(source).logits(inputs), expected[0], **CLOSE)
    np.testing.assert_allclose(loss, expected[1], **CLOSE)
    assert expected[2].keys() == model.state_dict().keys()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.grad, expected[2][name], err_msg=name, **CLOSE)


@checks(Transformer, AdamW)
def test_ten_steps_of_training_follow_pytorch():
    rng = np.random.default_rng(0)
    model, reference = both(SHAPES["one table"], rng)
    options = dict(lr=1e-2, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0)
    ours, theirs = AdamW(model.parameters(), **options), torch.optim.AdamW(reference.parameters(), **options)
    for _ in range(10):
        source, inputs, targets = golden.batch(rng, model.config, 4, 6, 5)
        _, expected, _ = golden.loss_and_gradients(reference, source, inputs, targets, 0, 0.1)
        model.zero_grad()
        loss, backward = model.loss(source, inputs, targets, label_smoothing=0.1)
        backward()
        assert float(loss) == pytest.approx(expected, rel=1e-6)
        ours.step(), theirs.step()


@checks(TransformerConfig)
def test_the_blocks_of_the_base_model_are_as_large_as_pytorchs():
    with torch.device("meta"):
        expected = sum(parameter.numel() for parameter in torch.nn.Transformer().parameters())
    tables, norms_after_the_stacks = 512 * (5000 + 5000), 2 * 2 * 512
    assert TransformerConfig().num_parameters == expected + tables - norms_after_the_stacks


@checks(Transformer)
def test_the_script_makes_the_committed_golden(tmp_path):
    golden.make_transformer(tmp_path)
    made, committed = np.load(tmp_path / "transformer.npz"), np.load(golden.HERE / "transformer.npz")
    assert set(made) == set(committed)
    for key in made:
        np.testing.assert_allclose(made[key], committed[key], err_msg=key, rtol=1e-9, atol=1e-12)
