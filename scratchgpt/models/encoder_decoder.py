"""What every encoder-decoder can do, given its two passes.

Before this file: `language_model`, `cache`. After it: to translate is to generate text with a source in view; once the
source is given, the model is a language model of the target.
"""

import copy
from collections import deque

import numpy as np

from .. import backend, formulas
from ..cache import EncoderDecoderCache, KVCache, check_rows, layer_caches
from ..errors import DataError
from ..inputs import as_mask
from ..layers import CrossEntropy
from .language_model import last_of_rows
from .pretrained_model import PretrainedModel


class EncoderDecoder(PretrainedModel):
    """The probability of a target text y given a source text x.

        p(y_1 .. y_T | x_1 .. x_S) = prod_t p(y_t | y_0 .. y_{t-1}, x)        y_0 = <bos>

    Rows are padded to one length with `pad_token_id`: as keys pads are never looked at, as targets they do not count.
    Subclasses define, with memory (B, S, C), h (B, T, C) and masks (B, 1, 1, S) and (B, 1, 1, T):

        _encode(source, mask, pullbacks, ...) -> memory, backward
        _decode(target, mask, memory, memory_mask, pullbacks, positions, ...) -> h, backward, backward(dh) -> dmemory
        _head(h) -> logits, backward

    and `config` with src_vocab_size, tgt_vocab_size, num_decoder_layers, max_length and the ids of the special tokens.
    Source: Sutskever, Vinyals & Le 2014, arXiv:1409.3215, equation 1.
    """

    def forward(self, source, target, source_mask=None, rng=None):
        """source (B, S), target (B, T) -> logits (B, T, V) in nats, and backward(dlogits), which fills the gradients.

        source_mask   (B, S) of 0 and 1: which ids are words; None: those that are not pad_token_id
        rng           Generator for dropout; None: no dropout
        Raises DataError for ids outside their vocabulary, too many of them, or masks and rows that do not fit.
        """
        source, source_mask = self._source(source, source_mask)
        target = self._target(target, len(source))
        memory, encode_back = self._encode(source, source_mask, [], rng=rng)
        h, decode_back = self._decode(target, self._mask(target), memory, source_mask, [], rng=rng)
        logits, head_back = self._head(h)
        return logits, lambda dlogits: encode_back(decode_back(head_back(dlogits)))

    def loss(self, source, inputs, targets, rng=None, ignore_index=-100, label_smoothing=0.0, source_mask=None):
        """Mean cross-entropy in nats per token, of the targets that are neither ignore_index nor pad_token_id.

        inputs, targets (B, T): <bos> y_1 .. y_n, and y_1 .. y_n <eos>, as `shifted` makes them of y; others as in
        `forward` and `cross_entropy`
        returns loss () and backward(dloss=1.0), which adds d(dloss * loss) to every `Parameter.grad`
        """
        logits, logits_back = self.forward(source, inputs, source_mask, rng)
        targets = self._tokens("targets", targets, self.config.tgt_vocab_size, logits.shape[:-1], ignore_index)
        targets = np.where(targets == self.config.pad_token_id, ignore_index, targets)
        loss, loss_back = CrossEntropy(ignore_index, label_smoothing)(logits, targets)
        return loss, lambda dloss=1.0: logits_back(loss_back(dloss))

    def shifted(self, target):
        """target (B, T), padded behind its words -> inputs <bos> y_1 .. y_n, targets y_1 .. y_n <eos>, (B, T + 1)."""
        target = backend.to_host(self._tokens("target", target, self.config.tgt_vocab_size))
        words = target != self.config.pad_token_id
        if (words[:, 1:] > words[:, :-1]).any():
            raise DataError("a target must be padded behind its words only; got one with "
                            f"pad_token_id={self.config.pad_token_id} before a word")
        end = np.full_like(target[:, :1], self.config.pad_token_id)
        targets = np.concatenate([target, end], axis=1)
        targets[np.arange(len(target)), words.sum(axis=1)] = self.config.eos_token_id
        return np.concatenate([np.full_like(end, self.config.bos_token_id), target], axis=1), targets

    def encode(self, source, source_mask=None):
        """source (B, S) -> memory (B, S, C): what the decoder looks at; holds no activations."""
        return self._encode(*self._source(source, source_mask), deque(maxlen=0))[0]

    def given(self, source, source_mask=None):
        """p(target | source) as a language model, for `generate`. source, source_mask (B, S), encoded now and once."""
        return ConditionalModel(self, source, source_mask)

    def hidden_states(self, source, target, source_mask=None):
        """Both streams, as they enter the first block and after each.

        returns {"encoder": [(B, S, C)], "decoder": [(B, T, C)]}
        """
        states = {"encoder": [], "decoder": []}
        given = ConditionalModel(self, source, source_mask, states=states["encoder"])
        given._hidden(target, states=states["decoder"])
        return states

    def attention_maps(self, source, target, source_mask=None):
        """Who looks at whom, in lists with one array for each layer, [b, h, t, s] being how much t looks at s.

        returns {"encoder": [(B, H, S, S)], "decoder": [(B, H, T, T)], "cross": [(B, H, T, S)]}
        """
        maps = {"encoder": [], "decoder": [], "cross": []}
        given = ConditionalModel(self, source, source_mask, maps=maps["encoder"])
        given._hidden(target, maps=(maps["decoder"], maps["cross"]))
        return maps

    def _mask(self, ids, cache=None, attention_mask=None):
        """(B, T) -> booleans (B, 1, 1, past + T), True for words: as the mask (B, past + T) says, or else the ids."""
        new = ids != self.config.pad_token_id if attention_mask is None else attention_mask[:, -ids.shape[1]:] != 0
        words = new if cache is None else cache.all_words(new)
        return formulas.padding_mask(words if attention_mask is None else attention_mask)

    def _source(self, ids, mask):
        """Checked ids (B, S), and which of them are words, booleans (B, 1, 1, S)."""
        ids = self._fitting("source", self._tokens("source", ids, self.config.src_vocab_size))
        if mask is None:
            return ids, self._mask(ids)
        return ids, formulas.padding_mask(backend.asarray(as_mask("source_mask", mask, ids.shape, DataError), like=ids))

    def _target(self, ids, rows, past=0):
        """Checked ids (B, T), B being the source's."""
        ids = self._fitting("target", self._tokens("target", ids, self.config.tgt_vocab_size), past)
        if len(ids) != rows:
            raise DataError(f"every target has one source; got {len(ids)} targets for {rows} sources")
        return ids

    def _fitting(self, name, ids, past=0):
        longest = self.config.max_length
        if longest is not None and past + ids.shape[1] > longest:
            raise DataError(f"a {name} must fit max_length={longest} tokens; got {past + ids.shape[1]}")
        return ids


