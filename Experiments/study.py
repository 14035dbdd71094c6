"""What was compared and what is known of it: experiments.toml and results/*.csv as values. Standard library only."""

import csv
import dataclasses
import hashlib
import io
import json
import math
import os
import pathlib
import re
import tomllib

FOLDER = pathlib.Path(__file__).resolve().parent

RUN_COLUMNS = ["set", "arm", "rate", "seed", "steps", "settings", "commit", "status", "base", "curve", "init_seconds",
               "seconds", "peak_mb"]
TEST_COLUMNS = ["set", "arm", "rate", "seed", "steps", "settings", "commit", "nll_per_token", "exact", "seconds",
                "row_tokens", "row_nll", "row_exact"]


@dataclasses.dataclass(frozen=True)
class Key:
    """One run: what it is of, and a hash of everything that decides its outcome besides the program."""

    set: str
    arm: str
    rate: float
    seed: int
    steps: int
    settings: str

    @property
    def name(self):
        return f"{self.set} {self.arm}" + (f" lr {self.rate:g} seed {self.seed}" if self.rate else "")


@dataclasses.dataclass
class Run:
    """A finished training run. `curve` is step -> validation loss with the adapters on; `base` with them off."""

    key: Key
    commit: str
    status: str
    base: float
    curve: dict
    init_seconds: float
    seconds: float
    peak_mb: float

    @property
    def final(self):
        """Validation loss after the last step; infinite for a run whose loss stopped being a number."""
        return self.curve.get(self.key.steps, math.inf) if self.status == "done" else math.inf


@dataclasses.dataclass
class Test:
    """A finished evaluation on the test rows: per row tokens, sum of NLL, and whether the answer was exact."""

    key: Key
    commit: str
    seconds: float
    row_tokens: list
    row_nll: list
    row_exact: list

    @property
    def nll(self):
        return sum(self.row_nll) / sum(self.row_tokens)

    @property
    def exact(self):
        return sum(self.row_exact) / len(self.row_exact)


class Settings:
    """experiments.toml and recipe.yaml; `steps` and the rest of the recipe may be replaced for tries."""

    def __init__(self, steps=None, folder=FOLDER):
        with open(folder / "experiments.toml", "rb") as file:
            self.values = tomllib.load(file)
        self.recipe_path = folder / "recipe.yaml"
        self.recipe = self.recipe_path.read_text()
        self.own_steps = int(re.search(r"^steps: (\d+)$", self.recipe, re.MULTILINE).group(1))
        self.batch = int(re.search(r"^batch: (\d+)$", self.recipe, re.MULTILINE).group(1))
        self.steps = steps or self.own_steps
        self.arms = self.values["arms"]
        self.sets = self.values["sets"]
        self.seeds = self.values["seeds"]
        self.results = folder / "results"
        longer = self.values["longer"]
        if self.steps == longer["steps"] != self.own_steps:
            self.arms = {arm: {**self.arms[arm], "rates": rates} for arm, rates in longer["rates"].items()}
            self.results = folder / "results" / f"steps-{self.steps}"

    def evaluations(self):
        """Flags for longer runs than the recipe's: validations every 40 steps beyond its own."""
        if self.steps <= self.own_steps:
            return []
        own = [int(step) for step in re.search(r"^eval_at: \[(.*)\]$", self.recipe, re.MULTILINE).group(1).split(",")]
        return ["--eval-at", ",".join(map(str, own + list(range(own[-1] + 40, self.steps + 1, 40))))]

    def arms_of(self, name):
        return [arm for arm, a in self.arms.items() if name in a.get("sets", self.sets)]

    def title(self, arm):
        return self.values["base"]["title"] if arm == "base" else self.arms[arm]["title"]

    def rates(self, arm):
        return self.arms[arm].get("rates", [])

    def hash(self, arm, data, model):
        """Of everything that decides a run's outcome besides set, arm, rate, seed, steps and the program: what the arms
        of a set share, a dash, and the arm's flags."""
        recipe = "\n".join(line for line in self.recipe.splitlines() if line and not line.startswith("#"))
        counts = [self.values[k] for k in ("likelihood_rows", "exact_rows", "exact_tokens")]
        return f"{_digest([recipe, data, model, counts])[:8]}-{_digest(self.flags(arm))[:4]}"

    def flags(self, arm):
        return [] if arm == "base" else self.arms[arm]["flags"]


