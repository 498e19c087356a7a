"""Models and ways to draft that the tests of speculation share."""

import numpy as np

from scratchgpt.models import GPT2, GPT2Config
from tests.decoding.lively import lively
from tests.layers.cases import C, F, H, P, V, gpt2
from tests.layers.llama_cases import llama, mistral, qwen2

MODELS = {"gpt2": gpt2, "llama": llama, "mistral": mistral, "qwen2": qwen2}


def unit(model, rng):
    """The model in float64 with weights of unit size, so that no two scores are alike."""
    model = model.astype(np.float64)
    for parameter in model.parameters():
        parameter.data = rng.normal(size=parameter.shape)
    return model


def gpt2_of(rng, V=V, n_positions=P):
    """A GPT2 of V tokens."""
    sizes = dict(n_embd=C, n_layer=2, n_head=H, n_inner=F)
    return GPT2(GPT2Config(vocab_size=V, n_positions=n_positions, **sizes), rng=rng)


def small(seed, V=V, n_positions=P):
    """Such a model of unit size: for distributions, since what it says is often one token for ever."""
    rng = np.random.default_rng(seed)
    return unit(gpt2_of(rng, V, n_positions), rng)


def talker(seed, V=V, n_positions=P):
    """Such a model that is lively: for texts."""
    return lively(lambda rng: gpt2_of(rng, V, n_positions), seed)


def ways(model, seed):
    """Options for each way to draft: a twin, a stranger with a shorter context, own layers, copies, fixed points."""
    return {"twin": dict(assistant_model=model, num_assistant_tokens=4),
            "stranger": dict(assistant_model=talker(seed, model.config.vocab_size, n_positions=P - 3)),
            "first layers": dict(assistant_early_exit=1, num_assistant_tokens=3),
            "prompt lookup": dict(prompt_lookup_num_tokens=3, max_matching_ngram_size=3),
            "long lookup": dict(prompt_lookup_num_tokens=200),
            "jacobi": dict(lookahead_num_tokens=4, lookahead_ngram_size=1),
            "lookahead": dict(lookahead_num_tokens=4, lookahead_ngram_size=2),
            "one token": dict(lookahead_num_tokens=1)}
