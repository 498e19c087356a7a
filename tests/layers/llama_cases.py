"""The Llama family as `Case`s: its layers, its models, and padding in all models. Before this file: `cases`.

A model here has 2 or 4 query heads of 2 channels, and fewer key/value heads.
"""

import numpy as np

from scratchgpt import formulas
from scratchgpt.layers import (Block, FusedProjections, GatedMLP, LearnedPositions, Linear, MultiHeadAttention,
                               NormedProjections, RMSNorm, ScaledDotProductAttention, SeparateProjections)
from scratchgpt.models import (Llama, LlamaConfig, Mistral, MistralConfig, QuestionAnsweringConfig,
                               QuestionAnsweringGPT, Qwen2, Qwen2Config, Qwen3, Qwen3Config)
from tests.laws import Case, call_with_rng
from tests.layers.cases import (C_MEMORY, C, D, F, H, P, S, V, block_keeps, gpt2, joined, stream, stream_and_memory,
                                tokens)

HEADS, SHARED, EVEN, WINDOW = 4, 2, 2, 2                     # query heads, key/value heads, channels of each, tokens
LLAMA_MODULES = (GatedMLP, NormedProjections, SeparateProjections, ScaledDotProductAttention, MultiHeadAttention,
                 LearnedPositions, Block, Llama, Mistral, Qwen2, Qwen3, QuestionAnsweringGPT)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8}
SIZES = dict(vocab_size=V, hidden_size=3, intermediate_size=F, num_hidden_layers=1, num_attention_heads=2,
             num_key_value_heads=1, head_dim=EVEN, max_position_embeddings=P)


def llama(rng, checkpoint_activations=False, **changes):
    return Llama(LlamaConfig(**{**SIZES, **changes}), rng=rng, checkpoint_activations=checkpoint_activations)


def mistral(rng, **changes):
    return Mistral(MistralConfig(**{**SIZES, "sliding_window": WINDOW, **changes}), rng=rng)


def qwen2(rng, **changes):
    sizes = {**SIZES, "num_hidden_layers": 2, "use_sliding_window": True, "sliding_window": WINDOW,
             "max_window_layers": 1, **changes}
    return Qwen2(Qwen2Config(**sizes), rng=rng)


def qwen3(rng, **changes):
    return Qwen3(Qwen3Config(**{**SIZES, **changes}), rng=rng)


def question_answering(rng, p=0.0, **options):
    config = QuestionAnsweringConfig(V, n_positions=P, n_embd=C, n_head=H, head_dim=D, n_inner=F, n_layer=1, dropout=p)
    return QuestionAnsweringGPT(config, rng=rng, **options)


def grouped(rng, n_kv_head=SHARED, window=None, **options):
    project = SeparateProjections(C, HEADS * EVEN, rng=rng, C_kv=n_kv_head * EVEN, **options)
    out = Linear(HEADS * EVEN, C, rng=rng)
    return MultiHeadAttention(project, out, HEADS, n_kv_head=n_kv_head, window=window)


def normed(rng, project=None):
    project = project or SeparateProjections(C, HEADS * EVEN, rng=rng, C_kv=SHARED * EVEN)
    return NormedProjections(project, RMSNorm(EVEN), RMSNorm(EVEN))


def llama_block(rng):
    return Block(RMSNorm(C), grouped(rng, bias=False), RMSNorm(C), GatedMLP(C, F, rng=rng))


def turns(x):
    """cos and sin for the positions 3, 4, ... of every row of x (B, T, C)."""
    positions = np.arange(3, 3 + x.shape[1], like=x)[None]
    return formulas.rotation(positions, formulas.rotary_frequencies(EVEN, 100.0), x)


def turned(module, x, rng=None):
    return module(x, causal=True, rotation=turns(x))


def turned_and_masked(module, x, rng=None):
    return module(x, mask=formulas.causal_mask(x.shape[1], x.shape[1], like=x), rotation=turns(x))


def causal_only(module, *inputs, rng=None):
    return module(*inputs, causal=True)


