"""GPT-2 files to and from Hugging Face transformers, and the numbers of the models on either side.

Needs the `oracles` extra.
"""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from scratchgpt.checkpoint import load_file, save_file                        # noqa: E402
from scratchgpt.decoding import generate                                      # noqa: E402
from scratchgpt.errors import ConfigError                                     # noqa: E402
from scratchgpt.models import GPT2, GPT2Config                                # noqa: E402
from tests.checks import checks                                               # noqa: E402

SIZES = [dict(vocab_size=17, n_positions=12, n_embd=8, n_head=2, n_layer=2),
         dict(vocab_size=30, n_positions=9, n_embd=15, n_head=3, n_layer=1, n_inner=7, activation_function="gelu"),
         dict(vocab_size=23, n_positions=10, n_embd=6, n_head=1, n_layer=3, activation_function="relu",
              layer_norm_epsilon=1e-3)]
sizes = pytest.mark.parametrize("size", SIZES, ids=["gelu_new", "gelu", "relu"])
CLOSE = {np.float64: dict(rtol=1e-10, atol=1e-11), np.float32: dict(rtol=1e-4, atol=1e-5)}


def random_theirs(size, seed=0):
    """A GPT2LMHeadModel with weights of a size at which every layer matters."""
    torch.manual_seed(seed)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**size, bos_token_id=0, eos_token_id=0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


def assert_agree(ours, theirs, size):
    ids = np.random.default_rng(1).integers(0, size["vocab_size"], (3, size["n_positions"]))
    for dtype, close in CLOSE.items():
        with torch.no_grad():
            expected = theirs.to(torch.float64 if dtype == np.float64 else torch.float32)(
                torch.tensor(ids), output_hidden_states=True)
        ours.astype(dtype)
        np.testing.assert_allclose(ours.logits(ids), expected.logits.numpy(), **close)
        for found, state in zip(ours.hidden_states(ids), expected.hidden_states, strict=True):
            np.testing.assert_allclose(found, state.numpy(), **close)
    loss = theirs.float()(torch.tensor(ids), labels=torch.tensor(ids)).loss      # in float32, whatever the model is
    np.testing.assert_allclose(ours.loss(ids[:, :-1], ids[:, 1:])[0], loss.item(), **CLOSE[np.float32])


@checks(GPT2)
@sizes
def test_a_model_of_theirs_loads_here_and_says_the_same(size, tmp_path):
    theirs = random_theirs(size)
    theirs.save_pretrained(tmp_path)
    ours = GPT2.from_pretrained(tmp_path)
    assert ours.num_parameters == ours.config.num_parameters == theirs.num_parameters()
    assert_agree(ours, theirs, size)


@checks(GPT2)
@sizes
def test_a_model_of_ours_loads_there_and_says_the_same(size, tmp_path):
    rng = np.random.default_rng(0)
    ours = GPT2(GPT2Config(**size), rng=rng)
    for parameter in ours.parameters():
        parameter.data += 0.2 * rng.standard_normal(parameter.shape, np.float32)
    ours.save_pretrained(tmp_path)
    theirs, info = transformers.GPT2LMHeadModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["unexpected_keys"] and not info["mismatched_keys"] and not info["missing_keys"]
    assert_agree(ours, theirs.eval(), size)
    auto = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(auto) is transformers.GPT2LMHeadModel


@checks(GPT2)
def test_a_model_goes_there_and_back_without_losing_a_bit(tmp_path):
    ours = GPT2(GPT2Config(**SIZES[0]), rng=np.random.default_rng(0))
    ours.save_pretrained(tmp_path / "ours")
    transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    again = GPT2.from_pretrained(tmp_path / "theirs")
    assert again.config == ours.config
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array)


@checks(generate)
@sizes
@pytest.mark.parametrize("seed", range(3))
def test_greedy_text_is_theirs(size, seed, tmp_path):
    theirs = random_theirs(size, seed)
    theirs.save_pretrained(tmp_path)
    ours = GPT2.from_pretrained(tmp_path)
    ids = np.random.default_rng(seed).integers(1, size["vocab_size"], (2, 3))
    count = size["n_positions"] - 3
    expected = theirs.generate(torch.tensor(ids), attention_mask=torch.ones(2, 3), max_new_tokens=count, do_sample=False,
                               eos_token_id=None, pad_token_id=0)
    np.testing.assert_array_equal(generate(ours, ids, max_new_tokens=count), expected.numpy())


@checks(GPT2)
@pytest.mark.parametrize("change", [{"scale_attn_weights": False}, {"scale_attn_by_inverse_layer_idx": True},
                                    {"tie_word_embeddings": False}])
def test_a_model_of_theirs_with_another_mathematics_is_refused(change, tmp_path):
    config = transformers.GPT2Config(**SIZES[0], **change)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=next(iter(change))):
        GPT2.from_pretrained(tmp_path)


@checks(load_file, save_file)
def test_files_are_those_of_the_safetensors_library(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(0)
    arrays = {"a.weight": rng.normal(size=(3, 4)).astype(np.float32), "b": np.arange(5), "flag": np.array([True, False]),
              "half": rng.normal(size=3).astype(np.float16), "none": np.zeros((0, 2)), "one": np.array(2.5)}
    save_file(arrays, tmp_path / "ours", {"format": "pt"})
    reference.save_file(arrays, tmp_path / "theirs", {"format": "pt"})
    for found in (reference.load_file(tmp_path / "ours"), load_file(tmp_path / "theirs")[0]):
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype and found[name].shape == array.shape
            np.testing.assert_array_equal(found[name], array)
    ours, theirs = (json.loads(raw[8:raw.index(b"}}") + 2]) for raw in
                    ((tmp_path / name).read_bytes() for name in ("ours", "theirs")))
    assert ours == theirs                                                    # the same places for the same arrays
