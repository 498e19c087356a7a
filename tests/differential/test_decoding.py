"""Token for token with transformers' generate, over drawn combinations of its options.

Needs the `oracles` extra. Small random GPT-2 and Llama models in float64, with transformers' default attention (sdpa);
each row of a padded batch must give what transformers gives for it alone. Their processors see scores in float32, and
the norms of their Llama compute in float32, so a near tie could part the two; among these draws there is none.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from scratchgpt.decoding import GenerationConfig, generate                    # noqa: E402
from scratchgpt.errors import GenerationError                                 # noqa: E402
from scratchgpt.models import AutoModel                                       # noqa: E402
from scratchgpt.tokenizers import BPETokenizer                                # noqa: E402
from tests.checks import checks                                               # noqa: E402

torch.set_num_threads(1)
V, POSITIONS, EOS = 17, 48, 3
PAD = V - 1                                                   # their beams take another pad for a pad of 0
SIZES = {
    "gpt2": dict(vocab_size=V, n_positions=POSITIONS, n_embd=12, n_layer=2, n_head=3),
    "llama": dict(vocab_size=V, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
                  num_key_value_heads=2, head_dim=6, max_position_embeddings=POSITIONS)}
DRAWS, SAMPLING_DRAWS = 130, 20                                               # for each of 2 models and 2 searches


def pair_of(model_type, folder, **changes):
    """The same random weights as a model of theirs and of ours, both in float64."""
    config = transformers.AutoConfig.for_model(model_type, **{**SIZES[model_type], "bos_token_id": 1, "eos_token_id": 2,
                                                              **changes})
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(config).eval().double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    theirs.save_pretrained(folder)
    theirs.generation_config = transformers.GenerationConfig()
    return theirs, AutoModel.from_pretrained(folder).astype(np.float64)


@pytest.fixture(scope="module", params=SIZES)
def pair(request, tmp_path_factory):
    return pair_of(request.param, tmp_path_factory.mktemp(request.param))


def theirs_alone(model, ids, options, **arguments):
    """What transformers adds to one row (T,): a row for each of num_return_sequences, without pads behind the end."""
    prompt = torch.tensor(ids)[None]
    wish = {**{"eos_token_id": None, "pad_token_id": PAD, "do_sample": False}, **options}
    config = transformers.GenerationConfig(**wish)
    with torch.inference_mode():
        text = model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=config, **arguments)
    return [cut(row[len(ids):], wish["eos_token_id"]) for row in text.tolist()]


def cut(row, eos):
    """A row up to its end, or without the pads that fill it."""
    ends = [] if eos is None else [eos] if isinstance(eos, int) else eos
    at = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
    return row[:at]


def drawn_prompts(rng):
    lengths = rng.integers(1, 7, rng.integers(1, 4))
    rows = [rng.integers(0, PAD, n) for n in lengths]
    ids, mask = np.full((len(rows), max(lengths)), PAD), np.zeros((len(rows), max(lengths)), int)
    for b, row in enumerate(rows):
        ids[b, -len(row):], mask[b, -len(row):] = row, 1
    return rows, ids, mask


def drawn_options(rng, longest):
    """Options of one combination, each there with some chance."""
    def some(chance=0.25):
        return rng.random() < chance

    def tokens(n):
        return rng.choice(PAD, n, replace=False).tolist()
    options = {"max_new_tokens": int(rng.integers(4, 12))}
    if some(0.6):
        options["eos_token_id"] = EOS if some(0.6) else [EOS, 5]
    ends = "eos_token_id" in options
    if some():
        options["max_length"] = longest + int(rng.integers(1, 10))
        del options["max_new_tokens"]
    if ends and some():
        options["min_length"] = int(rng.integers(1, options.get("max_length", longest + 3)))
    elif ends and some() and "max_new_tokens" in options:                      # theirs forgets one if both are given
        options["min_new_tokens"] = int(rng.integers(1, options["max_new_tokens"]))
    if some():
        options["no_repeat_ngram_size"] = int(rng.integers(1, 4))
    if some():
        options["repetition_penalty"] = float(rng.uniform(0.7, 2.0))
    if some():
        options["bad_words_ids"] = [tokens(n) for n in rng.integers(1, 4, 2)]
    if some():
        options["suppress_tokens"] = tokens(2)
    if some():
        options["begin_suppress_tokens"] = tokens(2)
    if some():
        options["sequence_bias"] = [[tokens(int(n)), float(rng.uniform(-4, 4))] for n in rng.integers(1, 3, 2)]
    if ends and some():
        options["exponential_decay_length_penalty"] = (int(rng.integers(0, 4)), float(rng.uniform(0.8, 1.6)))
    free = [token for token in range(PAD) if token not in options.get("suppress_tokens", ())]
    if some(0.15):
        options["forced_bos_token_id"] = int(rng.choice(free))
    if some(0.15) and EOS in free:
        options["forced_eos_token_id"] = EOS
    if some(0.15):
        options["renormalize_logits"] = True
    if some(0.15):
        options["remove_invalid_values"] = True
    return options


def drawn_beams(rng):
    num_beams = int(rng.integers(2, 9))
    options = {"num_beams": num_beams, "num_return_sequences": int(rng.integers(1, num_beams + 1)),
               "early_stopping": [False, True, "never"][rng.integers(3)],
               "length_penalty": float(rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]))}
    return options


def compared(pair, seed, searching):
    """(options, our rows, their rows) for each prompt of a draw; nothing where options leave a row no choice."""
    theirs, ours = pair
    rng = np.random.default_rng([seed, searching])
    rows, ids, mask = drawn_prompts(rng)
    options = {**drawn_options(rng, max(map(len, rows))), **(drawn_beams(rng) if searching else {})}
    try:
        found = generate(ours, ids, mask, pad_token_id=PAD, return_dict_in_generate=True, **options)
    except GenerationError as problem:
        assert ("must hold a finite value" in str(problem) or "the search must end with" in str(problem)) and any(
            no_choice(theirs, row, options) for row in rows), (options, problem)
        return
    copies = options.get("num_return_sequences", 1)
    for b, row in enumerate(rows):
        expected = theirs_alone(theirs, row, options)
        yield options, [answer.tolist() for answer in found.answers[b * copies:(b + 1) * copies]], expected


def no_choice(model, ids, options):
    """Whether transformers too was left with nothing: scores are all -inf at some step, or a text's is hardly more."""
    prompt = torch.tensor(ids)[None]
    with torch.inference_mode():
        output = model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=transformers.
                                GenerationConfig(**{"pad_token_id": PAD, **options}), output_scores=True,
                                return_dict_in_generate=True)
    if "num_beams" in options:
        return bool((output.sequences_scores < -1e6).any())                   # the -1e9 of a beam that never was
    return any(bool((scores == -np.inf).all(dim=-1).any()) for scores in output.scores)


