"""The metrics of one result, and of all results of a job together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Dict, List, Mapping, Sequence

from pscheduler_batch.metrics.distribution import Distribution, SampleCounts
from pscheduler_batch.metrics.samples import Changes, Path, Samples, add_paths, loss_of, read_samples
from pscheduler_batch.metrics.table import (
    LARGEST,
    LOW_PERCENTILE,
    MEAN,
    METRICS,
    PERCENTILES,
    SMALLEST,
    SUM,
    UNKNOWN,
)
from pscheduler_batch.model import JSON

# What the metrics of the delays of packets begin with, by type of test.
_DELAYS = {"rtt": "rtt", "latency": "latency", "latencybg": "latency"}


@dataclass(frozen=True)
class Measurement:
    """
    What was measured.

    Attributes:
        metrics: The numbers by their names in :data:`~pscheduler_batch.metrics.table.METRICS`, in base units and in the
            order of that table.
        samples: What they were computed from.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    samples: Samples = field(default_factory=Samples)


def with_load(
    test: str, measurement: Measurement, loaded: Mapping[float, int], idle: Mapping[float, int]
) -> Measurement:
    """
    Add which packets were sent under load and which were not.

    Args:
        test: The type of the test.
        measurement: What was measured.
        loaded: How many packets that were sent under load had each delay.
        idle: The same of packets that were not.
    """
    samples = replace(measurement.samples, loaded=loaded, idle=idle)
    return Measurement(_in_order({**measurement.metrics, **_under_load(test, loaded, idle)}), samples)


def measure(test: str, spec: JSON, result: JSON) -> Measurement:
    """
    Compute the metrics of a result.

    >>> trips = [{"seq": 1, "rtt": "PT0.001S"}, {"seq": 2, "rtt": "PT0.003S"}]
    >>> measure("rtt", {}, {"succeeded": True, "sent": 2, "lost": 0, "roundtrips": trips}).metrics["rtt-p95"]
    0.0029

    Args:
        test: The type of the test; unknown ones have no metrics.
        spec: Its specification.
        result: The merged result, as under ``application/json``; any JSON. What is malformed in it is left out.
    """
    samples = read_samples(test, spec, result)
    return Measurement(_in_order({**_computed(test, samples), **samples.stated}), samples)


