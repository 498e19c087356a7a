"""The committed goldens are what their script makes today. Needs the `oracles` extra."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from scratchgpt.checkpoint import load_file                                   # noqa: E402
from tests.checks import checks                                               # noqa: E402
from tests.goldens.make_goldens import HERE, make                             # noqa: E402


@checks(load_file)
def test_the_script_makes_the_committed_goldens(tmp_path):
    make(tmp_path)
    for name in ("formulas.npz", "optimizers.npz", "gpt2/expected.npz"):
        made, committed = np.load(tmp_path / name), np.load(HERE / name)
        assert set(made) == set(committed)
        for key in made:
            np.testing.assert_allclose(made[key], committed[key], rtol=1e-9, atol=1e-12, err_msg=f"{name} {key}")
    made, committed = (load_file(folder / "gpt2" / "model.safetensors")[0] for folder in (tmp_path, HERE))
    assert made.keys() == committed.keys()
    for key in made:
        np.testing.assert_array_equal(made[key], committed[key])
    made, committed = (json.loads((folder / "gpt2" / "config.json").read_text()) for folder in (tmp_path, HERE))
    assert {**made, "transformers_version": ""} == {**committed, "transformers_version": ""}
