"""The reader against rows read alone, from the beginning and without a cache, whatever was said and taken back."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from scratchgpt.decoding.prompt import right_aligned
from scratchgpt.decoding.reader import Reader
from scratchgpt.models import BigramConfig, BigramLM
from tests.checks import checks
from tests.layers.cases import V, gpt2
from tests.layers.llama_cases import llama, mistral, qwen2
from tests.models.test_language_model import model_and_batch

CLOSE = dict(rtol=1e-9, atol=1e-10)
MODELS = {"gpt2": gpt2, "llama": llama, "mistral": mistral, "qwen2": qwen2,
          "bigram": lambda rng: BigramLM(BigramConfig(V), rng=rng)}


def alone(model, row, n=1):
    """The scores behind the last n tokens of one text, each from the last n_positions tokens before it."""
    longest = model.n_positions or len(row)
    ends = range(len(row) - n + 1, len(row) + 1)
    return np.stack([model.logits(np.array([row[max(0, end - longest):end]]))[0, -1] for end in ends])


class Machine(RuleBasedStateMachine):
    """Beside the reader, each row as a list of tokens."""

    model = None
    cached = True

    @initialize(seed=st.integers(0, 2**32 - 1), lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3))
    def begin(self, seed, lengths):
        self.rng = np.random.default_rng(seed)
        self.rows = [self.rng.integers(0, V, n).tolist() for n in lengths]
        self.reader = self.read(self.rows)
        self.before = None

    def read(self, rows):
        longest = max(map(len, rows))
        lines = np.array([[-1] * (longest - len(row)) + row for row in rows])
        return Reader(self.model, lines, self.model.new_cache() if self.cached else None)

    @precondition(lambda self: max(map(len, self.rows)) < 12)
    @rule(n=st.integers(1, 3))
    def say(self, n):
        tokens = self.rng.integers(0, V, (len(self.rows), n))
        self.reader.advance(tokens)
        self.rows = [row + new.tolist() for row, new in zip(self.rows, tokens)]

    @precondition(lambda self: max(map(len, self.rows)) < 12)
    @rule(k=st.integers(1, 3), read=st.booleans())
    def draft_and_take_back(self, k, read):
        draft, B = self.rng.integers(0, V, (len(self.rows), k)), len(self.rows)
        self.reader.advance(draft)
        if read:
            found = self.reader.scores(k + 1)
            for row, new, scores in zip(self.rows, draft.tolist(), found):
                np.testing.assert_allclose(scores, alone(self.model, row + new, k + 1), **CLOSE)
        tokens = np.full((B, k + 1), -1)
        for b, count in enumerate(self.rng.integers(0, k + 1, B)):             # so many of the draft, and one other
            tokens[b, :count], tokens[b, count] = draft[b, :count], self.rng.integers(0, V)
        self.reader.advance(tokens, drop=k)
        self.rows = [row + new[new >= 0].tolist() for row, new in zip(self.rows, tokens)]

    @rule(data=st.data())
    def select(self, data):
        rows = data.draw(st.lists(st.integers(0, len(self.rows) - 1), min_size=1, max_size=4))
        self.reader.select(rows)
        self.rows = [self.rows[b] for b in rows]

    @rule()
    def fork(self):
        self.before = (self.reader, [list(row) for row in self.rows])
        self.reader = self.reader.fork()

    @precondition(lambda self: self.before is not None)
    @rule()
    def go_back_to_the_other_branch(self):
        self.reader, self.rows = self.before
        self.before = None

    @rule()
    def ask(self):
        states = []
        found = self.reader.scores(states=states)
        assert found.shape == (len(self.rows), 1, V) and (not states or states[0].shape[0] == len(self.rows))
        for row, scores in zip(self.rows, found):
            np.testing.assert_allclose(scores, alone(self.model, row), **CLOSE)

    @invariant()
    def the_text_is_right_aligned(self):
        longest = max(map(len, self.rows))
        assert self.reader.width == longest
        assert self.reader.ids.tolist() == [[-1] * (longest - len(row)) + row for row in self.rows]


@checks(Reader, right_aligned)
@pytest.mark.parametrize("cached", [True, False], ids=["cache", "no cache"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_scores_are_those_of_each_row_alone_past_the_context_too(make, cached):
    model, _, _ = model_and_batch(make, 1, 1, 0)
    kind = type("Any", (Machine,), {"model": model, "cached": cached})
    run_state_machine_as_test(kind, settings=settings(
        max_examples=max(12, settings.default.max_examples // 8), stateful_step_count=12))


@checks(Reader)
def test_each_token_is_read_once_and_a_long_prompt_is_scored_only_behind_its_last_tokens():
    model, ids, _ = model_and_batch(gpt2, 2, 4, 0)
    read = []
    for name in ("logits", "next_logits"):
        ask = getattr(model, name)
        setattr(model, name, lambda ids, *args, name=name, ask=ask: read.append((name, ids.shape[1])) or ask(ids, *args))
    reader = Reader(model, ids, model.new_cache())
    reader.advance(np.array([[1, 2], [3, 4]]))
    reader.scores(3)
    reader.advance(np.array([[1, 5], [3, 4]]), drop=2)                       # one of two stays in the first row
    reader.scores()
    reader.advance(np.array([[1], [2]]))
    reader.scores()
    assert read == [("next_logits", 3), ("logits", 3), ("next_logits", 1), ("next_logits", 1)]


@checks(right_aligned)
@pytest.mark.parametrize("rows, expected", [
    ([[-1, 3, -1, 4], [5, -1, -1, -1]], [[3, 4], [-1, 5]]), ([[1, 2]], [[1, 2]]), ([[-1, -1]], [[-1]])])
def test_tokens_go_to_the_right_in_their_order(rows, expected):
    assert right_aligned(np.array(rows)).tolist() == expected
