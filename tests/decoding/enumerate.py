"""All outcomes of a random computation with their probabilities, exactly: chance that is walked through, not drawn.

`outcomes(f)` runs f(rng) once for every way that its draws can turn out. The generator gives numbers u of which only an
interval is known. A comparison of u with numbers cuts that interval at each of them, one run goes on in every part, and
a part's length is its probability. Whatever f does with u besides scaling and comparing it is an error.
"""

from collections import defaultdict

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal)


def outcomes(f):
    """Yield (f(rng), probability) for each branch; probabilities of all branches sum to 1."""
    paths = [()]
    while paths:
        walk = Walk(paths.pop())
        value = f(walk)
        paths += walk.others
        yield value, walk.probability


def distribution(f):
    """{value: probability} of f(rng), whose values can be hashed."""
    found = defaultdict(float)
    for value, probability in outcomes(f):
        found[value] += probability
    return dict(found)


class Walk(np.random.Generator):
    """A generator that takes the given branches first and the first branch from then on, noting the others."""

    def __init__(self, path):
        super().__init__(np.random.PCG64(0))
        self.path, self.taken, self.others, self.probability, self.intervals = path, (), [], 1.0, []

    def random(self, size=None, dtype=np.float64, out=None):
        """Uniform numbers on [0, 1) of which nothing else is known yet."""
        shape = () if size is None else size if isinstance(size, tuple) else (size,)
        first, count = len(self.intervals), int(np.prod(shape))
        self.intervals += [(0.0, 1.0)] * count
        return Uniform(self, np.arange(first, first + count).reshape(shape), np.ones(shape))

    def cut(self, which, at):
        """Cut a number's interval at some places and go on in one part; returns a number inside it."""
        low, high = self.intervals[which]
        edges = [low, *sorted({place for place in at if low < place < high}), high]
        n = len(self.taken)
        branch = self.path[n] if n < len(self.path) else 0
        if n >= len(self.path):
            self.others += [(*self.taken, other) for other in range(1, len(edges) - 1)]
        self.taken += (branch,)
        self.intervals[which] = edges[branch], edges[branch + 1]
        self.probability *= (edges[branch + 1] - edges[branch]) / (high - low)
        return (edges[branch] + edges[branch + 1]) / 2


class Uniform(NDArrayOperatorsMixin):
    """An array of such numbers, each scaled: `which` of the walk's numbers, times `scale`."""

    def __init__(self, walk, which, scale):
        self.walk, self.which, self.scale = walk, which, scale

    def __getitem__(self, key):
        return Uniform(self.walk, self.which[key], self.scale[key])

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if method == "__call__" and ufunc is np.multiply and not options:
            [factor] = [np.asarray(one) for one in inputs if one is not self]
            which, scale = np.broadcast_arrays(self.which, self.scale * factor)
            return Uniform(self.walk, which, scale)
        if method == "__call__" and ufunc in COMPARISONS and not options:
            return self.compared(ufunc, *inputs)
        return NotImplemented

    def compared(self, ufunc, left, right):
        """The comparison as it turns out on this branch."""
        other = np.asarray(right if left is self else left, dtype=np.float64)
        which, scale, other = np.broadcast_arrays(self.which, self.scale, other)
        value = np.zeros(which.shape)
        for one in np.unique(which):
            here = which == one
            limits = [place / by if by else np.inf for place, by in zip(other[here], scale[here])]
            value[here] = self.walk.cut(one, limits)
        return ufunc(value * scale, other) if left is self else ufunc(other, value * scale)
