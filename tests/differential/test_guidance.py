"""Guided text, token for token with transformers' generate.

Needs the `oracles` extra. Each row is compared with what transformers gives for it alone. Pads in front of a negative
prompt are compared in the Llama only: transformers counts their positions, which waves forgive and a table does not.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from scratchgpt.decoding import generate                                      # noqa: E402
from scratchgpt.decoding.strategies import GuidedReader, guide, guided       # noqa: E402
from tests.checks import checks                                               # noqa: E402
from tests.differential.test_decoding import PAD, SIZES, V, drawn_prompts, pair_of, theirs_alone    # noqa: E402

DRAWS = 25


@pytest.fixture(scope="module", params=SIZES)
def pair(request, tmp_path_factory):
    return request.param, *pair_of(request.param, tmp_path_factory.mktemp(f"guided-{request.param}"))


def drawn_options(rng):
    options = {"guidance_scale": float(rng.choice([-1.0, 0.0, 0.5, 1.5, 2.0, 4.0])),
               "max_new_tokens": int(rng.integers(4, 12))}
    for name, value in (("repetition_penalty", 1.4), ("no_repeat_ngram_size", 2), ("eos_token_id", [3, 5]),
                        ("suppress_tokens", [1, 2]), ("use_cache", False)):
        if rng.random() < 0.3:
            options[name] = value
    return options


@checks(GuidedReader, guide, guided)
@pytest.mark.parametrize("negative", [None, "words", "padded"])
def test_guided_greedy_text_is_that_of_transformers(pair, negative):
    model_type, theirs, ours = pair
    if negative == "padded" and model_type != "llama":
        pytest.skip("transformers counts the pads of a negative prompt as positions")
    changed = 0
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, 7])
        (rows, ids, mask), options = drawn_prompts(rng), drawn_options(rng)
        away, words = rng.integers(1, V, (len(rows), 5)), np.ones((len(rows), 5), int)
        if negative == "padded":
            words = (np.arange(5) >= rng.integers(0, 5, (len(rows), 1))).astype(int)
        arguments = {} if negative is None else {"negative_prompt_ids": away, "negative_prompt_attention_mask": words}
        found = generate(ours, ids, mask, return_dict_in_generate=True, **options, **arguments).answers
        for b, row in enumerate(rows):
            own = {name: torch.tensor(array[b:b + 1]) for name, array in arguments.items()}
            expected, = theirs_alone(theirs, row, options, **own)
            assert found[b].tolist() == expected, (seed, b, options)
            plain, = theirs_alone(theirs, row, {**options, "guidance_scale": None})
            changed += expected != plain
    assert changed > DRAWS                                                    # guidance did something
