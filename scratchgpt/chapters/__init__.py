"""Chapters that run: each tells one idea with numbers small enough to check by hand.

    python -m scratchgpt.chapters.the_way_to_attention

Before this folder: `formulas`, `layers`, and for its last scene `models` and `optim`. After it: the reader
has seen why the parts of a GPT are what they are.
"""
