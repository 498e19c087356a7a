"""Searches for whole texts: several grow side by side, and the best of them are kept.

Before this folder: `greedy`, `sampling`. After it: the likeliest text is not made of the likeliest tokens; groups that
avoid each other find different texts, and words can be made to appear. Read in this order: length_penalty, hypotheses,
continuations, beam_tree, beam_run, beam, diverse_beam, forced_words, constrained_beam.
"""

from .beam import Beam, SampledBeam, beam_search
from .beam_run import BeamRun
from .beam_tree import BeamStep, BeamTree, Leaf
from .constrained_beam import ConstrainedBeam, constrained_beam_search, in_turns
from .continuations import best, drawn
from .diverse_beam import avoid, diverse_beam_search
from .forced_words import ForcedWords, holds, progress
from .hypotheses import Hypotheses, Text
from .length_penalty import length_penalty
