"""The joint search of decoder and CTC in PyTorch, with the arithmetic of SyncVSR's own: what the
decoder keeps between steps are the rows that its layers gave, so that keys and values of all
positions, and those of the source for every hypothesis, are computed again at every step; CTC goes
through the frames for all candidates. Rules: nets/joint_beam.h. For comparisons only."""
import math

import torch
from torch.nn import functional as F

ZERO = -1e10
EPS = 1e-12


class Decoder:
    """state: {name: tensor} as in the weights file, names from "decoder." on."""

    def __init__(self, state, heads):
        self.state, self.heads = state, heads
        self.tokens, self.width = state["decoder.embed.0.weight"].shape
        self.layers = sum(name.endswith(".norm1.weight") for name in state)

    def linear(self, x, name):
        return F.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def norm(self, x, name):
        return F.layer_norm(x, (self.width,), self.state[f"{name}.weight"],
                            self.state[f"{name}.bias"], EPS)

    def attend(self, name, query, keys):
        """query [B 1 D], keys [B L D]"""
        def split(x):
            return x.view(x.shape[0], -1, self.heads, self.width // self.heads).transpose(1, 2)
        q, k, v = (split(self.linear(x, f"{name}.linear_{part}"))
                   for part, x in (("q", query), ("k", keys), ("v", keys)))
        weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), -1)
        return self.linear((weights @ v).transpose(1, 2).flatten(2), f"{name}.linear_out")

    def positions(self, count):
        at = torch.arange(count, dtype=torch.float32)[:, None]
        rate = torch.exp(torch.arange(0, self.width, 2, dtype=torch.float32)
                         * -(math.log(10000.0) / self.width))
        table = torch.zeros(count, self.width)
        table[:, 0::2], table[:, 1::2] = torch.sin(at * rate), torch.cos(at * rate)
        return table

    def step(self, prefixes, kept, source):
        """prefixes [B L], kept: a layer's rows [B L-1 D] each, source [B T D] -> log-probabilities
        [B V] of the next token, and what to keep."""
        x = F.embedding(prefixes, self.state["decoder.embed.0.weight"]) * math.sqrt(self.width) \
            + self.positions(prefixes.shape[1])
        now = []
        for i in range(self.layers):
            block = f"decoder.decoders.{i}"
            y, last = self.norm(x, f"{block}.norm1"), x[:, -1:]
            last = last + self.attend(f"{block}.self_attn", y[:, -1:], y)
            last = last + self.attend(f"{block}.src_attn", self.norm(last, f"{block}.norm2"),
                                      source)
            y = self.norm(last, f"{block}.norm3")
            last = last + self.linear(F.relu(self.linear(y, f"{block}.feed_forward.w_1")),
                                      f"{block}.feed_forward.w_2")
            x = torch.cat((kept[i], last), 1) if kept else last
            now.append(x)
        y = self.norm(x[:, -1], "decoder.after_norm")
        return F.log_softmax(self.linear(y, "decoder.output_layer"), -1), now


class Prefixes:
    """CTC scores of prefixes: logp [T V]."""

    def __init__(self, logp, eos):
        self.logp, self.eos = logp, eos
        self.frames, self.tokens = logp.shape

    def start(self):
        blank = torch.cumsum(self.logp[:, 0], 0)
        return torch.stack((torch.full_like(blank, ZERO), blank), 1)[:, :, None]

    def score(self, length, last, state, candidates):
        """last [B], state [T 2 B], candidates [B S] -> psi [B V], states [T 2 B S]"""
        beam, count = candidates.shape
        x = torch.stack((self.logp[:, candidates],
                         self.logp[:, :1, None].expand(-1, beam, count)))
        r = torch.full((self.frames, 2, beam, count), ZERO)
        if length == 0:
            r[0, 0] = x[0, 0]
        both = torch.logsumexp(state, 1)
        phi = torch.where((candidates == last[:, None])[None], state[:, 1, :, None],
                          both[:, :, None])
        start = max(length, 1)
        for t in range(start, self.frames):
            before = r[t - 1]
            r[t] = torch.logsumexp(torch.stack((torch.stack((before[0], before[0])),
                                                torch.stack((phi[t - 1], before[1])))), 0) + x[:, t]
        psi = torch.full((beam, self.tokens), ZERO)
        if start <= self.frames:
            terms = torch.cat((phi[start - 1:-1] + x[0, start:], r[start - 1:start, 0]))
            psi.scatter_(1, candidates, torch.logsumexp(terms, 0))
        psi[:, self.eos] = both[-1]
        psi[:, 0] = ZERO
        return psi, r


def search(decoder, encoder, ctc_logp, beam, steps, ctc_weight):
    """encoder [T D], ctc_logp [T V] -> [(score, tokens)], best first."""
    eos = decoder.tokens - 1
    ctc = Prefixes(ctc_logp, eos)
    width = min(beam + beam // 2, decoder.tokens)
    prefixes, totals, psi = torch.tensor([[eos]]), torch.zeros(1), torch.zeros(1)
    kept, state, ended = None, ctc.start(), []
    for step in range(steps):
        count = len(prefixes)
        logp, now = decoder.step(prefixes, kept, encoder.expand(count, -1, -1))
        candidates = torch.topk(logp, width, -1)[1]
        new_psi, states = ctc.score(step, prefixes[:, -1], state, candidates)
        scores = totals[:, None] + (1 - ctc_weight) * logp \
            + ctc_weight * (new_psi - psi[:, None])
        best, at = torch.topk(scores.view(-1), beam)
        rows, tokens = torch.div(at, decoder.tokens, rounding_mode="floor"), at % decoder.tokens
        prefixes = torch.cat((prefixes[rows], tokens[:, None]), 1)
        if step == steps - 1:
            prefixes = torch.cat((prefixes, torch.full((len(rows), 1), eos)), 1)
        over = prefixes[:, -1] == eos
        ended += [(float(score), prefix[1:].tolist())
                  for score, prefix in zip(best[over], prefixes[over])]
        rows, tokens, prefixes, totals = rows[~over], tokens[~over], prefixes[~over], best[~over]
        if not len(rows):
            break
        place = (candidates[rows] == tokens[:, None]).int().argmax(1)
        kept = [x[rows] for x in now]
        state, psi = states[:, :, rows, place], new_psi[rows, tokens]
    return sorted(ended, key=lambda one: -one[0])