class Table:
    """A CSV file that grows by whole rows. A row torn by a crash (no line end) is cut off before the next is written."""

    def __init__(self, path, columns):
        self.path, self.columns = pathlib.Path(path), columns

    def read(self):
        if not self.path.exists():
            return []
        text = self.path.read_text()
        whole = text[:text.rfind("\n") + 1]
        rows = list(csv.DictReader(io.StringIO(whole)))
        if whole and whole.splitlines()[0].split(",") != self.columns:
            raise SystemExit(f"{self.path}: its columns are not {','.join(self.columns)}: move it away")
        return rows

    def append(self, row):
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="\n")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            content = pathlib.Path(self.path).read_bytes()
            whole = content.rfind(b"\n") + 1
            os.ftruncate(file, whole)
            os.lseek(file, whole, os.SEEK_SET)
            if whole == 0:
                writer.writerow(self.columns)
            writer.writerow([row[column] for column in self.columns])
            data = line.getvalue().encode()
            if os.write(file, data) != len(data):
                os.ftruncate(file, whole)
                raise OSError(f"{self.path}: the disk is full")
            os.fsync(file)
        finally:
            os.close(file)


class Results:
    """All finished runs and tests of a results folder."""

    def __init__(self, folder=FOLDER / "results"):
        self.run_table = Table(pathlib.Path(folder) / "runs.csv", RUN_COLUMNS)
        self.test_table = Table(pathlib.Path(folder) / "tests.csv", TEST_COLUMNS)
        self.runs, self.tests = {}, {}
        for row in self.run_table.read():
            run = Run(_key(row), row["commit"], row["status"], _number(row["base"]), _curve(row["curve"]),
                      float(row["init_seconds"]), float(row["seconds"]), float(row["peak_mb"]))
            self.runs[run.key] = run
        for row in self.test_table.read():
            test = Test(_key(row), row["commit"], float(row["seconds"]), [int(x) for x in row["row_tokens"].split()],
                        [float(x) for x in row["row_nll"].split()], [int(x) for x in row["row_exact"]])
            self.tests[test.key] = test

    def add_run(self, run):
        self.run_table.append(_key_row(run.key) | {
            "commit": run.commit, "status": run.status, "base": _text(run.base),
            "curve": " ".join(f"{step}:{loss:.5f}" for step, loss in sorted(run.curve.items())),
            "init_seconds": f"{run.init_seconds:.1f}", "seconds": f"{run.seconds:.1f}", "peak_mb": f"{run.peak_mb:.0f}"})
        self.runs[run.key] = run

    def add_test(self, test):
        self.test_table.append(_key_row(test.key) | {
            "commit": test.commit, "nll_per_token": f"{test.nll:.5f}", "exact": f"{test.exact:.4f}",
            "seconds": f"{test.seconds:.1f}", "row_tokens": " ".join(map(str, test.row_tokens)),
            "row_nll": " ".join(f"{x:.5f}" for x in test.row_nll), "row_exact": "".join(map(str, test.row_exact))})
        self.tests[test.key] = test


def _digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _key(row):
    return Key(row["set"], row["arm"], float(row["rate"]), int(row["seed"]), int(row["steps"]), row["settings"])


def _key_row(key):
    return dataclasses.asdict(key) | {"rate": f"{key.rate:g}"}


def _curve(text):
    return {int(step): float(loss) for step, loss in (part.split(":") for part in text.split())}


def _number(text):
    return float(text) if text else math.nan


def _text(value):
    return "" if math.isnan(value) else f"{value:.5f}"
