"""Pieces to ids: byte-pair encoding itself.

Before this package: `pretokenize`. After it: the reader knows how merges are learned and applied, by the definition and
fast. Reading order: bytes (the first 256 tokens), train, merge, together (many pieces at once), vocabulary (what a
vocabulary and its merges must be), encoder (plain text to ids).
"""
