"""Equal pieces found by hashing, all at once: a text has millions of pieces, of which some ten thousand are distinct.

Before this file: `blocks`. After it: the reader knows a hash table whose every step is one array operation: pieces are
read eight bytes at a time as whole numbers, the numbers are mixed into a hash, and the hash names the place where an
equal piece stands, if there is one. A hash is never trusted: in the end every piece is compared with the one that was
found.
"""

import secrets

import numpy as np

WORD, MAX_WORDS = 8, 8                  # bytes that are read as one number; longer pieces are rare, and go to a dict
FIRST_BYTES = np.array([(1 << 8 * n) - 1 for n in range(WORD + 1)], dtype=np.uint64)      # masks: the first n of a word
HALF = np.uint64(32)


class DistinctPieces:
    """Numbers for pieces: equal pieces have equal numbers, and new ones take the next.

    >>> distinct = DistinctPieces()
    >>> distinct.number(b"the cat the dog", np.array([0, 4, 8, 12]), np.array([3, 7, 11, 15])).tolist()
    [0, 1, 0, 2]
    >>> distinct.pieces
    [b'the', b'cat', b'dog']

    pieces   list of bytes, in the order of their numbers
    Source: Knuth, The Art of Computer Programming 3, section 6.4 (open addressing, linear probing), for many keys at a
    time.
    """

    def __init__(self):
        self.pieces = []
        self._others = {}                                           # piece -> number, for what the table does not hold
        self._odd = np.uint64(secrets.randbits(64) | 1)             # nobody can write a text whose hashes collide
        self._slots = np.full(1 << 12, -1)                          # at most half full: the number that stands there
        self._hashes = np.zeros(1 << 11, dtype=np.uint64)           # for each number in the table
        self._lengths = np.zeros(1 << 11, dtype=np.int64)           # 0 for a number that is not
        self._words = np.zeros((MAX_WORDS, 1 << 11), dtype=np.uint64)

    def number(self, data, starts, ends):
        """Return the number of each piece of data.

        data          bytes
        starts, ends  (P,) int arrays; piece p is data[starts[p]:ends[p]], of at least one byte
        returns       (P,) int array
        """
        lengths, firsts = ends - starts, starts
        numbers = np.empty(len(starts), dtype=np.int64)
        short = lengths <= WORD * MAX_WORDS
        others = np.flatnonzero(~short)
        if others.size:
            starts, lengths = starts[short], lengths[short]
        columns = _words(data, starts, lengths)
        hashes = self._hash(columns, lengths)
        found = self._find(hashes)
        unknown = np.flatnonzero(found < 0)
        if unknown.size:
            first = np.sort(np.unique(hashes[unknown], return_index=True)[1])
            self._add(data, unknown[first], starts, lengths, hashes)
            found[unknown] = self._find(hashes[unknown])
        same = self._lengths[found] == lengths
        for k, (places, words) in enumerate(columns):
            same[places] &= self._words[k][found[places]] == words
        numbers[short] = found
        for p in [*others, *np.flatnonzero(short)[~same]]:
            numbers[p] = self._number_other(data[firsts[p]:ends[p]])
        return numbers

    def _hash(self, columns, lengths):
        hashes = lengths.astype(np.uint64) * self._odd
        for places, words in columns:
            mixed = (hashes[places] ^ words) * self._odd
            hashes[places] = mixed ^ mixed >> HALF
        return hashes

    def _slot(self, hashes, step):
        bits = np.uint64(64 - len(self._slots).bit_length() + 1)
        return (hashes >> bits).astype(np.int64) + step & len(self._slots) - 1

    def _find(self, hashes):
        """The number of each hash, or -1: look at one slot after the other until it stands there or nothing does."""
        numbers = np.empty(len(hashes), dtype=np.int64)
        pending, step = np.arange(len(hashes)), 0
        while pending.size:
            sought = hashes[pending]
            found = self._slots[self._slot(sought, step)]
            numbers[pending] = found
            pending = pending[(self._hashes[found] != sought) & (found >= 0)]
            step += 1
        return numbers

    def _place(self, numbers):
        """Put each number into the first free slot of its hash."""
        step = 0
        while numbers.size:
            slots = self._slot(self._hashes[numbers], step)
            free = self._slots[slots] < 0
            self._slots[slots[free]] = numbers[free]
            numbers = numbers[self._slots[slots] != numbers]
            step += 1

    def _add(self, data, chosen, starts, lengths, hashes):
        """Take up the chosen pieces, whose hashes are new and distinct."""
        numbers = np.arange(len(chosen)) + len(self.pieces)
        starts, lengths = starts[chosen], lengths[chosen]
        self.pieces += [data[start:end] for start, end in zip(starts.tolist(), (starts + lengths).tolist())]
        self._reserve()
        self._hashes[numbers], self._lengths[numbers] = hashes[chosen], lengths
        for k, (_, words) in enumerate(_words(data, starts, lengths)):
            self._words[k, numbers[lengths > WORD * k]] = words
        self._place(numbers)

    def _reserve(self):
        """Keep half of the slots free, whatever `pieces` has grown to."""
        if 2 * len(self.pieces) > len(self._slots):
            room = 2 << len(self.pieces).bit_length()
            held = np.flatnonzero(self._lengths)
            self._slots = np.full(2 * room, -1)
            self._hashes, self._lengths = (np.append(a, np.zeros(room - len(a), a.dtype))
                                           for a in (self._hashes, self._lengths))
            self._words = np.pad(self._words, ((0, 0), (0, room - self._words.shape[1])))
            self._place(held)

    def _number_other(self, piece):
        if piece not in self._others:
            self._others[piece] = len(self.pieces)
            self.pieces.append(piece)
            self._reserve()
        return self._others[piece]


def _words(data, starts, lengths):
    """For k = 0, 1, ...: the pieces of more than 8 k bytes, and their k-th eight bytes as a number, padded by zeros."""
    padded = data + bytes(WORD)
    words = np.ndarray(len(data) + 1, dtype="<u8", buffer=padded, strides=(1,))             # one at every byte
    columns = [(slice(None), words.take(starts) & FIRST_BYTES[np.minimum(lengths, WORD)])]
    places = np.flatnonzero(lengths > WORD)
    while places.size:
        done = WORD * len(columns)
        left = lengths[places] - done
        columns.append((places, words[starts[places] + done] & FIRST_BYTES[np.minimum(left, WORD)]))
        places = places[left > WORD]
    return columns
