"""Beam search against Hugging Face transformers: the same tokens and the same scores, whatever was asked for.

Needs the `oracles` extra. Both models compute in float64; transformers ranks in float32, so scores agree as closely as
that allows.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from scratchgpt.decoding import generate                                      # noqa: E402
from scratchgpt.models import GPT2, Llama                                     # noqa: E402

torch.set_num_threads(1)                                                     # more only get in each other's way here
V, P, PAD = 13, 24, 12
STOPS = (True, False, "never")
CASES = [dict(num_beams=B, length_penalty=alpha, early_stopping=STOPS[(B + i) % 3], eos_token_id=ends,
              num_return_sequences=1 + (B + i) % B, max_new_tokens=4 + (3 * B + i) % 6)
         for B in (2, 3, 4, 5, 8)
         for i, (alpha, ends) in enumerate([(-1.0, [1]), (0.0, [1, 2]), (0.5, [3]), (1.0, None), (1.0, [4, 5, 6]),
                                            (2.0, [1, 7])])]
PROCESSORS = [dict(repetition_penalty=1.5), dict(no_repeat_ngram_size=2), dict(min_new_tokens=3),
              dict(bad_words_ids=[[3], [4, 5]]), dict(suppress_tokens=[0, 1]), dict(forced_eos_token_id=2)]


def models(folder, kind, seed):
    """The same weights on both sides."""
    sizes = (dict(n_positions=P, n_embd=12, n_layer=2, n_head=3) if kind == "gpt2" else
             dict(max_position_embeddings=P, hidden_size=12, intermediate_size=20, num_hidden_layers=2,
                  num_attention_heads=2, num_key_value_heads=1))
    config = transformers.AutoConfig.for_model(kind, vocab_size=V, bos_token_id=None, eos_token_id=None, **sizes)
    torch.manual_seed(seed)
    theirs = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    theirs.save_pretrained(folder)
    return (GPT2 if kind == "gpt2" else Llama).from_pretrained(folder).astype(np.float64), theirs.double()


def assert_same(ours, theirs, ids, mask=None, **options):
    """The new tokens of every text returned, pads behind an end aside, and the scores."""
    mask = np.ones_like(ids) if mask is None else mask
    with torch.no_grad():
        expected = theirs.generate(torch.tensor(ids), attention_mask=torch.tensor(mask), do_sample=False,
                                   pad_token_id=PAD, return_dict_in_generate=True, output_scores=True, **options)
    got = generate(ours, ids, mask, pad_token_id=PAD, return_dict_in_generate=True, **options)
    T, n = ids.shape[1], options["max_new_tokens"]
    def widened(rows):
        return np.pad(rows[:, T:], ((0, 0), (0, T + n - rows.shape[1])), constant_values=PAD)
    assert widened(got.sequences).tolist() == widened(expected.sequences.numpy()).tolist()
    np.testing.assert_allclose(got.sequences_scores, expected.sequences_scores.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("seed", range(3))
def test_beams_find_the_texts_and_the_scores_that_theirs_find(tmp_path, kind, seed):
    ours, theirs = models(tmp_path, kind, seed)
    ids = np.random.default_rng(seed).integers(0, V - 1, (3, 5))
    for case in CASES:
        assert_same(ours, theirs, ids, **case)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_beams_of_left_padded_rows_are_theirs(tmp_path, kind):
    ours, theirs = models(tmp_path, kind, 7)
    ids = np.random.default_rng(7).integers(0, V - 1, (3, 6))
    mask = (np.arange(6) >= np.array([[0], [3], [5]])).astype(np.int64)
    ids = np.where(mask == 1, ids, PAD)
    for case in CASES:
        assert_same(ours, theirs, ids, mask, **case)


@pytest.mark.parametrize("case", range(len(PROCESSORS)))
def test_processors_see_what_theirs_see(tmp_path, case):
    ours, theirs = models(tmp_path, "gpt2", 11)
    ids = np.random.default_rng(11).integers(0, V - 1, (2, 5))
    for B in (2, 4, 6):
        for stop in STOPS:
            assert_same(ours, theirs, ids, num_beams=B, num_return_sequences=B, early_stopping=stop,
                        eos_token_id=[2], max_new_tokens=7, **PROCESSORS[case])