class Pool:
    """
    Adds up the measurements of several runs of one test.

    Statistics are those of the samples of all runs together. Where a run gives statistics without samples, only those
    that can be combined remain: the smallest minimum, the largest maximum, and the mean of means.
    """

    def __init__(self, test: str) -> None:
        """Start with no measurement of a type of test."""
        self._test = test
        self._values: Dict[str, _Values] = {}
        self._runs = 0
        self._last = Measurement()
        self._delays = SampleCounts()
        self._changes = Changes()
        self._rates = SampleCounts()
        self._paths: List[Path] = []
        self._lacks_delays = False

    def add(self, measurement: Measurement) -> None:
        """Add the measurement of a run; one without metrics does not count."""
        if not measurement.metrics:
            return
        self._runs += 1
        self._last = measurement
        for name, value in measurement.metrics.items():
            self._values.setdefault(name, _Values()).add(value)
        samples = measurement.samples
        self._delays.add(samples.delays)
        self._rates.add(samples.rates)
        self._changes = self._changes.plus(samples.changes)
        add_paths(self._paths, samples.paths)
        base = _DELAYS.get(self._test)
        self._lacks_delays |= base is not None and not samples.delays and f"{base}-mean" in measurement.metrics

    @property
    def runs(self) -> int:
        """The number of runs that measured something."""
        return self._runs

    @property
    def packets(self) -> int:
        """How many packets have a known delay; 0 where a run gives statistics without samples."""
        return 0 if self._lacks_delays else self._delays.size

    @property
    def intervals(self) -> int:
        """How many intervals have a known rate."""
        return self._rates.size

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of all runs together, in the order of the table."""
        if self._runs == 1:
            return self._last.metrics
        combined: Dict[str, float] = {}
        for name, values in self._values.items():
            how = METRICS[name].over_runs
            if how != UNKNOWN and (how != SUM or values.number == self._runs):
                combined[name] = values.combined(how)
        numbers = {name: self._values[name].number for name in ("sent", "lost", "loss") if name in self._values}
        if len(numbers) > 2 and len(set(numbers.values())) == 1:  # noqa: PLR2004 - the three of them
            loss = loss_of(self._values["sent"].total, self._values["lost"].total)
            combined.update({} if loss is None else {"loss": loss})
        samples = Samples(
            delays={} if self._lacks_delays else self._delays.counts,
            changes=self._changes,
            rates=self._rates.counts,
            paths=tuple(self._paths),
        )
        return _in_order({**combined, **_computed(self._test, samples)})


class _Values:
    """The values of one metric."""

    def __init__(self) -> None:
        self.number = 0
        self.total = 0.0
        self._smallest = float("inf")
        self._largest = float("-inf")

    def add(self, value: float) -> None:
        self.number += 1
        self.total += value
        self._smallest = min(self._smallest, value)
        self._largest = max(self._largest, value)

    def combined(self, how: str) -> float:
        return {
            MEAN: self.total / self.number,
            SMALLEST: self._smallest,
            LARGEST: self._largest,
            SUM: self.total,
        }[how]


def _computed(test: str, samples: Samples) -> Dict[str, float]:
    metrics: Dict[str, float] = {}
    base = _DELAYS.get(test, test)
    if samples.delays:
        delays = Distribution(samples.delays)
        metrics[f"{base}-min"] = delays.smallest
        metrics[f"{base}-mean"] = delays.mean
        metrics.update({f"{base}-{name}": delays.percentile(share) for name, share in PERCENTILES.items()})
        metrics[f"{base}-max"] = delays.largest
        metrics[f"{base}-stddev"] = delays.deviation
    if samples.changes.number:
        metrics[f"{base}-jitter"] = samples.changes.total / samples.changes.number
    if samples.rates:
        metrics.update(_of_rates(Distribution(samples.rates)))
    if samples.paths:
        metrics["paths"] = float(len(samples.paths))
        if len(samples.paths) > 1:
            metrics["path-split"] = float(_split(samples.paths))
    return metrics


def _under_load(test: str, loaded: Mapping[float, int], idle: Mapping[float, int]) -> Dict[str, float]:
    """Compute the statistics under load; those while idle only beside them, as they say nothing new alone."""
    base = _DELAYS.get(test, test)
    found = {"loaded": loaded, "idle": idle} if loaded and idle else {"loaded": loaded} if loaded else {}
    metrics: Dict[str, float] = {}
    for state, counts in found.items():
        delays = Distribution(counts)
        metrics.update({f"{base}-{state}-{name}": delays.percentile(PERCENTILES[name]) for name in ("median", "p95")})
    if len(found) > 1:
        increase = metrics[f"{base}-loaded-median"] - metrics[f"{base}-idle-median"]
        # Rounded, so that 0.00003 minus 0.00004 is -0.00001 and not -0.000010000000000000003.
        metrics[f"{base}-increase"] = round(increase, 12)
    return metrics


def _of_rates(rates: Distribution) -> Dict[str, float]:
    name, share = LOW_PERCENTILE
    metrics = {
        "throughput-min": rates.smallest,
        f"throughput-{name}": rates.percentile(share),
        "throughput-median": rates.percentile(PERCENTILES["median"]),
        "throughput-max": rates.largest,
        "throughput-stddev": rates.deviation,
    }
    mean = rates.mean
    return {**metrics, "throughput-variation": rates.deviation / mean} if mean > 0 else metrics


def _split(paths: Sequence[Path]) -> int:
    """Return the first hop, counted from 1, at which paths differ, or at which one of them has ended."""
    columns = enumerate(zip_longest(*paths), start=1)
    return next(number for number, hops in columns if None in hops or len({*hops} - {""}) > 1)


def _in_order(metrics: Mapping[str, float]) -> Dict[str, float]:
    return {name: metrics[name] for name in METRICS if name in metrics}
