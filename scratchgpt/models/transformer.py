"""The original Transformer, an encoder and a decoder: the model.

Before this file: `layers.block`, `encoder_decoder`. After it: the whole of "Attention is all you need" on two pages,
and what a GPT leaves out of it: the encoder, and every look at a source.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ConfigError
from ..layers import (ACTIVATIONS, MLP, Checkpoint, DecoderBlock, Dropout, Embedding, FusedProjections, LayerNorm,
                      Linear, MultiHeadAttention, PostNormBlock, SeparateProjections, SinusoidalPositions)
from .config import ModelConfig
from .encoder_decoder import EncoderDecoder


@dataclass(frozen=True)
class TransformerConfig(ModelConfig):
    """The sizes of an encoder-decoder, under the names of torch.nn.Transformer; the defaults are the paper's base.

    max_length None: no longest text, the positions being waves. tie_word_embeddings: the target's table is the head;
    share_embeddings: the source's table is the target's. The paper has one vocabulary, and one table for all three.
    dropout acts only where a generator is handed to the model.
    """

    src_vocab_size: int = 5000
    tgt_vocab_size: int = 5000
    d_model: int = 512
    nhead: int = 8
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: str = "relu"
    layer_norm_eps: float = 1e-5
    max_length: int | None = None
    tie_word_embeddings: bool = True
    share_embeddings: bool = False
    pad_token_id: int = 0
    bos_token_id: int = 1
    eos_token_id: int = 2
    model_type: ClassVar[str] = "transformer"

    def __post_init__(self):
        self._check_whole("src_vocab_size", "tgt_vocab_size", "d_model", "nhead", "num_encoder_layers",
                          "num_decoder_layers", "dim_feedforward")
        self._check_whole_or_none("max_length")
        self._check_divides("nhead", "d_model")
        if self.d_model % 2:
            raise ConfigError(f"d_model must be even, waves being pairs of sine and cosine; got d_model={self.d_model}")
        self._check_dropout("dropout")
        self._check_choice("activation", ACTIVATIONS)
        self._check_positive("layer_norm_eps")
        self._check_flags("tie_word_embeddings", "share_embeddings")
        if self.share_embeddings and self.src_vocab_size != self.tgt_vocab_size:
            raise ConfigError("share_embeddings needs one vocabulary: src_vocab_size must be tgt_vocab_size; "
                              f"got {self.src_vocab_size} and {self.tgt_vocab_size}")
        self._check_tokens(min(self.src_vocab_size, self.tgt_vocab_size), "pad_token_id")
        self._check_tokens(self.tgt_vocab_size, "bos_token_id", "eos_token_id")
        self._check_pad_is_not("bos_token_id", "eos_token_id")

    @property
    def vocab_size(self):
        """The target's: what the model may say."""
        return self.tgt_vocab_size

    @property
    def num_parameters(self):
        """C for each row of a table; an encoder block 4 C^2 + 2 C F + 9 C + F, a decoder block 4 C^2 + 6 C more."""
        C, F = self.d_model, self.dim_feedforward
        tables = ((0 if self.share_embeddings else self.src_vocab_size)
                  + (1 if self.tie_word_embeddings else 2) * self.tgt_vocab_size)
        return (tables * C + self.num_encoder_layers * (4 * C * C + 2 * C * F + 9 * C + F)
                + self.num_decoder_layers * (8 * C * C + 2 * C * F + 15 * C + F))

    @property
    def num_tensors(self):
        """1 to 3 tables, 12 for a block of the encoder and 22 for one of the decoder: arrays those numbers are in."""
        return (3 - self.share_embeddings - self.tie_word_embeddings + 12 * self.num_encoder_layers
                + 22 * self.num_decoder_layers)


