"""Rotary positions as a part of a model.

Before this file: `formulas.rotary`. After it: the reader knows what a config's rope_parameters ask for.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import formulas
from ..errors import ConfigError

TRAINED = "original_max_position_embeddings"             # the longest text of the training, before it was stretched


class RopeType(NamedTuple):
    """A way to stretch the angles of long texts.

        w' = frequencies(w, p, trained)

    needs, may_have  keys of rope_parameters, besides rope_theta
    w, w'            (D/2,), radians per position        p  rope_parameters        trained  in tokens
    Source: as `formulas.rotary` says of each.
    """

    needs: tuple
    may_have: tuple
    frequencies: Callable


ROPE_TYPES = {
    "default": RopeType((), (), lambda w, p, trained: w),
    "linear": RopeType(("factor",), (), lambda w, p, trained: formulas.linear_frequencies(w, p["factor"])),
    "dynamic": RopeType(("factor",), (), lambda w, p, trained: w),         # of texts that are longer, see __call__
    "llama3": RopeType(("factor", "low_freq_factor", "high_freq_factor", TRAINED), (),
                       lambda w, p, trained: formulas.llama3_frequencies(
                           w, p["factor"], p["low_freq_factor"], p["high_freq_factor"], trained)),
    "yarn": RopeType(("factor", TRAINED),
                     ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"),
                     lambda w, p, trained: formulas.yarn_frequencies(
                         w, p["rope_theta"], p["factor"], trained, p.get("beta_fast", 32), p.get("beta_slow", 1),
                         p.get("truncate", True))),
}


class RotaryPositions:
    """The turns of a model's heads at given positions: constants, with nothing to learn and no gradient.

        cos, sin = a cos(p w_i), a sin(p w_i)      w, a as the type says: default, linear, dynamic, llama3, yarn

    D           channels of a head, even        max_positions  the longest text of the training, in tokens
    parameters  {"rope_type", "rope_theta", "factor", ...} as config.json has them, checked by whoever read them
    Source: Su et al. 2021, arXiv:2104.09864; the types, as in `formulas.rotary`.
    """

    def __init__(self, D, parameters, max_positions):
        if D % 2:
            raise ConfigError(f"rotary positions turn pairs of channels: a head's must be even; got head_dim={D}")
        p, self.D, self.parameters, self.max_positions = parameters, D, parameters, max_positions
        w = formulas.rotary_frequencies(D, p["rope_theta"])
        self.w = ROPE_TYPES[p["rope_type"]].frequencies(w, p, p.get(TRAINED, max_positions))
        self.scale = 1.0
        if p["rope_type"] == "yarn":
            self.scale = p.get("attention_factor") or formulas.yarn_attention_factor(p["factor"], p.get("mscale"),
                                                                                     p.get("mscale_all_dim"))

    def __call__(self, positions, like):
        """cos, sin (B, T, 1, D/2) as `formulas.rotate` takes them, for like (B, T, C).

        positions  integers (B, T), the place of every token; or one integer, that of the first, the others following
        Of the dynamic type, each row is stretched by its own length, its last position + 1.
        """
        if isinstance(positions, int):
            positions = np.arange(positions, positions + like.shape[1], like=like)[None]
        w = self.w
        if self.parameters["rope_type"] == "dynamic":
            lengths = positions.max(axis=-1, keepdims=True) + 1
            w = formulas.dynamic_frequencies(self.D, self.parameters["rope_theta"], self.parameters["factor"], lengths,
                                             self.max_positions)
        return formulas.rotation(positions, w, like, self.scale)
