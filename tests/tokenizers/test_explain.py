"""Byte-pair encoding in slow motion shows what the fast one does, at every step."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, CharTokenizer
from scratchgpt.tokenizers.merges.bytes import CHARACTERS_IN_ID_ORDER
from scratchgpt.tokenizers.explain import (MergeStep, PieceSteps, count_table, explain, longest_tokens, merge_steps,
                                           readable)
from scratchgpt.tokenizers.merges.merge import apply_merges_textbook
from scratchgpt.tokenizers.merges.train import train_merges_textbook
from tests.checks import checks
from tests.tokenizers.merges.test_merge import ids, merge_tables
from tests.tokenizers.merges.test_train import words

TEXT = "the cat sat on the mat. It's the 1234th café!\n\n  " * 3
EXAMPLE = [(b"older_", 3), (b"finest_", 9), (b"lowest_", 4)]


@checks(merge_steps, MergeStep)
@given(ids, merge_tables())
@example([0] * 9, {(0, 0): (0, 4), (4, 4): (1, 5)})
def test_the_last_step_is_what_the_textbook_gives(ids, merges):
    steps = list(merge_steps(ids, merges))
    end = steps[-1].ids if steps else ids
    assert end == apply_merges_textbook(ids, merges)
    assert len(steps) == len(ids) - len(end)


@checks(merge_steps, MergeStep)
@given(ids, merge_tables())
def test_each_step_joins_one_pair_of_the_lowest_rank_that_is_there(ids, merges):
    before = list(ids)
    for step in merge_steps(ids, merges):
        assert merges[step.pair] == (step.rank, step.merged)
        assert step.rank == min(merges[pair][0] for pair in zip(before, before[1:]) if pair in merges)
        at = [i for i, pair in enumerate(zip(before, before[1:])) if pair == step.pair][0]
        assert step.ids == before[:at] + [step.merged] + before[at + 2:]
        before = step.ids
    assert not any(pair in merges for pair in zip(before, before[1:]))


@checks(count_table)
@given(words, st.integers(0, 30))
def test_the_rows_of_the_table_are_the_textbook_merges(words, n_merges):
    rows = list(count_table(words, n_merges, first_id=4))
    assert [pair for pair, _, _ in rows] == [None, *train_merges_textbook(words, n_merges, first_id=4)]


@checks(count_table)
@given(words, st.integers(1, 30))
def test_every_row_counts_all_letters_and_its_pair_as_often_as_no_other(words, n_merges):
    spelled = {letter: (letter,) for letter in range(4)}
    letters, plain = [], [(tuple(word), n) for word, n in words]
    for new, (pair, count, tokens) in enumerate(count_table(words, n_merges, first_id=4), 3):
        if pair is not None:
            spelled[new] = spelled[pair[0]] + spelled[pair[1]]
            known = train_merges_textbook(plain, new - 3, first_id=4, min_frequency=count)
            fewer = train_merges_textbook(plain, new - 3, first_id=4, min_frequency=count + 1)
            assert len(known) > len(fewer), "the count is what training compares with min_frequency"
        letters.append({letter: sum(spelled[token].count(letter) * n for token, n in tokens.items())
                        for letter in range(4)})
        assert all(n >= 0 for n in tokens.values())
    assert all(row == letters[0] for row in letters)
    assert letters[0] == {letter: sum(n * word.count(letter) for word, n in plain) for letter in range(4)}


@checks(count_table)
def test_the_worked_example_takes_e_from_16_to_3():
    rows = list(count_table(EXAMPLE, 4))
    assert [count for _, count, _ in rows] == [0, 13, 13, 13, 9]
    assert [[tokens[token] for token in (*b"est_fi", 256, 257, 258, 259)] for _, _, tokens in rows] == [
        [16, 13, 13, 16, 9, 9, 0, 0, 0, 0],
        [3, 0, 13, 16, 9, 9, 13, 0, 0, 0],
        [3, 0, 0, 3, 9, 9, 13, 13, 0, 0],
        [3, 0, 0, 3, 9, 9, 0, 0, 13, 0],
        [3, 0, 0, 3, 0, 0, 0, 0, 13, 9]]
    assert len(list(count_table(EXAMPLE, 1_000))) < 20, "it ends when each word is one token"


def tokenizers():
    trained = BPETokenizer.train(TEXT, 300, special_tokens=["<|a|>"])
    grown = BPETokenizer.train(TEXT, 300, pattern="llama3")
    grown.add_tokens(["sat on", "日"])
    grown.add_special_tokens({"eos_token": "<|a|>"})
    vocab = {token: i for i, token in enumerate([*CHARACTERS_IN_ID_ORDER, "th", "he", "the", "Ġthe"])}
    ranked = BPETokenizer(vocab, [("t", "h"), ("h", "e"), ("t", "he")], ranks=[2, 0, 1], special_tokens=[],
                          added_tokens=["Ġthe"])
    whole = BPETokenizer(vocab, [("t", "he"), ("h", "e"), ("t", "h")], special_tokens=["Ġthe"], ignore_merges=True)
    return {"trained": trained, "grown": grown, "ranked": ranked, "whole": whole}


TOKENIZERS = tokenizers()
texts = st.one_of(st.text(max_size=20), st.lists(st.sampled_from(
    ["the", " the", "sat on", "<|a|>", "日", "é", "Ġthe", " ", "1234", "\n", "th", "he", "!"]), max_size=8).map("".join))


@checks(explain, PieceSteps)
@pytest.mark.parametrize("name", TOKENIZERS)
@given(texts)
@example(TEXT + "<|a|>")
def test_an_explanation_ends_in_the_ids_of_encode_and_has_the_whole_text(name, text):
    tokenizer = TOKENIZERS[name]
    pieces = list(explain(tokenizer, text))
    assert [i for piece in pieces for i in piece.ids] == tokenizer.encode(text, allowed_special="all")
    assert "".join(piece.text for piece in pieces) == text
    for piece in pieces:
        for state in (piece.start, *(step.ids for step in piece.steps)):
            assert tokenizer.decode_bytes(state) == piece.text.encode()


@checks(explain, PieceSteps)
def test_an_explanation_says_which_pieces_are_found_whole():
    how = [(piece.text, piece.how) for piece in explain(TOKENIZERS["grown"], "the sat on<|a|>")]
    assert how == [("the", "merges"), (" ", "merges"), ("sat on", "added token"), ("<|a|>", "special token")]
    whole, merged = (next(explain(TOKENIZERS[name], "the")) for name in ("whole", "ranked"))
    assert whole == ("the", "whole", [258], []) and whole.ids == [258]
    assert merged.how == "merges" and [step.rank for step in merged.steps] == [0, 1]


@checks(explain)
@pytest.mark.parametrize("tokenizer, text, says", [(CharTokenizer("ab"), "ab", "got a CharTokenizer"),
                                                   (TOKENIZERS["trained"], "\ud800", "surrogates")])
def test_what_cannot_be_explained_is_refused(tokenizer, text, says):
    with pytest.raises(TokenizerError, match=says):
        list(explain(tokenizer, text))


@checks(readable)
@given(st.binary(max_size=12))
@example(" é\n\u200b\u00a0\u2028".encode())
def test_a_readable_token_is_printable_and_has_no_space(token):
    text = readable(token)
    assert text.isprintable() and " " not in text
    if token.isalnum():
        assert text == token.decode()


@checks(longest_tokens)
def test_the_longest_tokens_come_first_and_special_ones_not_at_all():
    tokenizer = BPETokenizer.train("a cat, a cat, a cat", 260, special_tokens=["<|endoftext|>"])
    assert longest_tokens(tokenizer, 2) == [b" cat", b"cat"]
    assert len(longest_tokens(tokenizer, 1_000)) == 259
    assert longest_tokens(CharTokenizer("aé"), 1) == ["é".encode()]
