"""Phrases that must appear, and how far a text has come with them. Before: nothing. After it: `constrained_beam`.

A demand is a phrase, or a list of phrases of which any will do. It is met where the answer holds the phrase in one
piece; the prompt does not count. Phrases may overlap.
"""

from ....errors import GenerationError


class ForcedWords:
    """The demands on an answer.

        missing(x) = min_{c, a} (|a| - progress(x, a) + sum_{c' != c} min_{a'} |a'|)        over demands not met

    forced  as `force_words_ids`: phrases [5, 7], and lists of alternatives [[5, 7], [9]]
    V       the size of the vocabulary        ends  tokens behind which nothing comes        longest  tokens at most
    `progress` is how much of an alternative stands at the end of the text. So `missing` tokens are enough to meet all:
    those that complete one phrase, and then the shortest of each other; where phrases overlap, fewer may do.
    Raises GenerationError for a demand none of whose alternatives can be part of an answer.
    Source: Hokamp & Liu 2017, arXiv:1704.07138, section 3; Post & Vilar 2018, arXiv:1804.06609.
    """

    def __init__(self, forced, V, ends=(), longest=float("inf")):
        self.ends, self.demands = set(ends), []
        for demand in forced:
            phrases = [tuple(phrase) for phrase in ([demand] if isinstance(demand[0], int) else demand)]
            possible = [phrase for phrase in phrases if len(phrase) <= longest and max(phrase) < V
                        and not self.ends & set(phrase[:-1])]
            if not possible:
                raise GenerationError(
                    f"each of force_words_ids must fit the answer: at most max_new_tokens={longest:.0f} ids in [0, "
                    f"vocab_size={V}), an end only as the last; got {demand!r:.80}")
            self.demands.append(possible)

    def unmet(self, tokens):
        """The demands, lists of phrases, none of whose phrases stands in tokens (T,)."""
        return [demand for demand in self.demands if not any(holds(tokens, phrase) for phrase in demand)]

    def missing(self, tokens):
        """How many more tokens are enough for tokens (T,) to meet all demands; 0: they do."""
        unmet = self.unmet(tokens)
        saved = [min(map(len, demand)) - len(phrase) + progress(tokens, phrase) for demand in unmet for phrase in demand
                 if len(unmet) == 1 or phrase[-1] not in self.ends]
        return sum(min(map(len, demand)) for demand in unmet) - max(saved, default=0)

    def next_tokens(self, tokens):
        """The tokens that continue a phrase of an unmet demand behind tokens (T,), or begin one: a set."""
        return {phrase[progress(tokens, phrase)] for demand in self.unmet(tokens) for phrase in demand}


def holds(tokens, phrase):
    """Whether a phrase stands in a text, in one piece.

        exists i: x_i .. x_{i+n-1} = phrase

    tokens (T,), phrase (N,) sequences of ints, of the same type. Source: as `ForcedWords`.
    """
    n = len(phrase)
    return any(tokens[i:i + n] == phrase for i in range(len(tokens) - n + 1))


def progress(tokens, phrase):
    """How much of a phrase that is not finished stands at a text's end.

        max {n < N : x_{T-n+1} .. x_T = phrase_1 .. phrase_n}

    tokens (T,), phrase (N,) sequences of ints, of the same type. Source: as `ForcedWords`.
    """
    return next(n for n in range(min(len(phrase) - 1, len(tokens)), -1, -1) if tokens[len(tokens) - n:] == phrase[:n])
