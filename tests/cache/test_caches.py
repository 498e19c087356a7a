"""Every kind of cache against plain arrays, in any order of appends, cuts, choices of rows, alignments and forks."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (RuleBasedStateMachine, initialize, invariant, precondition, rule,
                                 run_state_machine_as_test)

from scratchgpt.cache import (SLACK, KVCache, LayerCache, QuantizedLayerCache, SlidingLayerCache, StaticLayerCache,
                              layer_caches)
from scratchgpt.errors import GenerationError
from tests.checks import checks

K, D, CAPACITY = 2, 3, 150
MORE = settings(max_examples=2 * settings.default.max_examples)
lengths = st.one_of(st.integers(1, 5), st.integers(60, 140))


def rounded(a):
    """Every vector of a (..., D) in 8 bits, one after the other."""
    def one(vector):
        scale = max(abs(x) for x in vector.tolist()) / 127
        return np.array([scale * round(x / scale) for x in vector.tolist()])
    return np.apply_along_axis(one, -1, a)


class Machine(RuleBasedStateMachine):
    """Beside the cache, for each layer one array (2, B, K, S, D) of all its keys and values, as they should be read."""

    kind, windows, read, other = "dynamic", (None, None), staticmethod(lambda a: a), None

    @initialize(B=st.integers(1, 3))
    def begin(self, B):
        self.cache, self.count, self.fresh = KVCache(layer_caches(self.windows, self.kind, CAPACITY)), 1, 0
        self.arrays = [np.zeros((2, B, K, 0, D)) for _ in self.windows]

    @property
    def length(self):
        return self.arrays[0].shape[3]

    def numbers(self, T):
        """Numbers that were never used before."""
        shape = 2, self.arrays[0].shape[1], K, T, D
        start, self.count = self.count, self.count + np.prod(shape)
        return np.arange(start, self.count, dtype=np.float64).reshape(shape)

    @rule(T=lengths)
    def append(self, T):
        if self.kind == "static" and self.length + T > CAPACITY:
            with pytest.raises(GenerationError, match=f"at most capacity={CAPACITY} tokens; got {self.length + T}"):
                self.cache[0].append(*self.numbers(T))
            return
        for i, window in enumerate(self.windows):
            new = self.numbers(T)
            self.arrays[i] = np.concatenate([self.arrays[i], self.read(new)], axis=3)
            seen = slice(None) if self.kind != "sliding_window" or window is None else slice(-(window - 1 + T), None)
            new.flags.writeable = False
            for found, expected in zip(self.cache[i].append(*new), self.arrays[i], strict=True):
                np.testing.assert_array_equal(found, expected[:, :, seen])
        self.fresh = min(self.fresh + T, SLACK) if self.kind == "sliding_window" else self.length

    @rule(data=st.data())
    def truncate(self, data):
        back = data.draw(st.integers(0, self.fresh))
        self.cache.truncate(self.length - back)
        self.arrays = [a[..., :a.shape[3] - back, :] for a in self.arrays]
        self.fresh -= back

    @rule(data=st.data())
    def realign(self, data):
        S, B = self.length, self.arrays[0].shape[1]
        back = data.draw(st.lists(st.integers(0, self.fresh), min_size=B, max_size=B))
        length, ends = data.draw(st.integers(S - max(back), S)), [S - b for b in back]
        self.cache.realign(ends, length)
        for i, old in enumerate(self.arrays):
            self.arrays[i] = new = np.zeros((2, B, K, length, D))
            for b, end in enumerate(ends):
                for column in range(max(0, end - length), end):
                    new[:, b, :, column + length - end] = old[:, b, :, column]
        self.fresh -= max(back)

    @rule(data=st.data())
    def select(self, data):
        B = self.arrays[0].shape[1]
        rows = data.draw(st.lists(st.integers(0, B - 1), min_size=1, max_size=4) | st.just(list(range(B))))
        self.cache.select(np.array(rows) if B % 2 else rows)
        self.arrays = [a[:, rows] for a in self.arrays]

    @rule(swap=st.booleans())
    def fork(self, swap):
        self.other = self.cache.fork(), list(self.arrays), self.fresh
        if swap:
            self.go_on_with_the_other()

    @precondition(lambda self: self.other)
    @rule()
    def go_on_with_the_other(self):
        (self.cache, self.arrays, self.fresh), self.other = self.other, (self.cache, self.arrays, self.fresh)

    @rule(back=st.integers(-3, 300), ends=st.lists(st.integers(-3, 300), max_size=4))
    def a_cut_that_cannot_be_changes_nothing(self, back, ends):
        S, before = self.length, self.arrays
        if not 0 <= S - back <= S:
            with pytest.raises(GenerationError, match="cannot be cut"):
                self.cache.truncate(S - back)
        ends = [S - end for end in ends]
        if len(ends) != before[0].shape[1] or not all(0 <= end <= S for end in ends):
            if S:                                                        # rows of nothing may be any number
                with pytest.raises(GenerationError, match="ends must be"):
                    self.cache.realign(ends, S)

    @precondition(lambda self: self.length)
    @rule()
    def rows_that_are_not_there_are_refused(self):
        B = self.arrays[0].shape[1]
        with pytest.raises(GenerationError, match=f"it holds {B} rows, got {B + 1}"):
            self.cache[0].append(*np.zeros((2, B + 1, K, 1, D)))
        for rows in ([B], [-1], [0.0], [[0]], 0, [True]):
            with pytest.raises(GenerationError, match=f"one of the {B} rows"):
                self.cache.select(rows)

    @invariant()
    def what_is_kept_is_what_it_should_be(self):
        for cache, arrays, _ in [(self.cache, self.arrays, 0), *([self.other] if self.other else [])]:
            assert len(cache) == arrays[0].shape[3]
            for layer, window, expected in zip(cache.layers, self.windows, arrays, strict=True):
                assert layer.length == len(cache) and layer is cache[cache.layers.index(layer)]
                if layer.rows:
                    found = np.stack(layer.kept())
                    held, sees = found.shape[3], len(cache)
                    if self.kind == "sliding_window" and window is not None:
                        sees = min(sees, window - 1)
                        assert held <= 2 * (window - 1 + SLACK)
                    assert sees <= held
                    np.testing.assert_array_equal(found, expected[..., len(cache) - held:, :])


def machine(kind_, windows_=(None, None), read_=lambda a: a):
    class Kind(Machine):
        kind, windows, read = kind_, windows_, staticmethod(read_)
    return Kind


@checks(KVCache, LayerCache, StaticLayerCache, SlidingLayerCache, QuantizedLayerCache, layer_caches)
@pytest.mark.parametrize("kind", [machine("dynamic"), machine("static"), machine("quantized", (None,), rounded),
                                  machine("sliding_window", (None, 3)), machine("sliding_window", (5, 1))],
                         ids=["dynamic", "static", "quantized", "some windows", "windows"])
def test_any_order_of_what_decoding_does_equals_the_same_on_plain_arrays(kind):
    run_state_machine_as_test(kind, settings=settings(MORE, stateful_step_count=25))