class Transformer(EncoderDecoder):
    """Two stacks of post-LN blocks, with waves for positions; the decoder's blocks also look at what the encoder says.

        h_0 = Dropout(sqrt(C) E[ids] + PE)      memory = Encoder_L(.. Encoder_1(h_0))
        logits = Decoder_L(.. Decoder_1(h_0', memory)) W        W = E'^T where tied, else (C, V), without bias

    As in the paper, no norm follows a stack, whose last sum is normed already (torch.nn.Transformer adds one unless
    told not to), and dropout falls on the embeddings and on what enters a stream (torch: also on probabilities and
    inside the MLP). Projections have biases, as in torch. Tables start from N(0, 1/C), as they are scaled by sqrt(C);
    other weights (C_in, C_out) from N(0, 2 / (C_in + C_out)), the variance of torch's xavier_uniform; biases from 0,
    gains from 1.
    Keeps the ids, what the head reads, the memory, and what its blocks keep; with `checkpoint_activations` of each
    block only its input, and the masks. Dropout on the embeddings adds a byte for each of B (S + T) C.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3; initial weights, Glorot & Bengio 2010, equation 12.
    """

    config_class = TransformerConfig

    def __init__(self, config, *, rng, checkpoint_activations=False):
        C, V = config.d_model, config.tgt_vocab_size
        wrap = Checkpoint if checkpoint_activations else lambda block: block
        self.config = config
        self.source_embedding = Embedding(config.src_vocab_size, C, rng=rng, std=C ** -0.5)
        self.target_embedding = (self.source_embedding if config.share_embeddings
                                 else Embedding(V, C, rng=rng, std=C ** -0.5))
        self.positions, self.dropout = SinusoidalPositions(), Dropout(config.dropout)
        self.encoder = [wrap(_encoder_block(config, rng)) for _ in range(config.num_encoder_layers)]
        self.decoder = [wrap(_decoder_block(config, rng)) for _ in range(config.num_decoder_layers)]
        self.head = (None if config.tie_word_embeddings
                     else Linear(C, V, rng=rng, bias=False, std=_glorot(C, V)))

    def _embed(self, table, ids, rng, positions=0):
        scale = math.sqrt(self.config.d_model)
        e, table_back = table(ids)                                             # (B, T) -> (B, T, C)
        h, positions_back = self.positions(scale * e, positions)
        h, dropout_back = self.dropout(h, rng)
        return h, lambda dh: table_back(scale * positions_back(dropout_back(dh)))

    def _encode(self, source, mask, pullbacks, rng=None, states=None, maps=None):
        step = _recorder(pullbacks, states)
        h = step(*self._embed(self.source_embedding, source, rng))
        for block in self.encoder:
            h = step(*block(h, rng=rng, mask=mask, maps=maps))

        def backward(dh):
            for pullback in reversed(pullbacks):
                dh = pullback(dh)
        return h, backward

    def _decode(self, target, mask, memory, memory_mask, pullbacks, positions=0, rng=None, cache=None, states=None,
                maps=None):
        step = _recorder(pullbacks, states)
        h = step(*self._embed(self.target_embedding, target, rng, positions))
        for i, block in enumerate(self.decoder):
            h = step(*block(h, memory=memory, memory_mask=memory_mask, mask=mask, causal=True, rng=rng, maps=maps,
                            cache=None if cache is None else cache[i]))

        def backward(dh):
            (embed_back, *block_backs), dmemory = pullbacks, 0
            for block_back in reversed(block_backs):
                dh, through_block = block_back(dh)
                dmemory = dmemory + through_block                              # every block has looked at the memory
            embed_back(dh)
            return dmemory
        return h, backward

    def _head(self, h):
        return self.target_embedding.unembed(h) if self.head is None else self.head(h)


def _recorder(pullbacks, states):
    """step(y, pullback) -> y, noting the pullback, and y where somebody wants to look at the states."""
    def step(y, pullback):
        pullbacks.append(pullback)
        if states is not None:
            states.append(y)
        return y
    return step


def _glorot(C_in, C_out):
    """The standard deviation at which variances neither grow nor shrink, on average of both directions."""
    return math.sqrt(2 / (C_in + C_out))


def _attention(projections, config, rng):
    C = config.d_model
    project, out = (kind(C, C, rng=rng, std=_glorot(C, C)) for kind in (projections, Linear))
    return MultiHeadAttention(project, out, config.nhead)


def _mlp(config, rng):
    C, F = config.d_model, config.dim_feedforward
    return MLP(C, F, rng=rng, activation=ACTIVATIONS[config.activation](), std=_glorot(C, F))


def _encoder_block(config, rng):
    norm1, norm2 = (LayerNorm(config.d_model, config.layer_norm_eps) for _ in range(2))
    return PostNormBlock(norm1, _attention(FusedProjections, config, rng), norm2, _mlp(config, rng),
                         Dropout(config.dropout))


def _decoder_block(config, rng):
    norm1, norm2, norm3 = (LayerNorm(config.d_model, config.layer_norm_eps) for _ in range(3))
    return DecoderBlock(norm1, _attention(FusedProjections, config, rng), norm2,
                        _attention(SeparateProjections, config, rng), norm3, _mlp(config, rng), Dropout(config.dropout))