def in_a_window(module, q, k, v, rng=None):
    return module(q, k, v, causal=True, window=WINDOW)


def causal_under_a_mask(module, *inputs, rng=None):
    return module(*inputs, causal=True, mask=np.full_like(inputs[0], True, shape=(1, 1, 1, 1), dtype=bool))


def queries_and_shared_keys(K):
    def draw(rng, B, T):
        return [rng.normal(size=(B, *axes, EVEN)) for axes in ((HEADS, T), (K, T + 2), (K, T + 2))]
    return draw


def stream_and_positions(rng, B, T):
    return [rng.normal(size=(B, T, C)), rng.integers(0, P, (B, T))]


def padded_tokens(rng, B, T):
    """T + 1 tokens in a row, the first of them a pad, and any of the others."""
    words = rng.integers(0, 2, (B, T + 1))
    words[:, 0] = 0
    return [rng.integers(0, V, (B, T + 1)), words]


def grouped_keeps(B, T, K=SHARED, S=None, masked=False, inputs=True, heads=HEADS, D=EVEN, C=C):
    """x, q, the merged heads, k, v, the probabilities or a number for each query."""
    S = T if S is None else S
    return B * T * (inputs * C + 2 * heads * D) + 2 * B * S * K * D + B * heads * T * (S if masked else 1)


def table_keeps(B, T):
    """cos and sin."""
    return B * T * EVEN


def llama_block_keeps(B, T, C=C, F=F, masked=False, **sizes):
    """Both norms' inputs, what attention and MLP read, the MLP's 3 F."""
    return B * T * (3 * C + 3 * F) + grouped_keeps(B, T, masked=masked, C=C, **sizes)


def model_keeps(B, T, layers=1, masked=False, more=0):
    """Blocks, the input and the output of the last norm, cos and sin; `more` for each token and layer."""
    blocks = layers * (llama_block_keeps(B, T, C=3, heads=2, K=1, masked=masked) + B * T * more)
    return blocks + 2 * B * T * 3 + table_keeps(B, T)


def answering_keeps(B, T, masked=False):
    return B * T * (4 * C + 4 * H * D + 2 * F) + B * H * T * (T if masked else 1) + B * T * C


