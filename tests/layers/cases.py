"""Every module of the package as a `Case`: how it is built and called, and what its docstring says it keeps.

The sizes are small and all different, so that no two axes can be confused.
"""

import math

import numpy as np

from scratchgpt import backend, formulas
from scratchgpt.layers import (GELU, MLP, BatchNorm, Block, Checkpoint, DecoderBlock, Dropout, Embedding,
                               FusedProjections, GELUTanh, LayerNorm, LearnedPositions, Linear, LogSoftmax,
                               MultiHeadAttention, PostNormBlock, ReLU, RMSNorm, ScaledDotProductAttention,
                               SeparateProjections, SiLU, SinusoidalPositions, Softmax)
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config, Transformer, TransformerConfig
from tests.laws import Case, call_with_rng

C, H, D, F, V, S, C_MEMORY, P = 4, 2, 3, 5, 7, 3, 6, 9
MODULES = (ReLU, GELU, GELUTanh, SiLU, BatchNorm, Block, Checkpoint, Dropout, Embedding, FusedProjections, LayerNorm,
           LearnedPositions, Linear, MLP, MultiHeadAttention, PostNormBlock, RMSNorm, SeparateProjections,
           SinusoidalPositions, Softmax, LogSoftmax, ScaledDotProductAttention, BigramLM, GPT2,
           DecoderBlock, Transformer)


def stream(rng, B, T):
    return [rng.normal(size=(B, T, C))]


def stream_and_memory(rng, B, T):
    return [rng.normal(size=(B, T, C)), rng.normal(size=(B, S, C_MEMORY))]


def stream_and_padding(rng, B, T):
    """The second input says which keys are words; in a row of a batch it may be none at all."""
    return [rng.normal(size=(B, T, C)), rng.integers(0, 2, (B, T))]


def queries_keys_values(rng, B, T):
    return [rng.normal(size=(B, H, rows, D)) for rows in (T, T + 2, T + 2)]


def tokens(rng, B, T):
    return [rng.integers(0, V, (B, T))]


def stream_memory_and_paddings(rng, B, T):
    """Also which tokens of the stream are words, and which of the memory."""
    return [*stream_and_memory(rng, B, T), rng.integers(0, 2, (B, T)), rng.integers(0, 2, (B, S))]


def source_and_target(rng, B, T):
    """Tokens with pads, id 0, anywhere among them."""
    return [rng.integers(0, V, (B, S)), rng.integers(0, V, (B, T))]


def rows_of_a_batch(rng, B, T):
    return [rng.normal(size=(B, T + 2, C))]


def batch_norm_with_averages(rng):
    norm = BatchNorm(C)
    norm.running_mean.data = backend.asarray(rng.normal(size=C))
    norm.running_variance.data = backend.asarray(rng.uniform(0.5, 2, size=C))
    return norm


def fused(rng, **options):
    return MultiHeadAttention(FusedProjections(C, rng=rng), Linear(C, C, rng=rng), H, **options)


def separate(rng, **options):
    project = SeparateProjections(C, H * D, rng=rng, bias=False, **options)
    return MultiHeadAttention(project, Linear(H * D, C, rng=rng), H)


def block(rng, kind=Block, norm=LayerNorm, p=0.0):
    mlp = MLP(C, F, rng=rng)
    return kind(norm(C), fused(rng, dropout=Dropout(p)), norm(C), mlp, Dropout(p))


def decoder_block(rng, p=0.0, C_memory=C_MEMORY):
    norm1, norm2, norm3 = (LayerNorm(C) for _ in range(3))
    project = SeparateProjections(C, rng=rng, C_memory=C_memory)
    cross = MultiHeadAttention(project, Linear(C, C, rng=rng), H, Dropout(p))
    return DecoderBlock(norm1, fused(rng, dropout=Dropout(p)), norm2, cross, norm3, MLP(C, F, rng=rng), Dropout(p))


def transformer(rng, p=0.0, checkpoint_activations=False, **sizes):
    sizes = {**dict(src_vocab_size=V, tgt_vocab_size=V + 1, d_model=C, nhead=H, num_encoder_layers=1,
                    num_decoder_layers=2, dim_feedforward=F, dropout=p, max_length=P), **sizes}
    return Transformer(TransformerConfig(**sizes), rng=rng, checkpoint_activations=checkpoint_activations)


def gpt2(rng, p=0.0, **options):
    config = GPT2Config(vocab_size=V, n_positions=P, n_embd=C, n_layer=2, n_head=H, n_inner=F, resid_pdrop=p,
                        embd_pdrop=p, attn_pdrop=p)
    return GPT2(config, rng=rng, **options)


def joined(module, *inputs, rng=None):
    """Projections give q, k and v; the laws ask for one array."""
    parts, backward = module(*inputs)
    shapes = [part.shape for part in parts]
    edges = np.cumsum([math.prod(shape[1:]) for shape in shapes])[:-1].tolist()
    y = np.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=1)
    return y, lambda dy: backward(*(d.reshape(shape) for d, shape in zip(np.split(dy, edges, axis=1), shapes)))