class ConditionalModel:
    """A language model of the target: the encoder-decoder `model` with its source given.

        p(y_t | y_0 .. y_{t-1}) = softmax(logits_{t-1})        for each row of the source (B, S), which is encoded once

    It has what `generate` asks of a language model, so that every decoding strategy works on it: start from <bos>.
    An attention_mask may come with ids, as everywhere: its 0 hides a pad, wherever it is, and positions count tokens;
    so a row in a padded batch gives what it gives alone. Without one it is pad_token_id that says what is padding, and
    the places of pads count. For one text, give it with every call or with none.

    source, source_mask   (B, S) the source's ids, and 1 for its words, on the host
    Source: as `EncoderDecoder`.
    """

    def __init__(self, model, source, source_mask=None, **views):
        self.model, self.config, self.n_positions = model, model.config, model.config.max_length
        ids, self.memory_mask = model._source(source, source_mask)
        self.source = backend.to_host(ids)
        self.source_mask = backend.to_host(self.memory_mask)[:, 0, 0].astype(np.int64)      # (B, 1, 1, S) -> (B, S)
        self.memory, _ = model._encode(ids, self.memory_mask, deque(maxlen=0), **views)

    def logits(self, ids, cache=None, attention_mask=None, states=None):
        """ids (B, T) -> logits (B, T, V); holds no activations. With a cache, ids continue what it remembers.

        states   a list that receives the decoder's hidden states (B, T, C), before its first block and after each
        """
        return self.head(self._hidden(ids, cache, attention_mask, states=states))

    def next_logits(self, ids, cache=None, attention_mask=None, states=None):
        """ids (B, T) -> logits (B, V) of the token that follows the last of each row that is no pad of the mask."""
        return self.head(last_of_rows(self._hidden(ids, cache, attention_mask, states=states), attention_mask))

    def head(self, h):
        """Last hidden states (..., C) -> logits (..., V)."""
        return self.model._head(h)[0]

    def check_ids(self, ids, past=0):
        """ids as a (B, T) integer array on the model's device, or a DataError that says what is wrong with them."""
        return self.model._target(ids, len(self.memory), past)

    def new_cache(self, implementation="dynamic", capacity=None):
        """An empty EncoderDecoderCache; the kind is that of the target's part, as `layer_caches` says."""
        L, S = self.config.num_decoder_layers, self.memory.shape[1]
        return EncoderDecoderCache(KVCache(layer_caches([None] * L, implementation, capacity)),
                                   KVCache(layer_caches([None] * L, "static", S)))

    def select(self, rows):
        """The model whose row b has the source of row rows[b].    rows (B',) integers, as for `KVCache.select`"""
        rows, chosen = check_rows(rows, len(self.memory)), copy.copy(self)
        chosen.source, chosen.source_mask = self.source[rows], self.source_mask[rows]
        rows = backend.asarray(rows, like=self.memory)
        chosen.memory, chosen.memory_mask = self.memory[rows], self.memory_mask[rows]
        return chosen

    def _hidden(self, ids, cache=None, attention_mask=None, **views):
        past = positions = 0 if cache is None else len(cache)
        ids = self.check_ids(ids, past)
        if attention_mask is not None:
            shape = ids.shape[0], past + ids.shape[1]
            attention_mask = backend.asarray(as_mask("attention_mask", attention_mask, shape, DataError), like=ids)
            positions = formulas.token_positions(attention_mask)[:, past:]                   # (B, S) -> (B, T)
        mask = self.model._mask(ids, cache, attention_mask)
        return self.model._decode(ids, mask, self.memory, self.memory_mask, deque(maxlen=0), positions, cache=cache,
                                  **views)[0]
