"""Pictures: what is in them is what was asked for, and files are whole or not there."""

import builtins
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt import formulas, plots
from scratchgpt.decoding.processors import top_k, top_p
from scratchgpt.decoding.strategies.beams.beam_tree import BeamStep, BeamTree, Leaf
from scratchgpt.plots import attention_maps, beam_tree, loss_curve, next_tokens, probability_cuts, softmax_temperatures
from scratchgpt.plots.beams import ASIDE
from scratchgpt.plots.figure import BLUE, FORMATS, RED, labels, new_figure, one_step, written
from scratchgpt.training import draw_png
from scratchgpt.views import NextToken, NextTokens
from tests.checks import checks

HISTORY = [{"step": 10 * i, "lr": 1e-3, "train_loss": 3 - i / 2, "validation_loss": 3.5 - i / 2, "grad_norm": 1.0,
            "tokens_per_second": 100.0} for i in range(1, 5)]
TABLE = NextTokens([NextToken(1, 5, "␣the", 0.5, -0.69), NextToken(2, 9, "$x$", 0.25, -1.39),
                    NextToken(3, 99, "", 0.125, -2.08)])
few = st.integers(1, 4)
MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib")


def maps(L=2, H=3, T=4, S=4, seed=0):
    """[(1, H, T, S)], as a model gives them."""
    rng = np.random.default_rng(seed)
    return [formulas.softmax(rng.normal(size=(1, H, T, S)).astype(np.float32)) for _ in range(L)]


def panels(figure):
    """The axes that hold a map, without the colour bar."""
    return [axes for axes in figure.axes if axes.images]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@checks(attention_maps)
@settings(max_examples=10)
@given(L=few, H=few, T=few, S=few, seed=st.integers(0, 2**32 - 1))
def test_every_map_is_an_image_of_its_own_in_reading_order_on_a_scale_from_0_to_1(L, H, T, S, seed):
    pytest.importorskip("matplotlib")
    drawn = maps(L, H, T, S, seed)
    images = [axes.images[0] for axes in panels(attention_maps(drawn))]
    assert len(images) == L * H
    for image, p in zip(images, np.concatenate([layer[0] for layer in drawn])):
        np.testing.assert_array_equal(image.get_array(), p)
        assert image.get_clim() == (0, 1)


@checks(attention_maps)
def test_rows_are_queries_and_columns_are_keys_each_under_its_name(matplotlib):
    figure = attention_maps(maps(1, 1, 2, 3), tokens=["who", " asks"], key_tokens=[b"is", b"\n", "answered"])
    axes, = panels(figure)
    assert axes.images[0].get_array().shape == (2, 3) and axes.get_ylim()[0] > axes.get_ylim()[1]     # the first on top
    assert ticks(axes.yaxis) == ["who", "␣asks"] and ticks(axes.xaxis) == ["is", "\\n", "answered"]
    assert "query" in axes.get_ylabel() and "key" in axes.get_xlabel() and "layer 0, head 0" in axes.get_title()


@checks(attention_maps)
def test_a_grid_names_layers_at_the_left_heads_on_top_and_tokens_at_its_edges(matplotlib):
    figure = attention_maps(maps(2, 3), tokens="abcd")
    grid = np.array(panels(figure)).reshape(2, 3)
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["layer 0", "layer 1"]
    assert [axes.get_title() for axes in grid[0]] == ["head 0", "head 1", "head 2"]
    assert [bool(ticks(axes.yaxis)) for axes in grid.flat] == [True, False, False] * 2
    assert [bool(ticks(axes.xaxis)) for axes in grid.flat] == [False] * 3 + [True] * 3
    assert "query" in figure.get_suptitle() and "keys" in figure.get_suptitle()
    assert figure.axes[-1].get_ylabel() == "probability"


@checks(attention_maps)
@pytest.mark.parametrize("layer, head, names", [(1, None, ["head 0", "head 1", "head 2"]), (None, 2, ["head 2", ""]),
                                                (1, 2, ["Where each token looks: layer 1, head 2"])])
