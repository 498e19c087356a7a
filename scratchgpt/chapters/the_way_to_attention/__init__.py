"""The way to attention, from a table of pairs to heads that choose what to look at.

    python -m scratchgpt.chapters.the_way_to_attention        prints all of it, in seconds

Read in this order; each file is one scene, its functions first and then how it is told:

    small_language   what a table of pairs cannot know, to the last digit
    averages         the average of the past in three ways: a loop, a matrix, a softmax
    heads            weights that depend on the data: one head, and many as a reshape
    scale            why scores are divided by the root of D
    norms            LayerNorm beside BatchNorm: along the channels or along the batch
    one_head         a head that is trained, and goes where the table cannot
    story            all of them in a row

Before this chapter: `formulas.attention`, `formulas.norms`, `layers`. After it: the reader could have invented them.
"""

from .story import main
