"""Languages of a few letters, written down in full: what automata are compared with."""

from itertools import product


def texts(alphabet, longest):
    """All texts over an alphabet of at most so many characters, the shortest first."""
    return ["".join(letters) for n in range(longest + 1) for letters in product(alphabet, repeat=n)]


def completion(recogniser, state):
    """The shortest bytes that lead from a state to one that accepts, by trying all; None if there are none."""
    seen, ways = {state}, [(state, b"")]
    for state, said in ways:
        if recogniser.accepts(state):
            return said
        for byte in recogniser.next_bytes(state):
            after = recogniser.read(bytes([byte]), state)
            if after not in seen:
                seen.add(after)
                ways.append((after, said + bytes([byte])))
    return None
