"""Piece by piece or all at once, on one thread or many: the numbers are the same."""

import importlib
import inspect
import math
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from itertools import product
from pkgutil import iter_modules

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt import formulas, pieces
from scratchgpt.formulas import losses
from scratchgpt.module import Parameter
from scratchgpt.optim import AdamW
from tests.checks import checks
from tests.formulas.twins import seeds

ONE_ARRAY = [formulas.gelu, formulas.gelu_tanh, formulas.silu, formulas.softmax, formulas.log_softmax]
TWO_ARRAYS = [formulas.gelu_backward, formulas.gelu_tanh_backward, formulas.silu_backward, formulas.softmax_backward,
              formulas.log_softmax_backward]
# formula: its arguments, made by rows() -> (*lead, C), row() -> (C,) and ids() -> (*lead, 1)
ARGUMENTS = {**{formula: lambda rows, row, ids: [rows()] for formula in ONE_ARRAY},
             **{formula: lambda rows, row, ids: [rows(), rows()] for formula in TWO_ARRAYS},
             formulas.layer_norm: lambda rows, row, ids: [rows(), row(), row(), 1e-5],
             formulas.layer_norm_backward: lambda rows, row, ids: [rows(), rows(), row(), 1e-5],
             formulas.rms_norm: lambda rows, row, ids: [rows(), row(), 1e-5],
             formulas.rms_norm_backward: lambda rows, row, ids: [rows(), rows(), row(), 1e-5],
             formulas.swiglu: lambda rows, row, ids: [rows(), rows()],
             formulas.swiglu_backward: lambda rows, row, ids: [rows(), rows(), rows()],
             losses._token_losses: lambda rows, row, ids: [rows(), ids(), 0.1]}
SEVERAL_ROWS = {formulas.attention, formulas.attention_backward, formulas.rotate}         # belong together: cases below
each_formula = pytest.mark.parametrize("formula", ARGUMENTS, ids=lambda f: f.__name__)
LAYOUTS = {"contiguous": lambda x: x, "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
           "backwards": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
           "transposed": lambda x: np.ascontiguousarray(x.T).T}


@contextmanager
def pieces_of(elements):
    """Pieces so small that small arrays are cut; yields the list of the pieces that were, as slices of rows."""
    cutter, cut = pieces._pieces, []

    def noting(*args):
        for piece, *part in cutter(*args):
            cut.append(piece)
            yield piece, *part
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", elements)
        patch.setattr(pieces, "SHARED", elements)
        patch.setattr(pieces, "_pieces", noting)
        yield cut


