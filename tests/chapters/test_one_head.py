"""Scene 6, and the story as a whole: it learns, it runs, and what it says is so."""

import io
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.chapters.the_way_to_attention import averages, heads, norms, one_head, scale, small_language, story
from scratchgpt.chapters.the_way_to_attention.one_head import OneHead, learn
from scratchgpt.chapters.the_way_to_attention.small_language import SUBJECTS, VERBS, WORDS, all_sentences, loss_floor
from scratchgpt.models import BigramConfig, BigramLM
from tests import laws
from tests.checks import checks

V, C = 5, 4
CASE = laws.Case("one head", lambda rng: OneHead(V, C, rng=rng),
                 lambda rng, B, T: [rng.integers(0, V, (B, T))], None)


@checks(OneHead)
@given(B=st.integers(1, 2), T=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_its_gradients_are_the_derivatives(B, T, seed):
    laws.gradients_match(CASE, B, T, seed)
    model, (ids,) = CASE.make(seed), CASE.draw(seed, B, T)
    assert model(ids)[0].shape == (B, T, V)


@checks(OneHead)
@given(T=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_it_sees_no_future_and_of_the_past_no_order(T, seed):
    rng = np.random.default_rng(seed)
    model, ids = CASE.make(seed), rng.integers(0, V, (1, T))
    logits, _ = model(ids)
    changed = ids.copy()
    changed[0, -1] = (changed[0, -1] + 1) % V
    np.testing.assert_allclose(model(changed)[0][:, :-1], logits[:, :-1], rtol=1e-11, atol=1e-12)
    shuffled = np.concatenate([rng.permutation(ids[0, :-1]), ids[0, -1:]])[None]
    np.testing.assert_allclose(model(shuffled)[0][:, -1], logits[:, -1], rtol=1e-11, atol=1e-12)


@checks(OneHead, learn, loss_floor)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_trained_it_is_below_the_bigrams_floor_and_at_the_languages_own(seed):
    rng, ids = np.random.default_rng(seed), all_sentences()
    bigram, head = BigramLM(BigramConfig(len(WORDS)), rng=rng), OneHead(len(WORDS), 24, rng=rng)
    of_bigram, of_head = ([*learn(model, ids, 300, lr)] for model, lr in ((bigram, 0.1), (head, 0.03)))
    assert len(of_head) == 301 and abs(of_head[0] - math.log(len(WORDS))) < 1
    assert min(of_bigram) >= loss_floor(ids, 1) - 1e-5 and of_bigram[-1] < loss_floor(ids, 1) + 0.02
    assert loss_floor(ids, 6) - 1e-5 <= of_head[-1] < loss_floor(ids, 6) + 0.01
    said = head(ids[:, :5])[0][:, -1].argmax(axis=-1)                              # who is it that does what?
    assert [WORDS[i] for i in said] == [VERBS[SUBJECTS.index(WORDS[row[1]])] for row in ids]


SCENES = {small_language: ["1.155", "0.924", "0.693", "104,976", "barn"],
          averages: ["[0.250  0.250  0.250  0.250]         4.000   4.000   4.000", "5.625"],
          heads: ["0.932", "(1, 3, 5, 2)", "one by one: True"],
          scale: ["D = 1,024", "sqrt(D)", "4.16"],
          norms: ["LayerNorm: the first row moves by 0.000", "BatchNorm: the first row moves by 0.970"],
          one_head: ["moos 1.000", "bigram    barks 0.2", "moos 0.2",
                     "floor     1.155       0.693"]}


@checks(*(scene.tell for scene in SCENES))
@pytest.mark.parametrize("scene, says", SCENES.items(), ids=[scene.__name__.split(".")[-1] for scene in SCENES])
def test_each_scene_tells_its_point_in_lines_that_fit(scene, says):
    lines = []
    scene.tell(lines.append)
    text = "\n".join(lines)
    assert all(word in text for word in says), text
    assert max(map(len, text.splitlines())) <= 110 and text.isascii()


COMMAND = [sys.executable, "-m", "scratchgpt.chapters.the_way_to_attention"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@checks(story.main)
def test_the_story_is_all_scenes_in_their_order_and_the_same_every_time_as_a_program_too():
    told = io.StringIO()
    story.main(told)
    text = told.getvalue()
    assert [scene for _, scene in story.SCENES] == list(SCENES)
    headings = [f"{number}. {title}\n{'-' * (3 + len(title))}\n" for number, (title, _) in enumerate(story.SCENES, 1)]
    places = [text.index(heading) for heading in headings]
    assert places[0] == 0 and places == sorted(places)
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=100, env=ENVIRONMENT)
    assert done.returncode == 0 and done.stderr == "" and done.stdout == text


@checks(story.main)
def test_it_stops_quietly_when_its_reader_leaves():
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as program:
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b"" and program.wait(timeout=100) == 0
