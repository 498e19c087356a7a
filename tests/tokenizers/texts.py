"""Texts that find mistakes: what the patterns look at, in every order, and what Unicode holds in store."""

from hypothesis import strategies as st

# letters with and without case, numbers of all kinds, all white space there is, marks, emoji, characters of no width
SPICE = [*"abst'\"’.,(-_1239", "ll", "LL", "ve", "re", "'s", "'T", "'Ll", "ſ", "é", "e\u0301", "ß", "字", "مرحبا", "हिन्दी", "𝒳",
         "٣", "²", "Ⅷ", "½", "🙂", "👩\u200d👩", "🇩🇪", "\u200b", "\u200d", "\ufeff", "\ufffd", "\x00", "\x7f", "\U0010ffff",
         " ", "  ", "\t", "\n", "\r", "\r\n", "\n\n", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u180e", "\u2003",
         "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "<|endoftext|>"]

spicy = st.lists(st.sampled_from(SPICE), max_size=25).map("".join)
texts = st.text() | spicy | st.text(st.sampled_from("a '\n1."), max_size=40)
OWN_PATTERN = r"\w+|[^\w\s]"            # a caller's pattern, which leaves white space to the gaps
