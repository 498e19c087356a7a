"""Files and folders against the safetensors library and transformers, number formats against PyTorch, bit for bit.

Needs the `oracles` extra.
"""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
reference = pytest.importorskip("safetensors.torch")

from scratchgpt import formulas                                               # noqa: E402
from scratchgpt.checkpoint import load_file, open_file, save_file, save_pretrained    # noqa: E402
from scratchgpt.checkpoint.safetensors import DTYPES                          # noqa: E402
from scratchgpt.checkpoint.shards import split                                # noqa: E402
from scratchgpt.formulas.number_formats import FORMATS                        # noqa: E402
from scratchgpt.models import GPT2, GPT2Config, Llama, LlamaConfig            # noqa: E402
from tests.checks import checks                                               # noqa: E402

IDS = np.array([[1, 2, 3, 4, 5]])
SIZES = {GPT2: dict(vocab_size=17, n_positions=12, n_embd=8, n_head=2, n_layer=2),
         Llama: dict(vocab_size=17, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
                     num_key_value_heads=1, max_position_embeddings=12)}
THEIRS = {GPT2: (transformers.GPT2Config, transformers.GPT2LMHeadModel),
          Llama: (transformers.LlamaConfig, transformers.LlamaForCausalLM)}
OURS = {GPT2: GPT2Config, Llama: LlamaConfig}
kinds = pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
halves = pytest.mark.parametrize("dtype", ["bfloat16", "float16"])


def theirs(kind, seed=0):
    torch.manual_seed(seed)
    config, model = THEIRS[kind]
    model = model(config(**SIZES[kind], bos_token_id=0, eos_token_id=0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


def ours(kind):
    return kind(OURS[kind](**SIZES[kind]), rng=np.random.default_rng(0))


def assert_same_logits(one, other):
    """Of a model of theirs and one of ours, both in float32."""
    with torch.no_grad():
        expected = one.float()(torch.tensor(IDS)).logits.numpy()
    np.testing.assert_allclose(other.logits(IDS), expected, rtol=1e-4, atol=1e-5)


# numbers --------------------------------------------------------------------------------------------------------------

@checks(formulas.bfloat16_to_float32, formulas.float8_e4m3fn_to_float32, formulas.float8_e5m2_to_float32)
@pytest.mark.parametrize("name", FORMATS)
def test_every_pattern_of_bits_is_the_number_that_pytorch_reads(name):
    size = FORMATS[name][0].itemsize
    bits = np.arange(2 ** (8 * size)).astype(f"u{size}")
    expected = torch.from_numpy(bits.view(f"i{size}")).view(getattr(torch, name)).float().numpy()
    found = FORMATS[name][1](bits.view(FORMATS[name][0]))
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(expected)
    assert found[numbers].tobytes() == expected[numbers].tobytes()                    # -0 is not 0


@checks(formulas.float32_to_bfloat16)
def test_rounding_to_bfloat16_is_pytorchs():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2**32, 1_000_000, np.uint32)
    x[::3] &= 0xffff8000                                                            # every third one is a tie, or exact
    x = x.view(np.float32)
    expected = torch.from_numpy(x).bfloat16().view(torch.int16).numpy().view(np.uint16)
    found, numbers = formulas.float32_to_bfloat16(x), ~np.isnan(x)
    np.testing.assert_array_equal(found[numbers], expected[numbers])
    assert np.isnan(formulas.bfloat16_to_float32(found[~numbers])).all()


# files ----------------------------------------------------------------------------------------------------------------

def tensors_of_every_dtype(seed):
    """{name: torch tensor}, three of each dtype that the format has here, under names in no order."""
    rng, tensors = np.random.default_rng(seed), {}
    for dtype in DTYPES.values():
        for shape in ((3, 5), (), (0, 2)):
            tensor = torch.tensor(rng.integers(0, 2, shape)).to(getattr(torch, dtype))
            tensors[f"{rng.integers(10**6)}.{dtype}"] = tensor
    return tensors


@checks(save_file, open_file)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_our_files_are_theirs_to_the_last_byte_and_read_the_same(seed, metadata, tmp_path):
    tensors = tensors_of_every_dtype(seed)
    reference.save_file(tensors, tmp_path / "theirs", metadata)
    found, strings = open_file(tmp_path / "theirs")
    assert strings == (metadata or {}) and found.keys() == tensors.keys()
    save_file(found, tmp_path / "ours", metadata)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    narrow = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)                 # what NumPy has no dtype for
    for name, array in load_file(tmp_path / "ours")[0].items():
        expected = (tensors[name].float() if tensors[name].dtype in narrow else tensors[name]).numpy()
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype


