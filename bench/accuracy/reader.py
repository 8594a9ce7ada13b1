"""`viseme read` on many clips, and its error rates by `viseme eval`."""
import json
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIGHTS = os.path.join(ROOT, "weights", "lipnet.safetensors")


def grammar(name):
    """The options for a grammar of this repository, wherever the weights and the program are."""
    return "--grammar", os.path.join(ROOT, "grammars", name + ".txt")


class Reader:
    """Reads each list of clips once for each set of options."""

    def __init__(self, program, weights=WEIGHTS):
        self.program, self.weights = program, weights
        self.done = {}

    def facts(self):
        """What `viseme models show --json` says of the weights. RuntimeError: they are none."""
        run = subprocess.run([self.program, "models", "--json", "show", self.weights],
                             stdout=subprocess.PIPE)
        if run.returncode:
            raise RuntimeError(f"viseme models show ended with {run.returncode}")
        return json.loads(run.stdout)

    def joint(self):
        """Whether it reads sentences in units, by the joint search; else letters."""
        return self.facts()["arch"] == "syncvsr"

    def sentences(self):
        """The kinds of sentences that the weights are for, by their card: grammars of synth. None
        where it says nothing."""
        stated = self.facts()["metadata"].get("viseme.card.sentences")
        return stated.split() if stated else None

    def read(self, paths, *options):
        """One JSON object for each path, with words. RuntimeError: the program broke off."""
        key = (tuple(paths), options)
        if key not in self.done:
            run = subprocess.run([self.program, "read", "-q", "-m", self.weights, "--json",
                                  "--words", *options, "--", *paths], stdout=subprocess.PIPE)
            lines = run.stdout.decode().splitlines()
            if len(lines) != len(paths):
                raise RuntimeError(f"viseme read ended with {run.returncode} and gave "
                                   f"{len(lines)} results for {len(paths)} clips")
            self.done[key] = [json.loads(line) for line in lines]
        return self.done[key]

    def error_rates(self, said, found):
        """What `viseme eval --json` says. said: texts; found: of read(), in the same order. A clip
        that could not be read counts as one in which nothing was read."""
        with tempfile.TemporaryDirectory() as folder:
            names = [os.path.join(folder, name) for name in ("ref.tsv", "hyp.tsv")]
            for name, texts in zip(names, (said, [f.get("text", "") for f in found])):
                with open(name, "w", encoding="utf-8") as out:
                    out.writelines(f"{i}\t{text}\n" for i, text in enumerate(texts))
            run = subprocess.run([self.program, "eval", "--json", *names], check=True,
                                 stdout=subprocess.PIPE)
        return json.loads(run.stdout)
