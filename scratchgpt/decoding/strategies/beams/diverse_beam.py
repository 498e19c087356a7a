"""Diverse beam search: groups of beams that avoid each other's tokens. Before this file: `beam`. After it: B texts that
say different things, where plain beams differ in a comma.
"""

import numpy as np

from .beam import Beam
from .beam_run import BeamRun


def avoid(s, counts, strength):
    """What a group is told about tokens that earlier groups have chosen at this step.

        s_v <- s_v - lambda n_v        n_v = |{texts of earlier groups whose newest token is v}|

    s (N, V) in nats; counts n (N, V); strength lambda >= 0, in nats for each such text    returns (N, V)
    Source: Vijayakumar et al. 2018, arXiv:1610.02424, section 4, the Hamming diversity.
    """
    return s - strength * counts


def diverse_beam_search(run):
    """Beam search by G groups of B / G texts, each of which avoids the tokens that earlier groups choose.

        y = argmax_x (log p(x) - lambda sum_t n_{x_t}) / lp(L)        in each group, one after the other

    run  a Run of R prompts    yields after each step; `said` then holds num_return_sequences texts of each, best first
    Scores, and so the order of the answers, contain the penalties; processors see them applied already. The tokens of
    eos_token_id never count: every text may end. So two groups can find the same text. One group is `beam_search`.
    Raises GenerationError as `beam_search`.
    Source: Vijayakumar et al. 2018, arXiv:1610.02424, algorithm 1; transformers' former `_group_beam_search`.
    """
    G, strength = run.config.num_beam_groups or 1, run.config.diversity_penalty or 0.0
    width = (run.config.num_beams or 1) // G
    slots = range(0, G * width, width)
    under_way = BeamRun(run, [Beam(run, row, width, slot) for row in range(len(run.said)) for slot in slots])
    while run.going:
        s = under_way.look()
        counts = np.zeros((under_way.tree.count, s.shape[1]), s.dtype)
        for slot in slots:
            group = [beam for beam in under_way.beams if beam.slot == slot]
            rows = np.array([row for beam in group for row in range(beam.rows.start, beam.rows.stop)], np.int64)
            if group:
                s[rows] = run.process(run.reader.ids[rows], avoid(s[rows], counts[run.rows[rows]], strength), rows)
            for beam in group:
                under_way.grow(beam, s)
                chosen = [text.tokens[-1] for text in (*beam.texts, *beam.ended) if text.reason != "eos"]
                np.add.at(counts[beam.row], np.array(chosen, np.int64), 1)
        under_way.go_on(s)
        yield
    under_way.conclude()
