"""Equal pieces have equal numbers and different pieces different ones, whatever their hashes are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.tokenizers.pretokenize.distinct import DistinctPieces
from tests.checks import checks

# few bytes, and lengths around those at which a piece needs another word or becomes too long for the table
piece = st.one_of(st.binary(min_size=1, max_size=3), st.integers(1, 140).map(lambda n: b"\x00" * n),
                  st.text("ab", min_size=1, max_size=70).map(str.encode), st.binary(min_size=1, max_size=80))


def number(distinct, pieces, gap=b""):
    ends = np.cumsum([len(piece) + len(gap) for piece in pieces], dtype=np.int64) - len(gap)
    starts = ends - np.array([len(piece) for piece in pieces], dtype=np.int64)
    return distinct.number(gap.join(pieces), starts, ends).tolist()


@checks(DistinctPieces)
@given(st.lists(st.lists(piece, max_size=40), max_size=3), st.booleans(), st.sampled_from([b"", b"\n"]))
def test_numbers_name_the_pieces_call_after_call(calls, all_hashes_collide, gap):
    distinct = DistinctPieces()
    if all_hashes_collide:
        distinct._odd = np.uint64(0)
    known = {}
    for pieces in calls:
        for piece, its_number in zip(pieces, number(distinct, pieces, gap), strict=True):
            assert distinct.pieces[its_number] == piece and known.setdefault(piece, its_number) == its_number
    assert sorted(distinct.pieces) == sorted(known)


@checks(DistinctPieces)
def test_the_table_grows_and_forgets_nothing():
    distinct = DistinctPieces()
    pieces = [b"%x" % n for n in range(30_000)] + [b"a long one of more than 64 bytes, which is kept apart %060d" % n
                                                  for n in range(1_500)]
    first = number(distinct, pieces)
    assert sorted(first) == list(range(len(pieces))) and len(distinct._slots) >= 2 * 30_000
    assert number(distinct, pieces[::-1]) == first[::-1]
    assert len(distinct.pieces) == len(pieces)
