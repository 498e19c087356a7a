"""What every language model here can do, given its one forward pass.

Before this file: `layers`, `cache`. After it: loss, logits, files and views are the same for all architectures; a
model file holds its config, its parts and `_trunk`.
"""

from collections import deque
from dataclasses import replace

import numpy as np

from .. import backend
from ..errors import DataError
from ..inputs import as_mask
from ..layers import CrossEntropy
from ..module import normal
from .pretrained_model import PretrainedModel


class LanguageModel(PretrainedModel):
    """Scores for the next token at every position, and with them the probability of a text.

        p(x_1 .. x_T) = prod_t p(x_t | x_1 .. x_{t-1})        p(x_{t+1} = v | x_1 .. x_t) = softmax(logits_t)_v

    Subclasses define, with h (B, T, C) the last hidden states:

        _trunk(ids, pullbacks, ...) -> h     pushing each step's backward onto `pullbacks`
        _head(h) -> logits, backward         (..., C) -> (..., V)
        _vocabulary() -> [(Parameter, axes)] the parameters that have an entry for each token, and the axes it is on

    and the attributes `config` (with `vocab_size`), `n_positions` (the longest text that it can read, None for any)
    and `context` (the longest that it was made for). In every call

        attention_mask   (B, T) of 1 for tokens and 0 for pads, on either side; None: no pads. With a cache (B, S),
                         for what it remembers and what is new
        cache            KVCache: ids (B, T) continue what it remembers
        states           a list that receives the hidden states (B, T, C) as `hidden_states` gives them

    Source: Bengio et al. 2003, A neural probabilistic language model, section 1.
    """

    @property
    def context(self):
        """The longest text, in tokens, that the model was made for; None for any."""
        return self.n_positions

    def forward(self, ids, attention_mask=None, rng=None):
        """ids (B, T) -> logits (B, T, V) in nats, and backward(dlogits), which fills the gradients.

        rng   Generator for dropout; None: no dropout
        Raises DataError for ids outside the vocabulary or too many of them, or a mask that does not fit.
        """
        pullbacks = []
        ids = self.check_ids(ids)
        h = self._trunk(ids, pullbacks, attention_mask=self._padding(attention_mask, ids.shape), rng=rng)
        logits, head_back = self._head(h)

        def backward(dlogits):
            dh = head_back(dlogits)
            for pullback in reversed(pullbacks):
                dh = pullback(dh)
        return logits, backward

    def loss(self, ids, targets, attention_mask=None, rng=None, ignore_index=-100, label_smoothing=0.0):
        """Mean cross-entropy of the targets that count, in nats per token.

        ids, targets (B, T); the target of ids[:, t] is usually ids[:, t + 1]. The target of a pad, and one that is a
        pad, should be ignore_index. Others as in `cross_entropy`.
        returns loss () and backward(dloss=1.0), which adds d(dloss * loss) to every `Parameter.grad`
        """
        logits, logits_back = self.forward(ids, attention_mask, rng)
        targets = self._tokens("targets", targets, self.config.vocab_size, logits.shape[:-1], ignore_index)
        loss, loss_back = CrossEntropy(ignore_index, label_smoothing)(logits, targets)
        return loss, lambda dloss=1.0: logits_back(loss_back(dloss))

    def logits(self, ids, cache=None, attention_mask=None, states=None):
        """ids (B, T) -> logits (B, T, V); holds no activations."""
        return self.head(self._inference(ids, cache, attention_mask, states=states))

    def next_logits(self, ids, cache=None, attention_mask=None, states=None):
        """ids (B, T) -> logits (B, V) of the token that follows the last of each row that is no pad."""
        return self.head(last_of_rows(self._inference(ids, cache, attention_mask, states=states), attention_mask))

    def head(self, h):
        """Last hidden states (..., C) -> logits (..., V); holds no activations."""
        return self._head(h)[0]

    def select(self, rows):
        """The model for row rows[b] at row b of a batch: itself, as it knows nothing of the rows.    rows (B',)"""
        return self

    def hidden_states(self, ids, attention_mask=None):
        """ids (B, T) -> [(B, T, C)]: the stream as it enters the first block, and after each; the last one normed."""
        states = []
        self._inference(ids, None, attention_mask, states=states)
        return states

    def attention_maps(self, ids, attention_mask=None):
        """ids (B, T) -> [(B, H, T, T)], one for each layer: entry [b, h, t, s] is how much t looks at s."""
        maps = []
        self._inference(ids, None, attention_mask, maps=maps)
        return maps

    def _inference(self, ids, cache, attention_mask, **views):
        """The trunk, with every backward dropped at once."""
        past = 0 if cache is None else len(cache)
        ids = self.check_ids(ids, past)
        mask = self._padding(attention_mask, (ids.shape[0], past + ids.shape[1]))
        return self._trunk(ids, deque(maxlen=0), attention_mask=mask, cache=cache, **views)

    def _padding(self, attention_mask, shape):
        """A mask that hides something, on the model's device; None for one that hides nothing. Raises DataError."""
        if attention_mask is None:
            return None
        mask = as_mask("attention_mask", attention_mask, shape, DataError)
        return None if mask.all() else backend.asarray(mask, like=self._like())

    def resize_embedding(self, vocab_size, rng=None):
        """Give the model `vocab_size` tokens: at the end new ones come, or old ones go; all others stay as they are.

            W_new = mean_v W_v     so that, for an old token v,     p_before(v) / (1 + new / old) <= p(v) <= p_before(v)

        rng   None: a new token's row in the table, and its column in a head that is not tied, is the mean of the old
              ones. (transformers adds noise of 1e-9 times their covariance.) A Generator: it is drawn from
              N(0, initializer_range^2), as at construction

        Hidden states of old tokens stay the same bits, and logits the same numbers; for another width of the table BLAS
        may round their last bits otherwise. Each `Parameter` stays the same object, trainable or not, with a new array
        of its dtype on its device; gradients are forgotten. `config` is replaced, so that `save_pretrained` writes what
        loads. An optimizer that was made before holds averages of the old shape and cannot step: make a new one.

        Raises ConfigError for a vocab_size that the config refuses, or another rng; then nothing is changed.
        Source: Hewitt 2021, Initializing new word embeddings for pretrained language models.
        """
        config = replace(self.config, vocab_size=vocab_size)
        std, resized = getattr(config, "initializer_range", 0.02), []
        for parameter, axes in self._vocabulary():
            array = parameter.data
            for axis in axes:
                array = _resize(array, axis, vocab_size, rng, std)
            resized.append((parameter, array))
        for parameter, array in resized:
            parameter.data = array
            parameter.forget_grad()
        self.config = config

    def check_ids(self, ids, past=0):
        """ids as a (B, T) integer array on the model's device, or a DataError that says what is wrong with them."""
        ids = self._tokens("ids", ids, self.config.vocab_size)
        if self.n_positions is not None and past + ids.shape[1] > self.n_positions:
            raise DataError(f"a text must fit the context of n_positions={self.n_positions} tokens; "
                            f"got {past + ids.shape[1]}")
        return ids


def last_of_rows(h, attention_mask=None):
    """What stands at each row's last token that is no pad.

        y_b = h_{b, t}      t = max {t : m_bt = 1}

    h (B, T, C)    attention_mask  m, (B, S), of which the last T columns count; None: no pads    returns (B, C)
    Source: as `LanguageModel`, whose next token follows this one.
    """
    if attention_mask is None:
        return h[:, -1]
    is_token = backend.to_host(attention_mask)[:, -h.shape[1]:]
    last = backend.asarray(h.shape[1] - 1 - np.argmax(is_token[:, ::-1] != 0, axis=-1), like=h)
    return h[np.arange(h.shape[0], like=h), last]


def _resize(array, axis, length, rng, std):
    """A new array with `length` entries on an axis: the first old ones, and then their mean, or N(0, std^2)."""
    more = length - array.shape[axis]
    if more <= 0:
        return np.split(array, [length], axis)[0].copy()
    shape = (*array.shape[:axis], more, *array.shape[axis + 1:])
    if rng is None:
        new = np.broadcast_to(array.mean(axis=axis, keepdims=True), shape)
    else:
        new = backend.asarray(normal(shape, std, rng), array.dtype, like=array)
    return np.concatenate([array, new], axis)
