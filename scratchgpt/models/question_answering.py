"""The post-LN decoder that answers questions, letter by letter.

Before this file: `decoder`, `decoding`. After it: a language model becomes a question answerer by what it is trained
on: lines `question <sep> answer <sep>`, and an answer is what it writes between the two.
"""

from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..decoding import generate
from ..errors import GenerationError
from ..layers import (MLP, Checkpoint, Dropout, Embedding, LayerNorm, LearnedPositions, Linear, MultiHeadAttention,
                      PostNormBlock, ReLU, SeparateProjections)
from ..tokenizers import AutoTokenizer
from ..tokenizers.call import pad
from .config import ModelConfig
from .decoder import Decoder

LONGEST_ANSWER = 100
TOKENIZER_FILES = "tokenizer_config.json", "tokenizer.json", "char_vocab.json"


@dataclass(frozen=True)
class QuestionAnsweringConfig(ModelConfig):
    """The sizes, under the names of GPT-2's config.json.

    head_dim is free: the projections are n_embd -> n_head head_dim.
    pad_token_id and sep_token_id are the tokens that fill a batch and that close a question and an answer. dropout acts
    only where a generator is handed to the model.
    """

    vocab_size: int
    n_positions: int = 300
    n_embd: int = 768
    n_head: int = 8
    head_dim: int = 64
    n_inner: int = 2048
    n_layer: int = 6
    dropout: float = 0.1
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    pad_token_id: int = 0
    sep_token_id: int = 2
    model_type: ClassVar[str] = "question_answering_gpt"

    def __post_init__(self):
        self._check_whole("vocab_size", "n_positions", "n_embd", "n_head", "head_dim", "n_inner", "n_layer")
        self._check_tokens(self.vocab_size, "pad_token_id", "sep_token_id")
        self._check_pad_is_not("sep_token_id")
        self._check_positive("layer_norm_epsilon")
        self._check_at_least_zero("initializer_range")
        self._check_dropout("dropout")

    @property
    def num_parameters(self):
        """2 V C + P C + L (4 C H D + 2 C F + 4 C): tables and head, positions, blocks."""
        V, P, C, F = self.vocab_size, self.n_positions, self.n_embd, self.n_inner
        return 2 * V * C + P * C + self.n_layer * (4 * C * self.n_head * self.head_dim + 2 * C * F + 4 * C)

    @property
    def num_tensors(self):
        """10 L + 3: how many arrays those numbers are in."""
        return 10 * self.n_layer + 3


class QuestionAnsweringGPT(Decoder):
    """The post-LN decoder with learned positions, ReLU, and no bias in any linear map.

        h_0 = E[ids] + P[positions]      h = LN(x + Attn(x))      y = LN(h + MLP(h))      logits = h_L W_head

    Weights start from N(0, 0.02^2), gains from 1. The head W_head (C, V) is not tied. `tokenizer` spells questions and
    answers; it is saved with the model, and found again with it.
    Keeps the ids, what the head reads, and what its blocks keep; with `checkpoint_activations` of each block only its
    input. Dropout on the embeddings adds a byte for each of B T C, padding the positions (B, T).
    Source: Radford et al. 2018, Improving language understanding by generative pre-training, sections 3.1 and 4.1; its
    blocks, Vaswani et al. 2017, arXiv:1706.03762.
    """

    config_class = QuestionAnsweringConfig

    def __init__(self, config, *, rng, tokenizer=None, checkpoint_activations=False):
        C, std = config.n_embd, config.initializer_range
        self.config, self.n_positions, self.tokenizer = config, config.n_positions, tokenizer
        self.embed_tokens = Embedding(config.vocab_size, C, rng=rng, std=std)
        self.embed_positions = LearnedPositions(config.n_positions, C, rng=rng, std=std)
        self.dropout = Dropout(config.dropout)
        wrap = Checkpoint if checkpoint_activations else lambda block: block
        self.layers = [wrap(_block(config, rng)) for _ in range(config.n_layer)]
        self.lm_head = Linear(C, config.vocab_size, rng=rng, bias=False, std=std)

    def answer(self, question, max_new_tokens=LONGEST_ANSWER):
        """The answer to a question, a str: the likeliest letter after the other, until <sep>.

        max_new_tokens  the longest answer, in tokens; the context may end it sooner. None: only the context does
        Raises GenerationError without a tokenizer, or for a question that leaves no room for an answer.
        """
        return self.answer_batch([question], max_new_tokens)[0]

    def answer_batch(self, questions, max_new_tokens=LONGEST_ANSWER):
        """The answers to several questions, a list of str, decoded together; the longest question sets the room."""
        if self.tokenizer is None:
            raise GenerationError("answers need a tokenizer: set model.tokenizer, or load a folder that holds one")
        if not questions:
            return []
        sep, pad_id = self.config.sep_token_id, self.config.pad_token_id
        texts = [np.array([*self.tokenizer.encode(question), sep]) for question in questions]
        T = max(map(len, texts))
        room = self.n_positions - T
        if room < 1:
            raise GenerationError(f"a question must leave room for an answer in {self.n_positions} tokens; got {T}")
        words = pad([np.ones_like(text) for text in texts], T, "right", 0)
        longest = room if max_new_tokens is None else min(max_new_tokens, room)
        new = generate(self, pad(texts, T, "right", pad_id), words, max_new_tokens=longest, eos_token_id=sep)[:, T:]
        return [self.tokenizer.decode(row[row != sep], skip_special_tokens=True) for row in new]

    def save_pretrained(self, folder, *options, **named):
        """As every model; the tokenizer, if there is one, is written beside it."""
        super().save_pretrained(folder, *options, **named)
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(folder)

    @classmethod
    def from_pretrained(cls, folder, *options, **named):
        """As every model; with the tokenizer that lies beside it, if there is one."""
        model = super().from_pretrained(folder, *options, **named)
        if any((Path(folder) / name).exists() for name in TOKENIZER_FILES):
            model.tokenizer = AutoTokenizer.from_pretrained(folder)
        return model

    def _embed(self, ids, positions, rng, step):
        h = step(*self.embed_tokens(ids))                                      # (B, T) -> (B, T, C)
        h = step(*self.embed_positions(h, positions))
        return step(*self.dropout(h, rng))

    _blocks = property(attrgetter("layers"))

    def _head(self, h):
        return self.lm_head(h)

    def _vocabulary(self):
        return [(self.embed_tokens.weight, (0,)), (self.lm_head.weight, (1,))]


def _block(config, rng):
    C, C_head = config.n_embd, config.n_head * config.head_dim
    eps, std = config.layer_norm_epsilon, config.initializer_range
    attention = MultiHeadAttention(SeparateProjections(C, C_head, rng=rng, bias=False, std=std),
                                   Linear(C_head, C, rng=rng, bias=False, std=std), config.n_head)
    mlp = MLP(C, config.n_inner, rng=rng, activation=ReLU(), bias=False, std=std)
    return PostNormBlock(LayerNorm(C, eps), attention, LayerNorm(C, eps), mlp, Dropout(config.dropout))
