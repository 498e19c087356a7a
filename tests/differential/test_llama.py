"""Every decoder against Hugging Face transformers: scores, gradients, caches, padding, greedy text, files.

Needs the `oracles` extra. The norms of transformers compute in float32 whatever the model is, so the family is compared
in float32; GPT-2 in float64.
"""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from scratchgpt.checkpoint.names import to_foreign                            # noqa: E402
from scratchgpt.decoding import generate                                      # noqa: E402
from scratchgpt.errors import ConfigError                                     # noqa: E402
from scratchgpt.models import GPT2, AutoModel, Llama, Mistral, Qwen2, Qwen3   # noqa: E402
from tests.checks import checks                                               # noqa: E402

torch.set_num_threads(1)                                                     # more only get in each other's way here
V, TRAINED, LONG = 23, 12, 20
SMALL = dict(vocab_size=V, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=6, max_position_embeddings=TRAINED, bos_token_id=1, eos_token_id=2)
FULL, SLIDING = "full_attention", "sliding_attention"


def rope(kind, **numbers):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 100.0, **numbers}}


LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=6)
KINDS = {
    "llama": ("llama", {}),
    "llama, a head of keys for each of queries": ("llama", {"num_key_value_heads": 4}),
    "llama, one head of keys": ("llama", {"num_key_value_heads": 1}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, no head_dim": ("llama", {"head_dim": None, "hidden_size": 16, "rms_norm_eps": 1e-3}),
    "llama, linear": ("llama", rope("linear", factor=3.0)),
    "llama, dynamic": ("llama", rope("dynamic", factor=3.0)),
    "llama, llama3": ("llama", LLAMA3),
    "llama, llama3, wide heads": ("llama", {**LLAMA3, "head_dim": 32}),
    "llama, yarn": ("llama", {"head_dim": 16, **rope("yarn", factor=4.0, original_max_position_embeddings=6)}),
    "llama, yarn in full": ("llama", {"head_dim": 16, **rope(
        "yarn", factor=4.0, original_max_position_embeddings=100, beta_fast=4.0, beta_slow=1.5, truncate=False,
        mscale=0.7, mscale_all_dim=1.2)}),
    "llama, yarn with a factor of attention": ("llama", rope(
        "yarn", factor=2.0, original_max_position_embeddings=6, attention_factor=0.8)),
    "mistral": ("mistral", {"sliding_window": 3}),
    "mistral, no window": ("mistral", {"sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen2, windows": ("qwen2", {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}),
    "qwen2, windows by layer": ("qwen2", {"use_sliding_window": True, "sliding_window": 2,
                                          "layer_types": [SLIDING, FULL], "tie_word_embeddings": True}),
    "qwen3": ("qwen3", {}),
    "qwen3, biases": ("qwen3", {"attention_bias": True, "tie_word_embeddings": True}),
    "qwen3, windows": ("qwen3", {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 0}),
    "gpt2": ("gpt2", {}),
}
OURS = {"llama": Llama, "mistral": Mistral, "qwen2": Qwen2, "qwen3": Qwen3, "gpt2": GPT2}
kinds = pytest.mark.parametrize("kind", KINDS)


def length_of(kind):
    """Past the length of the training, where the model can."""
    return TRAINED if kind == "gpt2" else LONG


def random_theirs(kind, seed=0):
    """A model of theirs with weights of a size at which every layer matters; in float64 where it computes so."""
    model_type, changes = KINDS[kind]
    sizes = dict(vocab_size=V, n_positions=TRAINED, n_embd=12, n_layer=2, n_head=3, bos_token_id=1, eos_token_id=2)
    sizes = sizes if model_type == "gpt2" else {**SMALL, **changes}
    config = transformers.AutoConfig.for_model(model_type, **sizes)
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


def pair(kind, folder, seed=0):
    """The same model on both sides, ours from the file that theirs wrote, and how close they must be."""
    theirs = random_theirs(kind, seed)
    theirs.save_pretrained(folder)
    ours = AutoModel.from_pretrained(folder)
    assert type(ours) is OURS[KINDS[kind][0]]
    assert ours.num_parameters == ours.config.num_parameters == theirs.num_parameters()
    if kind == "gpt2":
        return ours.astype(np.float64), theirs.double(), dict(rtol=1e-10, atol=1e-11)
    return ours, theirs, dict(rtol=1e-4, atol=1e-5)


def padding(side, B, T):
    """1 for words and 0 for pads, of which row 0 has none."""
    lengths = np.array([T, *(1 + 3 * b % T for b in range(1, B))])[:, None]
    return (np.arange(T) >= T - lengths if side == "left" else np.arange(T) < lengths).astype(np.int64)


def places(words):
    """The position of every token in its row, pads not counted."""
    return np.maximum(np.cumsum(words, axis=1) - 1, 0)


def run_theirs(model, ids, words, targets):
    """Their output, the loss of our targets, and every gradient by name."""
    output = model(torch.tensor(ids), attention_mask=torch.tensor(words), position_ids=torch.tensor(places(words)),
                   output_hidden_states=True, use_cache=False)
    loss = torch.nn.functional.cross_entropy(output.logits.reshape(-1, V), torch.tensor(targets).reshape(-1))
    loss.backward()
    gradients = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}
    return output, loss.item(), gradients


def assert_agree(ours, theirs, close, ids, words, model_type):
    """Logits, hidden states and loss at words, and every gradient."""
    targets = np.where(words == 1, np.roll(ids, -1, axis=1), -100)
    output, expected_loss, expected = run_theirs(theirs, ids, words, targets)
    mask, real = None if words.all() else words, words == 1
    logits = output.logits.detach().numpy()
    np.testing.assert_allclose(ours.logits(ids, attention_mask=mask)[real], logits[real], **close)
    for found, state in zip(ours.hidden_states(ids, mask), output.hidden_states, strict=True):
        np.testing.assert_allclose(found[real], state.detach().numpy()[real], **close)
    ours.zero_grad()
    loss, backward = ours.loss(ids, targets, attention_mask=mask)
    backward()
    np.testing.assert_allclose(loss, expected_loss, **close)
    found = to_foreign({name: parameter.grad for name, parameter in ours.named_parameters()}, model_type)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], err_msg=name, **close)


