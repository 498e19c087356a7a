"""Green lists: a share of the vocabulary, chosen anew at every place by a key and the tokens before it.

Before this file: NumPy's generators. After it: the reader has the coin that a watermark tosses and its detector tosses
again: to whoever lacks the key it is chance, to whoever has it a fact.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from ...errors import GenerationError
from ...inputs import check_whole

SCHEMES = ("lefthash", "selfhash")


@dataclass(frozen=True)
class GreenLists:
    """Which tokens are green where: the settings of a watermark.

        green = the G tokens v of smallest r_v, r = V numbers of 64 bits from PCG64(seed), G = floor(gamma V)

        lefthash    seed = hash(key, x_{t-h}, ..., x_{t-1})                     of the h tokens before
        selfhash    seed = min_i hash(key, x_i, x_t), t - h < i <= t            of h tokens, the last that in question

    greenlist_ratio  gamma, in (0, 1), the share of green tokens       bias   delta > 0, in nats
    hashing_key      an integer >= 0, the secret                       context_width   h >= 1, in tokens
    seeding_scheme   "lefthash", or "selfhash", whose seed outlives edits of tokens that are not the minimum
    The hash is NumPy's SeedSequence; it and PCG64's raw numbers are the same in all versions of NumPy (NEP 19). Names
    and defaults are those of transformers, but the lists are not: its own are torch's permutations, and its lefthash
    looks at one token whatever h is. So text marked here is detected here.
    Raises GenerationError for settings that cannot be.
    Source: Kirchenbauer et al. 2023, arXiv:2301.10226, algorithms 2 and 3; Kirchenbauer et al. 2023, arXiv:2306.04634.
    """

    greenlist_ratio: float = 0.25
    bias: float = 2.0
    hashing_key: int = 15485863
    seeding_scheme: str = "lefthash"
    context_width: int = 1

    def __post_init__(self):
        for name, fits, rule in (("greenlist_ratio", lambda value: 0 < value < 1, "in (0, 1)"),
                                 ("bias", lambda value: 0 < value <= 1e6, "in (0, 1e6]")):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not fits(value):
                raise GenerationError(f"{name} must be a number {rule}; got {value!r:.80}")
        check_whole("hashing_key", self.hashing_key, 0, GenerationError)
        check_whole("context_width", self.context_width, 1, GenerationError)
        if self.seeding_scheme not in SCHEMES:
            raise GenerationError(f"seeding_scheme must be {' or '.join(SCHEMES)}; got {self.seeding_scheme!r:.80}")

    @classmethod
    def of(cls, settings):
        """From a dict, as a config has it; raises GenerationError for a name that is no setting."""
        known = [one.name for one in fields(cls)]
        for name in settings:
            if name not in known:
                raise GenerationError(f"a watermark has the settings {', '.join(known)}; got {name!r:.80}")
        return cls(**settings)

    @property
    def n_before(self):
        """How many tokens before a place decide on its list."""
        return self.context_width - (self.seeding_scheme == "selfhash")

    def size(self, V):
        """G = floor(gamma V), the green tokens among V; raises GenerationError where there is none."""
        if int(self.greenlist_ratio * V) == 0:
            raise GenerationError(f"greenlist_ratio must leave a green token; got {self.greenlist_ratio} of {V} tokens")
        return int(self.greenlist_ratio * V)

    def green(self, before, V):
        """The green tokens after some others, with "lefthash": (V,) bool.    before  tuple of n_before tokens"""
        return _green(self._seed(*before), self.size(V), V)

    def is_green(self, before, token, V):
        """Whether one token is green after others.    before  tuple of n_before tokens"""
        if self.seeding_scheme == "lefthash":
            return bool(self.green(before, V)[token])
        seed = min(self._seed(other, token) for other in (*before, token))
        return bool(_green(seed, self.size(V), V)[token])

    def _seed(self, *tokens):
        return tuple(np.random.SeedSequence((self.hashing_key, *tokens)).generate_state(2, np.uint64).tolist())


@lru_cache(maxsize=256)
def _green(seed, size, V):
    green = np.zeros(V, bool)
    green[np.argsort(np.random.PCG64(seed).random_raw(V), kind="stable")[:size]] = True
    green.flags.writeable = False
    return green
