"""What the finished runs say: means over seeds, steps to a loss, the paired bootstrap. Standard library only.

    comparison.py --self-test     checks the arithmetic on cases with known answers
"""

import dataclasses
import math
import operator
import random
import statistics
import sys

from plan import chosen_rate


def mean_and_deviation(values):
    """Mean and sample standard deviation (nan of one value)."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan


def mean_curve(curves):
    """step -> (mean, least, greatest) over curves that are step -> loss, at the steps that all have."""
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    return {step: (statistics.fmean(c[step] for c in curves), min(c[step] for c in curves), max(c[step] for c in curves))
            for step in steps}


def steps_to(target, curve):
    """The first step, interpolated, at which a curve (step -> loss) is at or below `target`; None if it never is."""
    previous = None
    for step, loss in sorted(curve.items()):
        if loss <= target:
            if previous is None:
                return float(step)
            before, above = previous
            return before + (step - before) * (above - target) / (above - loss)
        previous = (step, loss)
    return None


def resample(count, resamples, seed=1):
    """Rows drawn with replacement: `resamples` times `count` indices, the same for every pair that is compared; each as
    a function that picks them from a list."""
    draw = random.Random(seed)
    # As random.choices draws; spelled out, since the draws must not change with a version of Python.
    return [operator.itemgetter(*(int(draw.random() * count) for _ in range(count))) for _ in range(resamples)]


def paired_bootstrap(differences, tokens, draws, share=0.95):
    """Difference of two models' NLL a token over the rows, and its percentile interval.

    - differences: per row, the difference of the rows' summed NLL (a mean over seeds, if there are several)
    - tokens: per row, the number of scored tokens
    - draws: from `resample`. The ratio of sums is drawn, as the NLL a token is a ratio of sums.
    """
    ratios = sorted(sum(pick(differences)) / sum(pick(tokens)) for pick in draws)
    return sum(differences) / sum(tokens), quantile(ratios, (1 - share) / 2), quantile(ratios, (1 + share) / 2)


def quantile(ordered, share):
    """By linear interpolation between order statistics (Hyndman and Fan's type 7)."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@dataclasses.dataclass
class Arm:
    """All that is known of an arm on a set. `runs` and `tests` are those of the chosen rate, by seed."""

    name: str
    title: str
    rates: dict  # rate -> run with the first seed
    rate: float | None
    borrowed: bool  # the rate was chosen for another arm
    runs: list
    tests: list

    @property
    def at_edge(self):
        """"lowest" or "highest" when the chosen rate is at an end of the grid, where a better one may lie beyond."""
        if self.borrowed or self.rate is None or len(self.rates) < 2:
            return None
        return {min(self.rates): "lowest", max(self.rates): "highest"}.get(self.rate)

    @property
    def curve(self):
        return mean_curve([run.curve for run in self.runs])


@dataclasses.dataclass
class SetResults:
    name: str
    title: str
    base: object  # the test of the base, or None
    arms: dict


def collect(settings, results):
    """The results of each set that has any, in the order of experiments.toml: rows with the settings of the set's last
    row in the file (an arm's likewise), and the recipe's steps."""
    sets = []
    for name, description in settings.sets.items():
        runs = [run for run in results.runs.values() if run.key.set == name and run.key.steps == settings.steps]
        tests = [test for test in results.tests.values() if test.key.set == name and test.key.steps == settings.steps]
        if not runs and not tests:
            continue
        common = (runs or tests)[-1].key.settings.split("-")[0]
        runs = [run for run in runs if run.key.settings.split("-")[0] == common]
        tests = [test for test in tests if test.key.settings.split("-")[0] == common]
        base = next((test for test in tests if test.key.arm == "base"), None)
        arms = {}
        for arm in settings.arms_of(name):
            own = [run for run in runs if run.key.arm == arm]
            if not own:
                continue
            last = own[-1].key.settings
            arms[arm] = _arm(settings, arm, [run for run in own if run.key.settings == last],
                             [test for test in tests if test.key.arm == arm and test.key.settings == last])
        sets.append(SetResults(name, description["title"], base, arms))
    return sets


def _arm(settings, arm, runs, tests):
    rates = {run.key.rate: run for run in runs if run.key.seed == settings.seeds[0]}
    borrowed = "rate_of" in settings.arms[arm]
    complete = borrowed or all(rate in rates for rate in settings.rates(arm))
    if borrowed:
        rate = runs[-1].key.rate
    else:
        grid = {rate: rates[rate].final for rate in settings.rates(arm) if rate in rates}
        rate = chosen_rate(grid) if complete else None
    return Arm(arm, settings.title(arm), rates, rate, borrowed,
               [run for run in runs if run.key.rate == rate and run.status == "done"],
               sorted((test for test in tests if test.key.rate == rate), key=lambda test: test.key.seed))


def difference(arm, reference, draws):
    """Test NLL a token of `arm` minus that of `reference`, with its interval: per row the means over the seeds that both
    have finished. None without any."""
    seeds = {test.key.seed for test in arm.tests} & {test.key.seed for test in reference.tests}
    if not seeds:
        return None
    ours, theirs = ([test.row_nll for test in a.tests if test.key.seed in seeds] for a in (arm, reference))
    rows = [statistics.fmean(a) - statistics.fmean(b) for a, b in zip(zip(*ours), zip(*theirs), strict=True)]
    return paired_bootstrap(rows, arm.tests[0].row_tokens, draws)


def self_test():
    def near(found, wanted, tolerance=1e-9):
        assert abs(found - wanted) <= tolerance, f"{found} is not {wanted}"

    mean, deviation = mean_and_deviation([1, 2, 3, 4])
    near(mean, 2.5)
    near(deviation, math.sqrt(5 / 3))
    assert math.isnan(mean_and_deviation([1])[1])
    curve = mean_curve([{0: 4, 10: 2, 20: 1}, {0: 6, 10: 3}])
    assert curve == {0: (5, 4, 6), 10: (2.5, 2, 3)}, curve
    near(steps_to(1.5, {0: 4, 10: 2, 20: 1}), 15)
    near(steps_to(2, {0: 4, 10: 2, 20: 1}), 10)
    near(steps_to(5, {0: 4, 10: 2}), 0)
    # A curve that rises again counts where it first came down.
    near(steps_to(2, {0: 3, 10: 1, 20: 9}), 5)
    assert steps_to(0.5, {0: 4, 10: 2, 20: 1}) is None
    near(quantile([0, 1, 2, 3], 0.5), 1.5)
    near(quantile([0, 10], 0.975), 9.75)
    assert chosen_rate({1e-3: 2.0, 2e-3: 1.0, 4e-3: math.inf}) == 2e-3
    assert chosen_rate({2e-3: 1.0, 1e-3: 1.0}) == 1e-3
    assert chosen_rate({1e-3: math.nan, 2e-3: math.inf}) is None
    # Equal differences a token: no spread at all, whatever the rows' lengths.
    draws = resample(5, 200)
    rows = [[pick(range(5)) for pick in some] for some in (draws, resample(5, 200), resample(5, 200, seed=2))]
    assert rows[0] == rows[1] != rows[2]
    assert all(len(row) == 5 for row in rows[0]) and {i for row in rows[0] for i in row} == set(range(5))
    tokens = [1, 2, 3, 4, 5]
    for value in paired_bootstrap([-0.25 * t for t in tokens], tokens, draws):
        near(value, -0.25)
    # Many rows with known spread: the interval is mean -+ 1.96 sd/sqrt(n) of the rows.
    noise = random.Random(7)
    rows = [noise.gauss(0.1, 1) for _ in range(400)]
    middle, low, high = paired_bootstrap(rows, [1] * 400, resample(400, 2000))
    half = 1.96 * statistics.stdev(rows) / 20
    near(middle, statistics.fmean(rows))
    near(low, middle - half, 0.15 * half)
    near(high, middle + half, 0.15 * half)
    # Weights count: one long row with a difference outweighs nine short ones without.
    near(paired_bootstrap([9.0] + [0.0] * 9, [9] + [1] * 9, resample(10, 10))[0], 0.5)
    print("comparison: the arithmetic is right")


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        sys.exit(__doc__)
    self_test()