@checks(Llama, Mistral, Qwen2, Qwen3, GPT2)
@kinds
@pytest.mark.parametrize("T", [1, 7, None], ids=["one token", "short", "past the training"])
def test_scores_hidden_states_loss_and_every_gradient_are_theirs(kind, T, tmp_path):
    T = T or length_of(kind)
    ours, theirs, close = pair(kind, tmp_path)
    ids = np.random.default_rng(T).integers(0, V, (3, T))
    assert_agree(ours, theirs, close, ids, np.ones((3, T), np.int64), KINDS[kind][0])


@checks(Llama, Mistral, Qwen2, Qwen3, GPT2)
@kinds
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("T", [TRAINED, LONG])
def test_so_are_those_of_a_padded_batch_at_its_words(kind, side, T, tmp_path):
    if T == LONG and kind in ("llama, dynamic", "gpt2"):      # they stretch all rows by the longest, we each by its own
        pytest.skip("past the training, rows are not stretched alike")
    ours, theirs, close = pair(kind, tmp_path)
    ids, words = np.random.default_rng(T).integers(0, V, (4, T)), padding(side, 4, T)
    assert_agree(ours, theirs, close, ids, words, KINDS[kind][0])


@checks(Llama, Mistral, Qwen2, Qwen3, GPT2)
@kinds
@pytest.mark.parametrize("cuts", [(5,), (1, 2, 3, 7), (4, 11)], ids=str)
@pytest.mark.parametrize("side", ["left", None])
def test_with_a_cache_every_call_gives_what_theirs_gives(kind, cuts, side, tmp_path):
    T = TRAINED if kind == "llama, dynamic" and side else length_of(kind)
    ours, theirs, close = pair(kind, tmp_path)
    ids = np.random.default_rng(1).integers(0, V, (3, T))
    words = padding(side, 3, T) if side else np.ones((3, T), np.int64)
    cache, past = ours.new_cache(), transformers.DynamicCache(config=theirs.config)
    for start, end in zip((0, *cuts), (*cuts, T)):
        with torch.no_grad():
            at = torch.tensor(places(words)[:, start:end])
            expected = theirs(torch.tensor(ids[:, start:end]), attention_mask=torch.tensor(words[:, :end]),
                              position_ids=at, past_key_values=past).logits.numpy()
        found = ours.logits(ids[:, start:end], cache, words[:, :end] if side else None)
        real = words[:, start:end] == 1
        np.testing.assert_allclose(found[real], expected[real], **close)


