"""Bytes that can be seen: how GPT-2's files spell any bytes as printable characters.

Before this file: UTF-8. After it: the reader can read `Ġthe` in a vocabulary as the four bytes of " the", and knows
why id 0 of GPT-2 is "!".

A vocabulary file is JSON text, but a token is bytes, and may be half of a character or a control byte. So GPT-2
gives each byte one printable character: the byte's own Latin-1 character where that is printable and no space, and for
the other 68 bytes the characters from U+0100 on, in order. Sorted by that character, the bytes get the base ids.
"""

from ...errors import TokenizerError

_printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
_others = sorted(set(range(256)) - set(_printable))

BYTES_IN_ID_ORDER = bytes(_printable + _others)                # id -> byte
BYTE_TO_ID = bytes(BYTES_IN_ID_ORDER.index(b) for b in range(256))
CHARACTERS_IN_ID_ORDER = "".join(map(chr, _printable)) + "".join(chr(0x100 + n) for n in range(len(_others)))

_spelling = {byte: character for byte, character in zip(BYTES_IN_ID_ORDER, CHARACTERS_IN_ID_ORDER)}
_value = {character: byte for byte, character in _spelling.items()}


def spell(data):
    """Write bytes in printable characters, one for each byte.

    >>> spell(" the café\\n".encode())
    'ĠtheĠcafÃ©Ċ'
    >>> [spell(BYTES_IN_ID_ORDER[i:i + 1]) for i in (0, 1, 188, 220)]     # ids 0, 1, 188 and 220 of GPT-2
    ['!', '"', 'Ā', 'Ġ']

    data     bytes
    returns  str of the same length
    Source: Radford et al. 2019 (GPT-2), the `bytes_to_unicode` table of its vocabulary files.
    """
    return "".join(map(_spelling.__getitem__, data))


def unspell(text):
    """Read what `spell` wrote: unspell(spell(b)) = b.

    >>> unspell("Ġthe")
    b' the'

    text     str, each character one of the 256 of the table
    returns  bytes of the same length

    Raises TokenizerError naming a character that stands for no byte.
    Source: Radford et al. 2019 (GPT-2), the `bytes_to_unicode` table of its vocabulary files.
    """
    try:
        return bytes(map(_value.__getitem__, text))
    except KeyError as problem:
        character = problem.args[0]
        raise TokenizerError("a byte-level token must be spelled in the 256 characters that stand for bytes; "
                             f"got {character!r} (U+{ord(character):04X}) in {text[:40]!r}") from None