def causal(module, x, rng=None):
    return module(x, causal=True, rng=rng)


def masked(module, x, rng=None):
    return module(x, mask=formulas.causal_mask(x.shape[1], x.shape[1], like=x), rng=rng)


def padded(module, x, attention_mask, rng=None):
    return module(x, mask=formulas.padding_mask(attention_mask))


def padded_and_causal(module, x, attention_mask, rng=None):
    return module(x, mask=formulas.padding_mask(attention_mask), causal=True)


def decoded(module, x, memory, words, memory_words, rng=None):
    return module(x, memory, memory_mask=formulas.padding_mask(memory_words), rng=rng,
                  mask=formulas.padding_mask(words), causal=True)


def trained(module, x, rng=None):
    return module(x, training=True)


def unembed(module, h, rng=None):
    return module.unembed(h)


def attended(module, q, k, v, rng=None):
    return module(q, k, v, causal=True, rng=rng)


def dot_product_keeps(B, T, *per_query):
    """q, k, v, and so many numbers for each head and query."""
    return B * H * (T * D + 2 * (T + 2) * D + T * sum(per_query))


def attention_keeps(B, T, C_head=C, S=None, causal=False):
    """q and merged heads for T queries, keys and values for S; each probability, or one number for each query."""
    S = T if S is None else S
    return 2 * B * T * C_head + 2 * B * S * C_head + B * H * T * (1 if causal else S)


def block_keeps(B, T, causal=False):
    return B * T * (8 * C + 2 * F) + B * H * T * (1 if causal else T)


def decoder_block_keeps(B, T):
    """The memory, which all blocks share, is left out."""
    return B * T * (12 * C + 2 * F) + 2 * B * S * C + B * H * T * (T + S)


def transformer_keeps(B, T):
    return block_keeps(B, S) + B * S * C + 2 * decoder_block_keeps(B, T) + B * T * C


def gpt2_keeps(B, T, causal=True):
    return 2 * block_keeps(B, T, causal) + 2 * B * T * C


