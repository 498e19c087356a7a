"""A valley, the rules of telling, and the plots: what `make_stories.py` makes `stories.txt` from.

Read in this order: `world` (what there is), `people` (who lives there), `telling` (how a fact becomes a sentence),
`scenes` (what may happen in any story), then the plots: `seeking`, `losing`, `counting`, `caring`, `wondering`.
"""