@contextmanager
def threads(count):
    """The pool as it is with SCRATCHGPT_NUM_THREADS=count."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRATCHGPT_NUM_THREADS", str(count))
        pieces._helpers.cache_clear()
        try:
            yield
        finally:
            pool = pieces._helpers()
            if pool is not None:
                pool.shutdown()
            pieces._helpers.cache_clear()


def arguments(formula, rng, lead, C, layouts=("contiguous",) * 3):
    """Arguments of a formula, its arrays (*lead, C) lying in memory as `layouts` say."""
    layouts = iter(layouts)
    return ARGUMENTS[formula](lambda: LAYOUTS[next(layouts)](rng.standard_normal((*lead, C))),
                              lambda: rng.standard_normal(C), lambda: rng.integers(0, C, (*lead, 1)))


def assert_same(fast, plain):
    fast, plain = (result if isinstance(result, tuple) else (result,) for result in (fast, plain))
    assert [(part.shape, part.dtype) for part in fast] == [(part.shape, part.dtype) for part in plain]
    for one, other in zip(fast, plain):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * (1 + np.abs(other).max()), equal_nan=False)


# @by_rows -------------------------------------------------------------------------------------------------------------

@checks(pieces.by_rows)
def test_the_cases_below_are_all_formulas_that_are_cut():
    modules = [importlib.import_module(f"scratchgpt.formulas.{file.name}") for file in iter_modules(formulas.__path__)]
    found = {f for module in modules for f in vars(module).values()
             if inspect.isfunction(f) and hasattr(f, "__wrapped__")}
    assert found == {*ARGUMENTS, *SEVERAL_ROWS}
    assert all(f.__name__ == f.__wrapped__.__name__ and f.__doc__ for f in found)


@checks(pieces.by_rows)
@each_formula
@given(lead=st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple), C=st.integers(1, 5),
       piece=st.integers(1, 20), layouts=st.tuples(*3 * [st.sampled_from(sorted(LAYOUTS))]), named=st.integers(0, 4),
       seed=seeds)
@example(lead=(5, 3), C=4, piece=8, layouts=("contiguous", "transposed", "transposed"), named=0, seed=0)
def test_in_pieces_every_formula_equals_itself_as_written(formula, lead, C, piece, layouts, named, seed):
    args = arguments(formula, np.random.default_rng(seed), lead, C, layouts)
    named = min(named, len(args))
    names = list(inspect.signature(formula).parameters)[len(args) - named:len(args)]
    with pieces_of(piece):
        fast = formula(*args[:len(args) - named], **dict(zip(names, args[len(args) - named:])))
    assert_same(fast, formula.__wrapped__(*args))


@checks(pieces.by_rows)
@each_formula
@given(lead=st.lists(st.integers(2, 5), min_size=1, max_size=2).map(tuple), seed=seeds)
def test_what_lies_in_order_is_really_cut(formula, lead, seed):
    args = arguments(formula, np.random.default_rng(seed), lead, 3)
    with pieces_of(3) as cut:
        formula(*args)
    assert len(cut) == math.prod(lead)
    with pieces_of(3 * 5 * 5) as cut:
        formula(*args)
    assert not cut


@checks(pieces.by_rows)
@pytest.mark.parametrize("formula", [f for f in ARGUMENTS if "out" in inspect.signature(f).parameters],
                         ids=lambda f: f.__name__)
@pytest.mark.parametrize("piece", [3, 10_000])
def test_a_formula_writes_into_the_array_it_is_given_and_returns_it(formula, piece):
    args = arguments(formula, np.random.default_rng(0), (5, 2), 3)
    out = np.full((5, 2, 3), np.nan)
    with pieces_of(piece):
        assert formula(*args, out=out) is out
    np.testing.assert_array_equal(out, formula.__wrapped__(*args))
    with pieces_of(piece), pytest.raises(TypeError):
        formula(*args, out)                                     # by name only: in pieces a second one would be added


@checks(pieces.by_rows)
@each_formula
def test_large_arrays_are_cut_and_equal_the_formula_as_written(formula):
    args = arguments(formula, np.random.default_rng(0), (3, 701), 67)
    with pieces_of(pieces.PIECE) as cut:
        fast = formula(*args)
    assert cut
    assert_same(fast, formula.__wrapped__(*args))


SHAPES = [tuple(shape) for axes in range(5) for shape in product(*([1, n] for n in (5, 2, 3, 4)[4 - axes:]))]


@checks(pieces.by_rows, formulas.attention, formulas.attention_backward)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("piece", [1, 50, 10_000])
def test_attention_in_pieces_takes_masks_of_every_shape_that_broadcasts(shape, piece):
    rng = np.random.default_rng(0)
    (B, H, T, S), D = (5, 2, 3, 4), 6
    q, do, k, v = (rng.standard_normal((B, H, n, D)) for n in (T, T, S, S))
    mask, dropped = rng.random(shape) < 0.7, (rng.random((B, H, T, S)) < 0.5) * 2.0
    for options in ({"mask": mask}, {"mask": mask, "dropped": dropped}, {"dropped": dropped, "mask": mask}):
        with pieces_of(piece) as cut:
            fast = formulas.attention(q, k, v, **options)
            by_position = formulas.attention(q, k, v, *(options.get(name) for name in ("mask", "dropped")))
            do_back = formulas.attention_backward(do, q, k, v, fast[1], dropped=options.get("dropped"))
        plain = formulas.attention.__wrapped__(q, k, v, **options)
        assert_same(fast, plain)
        assert_same(by_position, plain)
        assert_same(do_back, formulas.attention_backward.__wrapped__(do, q, k, v, plain[1], options.get("dropped")))
        assert bool(cut) == (piece < 10_000)


@checks(pieces.by_rows, formulas.attention)
@pytest.mark.parametrize("shape", [(2, 1, 1, 1, 4), (1, 3, 1, 3, 4), (2, 3, 2, 3, 4), (3, 2, 3, 4), (3, 1, 1, 4),
                                   (2, 1, 4)], ids=str)
def test_attention_with_two_leading_axes_takes_masks_too(shape):
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 3, 2, n, 6)) for n in (3, 4, 4))
    mask = rng.random(shape) < 0.7
    with pieces_of(20):
        fast = formulas.attention(q, k, v, mask)
    assert_same(fast, formulas.attention.__wrapped__(q, k, v, mask))


@checks(pieces.by_rows, formulas.attention, formulas.attention_backward)
def test_large_attention_over_split_heads_and_padding_equals_the_formula_as_written():
    rng = np.random.default_rng(0)
    B, H, T, D = 5, 2, 90, 160
    split = [rng.standard_normal((B, T, H, D)).swapaxes(1, 2) for _ in range(4)]              # as a model has them
    words = np.arange(T) < np.array([90, 1, 45, 0, 89])[:, None]
    mask = formulas.padding_mask(words) & formulas.causal_mask(T, T, words)
    for q, k, v, do in (split, [np.ascontiguousarray(x) for x in split]):
        fast = formulas.attention(q, k, v, mask=mask)
        assert_same(fast, formulas.attention.__wrapped__(q, k, v, mask))
        assert_same(formulas.attention_backward(do, q, k, v, fast[1]),
                    formulas.attention_backward.__wrapped__(do, q, k, v, fast[1]))


@checks(pieces.by_rows, formulas.rotate)
@pytest.mark.parametrize("piece", [1, 50, 10_000])
def test_turns_in_pieces_are_those_of_the_formula_as_written(piece):
    rng = np.random.default_rng(0)
    x, angles = rng.standard_normal((3, 5, 2, 6)), rng.standard_normal((3, 5, 1, 3))
    with pieces_of(piece) as cut:
        fast = formulas.rotate(x, np.cos(angles), np.sin(angles))
    assert_same(fast, formulas.rotate.__wrapped__(x, np.cos(angles), np.sin(angles)))
    assert bool(cut) == (piece < 10_000)


# run_pieces, for_pieces, thread_count ---------------------------------------------------------------------------------

@checks(pieces.run_pieces)
@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 200])
def test_every_piece_runs_once(n_threads, count):
    seen = []
    with threads(n_threads):
        pieces.run_pieces(seen.append, count)                                   # appending is atomic
    assert sorted(seen) == list(range(count))


@checks(pieces.run_pieces)
def test_pieces_really_run_side_by_side():
    meeting = threading.Barrier(2, timeout=30)
    with threads(2):
        pieces.run_pieces(lambda index: meeting.wait(), 2)                      # each waits for the other
    assert not meeting.broken


@checks(pieces.run_pieces)
@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("bad", [0, 7, 49])
def test_an_exception_in_any_piece_is_raised_by_the_call(n_threads, bad):
    def work(index):
        if index == bad:
            raise ZeroDivisionError(f"piece {index}")
    with threads(n_threads):
        with pytest.raises(ZeroDivisionError, match=f"piece {bad}"):
            pieces.run_pieces(work, 50)
        test = []
        pieces.run_pieces(test.append, 9)                                       # and the pool lives on
    assert len(test) == 9


@checks(pieces.run_pieces)
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_pieces_inside_pieces_do_not_wait_for_each_other_forever(n_threads):
    seen = []
    with threads(n_threads):
        pieces.run_pieces(lambda i: pieces.run_pieces(lambda j: seen.append((i, j)), 4), 5)
    assert sorted(seen) == list(product(range(5), range(4)))


@checks(pieces.for_pieces)
@pytest.mark.parametrize("n_threads", [1, 2])
@given(size=st.integers(0, 60), piece=st.integers(1, 20))
def test_for_pieces_reaches_every_element_once_with_its_partners(n_threads, size, piece):
    w, g = np.zeros(size), np.arange(float(size))

    def update(w, g):
        assert w.size <= piece and w.shape == g.shape
        w += g + 1
    with threads(n_threads), pieces_of(piece):
        pieces.for_pieces(update, w, g)
    np.testing.assert_array_equal(w, np.arange(size) + 1)


@checks(pieces.for_pieces)
@given(shape=st.lists(st.integers(2, 4), min_size=2, max_size=3).map(tuple), turn=st.booleans())
def test_for_pieces_cuts_what_lies_column_by_column_as_well(shape, turn):
    w, g, seen = np.zeros(shape), np.arange(float(np.prod(shape))).reshape(shape), []
    w, g = (w.T, g.T) if turn else (w, g)

    def update(w, g):
        seen.append(w.shape)
        w += g + 1
    with pieces_of(3):
        pieces.for_pieces(update, w, g)
    assert all(len(part) == 1 and part[0] <= 3 for part in seen)
    np.testing.assert_array_equal(w, g + 1)


@checks(pieces.for_pieces)
@given(shape=st.tuples(st.integers(2, 6), st.integers(2, 6)))
def test_for_pieces_hands_over_whole_what_lies_in_different_ways_or_with_gaps(shape):
    w, g, whole = np.zeros(shape[::-1]).T, np.ones(shape), []
    gaps = np.zeros((*shape, 2))[..., 0]

    def update(w, g):
        whole.append(w.shape)
        w += g
    with pieces_of(3):
        pieces.for_pieces(update, w, g)
        pieces.for_pieces(update, gaps, gaps + 1)
    assert whole == [shape, shape] and (w == 1).all() and (gaps == 1).all()


@checks(pieces.for_pieces, pieces.run_pieces)
def test_one_thread_or_many_give_the_same_bits():
    def train(n_threads):
        rng = np.random.default_rng(0)
        weight = Parameter(rng.standard_normal((3, pieces.SHARED)).astype(np.float32))
        optimizer = AdamW([weight], lr=0.1)
        with threads(n_threads):
            for _ in range(3):
                weight.grad = rng.standard_normal(weight.shape).astype(np.float32)
                optimizer.step()
        return weight.data.tobytes()
    one = train(1)
    assert train(2) == one and train(5) == one


@checks(pieces.thread_count)
@pytest.mark.parametrize("environment, expected", [
    ({"SCRATCHGPT_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "5", "OMP_NUM_THREADS": "7"}, 3),
    ({"OPENBLAS_NUM_THREADS": "5", "OMP_NUM_THREADS": "7"}, 5), ({"OMP_NUM_THREADS": "7"}, 7),
    ({"SCRATCHGPT_NUM_THREADS": "", "OMP_NUM_THREADS": "7"}, 7),
    ({"SCRATCHGPT_NUM_THREADS": "many", "OMP_NUM_THREADS": "7"}, 7),
    ({"SCRATCHGPT_NUM_THREADS": "0"}, 1), ({"SCRATCHGPT_NUM_THREADS": "-2", "OMP_NUM_THREADS": "7"}, 7)])
def test_the_number_of_threads_is_what_the_user_said_then_what_blas_was_told(monkeypatch, environment, expected):
    for name in ("SCRATCHGPT_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert pieces.thread_count() == expected


@checks(pieces.thread_count)
def test_unasked_every_core_works_that_this_process_may_use(monkeypatch):
    for name in ("SCRATCHGPT_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert 1 <= pieces.thread_count() <= os.cpu_count()


@checks(pieces.run_pieces)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_starts_threads_of_its_own():
    script = """
import os
from scratchgpt.pieces import run_pieces
run_pieces(lambda index: None, 10)
child = os.fork()
seen = []
run_pieces(seen.append, 10)
if child == 0:
    os._exit(0 if sorted(seen) == list(range(10)) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {**os.environ, "SCRATCHGPT_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n", done.stderr