CASES = [
    *(Case(kind.__name__, lambda rng, kind=kind: kind(), stream, lambda B, T: (B * T * C, 0))
      for kind in (ReLU, GELU, GELUTanh, SiLU, Softmax, LogSoftmax)),
    Case("Linear", lambda rng: Linear(C, F, rng=rng), stream, lambda B, T: (B * T * C, 0)),
    Case("Linear without bias", lambda rng: Linear(C, F, rng=rng, bias=False), stream, lambda B, T: (B * T * C, 0)),
    Case("LayerNorm", lambda rng: LayerNorm(C), stream, lambda B, T: (B * T * C, 0)),
    Case("RMSNorm", lambda rng: RMSNorm(C), stream, lambda B, T: (B * T * C, 0)),
    Case("BatchNorm in training", lambda rng: BatchNorm(C), rows_of_a_batch, lambda B, T: (B * (T + 2) * C, 0),
         trained, rows_mix=True),
    Case("BatchNorm by its averages", batch_norm_with_averages, stream, lambda B, T: (B * T * C + C, 0)),
    Case("Dropout", lambda rng: Dropout(0.4), stream, lambda B, T: (0, B * T * C), call_with_rng, random=True),
    Case("Dropout without a generator", lambda rng: Dropout(0.4), stream, lambda B, T: (0, 0)),
    Case("Embedding", lambda rng: Embedding(V, C, rng=rng), tokens, lambda B, T: (0, 8 * B * T)),
    Case("Embedding as head", lambda rng: Embedding(V, C, rng=rng), stream, lambda B, T: (B * T * C, 0), unembed),
    Case("LearnedPositions", lambda rng: LearnedPositions(P, C, rng=rng), stream, lambda B, T: (0, 0),
         lambda module, x, rng=None: module(x, 2)),
    Case("SinusoidalPositions", lambda rng: SinusoidalPositions(), stream, lambda B, T: (0, 0),
         lambda module, x, rng=None: module(x, 2)),
    Case("FusedProjections", lambda rng: FusedProjections(C, H * D, rng=rng), stream, lambda B, T: (B * T * C, 0),
         joined),
    Case("SeparateProjections", lambda rng: SeparateProjections(C, H * D, rng=rng), stream,
         lambda B, T: (B * T * C, 0), joined),
    Case("SeparateProjections of a memory", lambda rng: SeparateProjections(C, H * D, rng=rng, C_memory=C_MEMORY),
         stream_and_memory, lambda B, T: (B * T * C + B * S * C_MEMORY, 0), joined),
    Case("ScaledDotProductAttention", lambda rng: ScaledDotProductAttention(), queries_keys_values,
         lambda B, T: (dot_product_keeps(B, T, T + 2), 0)),
    Case("ScaledDotProductAttention, causal", lambda rng: ScaledDotProductAttention(), queries_keys_values,
         lambda B, T: (dot_product_keeps(B, T, D, 1), 0), attended),
    Case("ScaledDotProductAttention with dropout", lambda rng: ScaledDotProductAttention(Dropout(0.3)),
         queries_keys_values, lambda B, T: (dot_product_keeps(B, T, 2 * (T + 2)), 0), attended, random=True),
    Case("self-attention, fused", fused, stream, lambda B, T: (B * T * C + attention_keeps(B, T), 0)),
    Case("self-attention, separate", separate, stream, lambda B, T: (B * T * C + attention_keeps(B, T, H * D), 0)),
    Case("self-attention, masked", fused, stream, lambda B, T: (B * T * C + attention_keeps(B, T), 0), masked),
    Case("self-attention, causal", fused, stream,
         lambda B, T: (B * T * C + attention_keeps(B, T, causal=True), 0), causal),
    Case("self-attention, padded", fused, stream_and_padding,
         lambda B, T: (B * T * C + attention_keeps(B, T), 0), padded),
    Case("self-attention, padded and causal", separate, stream_and_padding,
         lambda B, T: (B * T * C + attention_keeps(B, T, H * D), 0), padded_and_causal),
    Case("self-attention with dropout", lambda rng: fused(rng, dropout=Dropout(0.3)), stream,
         lambda B, T: (B * T * C + attention_keeps(B, T) + B * H * T * T, 0), causal, random=True),
    Case("cross-attention", lambda rng: separate(rng, C_memory=C_MEMORY), stream_and_memory,
         lambda B, T: (B * T * C + B * S * C_MEMORY + attention_keeps(B, T, H * D, S), 0)),
    Case("MLP", lambda rng: MLP(C, F, rng=rng), stream, lambda B, T: (B * T * (C + 2 * F), 0)),
    Case("MLP with ReLU, no bias", lambda rng: MLP(C, rng=rng, activation=ReLU(), bias=False), stream,
         lambda B, T: (B * T * (C + 8 * C), 0)),
    Case("Block", block, stream, lambda B, T: (block_keeps(B, T, causal=True), 0), causal),
    Case("Block, masked", block, stream, lambda B, T: (block_keeps(B, T), 0), masked),
    Case("Block with RMSNorm", lambda rng: block(rng, norm=RMSNorm), stream, lambda B, T: (block_keeps(B, T), 0)),
    Case("Block with dropout", lambda rng: block(rng, p=0.3), stream,
         lambda B, T: (block_keeps(B, T) + B * H * T * T, 2 * B * T * C), causal, random=True),
    Case("PostNormBlock", lambda rng: block(rng, PostNormBlock), stream, lambda B, T: (block_keeps(B, T), 0), masked),
    Case("PostNormBlock with dropout", lambda rng: block(rng, PostNormBlock, p=0.3), stream,
         lambda B, T: (block_keeps(B, T) + B * H * T * T, 2 * B * T * C), causal, random=True),
    Case("Checkpoint of a Block", lambda rng: Checkpoint(block(rng)), stream, lambda B, T: (B * T * C, T * T), masked),
    Case("Checkpoint of a Block with dropout", lambda rng: Checkpoint(block(rng, p=0.3)), stream,
         lambda B, T: (B * T * C, 0), causal, random=True),
    Case("BigramLM", lambda rng: BigramLM(BigramConfig(V), rng=rng), tokens, lambda B, T: (0, 8 * B * T)),
    Case("GPT2", gpt2, tokens, lambda B, T: (gpt2_keeps(B, T), 8 * B * T)),
    Case("GPT2 with dropout", lambda rng: gpt2(rng, p=0.2), tokens,
         lambda B, T: (gpt2_keeps(B, T, causal=False) + 2 * B * H * T * T, 8 * B * T + 5 * B * T * C), call_with_rng,
         random=True),
    Case("GPT2 with checkpoints", lambda rng: gpt2(rng, checkpoint_activations=True), tokens,
         lambda B, T: (4 * B * T * C, 8 * B * T)),
    Case("DecoderBlock", decoder_block, stream_memory_and_paddings,
         lambda B, T: (decoder_block_keeps(B, T) + B * S * C_MEMORY, 0), decoded),
    Case("DecoderBlock with dropout", lambda rng: decoder_block(rng, p=0.3), stream_memory_and_paddings,
         lambda B, T: (decoder_block_keeps(B, T) + B * S * C_MEMORY + B * H * T * (T + S), 3 * B * T * C), decoded,
         random=True),
    Case("Transformer", transformer, source_and_target, lambda B, T: (transformer_keeps(B, T), 8 * B * (S + T))),
    Case("Transformer, one table", lambda rng: transformer(rng, tgt_vocab_size=V, share_embeddings=True),
         source_and_target, lambda B, T: (transformer_keeps(B, T), 8 * B * (S + T))),
    Case("Transformer with dropout and a head of its own",
         lambda rng: transformer(rng, p=0.2, tie_word_embeddings=False), source_and_target,
         lambda B, T: (transformer_keeps(B, T), 8 * B * (S + T) + 3 * B * S * C + 7 * B * T * C), call_with_rng,
         random=True),
    Case("Transformer with checkpoints", lambda rng: transformer(rng, p=0.2, checkpoint_activations=True),
         source_and_target, lambda B, T: (B * (2 * S + 3 * T) * C, 9 * B * (S + T) + B * (S + T) * C), call_with_rng,
         random=True),
]