def test_one_layer_one_head_or_one_of_both(matplotlib, layer, head, names):
    drawn = maps(2, 3)
    figure = attention_maps(drawn, layer=layer, head=head)
    assert [axes.get_title() for axes in panels(figure)] == names
    last = drawn[1 if layer is None else layer][0, 2 if head is None else head]
    np.testing.assert_array_equal(panels(figure)[-1].images[0].get_array(), last)


@checks(attention_maps)
def test_a_long_text_gets_positions_where_its_words_have_no_room_and_a_picture_of_a_bounded_size(matplotlib):
    words = [f"w{i}" for i in range(300)]
    alone = attention_maps(maps(1, 1, 300, 300), words)
    grid = attention_maps([layer[:, :, :300, :300] for layer in maps(2, 12, 300, 300)], words)
    assert ticks(panels(alone)[0].yaxis)[:2] == ["w0", "w3"]
    assert ticks(panels(grid)[0].yaxis)[:2] == ["0", "50"]
    for figure in (alone, grid):
        assert max(figure.get_size_inches()) < 20
    short = attention_maps(maps(1, 1, 2, 2), ["a", "b"])
    assert min(short.get_size_inches()) > 3


@checks(attention_maps)
def test_it_draws_what_a_model_gives(matplotlib, tmp_path):
    tokenizer = sg.CharTokenizer.train("abc ")
    model = sg.GPT2(sg.GPT2Config(vocab_size=tokenizer.vocab_size, n_positions=8, n_embd=8, n_layer=2, n_head=2),
                    rng=np.random.default_rng(0))
    ids = tokenizer.encode_array("a cab")
    figure = attention_maps(model.attention_maps(ids[None]), list("a cab"), path=tmp_path / "maps.png")
    assert len(panels(figure)) == 4 and ticks(panels(figure)[0].yaxis) == ["a", "␣", "c", "a", "b"]
    for row in panels(figure)[0].images[0].get_array():
        assert row.sum() == pytest.approx(1, rel=1e-5)


@checks(attention_maps)
@pytest.mark.parametrize("wrong, error, says", [
    (dict(maps=[]), sg.DataError, "does not attend"), (dict(maps=[np.zeros((2, 3, 4, 4))]), sg.DataError, "one row"),
    (dict(maps=[np.zeros((3, 4))]), sg.DataError, r"\(3, 4\)"),
    (dict(maps=maps() + maps(T=2)), sg.DataError, "every layer"),
    (dict(maps=[np.zeros((1, 3, 0, 0))]), sg.DataError, "must be"), (dict(tokens=["a"]), sg.DataError, "4 labels"),
    (dict(key_tokens="abc"), sg.DataError, "key_tokens must be 4"), (dict(layer=2), sg.ConfigError, "from 0 to 1"),
    (dict(head=-1), sg.ConfigError, "from 0 to 2"), (dict(head="x"), sg.ConfigError, "'x'"),
    (dict(path="maps.gif"), sg.ConfigError, "maps.gif"), (dict(path="maps"), sg.ConfigError, ".png, .svg, .pdf")])
def test_what_cannot_be_drawn_is_refused_by_name_and_nothing_is_written(matplotlib, tmp_path, monkeypatch, wrong, error,
                                                                        says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says):
        attention_maps(**{"maps": maps(), **wrong})
    assert not list(tmp_path.iterdir())