LLAMA_CASES = [
    Case("GatedMLP", lambda rng: GatedMLP(C, F, rng=rng), stream, lambda B, T: (B * T * (C + 3 * F), 0)),
    Case("GatedMLP with bias", lambda rng: GatedMLP(C, F, rng=rng, bias=True), stream,
         lambda B, T: (B * T * (C + 3 * F), 0)),
    Case("SeparateProjections, shared keys", lambda rng: SeparateProjections(C, HEADS * EVEN, rng=rng, C_kv=EVEN),
         stream, lambda B, T: (B * T * C, 0), joined),
    Case("NormedProjections", normed, stream, lambda B, T: (B * T * (C + (HEADS + SHARED) * EVEN), 0), joined),
    Case("NormedProjections, fused", lambda rng: normed(rng, FusedProjections(C, HEADS * EVEN, rng=rng)), stream,
         lambda B, T: (B * T * (C + 3 * HEADS * EVEN), 0), joined),
    Case("LearnedPositions, one by one", lambda rng: LearnedPositions(P, C, rng=rng), stream_and_positions,
         lambda B, T: (0, 8 * B * T)),
    Case("ScaledDotProductAttention, shared keys", lambda rng: ScaledDotProductAttention(),
         queries_and_shared_keys(SHARED), lambda B, T: (grouped_keeps(B, T, S=T + 2, inputs=False), 0), causal_only),
    Case("ScaledDotProductAttention, shared keys, window", lambda rng: ScaledDotProductAttention(),
         queries_and_shared_keys(1), lambda B, T: (grouped_keeps(B, T, 1, S=T + 2, inputs=False), 0), in_a_window),
    *(Case(f"ScaledDotProductAttention, {K} shared keys, masked", lambda rng: ScaledDotProductAttention(),
           queries_and_shared_keys(K),
           lambda B, T, K=K: (grouped_keeps(B, T, K, T + 2, True, False) - B * T * HEADS * EVEN, 0),
           causal_under_a_mask) for K in (1, SHARED)),
    Case("self-attention, grouped", grouped, stream, lambda B, T: (grouped_keeps(B, T), 0), causal_only),
    Case("self-attention, grouped and masked", grouped, stream, lambda B, T: (grouped_keeps(B, T, masked=True), 0),
         causal_under_a_mask),
    Case("self-attention, one key head, masked", lambda rng: grouped(rng, 1), stream,
         lambda B, T: (grouped_keeps(B, T, 1, masked=True), 0), causal_under_a_mask),
    Case("self-attention, grouped, turned", grouped, stream,
         lambda B, T: (grouped_keeps(B, T) + table_keeps(B, T), 0), turned),
    Case("self-attention, grouped, turned and masked", grouped, stream,
         lambda B, T: (grouped_keeps(B, T, masked=True) + table_keeps(B, T), 0), turned_and_masked),
    Case("self-attention, grouped, in a window", lambda rng: grouped(rng, window=WINDOW), stream,
         lambda B, T: (grouped_keeps(B, T), 0), causal_only),
    Case("self-attention, grouped, in a window, masked", lambda rng: grouped(rng, window=WINDOW), stream,
         lambda B, T: (grouped_keeps(B, T, masked=True), 0), causal_under_a_mask),
    Case("cross-attention, grouped", lambda rng: grouped(rng, C_memory=C_MEMORY), stream_and_memory,
         lambda B, T: (grouped_keeps(B, T, S=S, masked=True) + B * S * C_MEMORY, 0)),
    Case("Block of a Llama", llama_block, stream,
         lambda B, T: (llama_block_keeps(B, T) + table_keeps(B, T), 0), turned),
    Case("Llama", llama, tokens, lambda B, T: (model_keeps(B, T), 8 * B * T)),
    Case("Llama, padded", llama, padded_tokens, lambda B, T: (model_keeps(B, T + 1, masked=True), 8 * B * (T + 1))),
    Case("Llama with biases, tied, stretched angles",
         lambda rng: llama(rng, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rope_parameters=LLAMA3),
         tokens, lambda B, T: (model_keeps(B, T), 8 * B * T)),
    Case("Llama with dropout", lambda rng: llama(rng, attention_dropout=0.3), tokens,
         lambda B, T: (model_keeps(B, T, masked=True) + B * 2 * T * T, 8 * B * T), call_with_rng, random=True),
    Case("Llama with checkpoints", lambda rng: llama(rng, checkpoint_activations=True, num_hidden_layers=2), tokens,
         lambda B, T: (4 * B * T * 3 + table_keeps(B, T), 8 * B * T)),
    Case("Mistral", mistral, tokens, lambda B, T: (model_keeps(B, T), 8 * B * T)),
    Case("Mistral, padded", mistral, padded_tokens, lambda B, T: (model_keeps(B, T + 1, masked=True), 8 * B * (T + 1))),
    Case("Qwen2", qwen2, tokens, lambda B, T: (model_keeps(B, T, layers=2), 8 * B * T)),
    Case("Qwen3", qwen3, tokens, lambda B, T: (model_keeps(B, T, more=3 * EVEN), 8 * B * T)),
    Case("QuestionAnsweringGPT", question_answering, tokens, lambda B, T: (answering_keeps(B, T), 8 * B * T)),
    Case("QuestionAnsweringGPT, padded", question_answering, padded_tokens,
         lambda B, T: (answering_keeps(B, T + 1, masked=True), 16 * B * (T + 1))),
    Case("QuestionAnsweringGPT with dropout", lambda rng: question_answering(rng, p=0.3), tokens,
         lambda B, T: (answering_keeps(B, T), 8 * B * T + 3 * B * T * C), call_with_rng, random=True),
    Case("GPT2, padded", gpt2, padded_tokens,
         lambda B, T: (2 * block_keeps(B, T + 1) + 2 * B * (T + 1) * C, 16 * B * (T + 1))),
]
