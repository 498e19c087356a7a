"""What all configs share: the way to config.json and back, what is kept for others, and errors that name the key."""

import json
import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import CheckpointError, ConfigError
from scratchgpt.models import BigramConfig, GPT2Config, LlamaConfig, QuestionAnsweringConfig
from scratchgpt.models.config import ModelConfig
from tests.checks import checks


@dataclass(frozen=True)
class Toy(ModelConfig):
    """One field of every kind that the checks know."""

    size: int = 4
    parts: int = 2
    least: int = 0
    on: bool = True
    eps: float = 1e-5
    std: float = 0.0
    p: float = 0.1
    kind: str = "one"
    model_type: ClassVar[str] = "toy"
    architecture: ClassVar[str] = "ToyForNothing"
    FIXED: ClassVar[dict] = {"rule": (True,), "word": ("a", "b"), "none": (None,)}

    def __post_init__(self):
        self._check_whole("size", "parts")
        self._check_whole("least", at_least=0)
        self._check_divides("parts", "size")
        self._check_flags("on")
        self._check_positive("eps")
        self._check_at_least_zero("std")
        self._check_dropout("p")
        self._check_choice("kind", ("one", "two"))


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
                           lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner,
                                                                                       max_size=2), max_leaves=4)
FIELDS = ("size", "parts", "least", "on", "eps", "std", "p", "kind", "rule", "word", "none", "architectures",
          "model_type")


@checks(ModelConfig)
@given(other=st.dictionaries(st.text(max_size=8).filter(lambda key: key not in FIELDS), json_values, max_size=4))
def test_what_others_wrote_is_kept_and_written_back(other):
    config = Toy.from_dict({**other, "size": 6, "model_type": "whatever", "architectures": ["Other"]})
    assert config == Toy(6) and config.other == other
    values = json.loads(json.dumps(config.to_dict()))
    assert values == {**other, "architectures": ["ToyForNothing"], "model_type": "toy", "rule": True, "word": "a",
                      "none": None, "size": 6, "parts": 2, "least": 0, "on": True, "eps": 1e-5, "std": 0.0, "p": 0.1,
                      "kind": "one"}
    assert Toy.from_dict(values) == config and Toy.from_dict(values).other == other


@checks(ModelConfig)
@pytest.mark.parametrize("key, value", [
    *(("size", value) for value in (0, -1, 2**31, 1.0, "1", None, True, [1], 10**400)),
    ("least", -1), ("least", False), ("parts", 3), *(("on", value) for value in (0, 1, "true", None)),
    *(("eps", value) for value in (0, -1, math.inf, math.nan, 10**400, True, "1", None)),
    *(("std", value) for value in (-1e-9, math.inf, math.nan, 10**400, None)),
    *(("p", value) for value in (-0.1, 1, 1.0, math.nan, "0", False)),
    *(("kind", value) for value in ("three", None, 1, ["one"])),
    *(("rule", value) for value in (False, 1, None, "true")), *(("word", value) for value in ("c", None, ["a"])),
    ("none", 0), ("none", False),
], ids=lambda value: str(value)[:12])
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_key(key, value):
    with pytest.raises(ConfigError, match=key) as problem:
        Toy.from_dict({key: value})
    assert len(str(problem.value)) < 300


@checks(ModelConfig)
@pytest.mark.parametrize("values", [{"word": "b"}, {"rule": True}, {"none": None},
                                    {"size": 2**31 - 2, "least": 2**31 - 1}], ids=str)
def test_a_value_that_can_be_is_taken(values):
    assert Toy.from_dict(values) == Toy(**{key: value for key, value in values.items() if key in ("size", "least")})


@checks(ModelConfig, BigramConfig, QuestionAnsweringConfig)
@pytest.mark.parametrize("kind", [BigramConfig, QuestionAnsweringConfig])
def test_a_size_that_has_no_default_must_be_given(kind):
    for values in ({}, {"n_layer": 2, "other": 1}):
        with pytest.raises(ConfigError, match="vocab_size must be given"):
            kind.from_dict(values)


@checks(ModelConfig, GPT2Config, LlamaConfig, BigramConfig)
@pytest.mark.parametrize("config", [GPT2Config(n_layer=1), LlamaConfig(num_hidden_layers=1), BigramConfig(5),
                                    QuestionAnsweringConfig(5)], ids=lambda config: config.model_type)
def test_a_config_is_read_from_its_folder_and_errors_name_the_file(config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    assert type(config).from_pretrained(tmp_path) == config
    path.write_text(json.dumps({**config.to_dict(), "vocab_size": "5"}))
    with pytest.raises(ConfigError, match=r"config\.json: vocab_size must be an integer"):
        type(config).from_pretrained(tmp_path)
    path.write_text(json.dumps({**config.to_dict(), "model_type": "other"}))
    with pytest.raises(CheckpointError, match=rf"config\.json: model_type must be '{config.model_type}'; got 'other'"):
        type(config).from_pretrained(tmp_path)