@checks(next_tokens)
def test_bars_are_the_table_and_all_others(matplotlib):
    axes, = next_tokens(TABLE).axes
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.25, 0.125, 0.125]
    assert ticks(axes.yaxis) == ["␣the", "$x$", "#99", "all others"]
    assert [text.get_text() for text in axes.texts] == ["50.0%", "25.0%", "12.5%", "12.5%"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


@checks(loss_curve)
def test_the_curve_goes_through_the_evaluations(matplotlib):
    axes, = loss_curve(HISTORY).axes
    lines = {line.get_label().split(",")[0]: line.get_xydata().tolist() for line in axes.lines}
    assert lines == {"training": [[row["step"], row["train_loss"]] for row in HISTORY],
                     "validation": [[row["step"], row["validation_loss"]] for row in HISTORY]}
    assert axes.get_xlabel() == "step" and "nats per token" in axes.get_ylabel()
    assert [text.get_text() for text in axes.texts] == ["1.500"]
    with pytest.raises(sg.DataError, match="at least one evaluation"):
        loss_curve([])


@checks(written, new_figure)
@pytest.mark.parametrize("suffix", [*FORMATS, ".PNG"])
@pytest.mark.filterwarnings("error")
def test_a_picture_is_written_whole_and_the_same_picture_twice(matplotlib, tmp_path, suffix):
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        attention_maps(maps(), ["a$b$", " \t", "中文", "x" * 50], path=path)
        assert path.read_bytes().startswith(MAGIC[suffix.lower()])
    assert sorted(tmp_path.iterdir()) == paths
    if suffix.lower() == ".png":
        assert paths[0].read_bytes() == paths[1].read_bytes()


@checks(written)
def test_a_picture_that_fails_leaves_the_old_one(matplotlib, tmp_path, monkeypatch):
    path = tmp_path / "loss.png"
    path.write_bytes(b"old")
    figure = new_figure(path)
    monkeypatch.setattr(figure, "savefig", lambda file, **options: file.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(figure, path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@checks(labels)
def test_labels_can_be_read_and_drawn(matplotlib):
    seen = {" the": "␣the", b"\xc3": "\\xc3", "\n": "\\n", "$a$": "$a$", "\u4e2d": "\\u4e2d", "\ud800": "\\ud800",
            "y" * 14: "y" * 14, "z" * 15: "z" * 13 + "…"}
    assert labels("tokens", list(seen), len(seen)) == list(seen.values())
    assert labels("tokens", None, 3) == []


@checks(new_figure)
def test_no_window_no_pyplot_no_state(matplotlib):
    before = "matplotlib.pyplot" in sys.modules
    figure = loss_curve(HISTORY)
    assert ("matplotlib.pyplot" in sys.modules) == before and figure.canvas.manager is None


@checks(new_figure, attention_maps, next_tokens, loss_curve, draw_png)
def test_without_matplotlib_there_is_one_sentence_with_the_command_that_installs_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def blocked(name, *arguments, **options):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(f"No module named {name!r}")
        return real(name, *arguments, **options)
    monkeypatch.setattr(builtins, "__import__", blocked)
    for draw in (lambda: new_figure(None), lambda: attention_maps(maps()), lambda: next_tokens(TABLE),
                 lambda: loss_curve(HISTORY), lambda: softmax_temperatures(SCORES), lambda: probability_cuts(SCORES),
                 lambda: beam_tree(small_tree())):
        with pytest.raises(sg.MissingExtraError, match=r'pip install "scratchgpt\[cli\]"'):
            draw()
    assert draw_png(HISTORY, tmp_path / "loss.png") is False and not list(tmp_path.iterdir())


@checks(draw_png)
def test_the_record_of_a_run_is_the_curve(matplotlib, tmp_path):
    assert draw_png(HISTORY, tmp_path / "loss.png") is True
    loss_curve(HISTORY, tmp_path / "curve.png")
    assert (tmp_path / "loss.png").read_bytes() == (tmp_path / "curve.png").read_bytes()


@checks(attention_maps, next_tokens, loss_curve, softmax_temperatures, probability_cuts, beam_tree)
def test_the_package_offers_them_as_plots():
    assert sg.plots is plots and {"attention_maps", "next_tokens", "loss_curve", "softmax_temperatures",
                                    "probability_cuts", "beam_tree"} <= set(dir(plots))


# one step of decoding, and beams ---------------------------------------------------------------------------------------

SCORES = np.log([0.05, 0.5, 0.25, 0.15, 0.05])


@checks(softmax_temperatures)
def test_a_panel_for_each_temperature_with_the_probabilities_and_the_entropy(matplotlib):
    figure = softmax_temperatures(SCORES, list("abcde"), k=3)
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == [
        "T = 0.01", "T = 0.1", "T = 1", "T = 10", "T = 100", "T = 1,000", "T = 10,000"]
    for axes, T in zip(figure.axes, (0.01, 0.1, 1, 10, 100, 1000, 10000)):
        p = formulas.softmax(SCORES / T)
        bars = [p[1], p[2], p[3], p[0] + p[4]]
        np.testing.assert_allclose([bar.get_width() for bar in axes.patches], bars, atol=1e-12)
        assert axes.get_title().endswith(f"\n{-(p[p > 0] * np.log(p[p > 0])).sum():.2f} nats")
        assert axes.texts[0].get_text() == f"{100 * p[1]:.1f}%" and max(bars) < axes.get_xlim()[1]
    assert ticks(figure.axes[0].yaxis) == ["b", "c", "d", "2 others"] and figure.get_supxlabel() == "probability"


@checks(softmax_temperatures)
def test_without_names_tokens_are_their_ids_and_small_vocabularies_have_no_others(matplotlib):
    axes, = softmax_temperatures(SCORES[None], temperatures=[1]).axes
    assert ticks(axes.yaxis) == ["1", "2", "3", "0", "4"]
    axes, = softmax_temperatures(np.log([1e-5, 1 - 1e-5]), ["", b"\n"], temperatures=[0.5]).axes
    assert ticks(axes.yaxis) == ["\\n", "#0"] and [text.get_text() for text in axes.texts] == ["100.0%", "0%"]


@checks(probability_cuts)
@settings(max_examples=10)
@given(V=st.integers(1, 150), k=st.integers(1, 12), p=st.floats(0.05, 1), seed=st.integers(0, 2**32 - 1))
def test_curves_are_the_sorted_probabilities_and_cuts_stand_behind_the_last_token_that_stays(V, k, p, seed):
    pytest.importorskip("matplotlib")
    scores = np.random.default_rng(seed).normal(size=V)
    density, sums = probability_cuts(scores, k, p).axes
    expected = np.sort(formulas.softmax(scores))[::-1]
    for patch in density.patches:
        np.testing.assert_allclose(patch.get_data().values, expected)
    np.testing.assert_allclose(sums.patches[0].get_data().values, np.cumsum(expected))
    np.testing.assert_allclose(sums.patches[0].get_data().edges, np.arange(V + 1) + 0.5)
    kept = [np.count_nonzero(cut(None, scores[None]) > -np.inf) for cut in (top_k(k), top_p(p))]
    for axes in (density, sums):
        verticals = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata()[0] - 0.5 for line in verticals] == kept
        for line, n, name in zip(verticals, kept, (f"top-k, k = {k}", f"top-p, p = {p:g}")):
            assert line.get_label().startswith(f"{name}: {n} token")
            assert f"{100 * expected[:n].sum():.1f}% of the probability" in line.get_label()
    level, = [line for line in sums.lines if line.get_linestyle() == ":"]
    assert level.get_ydata()[0] == p and f"of {V:,} tokens" in sums.get_xlabel()


@checks(probability_cuts)
def test_a_cut_that_nobody_asked_for_is_not_drawn(matplotlib):
    for k, p, n in ((None, 0.9, 1), (3, None, 1), (None, None, 0)):
        density, sums = probability_cuts(SCORES, k, p).axes
        assert len([line for line in density.lines]) == n and len(sums.lines) == n + (p is not None)


def small_tree():
    """Two beams: a -> c, then d and e; b ends at once, as do d and, badly, e."""
    tree = BeamTree(1, 2)
    tree.steps = [BeamStep(*(np.array([row]) for row in rows)) for rows in (
        ([0, 1], [0, 0], [-1.0, -2.0]), ([2, 3], [0, 0], [-2.0, -3.0]), ([-1, -1], [-1, -1], [np.nan, np.nan]))]
    tree.finished = [Leaf(0, 1, 1, 4, -2.5), Leaf(0, 2, 0, 4, -1.5), Leaf(0, 2, 1, 4, -2.0)]
    return tree


@checks(beam_tree)
def test_the_tree_has_its_tokens_their_scores_and_the_way_to_the_best(matplotlib):
    axes, = beam_tree(small_tree(), ["a", "b", "c", b"d", ""]).axes
    texts = {tuple(text.xy): [other.get_text() for other in axes.texts if tuple(other.xy) == tuple(text.xy)]
             for text in axes.texts}
    assert texts == {(0, 0): ["prompt"], (1, 0): ["a", "-1.00"], (1, 1): ["b", "-2.00"], (2, 0): ["c", "-2.00"],
                     (2, 1): ["d", "-3.00"], (2, 2): ["#4", "-2.50"], (3, 0): ["#4", "-1.50"], (3, 1): ["#4", "-2.00"]}
    lines = {(line.get_xdata()[0] - ASIDE, line.get_ydata()[0], line.get_xdata()[1] + ASIDE, line.get_ydata()[1]):
             line.get_color() for line in axes.lines}
    best = {(0, 0, 1, 0), (1, 0, 2, 0), (2, 0, 3, 0)}
    assert {edge for edge, color in lines.items() if color == BLUE} == best
    assert lines.keys() - best == {(0, 0, 1, 1), (1, 0, 2, 1), (1, 1, 2, 2), (2, 1, 3, 1)}
    red = {tuple(text.xy) for text in axes.texts if text.get_color() == RED}
    assert red == {(2, 2), (3, 0), (3, 1)} and axes.get_ylim()[0] > axes.get_ylim()[1]


@checks(beam_tree)
def test_a_long_search_shows_its_first_steps_and_says_so(matplotlib):
    axes, = beam_tree(small_tree(), steps=2).axes
    assert axes.get_xlabel() == "step, the first 2 of 3" and max(text.xy[0] for text in axes.texts) == 2
    assert {line.get_color() for line in axes.lines if line.get_xdata()[0] > 1 and line.get_ydata()[1] == 0} == {BLUE}
    assert beam_tree(small_tree()).axes[0].get_xlabel() == "step"


@checks(beam_tree)
def test_it_draws_what_a_search_leaves(matplotlib, tmp_path):
    model = sg.GPT2(sg.GPT2Config(vocab_size=6, n_positions=8, n_embd=8, n_layer=1, n_head=2, initializer_range=1.0),
                    rng=np.random.default_rng(0))
    output = sg.generate(model, [[1, 2]], num_beams=3, max_new_tokens=4, eos_token_id=0, return_dict_in_generate=True)
    axes, = beam_tree(output.beams, path=tmp_path / "tree.svg").axes
    way = sorted((line.get_xdata()[1] + ASIDE, line.get_ydata()[1]) for line in axes.lines if line.get_color() == BLUE)
    drawn = [next(text.get_text() for text in axes.texts if tuple(text.xy) == place) for place in way]
    assert drawn == list(map(str, output.answers[0])) and (tmp_path / "tree.svg").stat().st_size > 0


@checks(one_step, softmax_temperatures, probability_cuts, beam_tree)
@pytest.mark.parametrize("draw, error, says", [
    (lambda: one_step(np.zeros((2, 3))), sg.DataError, r"\(2, 3\)"), (lambda: one_step([np.nan, 1]), sg.DataError, "NaN"),
    (lambda: one_step([-np.inf]), sg.DataError, "at least one finite"), (lambda: one_step([]), sg.DataError, "at least"),
    (lambda: softmax_temperatures(SCORES, ["a"]), sg.DataError, "must be 5 labels"),
    (lambda: softmax_temperatures(SCORES, k=0), sg.ConfigError, "k must"),
    (lambda: softmax_temperatures(SCORES, temperatures=[0]), sg.GenerationError, "temperature"),
    (lambda: probability_cuts(SCORES, p=1.5), sg.GenerationError, "top_p"),
    (lambda: probability_cuts(SCORES, path="x.gif"), sg.ConfigError, "x.gif"),
    (lambda: beam_tree(BeamTree(1, 2)), sg.DataError, "at least one step"),
    (lambda: beam_tree(small_tree(), prompt=1), sg.ConfigError, "from 0; got 1"),
    (lambda: beam_tree(small_tree(), steps=0), sg.ConfigError, "steps")])
def test_steps_and_trees_that_cannot_be_drawn_are_refused_by_name(matplotlib, draw, error, says):
    with pytest.raises(error, match=says):
        draw()
