"""Which rows form which batch: rows of like length together, in an order that seed and epoch alone decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

# Batches drawn at random into one pool, which is then sorted by length: little padding, and batches stay mixed.
POOL_BATCHES = 50


def length_grouped(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of each batch of one epoch; every row once, the last batch maybe smaller.

    lengths: tokens of each row. A pure function of its arguments, so that a resumed run skips batches by counting.
    The batch with the longest rows comes first: when memory does not suffice, it shows at once.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    sizes = np.asarray(lengths)
    batches: list[list[int]] = []
    for start in range(0, len(order), batch_size * POOL_BATCHES):
        pool = order[start : start + batch_size * POOL_BATCHES]
        pool = pool[np.argsort(-sizes[pool], kind="stable")]
        batches += [pool[first : first + batch_size].tolist() for first in range(0, len(pool), batch_size)]
    if not batches:
        return []
    longest = int(np.argmax([sizes[batch].max() for batch in batches]))
    first = batches.pop(longest)
    mixed = random.permutation(len(batches))
    return [first, *(batches[index] for index in mixed)]


def part_of(batch: list[int], process: int, processes: int) -> list[int]:
    """What one of several processes takes of a batch: every so manieth row, so that all get texts of like length.

    A batch with fewer rows than processes gives some of its rows twice: each process needs one to take the step.
    """
    if len(batch) < processes:
        batch = (batch * processes)[:processes]
    return batch[process::processes]


class LengthGroupedBatches:
    """A torch batch sampler over `length_grouped`; the loop calls set_epoch before each epoch.

    batch_size: rows of all processes together. Each process takes its own part, and the batches stay the ones that a
    single process would have. Accelerate's `split_batches` does not: it drops a short batch that is not the last one.
    """

    def __init__(
        self, lengths: Sequence[int], batch_size: int, seed: int, process: int = 0, processes: int = 1
    ) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.drop_last = False
        self.seed = seed
        self.process, self.processes = process, processes
        self.epoch = self.skip = 0

    def set_epoch(self, epoch: int, skip: int = 0) -> None:
        """The epoch whose order the next iteration gives, less so many batches at its beginning."""
        self.epoch, self.skip = epoch, skip

    def __iter__(self) -> Iterator[list[int]]:
        batches = length_grouped(self.lengths, self.batch_size, self.seed, self.epoch)
        return (part_of(batch, self.process, self.processes) for batch in batches[self.skip :])

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)