# folders --------------------------------------------------------------------------------------------------------------

@checks(save_pretrained)
@kinds
@pytest.mark.parametrize("size", ["1KB", 700, 1])
def test_our_shards_load_there(kind, size, tmp_path):
    model = ours(kind)
    model.save_pretrained(tmp_path, max_shard_size=size)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    other, info = THEIRS[kind][1].from_pretrained(tmp_path, output_loading_info=True)
    assert not info["unexpected_keys"] and not info["mismatched_keys"] and not info["missing_keys"]
    assert_same_logits(other, model)
    model.save_pretrained(tmp_path, max_shard_size=size)                              # over itself: under other names
    assert_same_logits(THEIRS[kind][1].from_pretrained(tmp_path), model)


@checks(save_pretrained)
@kinds
@pytest.mark.parametrize("size", ["1KB", "2KB"])
def test_their_shards_load_here(kind, size, tmp_path):
    model = theirs(kind)
    model.save_pretrained(tmp_path, max_shard_size=size)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    assert_same_logits(model, kind.from_pretrained(tmp_path))


@checks(save_pretrained)
@kinds
@halves
@pytest.mark.parametrize("size", ["1KB", "50GB"])
def test_their_folders_of_16_bits_load_here_with_equal_values(kind, dtype, size, tmp_path):
    model = theirs(kind).to(getattr(torch, dtype))
    model.save_pretrained(tmp_path, max_shard_size=size)
    wide, narrow = kind.from_pretrained(tmp_path), kind.from_pretrained(tmp_path, dtype=dtype)
    wide.save_pretrained(tmp_path / "wide")
    found = load_file(tmp_path / "wide" / "model.safetensors")[0]
    for name, tensor in model.state_dict().items():
        if name in found:                                                             # all but a tied head
            np.testing.assert_array_equal(found[name], tensor.float().numpy())
    narrow.save_pretrained(tmp_path / "narrow", max_shard_size=size)
    again = THEIRS[kind][1].from_pretrained(tmp_path / "narrow")
    assert again.dtype == getattr(torch, dtype) and again.config.dtype == getattr(torch, dtype)
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    assert_same_logits(model, wide)
    np.testing.assert_array_equal(wide.logits(IDS), narrow.logits(IDS))


@checks(save_pretrained)
@kinds
def test_what_goes_there_and_back_is_the_same_file(kind, tmp_path):
    theirs(kind).save_pretrained(tmp_path / "theirs")
    kind.from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    one, other = ((tmp_path / side / "model.safetensors").read_bytes() for side in ("ours", "theirs"))
    assert one == other
    values = [json.loads((tmp_path / side / "config.json").read_text()) for side in ("ours", "theirs")]
    assert values[0]["dtype"] == values[1]["dtype"] == "float32"


@checks(save_pretrained)
def test_where_a_folder_holds_one_file_and_an_index_both_libraries_read_the_file(tmp_path):
    theirs(GPT2, seed=1).save_pretrained(tmp_path, max_shard_size="1KB")
    model = theirs(GPT2, seed=2)
    model.save_pretrained(tmp_path / "one")
    (tmp_path / "one" / "model.safetensors").rename(tmp_path / "model.safetensors")
    assert_same_logits(transformers.GPT2LMHeadModel.from_pretrained(tmp_path), GPT2.from_pretrained(tmp_path))
    assert_same_logits(model, GPT2.from_pretrained(tmp_path))


@checks(split)
@pytest.mark.parametrize("seed", range(20))
def test_tensors_are_split_as_their_library_splits_them_where_none_is_too_large(seed):
    from huggingface_hub import split_torch_state_dict_into_shards
    sizes = np.random.default_rng(seed).integers(1, 100, 30)
    expected = split_torch_state_dict_into_shards({f"t{i}": torch.zeros(int(n), dtype=torch.uint8)
                                                   for i, n in enumerate(sizes)}, max_shard_size=150)
    found = split({f"t{i}": np.zeros(n, np.uint8) for i, n in enumerate(sizes)}, 150)
    assert found == list(expected.filename_to_tensors.values())
