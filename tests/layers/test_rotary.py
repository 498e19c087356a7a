"""Rotary positions in a model: the stretching that a config asks for, at every token's own place."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import backend
from scratchgpt.errors import ConfigError
from scratchgpt.layers import RotaryPositions
from scratchgpt.layers.rotary import ROPE_TYPES, RopeType
from tests import oracles
from tests.checks import checks
from tests.strict_device import StrictArray, StrictBackend

backend.register("strict", StrictBackend)
TRAINED = 64
PARAMETERS = {
    "default": {},
    "linear": {"factor": 3.0},
    "dynamic": {"factor": 3.0},
    "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
    "yarn": {"factor": 4.0, "original_max_position_embeddings": 32},
    "yarn in full": {"factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 8.0, "beta_slow": 2.0,
                     "truncate": False, "attention_factor": 0.7},
    "yarn, scaled": {"factor": 4.0, "original_max_position_embeddings": 32, "mscale": 0.7, "mscale_all_dim": 1.3},
}
types = pytest.mark.parametrize("name", PARAMETERS)
thetas = st.sampled_from([10.0, 10_000, 500_000.0])
seeds = st.integers(0, 2**32 - 1)


def made(name, D, theta=10_000.0):
    parameters = {"rope_type": name.split()[0].strip(","), "rope_theta": theta, **PARAMETERS[name]}
    return RotaryPositions(D, parameters, TRAINED)


def expected_frequencies(name, D, theta, length):
    p = PARAMETERS[name]
    if name == "default":
        return oracles.rotary_frequencies(D, theta)
    if name == "linear":
        return oracles.linear_frequencies(D, theta, 3.0)
    if name == "dynamic":
        return oracles.dynamic_frequencies(D, theta, 3.0, length, TRAINED)
    if name == "llama3":
        return oracles.llama3_frequencies(D, theta, 8.0, 1.0, 4.0, 32)
    return oracles.yarn_frequencies(D, theta, 4.0, 32, *([8.0, 2.0, False] if "truncate" in p else []))


SCALES = {"yarn": 0.1 * math.log(4) + 1, "yarn in full": 0.7,
          "yarn, scaled": (0.07 * math.log(4) + 1) / (0.13 * math.log(4) + 1)}


@checks(RotaryPositions)
@types
@given(half=st.integers(2, 6), theta=thetas, T=st.integers(1, 4), far=st.sampled_from([5, 200]), seed=seeds)
def test_every_token_is_turned_as_the_papers_say_at_its_own_place(name, half, theta, T, far, seed):
    positions = np.random.default_rng(seed).integers(0, far, (2, T))
    cos, sin = made(name, 2 * half, theta)(positions, np.empty((2, T, 1)))
    assert cos.shape == sin.shape == (2, T, 1, half)
    for b in range(2):
        w = expected_frequencies(name, 2 * half, theta, int(positions[b].max()) + 1)
        for t in range(T):
            angles, scale = positions[b, t] * w, SCALES.get(name, 1.0)
            np.testing.assert_allclose(cos[b, t, 0], scale * np.cos(angles), rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(sin[b, t, 0], scale * np.sin(angles), rtol=1e-9, atol=1e-11)


@checks(RotaryPositions)
@types
@given(B=st.integers(1, 3), T=st.integers(1, 5), first=st.sampled_from([0, 3, 62, 100]))
def test_one_integer_is_the_first_place_and_the_others_follow(name, B, T, first):
    rotary, like = made(name, 6), np.empty((B, T, 1), np.float32)
    one = rotary(first, like)
    each = rotary(np.repeat(np.arange(first, first + T)[None], B, axis=0), like)
    for found, expected in zip(one, each):
        assert found.dtype == np.float32 and found.shape == (B, T, 1, 3)
        np.testing.assert_array_equal(found, expected)


@checks(RotaryPositions)
@given(lengths=st.lists(st.integers(1, 3 * TRAINED), min_size=2, max_size=3))
def test_the_dynamic_type_stretches_each_row_by_its_own_length(lengths):
    rotary, longest = made("dynamic", 6), max(lengths)
    positions = np.minimum(np.arange(longest), np.array(lengths)[:, None] - 1)
    cos, _ = rotary(positions, np.empty((len(lengths), longest, 1)))
    for row, length in zip(cos, lengths):
        np.testing.assert_array_equal(row[:length], rotary(0, np.empty((1, length, 1)))[0][0])
    plain, _ = made("default", 6)(0, np.empty((1, TRAINED, 1)))
    np.testing.assert_allclose(rotary(0, np.empty((1, TRAINED, 1)))[0], plain, rtol=1e-12)
    assert not np.allclose(rotary(0, np.empty((1, 2 * TRAINED, 1)))[0][:, :TRAINED], plain)


@checks(RotaryPositions)
@types
def test_turns_are_made_on_the_device_of_the_stream(name):
    with backend.use("strict"):
        like = backend.asarray(np.zeros((2, 3, 1), np.float32))
        positions = backend.asarray(np.array([[0, 1, 2], [70, 71, 72]]))
    for places in (positions, 5):
        host = backend.to_host(places) if isinstance(places, StrictArray) else places
        for found, expected in zip(made(name, 6)(places, like), made(name, 6)(host, np.zeros((2, 3, 1), np.float32))):
            assert isinstance(found, StrictArray) and found.dtype == np.float32
            np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-6)


@checks(RopeType)
@types
def test_a_type_names_the_keys_that_it_reads(name):
    read = set()

    class Noting(dict):
        def __getitem__(self, key):
            read.add(key)
            return super().__getitem__(key)

        def get(self, key, default=None):
            read.add(key)
            return super().get(key, default)
    kind = name.split()[0].strip(",")
    parameters = Noting(rope_type=kind, rope_theta=10_000.0, **PARAMETERS[name])
    RotaryPositions(6, parameters, TRAINED)(0, np.empty((1, 3, 1)))
    named = {"rope_type", "rope_theta", "original_max_position_embeddings", *ROPE_TYPES[kind].needs}
    assert set(ROPE_TYPES[kind].needs) <= read <= named | set(ROPE_TYPES[kind].may_have)


@checks(RotaryPositions)
@types
def test_heads_of_odd_size_are_refused(name):
    with pytest.raises(ConfigError, match="head_dim=5"):
        made(name, 5)
