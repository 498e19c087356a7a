"""What PyTorch and transformers said, checked without them. `goldens/make_goldens.py` made the files."""

from pathlib import Path

import numpy as np
import pytest

from scratchgpt import formulas, optim
from scratchgpt.checkpoint import load_pretrained
from scratchgpt.checkpoint.names import to_foreign
from scratchgpt.decoding import generate
from scratchgpt.models import GPT2, AutoModel, Llama, Mistral, Qwen2, Qwen3
from scratchgpt.module import Parameter
from tests.checks import checks
from tests.goldens.make_goldens import OPTIMIZERS
from tests.goldens.make_llama_goldens import MODELS, NEW, PROMPT

HERE = Path(__file__).parent / "goldens"
CLOSE = dict(rtol=1e-10, atol=1e-12)
MASK, TARGETS = np.tri(4, 6, 2, dtype=bool), np.array([1, -100, 4])

# formula: forward(inputs...) and backward(dy, inputs...), in the order of the file's arrays
FORMULAS = {
    "gelu": (formulas.gelu, formulas.gelu_backward),
    "gelu_tanh": (formulas.gelu_tanh, formulas.gelu_tanh_backward),
    "silu": (formulas.silu, formulas.silu_backward),
    "relu": (formulas.relu, formulas.relu_backward),
    "erf": (formulas.erf, formulas.erf_backward),
    "sigmoid": (formulas.sigmoid, lambda dy, x: formulas.sigmoid_backward(dy, formulas.sigmoid(x))),
    "softmax": (formulas.softmax, lambda dy, x: formulas.softmax_backward(dy, formulas.softmax(x))),
    "log_softmax": (formulas.log_softmax, lambda dy, x: formulas.log_softmax_backward(dy, formulas.log_softmax(x))),
    "linear": (formulas.linear, lambda dy, x, W, b: formulas.linear_backward(dy, x, W)),
    "layer_norm": (lambda x, w, b: formulas.layer_norm(x, w, b, 1e-5),
                   lambda dy, x, w, b: formulas.layer_norm_backward(dy, x, w, 1e-5)),
    "rms_norm": (lambda x, w: formulas.rms_norm(x, w, 1e-6),
                 lambda dy, x, w: formulas.rms_norm_backward(dy, x, w, 1e-6)),
    "batch_norm": (lambda x, w, b: formulas.batch_norm(x, w, b, 1e-5)[0],
                   lambda dy, x, w, b: formulas.batch_norm_backward(dy, x, w, 1e-5)),
    "attention": (lambda q, k, v: formulas.attention(q, k, v, MASK)[0],
                  lambda do, q, k, v: formulas.attention_backward(do, q, k, v, formulas.attention(q, k, v, MASK)[1])),
    "cross_entropy": (lambda x: formulas.cross_entropy(x, TARGETS, label_smoothing=0.1)[0],
                      lambda dy, x: formulas.cross_entropy_backward(dy, formulas.softmax(x), TARGETS,
                                                                    label_smoothing=0.1)),
}
FUNCTIONS = [getattr(formulas, name + end) for name in FORMULAS for end in ("", "_backward")]


def arrays_of(file, name):
    return {key.split("/")[1]: array for key, array in np.load(HERE / file).items() if key.split("/")[0] == name}


@checks(*FUNCTIONS)
@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_and_its_gradients_are_those_of_pytorch(name):
    arrays = arrays_of("formulas.npz", name)
    forward, backward = FORMULAS[name]
    y, dy = arrays.pop("y"), arrays.pop("dy")
    inputs = [key for key in arrays if f"d{key}" in arrays]
    np.testing.assert_allclose(forward(*(arrays[key] for key in inputs)), y, **CLOSE)
    gradients = backward(dy, *(arrays[key] for key in inputs))
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    for key, found in zip(inputs, gradients, strict=True):
        np.testing.assert_allclose(found, arrays[f"d{key}"], err_msg=key, **CLOSE)


@checks(*FUNCTIONS, optim.SGD, optim.Adam, optim.AdamW)
def test_every_golden_of_the_file_is_checked():
    assert {key.split("/")[0] for key in np.load(HERE / "formulas.npz")} == set(FORMULAS)
    assert {key.split("/")[0] for key in np.load(HERE / "optimizers.npz")} == set(OPTIMIZERS)
    assert sum(file.stat().st_size for file in HERE.rglob("*") if file.suffix != ".pyc") < 250_000


