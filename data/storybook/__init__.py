"""A valley, the rules of telling, and the plots: what `make_stories.py` makes `stories.txt` from.

Read in this order: `world` (who and what there is), `telling` (how a fact becomes a sentence), `scenes` (what may
happen in any story), then the plots: `seeking`, `losing`, `counting` and `caring`.
"""