def agree(answers, expected):
    """Whether rows say the same; transformers fills what has ended with pads, up to the longest of a row's texts."""
    return all(theirs[:len(ours)] == ours and all(token == PAD for token in theirs[len(ours):])
               for ours, theirs in zip(answers, expected, strict=True))


@checks(generate, GenerationConfig)
@pytest.mark.parametrize("searching", [False, True], ids=["greedy", "beams"])
@pytest.mark.parametrize("seeds", np.array_split(np.arange(DRAWS), 5), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_every_combination_of_options_gives_their_tokens(pair, seeds, searching):
    met = 0
    for seed in seeds:
        rows = list(compared(pair, int(seed), searching))
        for options, answers, expected in rows:
            assert agree(answers, expected), (seed, options, answers, expected)
        met += bool(rows)
    assert met >= len(seeds) - 1                                    # 20 lots of 26 draws: at least 500 of them are met


@checks(generate)
@pytest.mark.parametrize("searching", [False, True], ids=["greedy", "beams"])
def test_a_padded_batch_gives_what_their_padded_batch_gives(pair, searching):
    theirs, ours = pair
    for seed in range(30):
        rng = np.random.default_rng([7, seed])
        _, ids, mask = drawn_prompts(rng)
        options = {"max_new_tokens": 9, "eos_token_id": [EOS, 5], "pad_token_id": PAD, "suppress_tokens": [4],
                   **(drawn_beams(rng) if searching else {})}
        with torch.inference_mode():
            expected = theirs.generate(torch.tensor(ids), attention_mask=torch.tensor(mask), do_sample=False, **options)
        np.testing.assert_array_equal(generate(ours, ids, mask, **options), expected.numpy(), err_msg=str((seed, options)))


@pytest.fixture(scope="module", params=SIZES)
def speaking(request, tmp_path_factory):
    """A model with a tokenizer of both libraries, for ends that are text."""
    folder = tmp_path_factory.mktemp("speaking")
    tokenizer = BPETokenizer.train("the cat sat on the mat, the hat on the cat. " * 3, vocab_size=270)
    tokenizer.save_pretrained(folder)
    pair = pair_of(request.param, folder, vocab_size=tokenizer.vocab_size)
    return pair, tokenizer, transformers.AutoTokenizer.from_pretrained(folder)


def drawn_strings(answers, tokenizer):
    """Strings that stand in free answers, some of them across the borders of tokens."""
    texts = [b"".join(map(tokenizer.token_bytes, answer)).decode(errors="replace") for answer in answers]
    usual = ["".join(c for c in text if c.isascii() and c.isprintable()) for text in texts]
    return [text[i:i + n] for text in usual for i, n in ((2, 1), (4, 2), (5, 3)) if text[i:i + n]] or ["zz"]


@checks(generate)
def test_stop_strings_end_a_text_where_theirs_does(speaking):
    (theirs, ours), tokenizer, their_tokenizer = speaking
    stopped, rng = 0, np.random.default_rng(0)
    for seed in range(40):
        ids = rng.integers(0, tokenizer.vocab_size, rng.integers(1, 5))
        free = generate(ours, ids[None], max_new_tokens=10, repetition_penalty=1.3)[0]
        options = {"max_new_tokens": 10, "stop_strings": drawn_strings([free.tolist()], tokenizer),
                   "repetition_penalty": 1.3}
        expected = theirs_alone(theirs, ids, options, tokenizer=their_tokenizer)
        found = generate(ours, ids[None], tokenizer=tokenizer, **options)[0, len(ids):].tolist()
        assert found == expected[0], (seed, options)
        stopped += len(found) < 10
    assert stopped > 10


@checks(generate)
@pytest.mark.parametrize("ends", [EOS, None], ids=["with an eos", "without"])
@pytest.mark.parametrize("num_beams", [1, 2, 3, 4])
def test_stop_strings_end_each_row_of_a_padded_batch_where_theirs_does(speaking, num_beams, ends):
    """Their answers to the same left-padded batch, and to each row alone.

    With an eos_token_id the arrays are equal, pads and all. Without one theirs differs behind a row's end, by design:
    greedy, a row that has stopped says more tokens until all rows have (they write pads only where an eos is asked
    for); beams write -1 there. Here these places are pad_token_id always.
    """
    (theirs, ours), tokenizer, their_tokenizer = speaking
    stopped, several, options = 0, 0, {"max_new_tokens": 10, "repetition_penalty": 1.3, "pad_token_id": PAD}
    options |= {} if num_beams == 1 else {"num_beams": num_beams}
    options |= {} if ends is None else {"eos_token_id": ends}
    for seed in range(12):
        rng = np.random.default_rng([3, seed])
        _, ids, mask = drawn_prompts(rng)
        ids = np.where(mask, rng.integers(0, tokenizer.vocab_size, ids.shape), PAD)
        free = generate(ours, ids, mask, **options)[:, ids.shape[1]:].tolist()
        wish = {**options, "stop_strings": drawn_strings(free, tokenizer)}
        found = generate(ours, ids, mask, tokenizer=tokenizer, return_dict_in_generate=True, **wish)
        with torch.inference_mode():
            together = theirs.generate(torch.tensor(ids), attention_mask=torch.tensor(mask), do_sample=False,
                                       tokenizer=their_tokenizer, **wish).numpy()
        said = np.arange(together.shape[1]) < ids.shape[1] + found.lengths[:, None]
        assert ends is None or (together[~said] == PAD).all()
        np.testing.assert_array_equal(found.sequences, np.where(said, together, PAD), err_msg=str((seed, wish)))
        for row, words, answer in zip(ids, mask == 1, found.answers):
            [expected] = theirs_alone(theirs, row[words], wish, tokenizer=their_tokenizer)
            assert answer.tolist() == expected, (seed, wish)
        stopped += found.finish_reasons.count("stop_string")
        several += len(set(found.lengths)) > 1
    assert stopped > 10 and several > 1
