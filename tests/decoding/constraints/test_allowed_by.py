"""The mask over tokens, alone and while a text is drawn."""

import importlib
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import JSON, Recogniser, allowed_by, grammar, regex
from scratchgpt.decoding.constraints.allowed_by import generated
from scratchgpt.decoding.constraints.recogniser import DEAD
from scratchgpt.errors import GenerationError
from scratchgpt.tokenizers import BPETokenizer, CharTokenizer
from tests.checks import checks
from tests.decoding.constraints.test_json_grammar import is_json
from tests.interruptions import interrupted_at, side_by_side

module = importlib.import_module("scratchgpt.decoding.constraints.allowed_by")
BPE = BPETokenizer.train('the answer is 12.5, "yes" or "no"; {"a": [1, 2]} déjà vu 日本 🙂', 330,
                         special_tokens=["<s>", "</s>"])
CHARS = CharTokenizer.train("abcé日. 0123456789-", ["<s>", "</s>"])
PATTERNS = [r"(yes|no)( or (yes|no)){0,3}", r"\d{1,3}\.\d\d?", r"[^a-z\n]{0,12}", r"(é|日本?|🙂){1,6}", r"(the )*answer.?",
            ""]
SIMPLE = [r"\d{4}-\d\d-\d\d", "(ab|c)*é?", "日{2,5}", r"[a-c.]{0,8}"]
EOS = BPE.special_tokens["</s>"]


def draw(processor, prompt, V, eos, rng, longest=40):
    """Tokens drawn from random scores; the end grows likelier from step to step."""
    ids = list(prompt)
    for step in range(longest):
        scores = rng.normal(size=(1, V))
        scores[0, eos] += step / 4 - 2
        ids.append(int(processor(np.array([ids], np.int64), scores).argmax()))
        if ids[-1] == eos:
            return ids[len(prompt):-1], True
    return ids[len(prompt):], False


@checks(allowed_by)
@given(st.sampled_from([(BPE, pattern) for pattern in PATTERNS] + [(CHARS, pattern) for pattern in SIMPLE]),
       st.integers(0, 2**32 - 1))
def test_whatever_is_drawn_matches_when_it_ends_and_can_still_match_until_then(case, seed):
    tokenizer, pattern = case
    eos, recogniser = tokenizer.special_tokens["</s>"], regex(pattern)
    processor = allowed_by(recogniser, tokenizer, 2, eos)
    said, ended = draw(processor, [3, 4], tokenizer.vocab_size, eos, np.random.default_rng(seed))
    if ended:
        assert re.fullmatch(pattern, tokenizer.decode(said, errors="strict"))
    else:
        assert pattern.endswith(("*answer.?", "é?")) and recogniser.read(tokenizer.decode_bytes(said)) != DEAD


@checks(allowed_by)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_drawn_under_the_grammar_of_json_is_json(seed):
    processor, recogniser = allowed_by(grammar(JSON), BPE, 0, EOS), grammar(JSON)
    said, ended = draw(processor, [], BPE.vocab_size, EOS, np.random.default_rng(seed), 60)
    assert is_json(BPE.decode(said, errors="strict")) if ended else recogniser.read(BPE.decode_bytes(said)) != DEAD


@checks(allowed_by)
@given(st.sampled_from([regex(pattern) for pattern in PATTERNS] + [grammar(JSON)]),
       st.text('yesno 12.{["é日🙂', max_size=4).map(BPE.encode), st.integers(0, 3))
@example(regex("é"), BPE.encode("é")[:1], 0)
@example(regex("é*"), [], 2)
def test_a_token_is_possible_if_its_bytes_can_go_on_and_the_end_if_the_text_is_complete(recogniser, said, n):
    V, text = BPE.vocab_size + 5, BPE.decode_bytes(said)                    # a model may have more columns than tokens
    expected = [v < BPE.vocab_size and v not in BPE.special_tokens.values()
                and recogniser.read(text + BPE.token_bytes(v)) != DEAD for v in range(V)]
    expected[EOS] = recogniser.matches(text)
    ids = np.array([[-1, *range(10, 10 + n), *said]], np.int64)
    scores = np.random.default_rng(0).normal(size=(1, V)).astype(np.float32)
    found = allowed_by(recogniser, BPE, n, EOS)(ids, scores)
    np.testing.assert_array_equal(found, np.where(expected, scores, -np.inf))


