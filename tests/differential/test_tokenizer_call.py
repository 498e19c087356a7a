"""The call against that of transformers, which reads what we saved: ids, masks, padding, truncation, and offsets."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchgpt.tokenizers import BPETokenizer
from scratchgpt.tokenizers.call import collate, token_spans
from scratchgpt.tokenizers.tokenizer import Tokenizer
from scratchgpt.tokenizers.vocabulary import Vocabulary
from tests.checks import checks

transformers = pytest.importorskip("transformers")
CORPUS = "the theme of the thesis is the theory, né 🙂 né 🙂 नमस्ते 你好 don't 12  34\n\n  x\n"
KNOWN = st.characters(exclude_categories=["Cs", "Cn"])
parts = st.text(KNOWN, max_size=6) | st.sampled_from([" the theory", " né", "🙂", "  ", "<s>", "<tool>", "\n", "\n\n", " ", "नमस्ते", "ab "])
texts = st.lists(parts, max_size=6).map("".join)
sides = st.sampled_from(["left", "right"])


@pytest.fixture(scope="module", params=[(pattern, bos, eos, trim) for pattern in ("gpt2", "llama3")
                                        for bos, eos, trim in ((False, False, False), (True, True, True),
                                                               (True, False, "but first"), (False, True, True))])
def pair(request, tmp_path_factory):
    """A tokenizer of ours, and the same one read by transformers."""
    pattern, bos, eos, trim = request.param
    ours = BPETokenizer.train(CORPUS, 290, pattern, special_tokens=["<s>", "</s>", "<pad>"])
    ours.add_tokens(["<tool>", "ab ", "\n\n"])
    ours.bos_token, ours.eos_token, ours.pad_token = "<s>", "</s>", "<pad>"
    ours.add_bos_token, ours.add_eos_token, ours.trim_offsets = bos, eos, trim
    folder = tmp_path_factory.mktemp("saved")
    ours.save_pretrained(folder)
    return ours, transformers.AutoTokenizer.from_pretrained(folder)


@checks(Tokenizer, collate, token_spans)
def test_a_call_gives_the_ids_masks_and_offsets_of_transformers(pair):
    ours, theirs = pair

    @settings(max_examples=60)
    @example([" the theory"], 4, "right", "left", True, False)
    @given(st.lists(texts, min_size=1, max_size=4), st.integers(2, 12), sides, sides, st.booleans(),
           st.sampled_from([False, True, "max_length"]))
    def agree(several, max_length, padding_side, truncation_side, truncation, padding):
        theirs.truncation_side = truncation_side
        max_length = max_length if truncation or padding == "max_length" else None      # without either, we refuse it
        expected = theirs(several, padding=padding, truncation=truncation, max_length=max_length,
                          padding_side=padding_side, return_offsets_mapping=True)
        if padding == "max_length" and max(map(len, expected["input_ids"])) > max_length:
            return                                      # they leave it ragged, we refuse
        found = ours(several, padding=padding, truncation=truncation, max_length=max_length, padding_side=padding_side,
                     truncation_side=truncation_side, allowed_special="all")
        assert [row.tolist() for row in found.input_ids] == expected["input_ids"]
        assert [row.tolist() for row in found.attention_mask] == expected["attention_mask"]
        assert [[tuple(span) for span in row.tolist()] for row in found.offsets] == expected["offset_mapping"]
    agree()


@checks(Tokenizer.tokenize, Vocabulary.convert_ids_to_tokens, Vocabulary.convert_tokens_to_ids, Vocabulary.decode,
        Vocabulary.batch_decode)
def test_tokens_and_texts_are_those_of_transformers(pair):
    ours, theirs = pair

    @given(st.lists(texts, max_size=3))
    def agree(several):
        for text in several:
            assert ours.tokenize(text, allowed_special="all") == theirs.tokenize(text)
            ids = ours.encode(text, allowed_special="all")
            assert ours.convert_ids_to_tokens(ids) == theirs.convert_ids_to_tokens(ids)
            assert ours.convert_tokens_to_ids(theirs.tokenize(text)) == ids
        batch = ours.encode_batch(several, allowed_special="all")
        for skip in (False, True):
            assert ours.batch_decode(batch, skip_special_tokens=skip) == [
                theirs.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False) for ids in batch]
    agree()


@checks(Vocabulary.add_special_tokens, Vocabulary.add_tokens)
@given(text=texts, new=st.lists(st.sampled_from(["<new>", "new", "<|x|>", " né"]), unique=True), special=st.booleans())
def test_tokens_that_are_added_have_the_ids_of_transformers(tmp_path_factory, text, new, special):
    folder = tmp_path_factory.mktemp("saved")
    ours = BPETokenizer.train(CORPUS, 290, special_tokens=["<s>"])
    ours.save_pretrained(folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    if special:
        assert ours.add_special_tokens({"additional_special_tokens": new}) == theirs.add_tokens(new, special_tokens=True)
    else:
        assert ours.add_tokens(new) == theirs.add_tokens(new)
    assert ours.vocab_size == len(theirs)
    text = text.join([" né", *new, "<s>"])
    assert ours.encode(text, allowed_special="all") == theirs(text)["input_ids"]
