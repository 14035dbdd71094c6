"""What is to be run, and in which order: a pure function of the settings and of what has finished."""

import math

from study import Key

# Seconds of a run on one thread before any has finished.
GUESS = {"train": 60.0, "test": 25.0}


def chosen_rate(finals):
    """Of rate -> final validation loss the rate with the least loss, the lower one of equals; None if all diverged."""
    finite = [(loss, rate) for rate, loss in finals.items() if math.isfinite(loss)]
    return min(finite)[1] if finite else None


class Plan:
    """Jobs are ("train" or "test", key). An arm's rates run with the first seed; the chosen one with all, then the tests."""

    def __init__(self, settings, results, sets, arms, hashes):
        self.settings, self.results = settings, results
        self.sets, self.arms, self.hashes = sets, arms, hashes
        self.refused = set()

    def key(self, name, arm, rate, seed):
        return Key(name, arm, float(rate), seed, self.settings.steps, self.hashes[name, arm])

    def rate(self, name, arm):
        """The rate chosen for an arm; None while runs are missing, or when all have diverged."""
        source = self.settings.arms[arm].get("rate_of", arm)
        keys = [self.key(name, source, rate, self.settings.seeds[0]) for rate in self.settings.rates(source)]
        if any(key not in self.results.runs for key in keys):
            return None
        return chosen_rate({key.rate: self.results.runs[key].final for key in keys})

    def arm_jobs(self, name, arm):
        """(ready, later): jobs that are missing and can start, and the number of those that must wait for others."""
        seeds = self.settings.seeds
        grid = [self.key(name, arm, rate, seeds[0]) for rate in self.settings.rates(arm)]
        ready = [("train", key) for key in grid if key not in self.results.runs]
        rate = self.rate(name, arm)
        if rate is None:
            source = self.settings.arms[arm].get("rate_of", arm)
            pending = any(self.key(name, source, r, seeds[0]) not in self.results.runs for r in self.settings.rates(source))
            waiting = len(seeds) - bool(grid)
            return ready, {"train": waiting, "test": len(seeds)} if pending else {}
        for seed in seeds:
            key = self.key(name, arm, rate, seed)
            run = self.results.runs.get(key)
            if run is None:
                ready.append(("train", key))
            elif key not in self.results.tests and run.status == "done":
                ready.append(("test", key))
        untrained = sum(kind == "train" for kind, _ in ready)
        return ready, {"test": untrained}

    def ready(self):
        """All jobs that can start, in order."""
        jobs = []
        for name in self.sets:
            base = self.key(name, "base", 0, 0)
            if base not in self.results.tests:
                jobs.append(("test", base))
            for arm in self.settings.arms_of(name):
                if arm in self.arms and arm not in self.refused:
                    jobs += self.arm_jobs(name, arm)[0]
        return jobs

    def left(self, jobs):
        """(number of jobs that are missing, seconds they will take with so many at a time)."""
        count, seconds = 0, 0.0
        for name in self.sets:
            counts = {"train": 0, "test": int(self.key(name, "base", 0, 0) not in self.results.tests)}
            for arm in self.settings.arms_of(name):
                if arm in self.arms and arm not in self.refused:
                    ready, later = self.arm_jobs(name, arm)
                    for kind, _ in ready:
                        counts[kind] += 1
                    for kind, number in later.items():
                        counts[kind] += number
            count += sum(counts.values())
            seconds += sum(number * self.mean_seconds(kind, name) for kind, number in counts.items())
        return count, seconds / jobs

    def mean_seconds(self, kind, name):
        """Of the finished jobs of a kind: of this set, else of any, else a guess."""
        finished = self.results.runs if kind == "train" else self.results.tests
        steps = self.settings.steps
        for match in (lambda key: key.set == name, lambda key: True):
            values = [job.seconds for key, job in finished.items() if key.steps == steps and match(key)]
            if values:
                return sum(values) / len(values)
        return GUESS[kind]

    def forget(self, name):
        """Finished runs of a set whose adapters nobody needs any more: tested, or not of the chosen rate."""
        rates = {arm: self.rate(name, arm) for arm in self.settings.arms_of(name)}
        return [key for key in self.results.runs
                if key.set == name and rates.get(key.arm) is not None
                and (key.rate != rates[key.arm] or key in self.results.tests)]
