"""Rotary positions as a part of a model. Before: `formulas.rotary`. After: which stretching a config asks for, and where."""

import numpy as np

from .. import formulas
from ..errors import ConfigError


# rope_type: what it makes of the frequencies w, by the parameters p of a config and the longest text of the training
STRETCHES = {
    "default": lambda w, p, trained: w,
    "linear": lambda w, p, trained: formulas.linear_frequencies(w, p["factor"]),
    "dynamic": lambda w, p, trained: w,                     # up to the longest text of the training; beyond, see __call__
    "llama3": lambda w, p, trained: formulas.llama3_frequencies(w, p["factor"], p["low_freq_factor"],
                                                                p["high_freq_factor"], trained),
    "yarn": lambda w, p, trained: formulas.yarn_frequencies(w, p["rope_theta"], p["factor"], trained,
                                                            p.get("beta_fast", 32), p.get("beta_slow", 1),
                                                            p.get("truncate", True)),
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
        trained = p.get("original_max_position_embeddings", max_positions)
        self.w = STRETCHES[p["rope_type"]](formulas.rotary_frequencies(D, p["rope_theta"]), p, trained)
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