@checks(generate)
@kinds
@pytest.mark.parametrize("side", ["left", None])
def test_greedy_text_is_theirs_padded_or_not_and_ends_where_theirs_ends(kind, side, tmp_path):
    ours, theirs, _ = pair(kind, tmp_path, seed=len(kind))
    ids = np.random.default_rng(0).integers(3, V, (3, 5))
    words = padding(side, 3, 5) if side else np.ones((3, 5), np.int64)
    count = TRAINED - 5 if kind in ("gpt2", "llama, dynamic") else TRAINED - 3

    def both(eos):
        options = dict(max_new_tokens=count, eos_token_id=eos, pad_token_id=0)
        text = theirs.generate(torch.tensor(ids), attention_mask=torch.tensor(words), do_sample=False, **options)
        return generate(ours, ids, words if side else None, **options), text.numpy()
    found, expected = both(None)
    np.testing.assert_array_equal(found, expected)
    ends = [int(expected[0, 6]), int(expected[1, 7]), int(expected[2, 9])]             # tokens that will be said
    np.testing.assert_array_equal(*both(ends))


@checks(Llama, Mistral, Qwen2, Qwen3)
@kinds
def test_a_model_of_ours_loads_there_without_a_word_and_says_the_same(kind, tmp_path):
    ours, _, close = pair(kind, tmp_path / "theirs", seed=1)
    ours.astype(np.float32)
    ours.save_pretrained(tmp_path / "ours")
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ids = np.random.default_rng(2).integers(0, V, (2, length_of(kind)))
    with torch.no_grad():
        expected = theirs.eval()(torch.tensor(ids)).logits.numpy()
    np.testing.assert_allclose(ours.logits(ids), expected, rtol=1e-4, atol=1e-5)
    theirs.save_pretrained(tmp_path / "again")
    again = AutoModel.from_pretrained(tmp_path / "again")
    assert again.config == ours.config
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array)


@checks(Llama)
@pytest.mark.parametrize("kind", ["llama", "llama, linear", "llama, llama3", "llama, yarn", "llama, dynamic"])
@pytest.mark.parametrize("word", ["rope_type", "type"])
def test_a_config_in_the_words_of_transformers_4_gives_the_same_model_on_both_sides(kind, word, tmp_path):
    ours, _, close = pair(kind, tmp_path)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    scaling = values.pop("rope_parameters")
    values["rope_theta"] = scaling.pop("rope_theta")
    scaling[word] = scaling.pop("rope_type")
    values["rope_scaling"] = None if scaling[word] == "default" else scaling
    values["torch_dtype"] = values.pop("dtype")
    path.write_text(json.dumps(values))
    old, theirs = AutoModel.from_pretrained(tmp_path), transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert old.config == ours.config
    ids = np.random.default_rng(2).integers(0, V, (2, LONG))
    with torch.no_grad():
        np.testing.assert_allclose(old.logits(ids), theirs.eval()(torch.tensor(ids)).logits.numpy(), **close)


@checks(Llama)
@pytest.mark.parametrize("changes", [
    {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
    {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 500.0},
    {"original_max_position_embeddings": 4,
     "rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0,
                         "original_max_position_embeddings": 8}},
])
def test_a_config_edited_by_hand_says_the_same_on_both_sides(changes, tmp_path):
    _, _, close = pair("llama", tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    ours, theirs = AutoModel.from_pretrained(tmp_path), transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = np.random.default_rng(2).integers(0, V, (2, LONG))
    with torch.no_grad():
        np.testing.assert_allclose(ours.logits(ids), theirs.eval()(torch.tensor(ids)).logits.numpy(), **close)


@checks(Llama, Mistral, Qwen2)
@pytest.mark.parametrize("model_type, changes, names", [
    ("llama", {"hidden_act": "gelu"}, "hidden_act"),
    ("llama", rope("longrope", factor=2.0, short_factor=[1.0] * 3, long_factor=[2.0] * 3,
                   original_max_position_embeddings=6), "rope_type"),
    ("mistral", {"hidden_act": "relu"}, "hidden_act"),
    ("qwen2", {"hidden_act": "gelu"}, "hidden_act"),
])
def test_a_model_of_theirs_with_another_mathematics_is_refused(model_type, changes, names, tmp_path):
    transformers.AutoConfig.for_model(model_type, **{**SMALL, **changes}).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=names):
        AutoModel.from_pretrained(tmp_path)
