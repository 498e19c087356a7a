"""A cache in a quarter of the memory: keys and values in 8 bits.

Before this file: `growing`. After it: what rounding costs, and what bounds it.
"""

import numpy as np

from .growing import LayerCache


class QuantizedLayerCache(LayerCache):
    """A LayerCache of int8 codes (B, K, S, D), with one scale for each vector of D numbers.

        scale = max_d |k_d| / 127    code_d = round(k_d / scale)    k'_d = scale code_d    |k_d - k'_d| <= scale / 2

    All tokens are rounded as they come, the newest too; what is read is made again from the codes, a layer at a time.
    D + 4 bytes a vector where float32 takes 4 D.
    Source: absmax quantisation, vector-wise: Dettmers et al. 2022, arXiv:2208.07339.
    """

    def append(self, k, v):
        """Add k, v (B, K, T, D) behind what is there; returns all keys and values (B, K, S, D) as they are read."""
        return super().append(*_coded(k), *_coded(v))

    def kept(self):
        """All keys and values so far, (B, K, S, D) each, as their codes say."""
        keys, key_scales, values, value_scales = super().kept()
        return keys * key_scales, values * value_scales


def _coded(k):
    """codes (B, K, T, D), and scales (B, K, T, 1) of the dtype of k."""
    scale = abs(k).max(axis=-1, keepdims=True) / 127
    return np.rint(k / np.where(scale > 0, scale, 1)).astype(np.int8), scale
