"""Make the folders llama/, mistral/, qwen2/ and qwen3/ with transformers: small models, and what they say.

    python -m tests.goldens.make_llama_goldens        needs the `oracles` extra

expected.npz   ids, targets, logits, loss and greedy text of a full batch; ids and logits of a batch that is padded on
               the left, its mask and its greedy text; every gradient of the loss, under the names of transformers
The norms of transformers compute in float32, so all numbers are float32. Weights are whole multiples of 1/64. All
inputs are drawn by NumPy.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
V, T, PROMPT, NEW = 13, 10, 4, 8
SIZES = dict(vocab_size=V, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=4, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8}
MODELS = {
    "llama": {"rope_parameters": LLAMA3},
    "mistral": {"sliding_window": 3},
    "qwen2": {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1, "tie_word_embeddings": True},
    "qwen3": {"num_key_value_heads": 1},
}


def left_padded(rng, shape):
    """Ids, and a mask of 1 for tokens and 0 for pads in front of them, of which row 0 has none."""
    B, length = shape
    ids, pads = rng.integers(3, V, shape), np.array([0, *rng.integers(1, length, B - 1)])[:, None]
    words = (np.arange(length) >= pads).astype(np.int64)
    return ids * words, words


def reference(model_type, rng):
    """A model of transformers with weights of a size at which every layer matters."""
    import torch
    import transformers
    config = transformers.AutoConfig.for_model(model_type, **{**SIZES, **MODELS[model_type]})
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            around = 1.0 if parameter.ndim == 1 and (parameter == 1).all() else 0.0
            drawn = around + np.round(64 * 0.4 * rng.normal(size=tuple(parameter.shape))) / 64
            parameter[...] = torch.tensor(drawn)
    return model


def greedy(model, ids, words):
    """Their greedy continuation of a batch."""
    import torch
    return model.generate(torch.tensor(ids), attention_mask=torch.tensor(words), max_new_tokens=NEW, do_sample=False,
                          eos_token_id=None, pad_token_id=0).numpy()


def make_model(folder, model_type, rng):
    """One folder: the model, and what it says."""
    import torch
    model = reference(model_type, rng)
    model.save_pretrained(folder / model_type)
    (folder / model_type / "generation_config.json").unlink(missing_ok=True)
    (folder / model_type / "model.safetensors").chmod(0o644)
    ids, targets = rng.integers(0, V, (2, T)), rng.integers(0, V, (2, T))
    targets[1, 6:] = -100
    padded, words = left_padded(rng, (3, T))
    logits = model(torch.tensor(ids)).logits
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), torch.tensor(targets).reshape(-1))
    loss.backward()
    places = torch.tensor(np.maximum(np.cumsum(words, axis=1) - 1, 0))
    with torch.no_grad():
        padded_logits = model(torch.tensor(padded), attention_mask=torch.tensor(words), position_ids=places).logits
    gradients = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}
    ones = np.ones((2, PROMPT), np.int64)
    np.savez_compressed(
        folder / model_type / "expected.npz", ids=ids.astype(np.uint8), targets=targets.astype(np.int8),
        logits=logits.detach().numpy(), loss=loss.item(), padded=padded.astype(np.uint8), words=words.astype(np.uint8),
        padded_logits=padded_logits.numpy() * np.float32(words[..., None]),
        greedy=greedy(model, ids[:, :PROMPT], ones).astype(np.uint8),
        padded_greedy=greedy(model, padded, words).astype(np.uint8), **gradients)


def make_llama(folder):
    """Write the four folders to `folder`."""
    for seed, model_type in enumerate(MODELS, 10):
        make_model(Path(folder), model_type, np.random.default_rng(seed))


if __name__ == "__main__":
    make_llama(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
