"""The committed goldens are what their script makes today. Needs the `oracles` extra."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from scratchgpt.checkpoint import load_file                                   # noqa: E402
from tests.checks import checks                                               # noqa: E402
from tests.goldens.make_goldens import HERE, make                             # noqa: E402
from tests.goldens.make_llama_goldens import MODELS                           # noqa: E402


def assert_same(made, committed, **close):
    """Two files hold the same arrays, up to rounding."""
    made_arrays, committed_arrays = np.load(made), np.load(committed)
    assert set(made_arrays) == set(committed_arrays)
    for key in made_arrays:
        np.testing.assert_allclose(made_arrays[key], committed_arrays[key], err_msg=f"{made} {key}", **close)


@checks(load_file)
def test_the_script_makes_the_committed_goldens(tmp_path):
    make(tmp_path)
    for name in ("formulas.npz", "optimizers.npz", "gpt2/expected.npz"):
        assert_same(tmp_path / name, HERE / name, rtol=1e-9, atol=1e-12)
    for name in MODELS:
        assert_same(tmp_path / name / "expected.npz", HERE / name / "expected.npz", rtol=1e-5, atol=1e-6)
    for name in ("gpt2", *MODELS):
        made, committed = (load_file(folder / name / "model.safetensors")[0] for folder in (tmp_path, HERE))
        assert made.keys() == committed.keys()
        for key in made:
            np.testing.assert_array_equal(made[key], committed[key])
        made, committed = (json.loads((folder / name / "config.json").read_text()) for folder in (tmp_path, HERE))
        assert {**made, "transformers_version": ""} == {**committed, "transformers_version": ""}
