"""Models that do not say one token for ever, so that "the same text" is a claim which can be wrong.

Before this file: `tests/layers/cases`. Where every weight is drawn of unit size, a bias or an embedding that is also
the head decides alone: of 100 greedy answers so many were one token again and again: llama 28, mistral 36, qwen2 43,
gpt2 68, transformer 99. Here only matrices are drawn, positions larger than the rest, and anew until answers vary.
"""

import numpy as np

from scratchgpt import backend
from tests.layers.cases import V, transformer

POSITIONS = 3.0                                                   # so that the head does not just read the last token
ANSWERING, ANSWERS = 0.5, 0.3                                     # of an encoder-decoder, and of its answer's embedding
STEPS = 6


def lively(make, seed):
    """A model in float64, made by make(rng), whose greedy answers to one-token prompts vary; its norms are as made."""
    rng = np.random.default_rng([seed, 1])
    model = make(rng).astype(np.float64)
    for _ in range(300):
        for name, parameter in model.named_parameters():
            if parameter.data.ndim > 1:
                parameter.data = backend.asarray(scale(model, name) * rng.normal(size=parameter.shape))
        if varied(*first_answers(model)):
            return model
    raise AssertionError(f"no lively {type(model).__name__} among 300 draws of seed {seed}")


def lively_and_batch(make, B, T, seed):
    """Such a model, and twice ids (B, T): as `model_and_batch` of the models' tests, which draws every weight."""
    model, rng = lively(make, seed), np.random.default_rng([seed, 2])
    V = model.config.vocab_size
    return model, rng.integers(0, V, (B, T)), rng.integers(0, V, (B, T))


def lively_encoder_decoder(B, S, seed):
    """An encoder-decoder with a head of its own, and twice sources (B, S) without pads."""
    model, rng = lively(lambda rng: transformer(rng, tie_word_embeddings=False), seed), np.random.default_rng([seed, 2])
    return model, rng.integers(1, V, (B, S)), rng.integers(1, V, (B, S))


def scale(model, name):
    """The standard deviation of a matrix."""
    if hasattr(model, "given"):
        return ANSWERS if name == "target_embedding.weight" else ANSWERING
    return POSITIONS if name == "wpe.weight" else 1.0


def first_answers(model):
    """(answers, V): what follows each token of the vocabulary alone, read anew at every step without a cache."""
    if hasattr(model, "given"):
        V = model.config.src_vocab_size
        model, ids = model.given(np.arange(1, V)[:, None]), np.full((V - 1, 1), model.config.bos_token_id)
    else:
        V = model.config.vocab_size
        ids = np.arange(V)[:, None]
    for _ in range(STEPS):
        window = ids if model.n_positions is None else ids[:, -model.n_positions:]
        ids = np.append(ids, backend.to_host(model.next_logits(window)).argmax(axis=-1)[:, None], axis=1)
    return ids[:, 1:].tolist(), V


def constant(answer):
    """Whether an answer is one token again and again."""
    return len(set(answer)) == 1


def varied(answers, V):
    """No answer is constant, and more than a third of them are different."""
    return not any(map(constant, answers)) and len(set(map(tuple, answers))) > V // 3