@checks(allowed_by)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_rows_are_taken_by_themselves_wherever_their_prompts_end_and_nothing_is_written_to(seed, dtype):
    rng = np.random.default_rng(seed)
    processor = allowed_by(regex(PATTERNS[0]), BPE, np.array([1, 3]), EOS)              # two beams of either prompt
    texts = [[5, *BPE.encode("yes")], [5, *BPE.encode("no or")], [5, 6, 7], [5, 6, 7, *BPE.encode("no"), EOS]]
    width = max(map(len, texts)) + 1
    ids = np.array([[-1] * (width - len(row)) + row for row in texts])
    scores = rng.normal(size=(4, BPE.vocab_size)).astype(dtype)
    ids.flags.writeable = scores.flags.writeable = False
    found = processor(ids, scores)
    assert found.dtype == dtype
    for b, row in enumerate(texts):
        alone = allowed_by(regex(PATTERNS[0]), BPE, [1, 3][b // 2], [EOS])(np.array([row]), scores[b:b + 1])
        np.testing.assert_array_equal(found[b], alone[0])
    np.testing.assert_array_equal(processor(ids, scores), found)
    np.testing.assert_array_equal(found[3], scores[3])                      # which has ended


@checks(allowed_by)
def test_what_is_no_beginning_is_impossible_throughout():
    scores = np.zeros((2, BPE.vocab_size))
    for text in ([BPE.encode("!")[0]], [BPE.special_tokens["<s>"]]):
        found = allowed_by(regex("yes"), BPE, 0, EOS)(np.array([text, BPE.encode("y")[:1]]), scores)
        assert (found[0] == -np.inf).all() and (found[1] == 0).any()


@checks(allowed_by)
def test_an_ordinary_token_may_be_the_end_and_then_is_no_text():
    dot = CHARS.encode(".")[0]
    processor = allowed_by(regex("a{2}[.]?"), CHARS, 0, dot)
    a = CHARS.encode("a")[0]
    masks = [np.flatnonzero(processor(np.array([n * [a]], np.int64), np.zeros((1, CHARS.vocab_size)))[0] == 0).tolist()
             for n in range(3)]
    assert masks == [[a], [a], [dot]]


@checks(allowed_by)
@given(st.integers(0, 2**32 - 1))
def test_what_is_remembered_changes_nothing(seed):
    def drawn():
        module._masks.cache_clear()
        processor = allowed_by(grammar(JSON), BPE, 0, EOS)
        return draw(processor, [], BPE.vocab_size, EOS, np.random.default_rng(seed), 8)
    with pytest.MonkeyPatch.context() as patch:
        expected = drawn()
        for name, least in (("MOST_STATES", 3), ("MOST_MASKS", 1), ("MOST_TEXTS", 2)):
            patch.setattr(module, name, least)
            assert drawn() == expected


@checks(generated)
def test_the_generated_tokens_are_those_behind_the_prompts_own():
    ids = np.array([[-1, -1, 7, 8], [4, 5, 6, 7], [-1, 1, 2, 3], [-1, -1, -1, 9]])
    assert generated(ids, np.array(1)) == [(8,), (5, 6, 7), (2, 3), ()]
    assert generated(ids, np.array([1, 2])) == [(8,), (5, 6, 7), (3,), ()]
    assert generated(np.zeros((2, 0), int), np.array(0)) == [(), ()]


@checks(allowed_by)
@pytest.mark.parametrize("make, ids, V, says", [
    (lambda: allowed_by("a+", CHARS, 0), [[3]], 21, "must be a Recogniser"),
    (lambda: allowed_by(regex("a"), CHARS, -1), [[3]], 21, "prompt_length must be an integer >= 0"),
    (lambda: allowed_by(regex("a"), CHARS, 0, "x"), [[3]], 21, "eos_token_id must be a token"),
    (lambda: allowed_by(regex("a"), CHARS, [1, 1], 1), [[3]], 21, "2 rows were announced"),
    (lambda: allowed_by(regex("a"), CHARS, 0, 1), [[3]], 5, "the tokenizer's tokens and eos_token_id must be ids"),
    (lambda: allowed_by(regex("a"), CHARS, 0, 99), [[3]], 21, "must be ids of the vocabulary, below 21; got 99"),
    (lambda: allowed_by(regex("x|a*y"), CHARS, 1, 1), [[3]], 21, "to spell a text .*; its 21 bytes make none"),
    (lambda: allowed_by(regex("å"), CHARS, 1, 1), [[3]], 21, r"one of the bytes b'\\xc3', and no token can go on"),
    (lambda: allowed_by(regex(""), CHARS, 1), [[3]], 21, "nothing may follow, and no such token; pass eos_token_id"),
])
def test_a_constraint_that_cannot_be_met_says_why(make, ids, V, says):
    with pytest.raises(GenerationError, match=says):
        make()(np.array(ids), np.zeros((1, V)))


@checks(Recogniser)
def test_a_processor_for_fewer_rows_goes_on_with_what_was_learned():
    recogniser, ids, scores = regex("[a-c]*"), np.array([CHARS.encode("a"), CHARS.encode("b")]), np.zeros((2, 21))
    found = allowed_by(recogniser, CHARS, 0, 1)(ids, scores)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.vocabulary_of(CHARS)[1], "allowed", None)      # not asked again
        again = allowed_by(recogniser, CHARS, 0, 1)(ids[1:], scores[1:])
    np.testing.assert_array_equal(again, found[1:])


@checks(allowed_by)
def test_what_the_vocabulary_cannot_spell_to_its_end_is_never_begun():
    found = allowed_by(regex("abx|acé|ac[dxyz]|[x-z]*"), CHARS, 0, 1)
    said = [CHARS.encode(text) for text in ("a", "ac")]
    masks = [np.flatnonzero(found(np.array([ids]), np.zeros((1, 21)))[0] == 0).tolist() for ids in said]
    assert masks == [CHARS.encode("c"), CHARS.encode("é")]


def masks_of(recogniser, lines):
    processor = allowed_by(recogniser, CHARS, 0, 1)
    return [processor(np.array([CHARS.encode(line)], np.int64).reshape(1, -1), np.zeros((1, 21))).tolist()
            for line in lines]


@checks(allowed_by)
@pytest.mark.parametrize("least", [{}, {"MOST_STATES": 3, "MOST_MASKS": 1, "MOST_TEXTS": 2}], ids=str)
def test_ctrl_c_while_masks_are_remembered_leaves_them_right(least, monkeypatch):
    for name, value in least.items():
        monkeypatch.setattr(module, name, value)
    lines, line, going, recogniser = ["a", "ab", "abc", "b", ""], 1, True, regex("((a|b)*c(ab|ba)?)*")
    expected = masks_of(recogniser, lines)
    while going:
        module._masks.cache_clear()
        going = interrupted_at(line, lambda: masks_of(recogniser, lines), ("recogniser.py", "allowed_by.py"))
        assert masks_of(recogniser, lines) == expected
        line += 1 if line < 60 else 37
    assert line > 60


@checks(allowed_by)
def test_threads_may_share_a_constraint(monkeypatch):
    monkeypatch.setattr(module, "MOST_TEXTS", 5)
    monkeypatch.setattr(module, "MOST_STATES", 8)
    lines, recogniser = ["a", "ab", "abc", "b", "", "ca", "cab", "bb", "bc", "cba"], regex("((a|b)*c(ab|ba)?)*")
    expected = dict(zip(lines, masks_of(recogniser, lines)))
    for seed in range(5):
        module._masks.cache_clear()
        orders = [np.random.default_rng([seed, n]).permutation(lines).tolist() for n in range(4)]
        found = side_by_side([lambda order=order: dict(zip(order, masks_of(recogniser, order))) for order in orders])
        assert found == 4 * [expected]
