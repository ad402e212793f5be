"""Length-grouped batches: every row once, little padding, the same order for the same seed and epoch."""

from __future__ import annotations

import numpy as np

from backend.training.sampler import LengthGroupedBatches, length_grouped, part_of

LENGTHS = np.random.default_rng(7).integers(4, 200, 1003).tolist()


def test_an_epoch_holds_every_row_once() -> None:
    batches = length_grouped(LENGTHS, 16, seed=1, epoch=0)
    assert sorted(row for batch in batches for row in batch) == list(range(len(LENGTHS)))


def test_the_order_is_the_same_for_the_same_seed_and_epoch() -> None:
    assert length_grouped(LENGTHS, 16, 1, 3) == length_grouped(LENGTHS, 16, 1, 3)


def test_the_order_differs_between_epochs_and_seeds() -> None:
    first = length_grouped(LENGTHS, 16, 1, 0)
    assert first != length_grouped(LENGTHS, 16, 1, 1) and first != length_grouped(LENGTHS, 16, 2, 0)


def test_padding_is_under_a_tenth_where_random_batches_have_over_a_third() -> None:
    def padding(batches: list[list[int]]) -> float:
        padded = sum(len(batch) * max(LENGTHS[row] for row in batch) for batch in batches)
        return 1 - sum(LENGTHS) / padded

    order = np.random.default_rng(0).permutation(len(LENGTHS))
    at_random = [order[start : start + 16].tolist() for start in range(0, len(order), 16)]
    assert padding(length_grouped(LENGTHS, 16, 1, 0)) < 0.1 and padding(at_random) > 0.33


def test_the_longest_row_is_in_the_first_batch() -> None:
    assert int(np.argmax(LENGTHS)) in length_grouped(LENGTHS, 16, 5, 2)[0]


def test_the_number_of_batches_is_known_before_the_epoch() -> None:
    batches = LengthGroupedBatches(LENGTHS, 16, 1)
    assert len(batches) == len(list(batches)) == 63


def test_processes_share_out_the_batches_that_one_process_has() -> None:
    alone = list(LengthGroupedBatches(LENGTHS, 16, 1))
    parts = [list(LengthGroupedBatches(LENGTHS, 16, 1, process, 3)) for process in range(3)]
    assert [sorted(sum(shares, [])) for shares in zip(*parts, strict=True)] == [sorted(batch) for batch in alone]


def test_of_a_batch_with_too_few_rows_every_process_gets_one() -> None:
    assert [part_of([5, 6], process, 3) for process in range(3)] == [[5], [6], [5]]
