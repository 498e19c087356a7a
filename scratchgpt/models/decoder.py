"""The decoder: an embedding, a stack of causal blocks, a head. Every GPT, Llama and Qwen is one of these.

Before this file: `layers.block`, `language_model`. After it: how ids become hidden states, with padding, with a cache
and with whoever wants to look on; a model file names its parts.
"""

import copy

from .. import formulas
from ..cache import KVCache, layer_caches
from ..errors import GenerationError
from ..inputs import check_whole
from .language_model import LanguageModel


class Decoder(LanguageModel):
    """A causal stack of blocks over an embedding.

        h_0 = embed(ids, positions)      h_l = Block_l(h_{l-1})      h = norm(h_L)      logits = head(h)

    Subclasses name their parts, under the names of the field's files, and say what they are by

        _embed(ids, positions, rng, step) -> h     with `step(y, backward)` around each layer's call
        _blocks, _norm                             the list of blocks; the last norm, or None
        _windows                                   for each block how many tokens a query sees, None for all
        _rotate(positions, like) -> (cos, sin)     where the model's positions are rotary
        _head, _vocabulary                         as every LanguageModel

    Padding: a token's position is the number of tokens before it in its row, pads not counted, and no token looks at a
    pad; so a row in a padded batch (B, T) gives what it gives alone. (A window counts the pads between two tokens, so
    where there are windows pads stand before or behind a row's tokens.) What stands at the pads is without meaning.
    Source: Radford et al. 2018, Improving language understanding by generative pre-training, section 3.1.
    """

    _norm, _depth = None, None                                             # depth: of the blocks only so many run

    @property
    def _windows(self):
        return [None] * len(self._blocks)

    def _trunk(self, ids, pullbacks, attention_mask=None, cache=None, rng=None, states=None, maps=None):
        def step(y, pullback):
            pullbacks.append(pullback)
            return y

        past = 0 if cache is None else len(cache)
        positions, mask = past, None                                       # of the first token, the others following
        if attention_mask is not None:
            positions = formulas.token_positions(attention_mask)[:, past:]                      # (B, S) -> (B, T)
            mask = formulas.padding_mask(attention_mask)
        h = self._embed(ids, positions, rng, step)                                              # (B, T) -> (B, T, C)
        options = {"causal": True, "mask": mask, "rotation": self._rotate(positions, h), "maps": maps}
        for i, block in enumerate(self._blocks[:self._depth]):
            if states is not None:
                states.append(h)
            h = step(*block(h, rng=rng, cache=None if cache is None else cache[i], **options))
        if self._norm is not None:
            h = step(*self._norm(h))
        if states is not None:
            states.append(h)
        return h

    def _rotate(self, positions, like):
        """None: positions are learned, or fixed, and were added by `_embed`."""
        return None

    def new_cache(self, implementation="dynamic", capacity=None):
        """An empty KVCache for `logits` and `next_logits`, of the kind that `layer_caches` says."""
        return KVCache(layer_caches(self._windows[:self._depth], implementation, capacity))

    def early_exit(self, n_layers):
        """The same model, its parameters shared, that stops after n_layers blocks: h_n goes to the norm and the head.

        A cheaper guess at what the whole model says, for drafts. Raises GenerationError unless 1 <= n_layers <= L.
        """
        check_whole("n_layers", n_layers, 1, GenerationError)
        L = len(self._blocks[:self._depth])
        if n_layers > L:
            raise GenerationError(f"a model can be left after 1 to all of its layers, n_layers={L}; got {n_layers}")
        shallow = copy.copy(self)
        shallow._depth = n_layers
        return shallow