@checks(optim.SGD, optim.Adam, optim.AdamW)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_six_steps_of_an_optimizer_are_those_of_pytorch(name):
    arrays = arrays_of("optimizers.npz", name)
    w = Parameter(arrays["before"].copy())
    optimizer = getattr(optim, name)([w], **OPTIMIZERS[name])
    for w.grad in arrays["gradients"]:
        optimizer.step()
    np.testing.assert_allclose(w.data, arrays["after"], **CLOSE)


@pytest.fixture
def golden():
    """A model that transformers saved, in float64, and what transformers and autograd say of it."""
    return GPT2.from_pretrained(HERE / "gpt2").astype(np.float64), dict(np.load(HERE / "gpt2" / "expected.npz"))


@checks(GPT2, load_pretrained)
def test_a_checkpoint_of_transformers_gives_its_logits_loss_and_gradients(golden):
    model, expected = golden
    np.testing.assert_allclose(model.logits(expected["ids"]), expected["logits"], **CLOSE)
    loss, backward = model.loss(expected["ids"], expected["targets"])
    backward()
    np.testing.assert_allclose(loss, expected["loss"], **CLOSE)
    found = to_foreign({name: parameter.grad for name, parameter in model.named_parameters()}, "gpt2")
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, expected[name], err_msg=name, **CLOSE)


@checks(GPT2)
def test_in_float32_the_same_checkpoint_is_as_close_as_float32_can_be(golden):
    model, expected = golden
    logits = model.astype(np.float32).logits(expected["ids"])
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected["logits"], rtol=1e-4, atol=1e-5)


@checks(generate)
def test_greedy_text_of_the_checkpoint_is_that_of_transformers(golden):
    model, expected = golden
    np.testing.assert_array_equal(generate(model, expected["ids"][:, :3], max_new_tokens=9), expected["greedy"])


# the Llama family -----------------------------------------------------------------------------------------------------

FAMILY = {"llama": Llama, "mistral": Mistral, "qwen2": Qwen2, "qwen3": Qwen3}
family, FLOAT32 = pytest.mark.parametrize("name", FAMILY), dict(rtol=1e-4, atol=1e-5)


def family_golden(name):
    """A model of the family that transformers saved, and what transformers and autograd say of it, in float32."""
    model, expected = AutoModel.from_pretrained(HERE / name), dict(np.load(HERE / name / "expected.npz"))
    assert type(model) is FAMILY[name] and FAMILY.keys() == MODELS.keys()
    return model, {key: array if array.dtype.kind == "f" else array.astype(np.int64) for key, array in expected.items()}


@checks(Llama, Mistral, Qwen2, Qwen3, AutoModel, load_pretrained)
@family
def test_a_model_of_the_family_gives_the_scores_loss_and_gradients_of_transformers(name):
    model, expected = family_golden(name)
    np.testing.assert_allclose(model.logits(expected["ids"]), expected["logits"], **FLOAT32)
    loss, backward = model.loss(expected["ids"], expected["targets"])
    backward()
    np.testing.assert_allclose(loss, expected["loss"], **FLOAT32)
    found = to_foreign({key: parameter.grad for key, parameter in model.named_parameters()}, name)
    for key, grad in found.items():
        np.testing.assert_allclose(grad, expected[key], err_msg=key, **FLOAT32)


@checks(Llama, Mistral, Qwen2, Qwen3)
@family
def test_a_padded_batch_has_the_scores_of_transformers_where_there_are_words(name):
    model, expected = family_golden(name)
    words = expected["words"]
    logits = model.logits(expected["padded"], attention_mask=words)
    np.testing.assert_allclose(logits * words[..., None], expected["padded_logits"], **FLOAT32)


@checks(generate, Llama, Mistral, Qwen2, Qwen3)
@family
def test_greedy_text_of_the_family_is_that_of_transformers_padded_or_not(name):
    model, expected = family_golden(name)
    text = generate(model, expected["ids"][:, :PROMPT], max_new_tokens=NEW)
    np.testing.assert_array_equal(text, expected["greedy"])
    text = generate(model, expected["padded"], expected["words"], max_new_tokens=NEW)
    np.testing.assert_array_equal(text, expected["padded_greedy"])
