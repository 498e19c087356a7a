"""Text of ids: nothing of what ends it, nothing too early, and the same in a stream as at once."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt.decoding import GenerationConfig, generate, stream_text
from scratchgpt.decoding.text import TextStream, text_of
from scratchgpt.errors import GenerationError
from tests.checks import checks

CHAR = sg.CharTokenizer.train("abcé .")
BYTES = sg.BPETokenizer.train("", 256)


def pieces_tokenizer(pieces, special=()):
    """A tokenizer whose token i is the bytes pieces[i]; the special ones are the last."""
    tokens = [*pieces, *special]
    return SimpleNamespace(vocab_size=len(tokens), token_bytes=lambda i: tokens[i],
                           special_tokens={one: len(pieces) + i for i, one in enumerate(special)})


def config(strings=None, include=None, eos=None):
    return GenerationConfig(stop_strings=strings, include_stop_str_in_output=include if strings else None,
                            eos_token_id=eos)


def shown(pieces, strings, include, prompt=b""):
    """What is left of a text in pieces, said plainly."""
    text = prompt
    for piece in pieces:
        start, text = len(text), text + piece
        hits = [(at, len(one)) for one in (one.encode() for one in strings) for at in range(len(text))
                if text.startswith(one, at) and start < at + len(one)]
        if hits:
            at, length = min(hits)
            text = text[:at + length if include else at]
            break
    return text[len(prompt):].decode(errors="replace")


@st.composite
def texts_in_pieces(draw):
    """Pieces of bytes of a text, and of a prompt before it, cut anywhere, also within a character."""
    data = draw(st.text("abé", max_size=12)).encode()
    cuts = sorted(draw(st.sets(st.integers(0, len(data)))) | {0, len(data)})
    return [data[i:j] for i, j in zip(cuts, cuts[1:])]


@checks(TextStream, text_of)
@given(pieces=texts_in_pieces(), strings=st.lists(st.text("abé", min_size=1, max_size=4), max_size=3),
       include=st.booleans())
@example([b"a", b"b"], ["b", "ab"], False)
@example([b"ab\xc3", b"\xa9"], ["é"], True)
def test_a_text_ends_before_or_behind_its_first_stop_string_and_nothing_is_shown_too_early(pieces, strings, include):
    whole = shown(pieces, strings, include)
    stream = TextStream(pieces_tokenizer(pieces), config(strings or None, include))
    so_far = ""
    for i in range(len(pieces)):
        so_far += stream.push(i)
        assert whole.startswith(so_far)
    assert so_far + stream.flush() == whole
    assert text_of(range(len(pieces)), pieces_tokenizer(pieces), config(strings or None, include)) == whole


@checks(TextStream)
@given(data=st.text("ab", max_size=12), cut=st.integers(0, 12), strings=st.lists(st.text("ab", min_size=1, max_size=4),
                                                                                 min_size=1, max_size=3),
       include=st.booleans())
def test_a_stop_string_may_begin_in_the_prompt_of_which_nothing_is_shown(data, cut, strings, include):
    data = data.encode()
    prompt, answer = data[:cut], [bytes([byte]) for byte in data[cut:]]
    tokenizer = pieces_tokenizer([*answer, prompt])
    assert text_of(range(len(answer)), tokenizer, config(strings, include), [len(answer)]) == \
        shown(answer, strings, include, prompt)


@checks(text_of)
@pytest.mark.parametrize("include, end", [(False, ""), (True, "stop")])
def test_a_stop_string_is_found_wherever_tokens_split_it(include, end):
    text = b"one, stop and more"
    for i in range(len(text) + 1):
        for j in range(i, len(text) + 1):
            tokenizer = pieces_tokenizer([text[:i], text[i:j], text[j:]])
            assert text_of([0, 1, 2], tokenizer, config("stop", include)) == "one, " + end


@checks(TextStream)
def test_what_might_become_a_stop_string_waits_and_is_shown_once_it_is_none():
    stream = TextStream(pieces_tokenizer([b"<", b"e", b"n", b"x"]), config("<end>"))
    assert [stream.push(i) for i in (0, 1, 2)] == ["", "", ""] and stream.push(3) == "<enx"
    assert stream.push(0) == "" and stream.flush() == "<"


@checks(TextStream, text_of)
def test_special_tokens_the_end_and_ids_beyond_the_vocabulary_have_no_text_but_special_ones_may_stop():
    tokenizer = pieces_tokenizer([b"a", b"b", b"|"], special=[b"<s>"])
    assert text_of([3, 0, 7, 3, 1], tokenizer, config()) == "ab"
    assert text_of([0, 1, 2], tokenizer, config(eos=[2, 1])) == "a"
    assert text_of([0, 1, 3], tokenizer, config("b<s>")) == "a"
    assert text_of([0, 1, 3], tokenizer, config("b<s>", True)) == "ab"


@checks(TextStream)
def test_a_character_waits_for_its_bytes_and_may_begin_in_the_prompt():
    first, second = BYTES.encode("é")
    stream = TextStream(BYTES, config())
    assert [stream.push(first), stream.push(second), stream.push(first), stream.flush()] == ["", "é", "", "\ufffd"]
    assert text_of([second], BYTES, config(), prompt=[first]) == "é"


def bigram(V, seed=0):
    model = sg.BigramLM(sg.BigramConfig(V), rng=np.random.default_rng(seed)).astype(np.float64)
    model.table.weight.data[:] = np.random.default_rng(seed).normal(size=(V, V))
    return model


@checks(stream_text, sg.decoding.GenerationOutput)
@given(seed=st.integers(0, 2**32 - 1), strings=st.lists(st.text("abc é", min_size=1, max_size=2), max_size=2),
       include=st.booleans(), eos=st.sampled_from([None, 0, [1, 2]]), sampled=st.booleans())
def test_a_stream_of_text_is_the_text_of_what_generate_answers(seed, strings, include, eos, sampled):
    model = bigram(CHAR.vocab_size + 2, seed)                            # the table is longer than the vocabulary
    options = dict(max_new_tokens=12, eos_token_id=eos)
    options |= dict(stop_strings=strings, include_stop_str_in_output=include) if strings else {}

    def rng():
        return np.random.default_rng(seed) if sampled else None
    output = generate(model, CHAR.encode_array("ab")[None], tokenizer=CHAR, rng=rng(), return_dict_in_generate=True,
                      **options)
    pieces = list(stream_text(model, "ab", CHAR, rng=rng(), **options))
    assert [*map("".join, [pieces])] == output.texts(CHAR) and all(pieces)
    assert list(stream_text(model, CHAR.encode("ab"), CHAR, rng=rng(), **options)) == pieces
    text = CHAR.decode([token for token in output.answers[0] if token < CHAR.vocab_size])
    assert text.startswith(output.texts(CHAR)[0])
    if output.finish_reasons[0] == "stop_string" and include:
        assert any(output.texts(CHAR)[0].endswith(one[-1]) for one in strings)


@checks(stream_text)
def test_tokens_that_split_characters_come_out_whole():
    wanted = BYTES.encode("né é")
    model = bigram(256)
    pieces = stream_text(model, "a", BYTES, max_new_tokens=len(wanted),
                         prefix_allowed_tokens_fn=lambda row, ids: [wanted[len(ids) - 1]])
    assert list(pieces) == ["n", "é", " ", "é"]


@checks(sg.decoding.GenerationOutput)
def test_rows_of_a_padded_batch_have_the_texts_that_they_have_alone():
    model, rows = bigram(CHAR.vocab_size), [CHAR.encode_array(text) for text in ("abc a", "b", "é ")]
    ids, mask = np.zeros((3, 5), int), np.zeros((3, 5), int)
    for b, row in enumerate(rows):
        ids[b, :len(row)], mask[b, :len(row)] = row, 1                   # pads stand behind
    options = dict(max_new_tokens=6, stop_strings=["ab", " é", "c"], tokenizer=CHAR)
    together = generate(model, ids, mask, return_dict_in_generate=True, **options).texts(CHAR)
    assert together == ["".join(stream_text(model, row, CHAR, **{name: given for name, given in options.items()
                                                                 if name != "tokenizer"})) for row in rows]


@checks(stream_text)
@pytest.mark.parametrize("prompt, options, says", [
    (np.zeros((2, 3), int), {}, "one at a time; got 2"),
    ("ab", dict(num_return_sequences=3, rng=np.random.default_rng(0)), "one at a time; got 3"),
    ([[1], [1, 2]], {}, "all rows of one length"), ("ab", dict(num_beams=2), "only at the end"), ("", {}, "T >= 1"), ("ab", dict(typo=1), "typo")])
def test_several_texts_and_beams_are_refused_before_the_first_token(prompt, options, says):
    with pytest.raises(GenerationError, match=says):
        stream_text(bigram(CHAR.vocab_size), prompt, CHAR, max_new_tokens=3, **options)
