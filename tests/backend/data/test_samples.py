"""Tests of the data sets in assets/samples: clean, no templates, no near-duplicates, not solved by counting words."""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

import pytest

from backend.data.library import open_data
from backend.recipes import all_recipes, suggest_recipe
from backend.workspace import Workspace

SAMPLES = Path(__file__).parents[3] / "assets" / "samples"


@dataclass(frozen=True, slots=True)
class ClassificationSample:
    """What the data card of one sample promises."""

    file: str
    columns: tuple[str, str]
    """Text column, label column."""
    labels: frozenset[str]
    share: tuple[float, float]
    """Least and greatest share of rows that one label may have."""
    by_character: bool = False
    """Written without spaces: n-grams are of characters, not of words."""


SEVENTH = (0.12, 0.17)
CLASSIFICATION = [
    sample
    for sample in (
        ClassificationSample("reviews_en.csv", ("text", "label"), frozenset({"positive", "negative"}), (0.45, 0.55)),
        ClassificationSample(
            "news_en.csv",
            ("headline", "topic"),
            frozenset({"politics", "world", "health", "sports", "culture", "business", "science"}),
            SEVENTH,
        ),
        ClassificationSample(
            "news_zh.csv",
            ("标题", "类别"),
            frozenset({"时政", "国际", "健康", "体育", "文化", "财经", "科技"}),
            SEVENTH,
            by_character=True,
        ),
    )
    if (SAMPLES / sample.file).exists()
]

each_sample = pytest.mark.parametrize("sample", CLASSIFICATION, ids=lambda sample: sample.file)


def read(file: str, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Rows of a sample as tuples, after checking the header and that no row is short, long or has an empty cell."""
    with (SAMPLES / file).open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines, strict=True)
    assert tuple(header) == columns
    assert all(len(row) == len(columns) for row in rows)
    assert all(cell and cell == cell.strip() for row in rows for cell in row)
    return [tuple(row) for row in rows]


def grams(text: str, size: int, by_character: bool) -> set[tuple[str, ...]]:
    """N-grams of lower-cased words (or of characters), punctuation left out; a shorter text is one gram."""
    words = re.findall(r"\w" if by_character else r"[\w']+", text.lower())
    return {tuple(words[start : start + size]) for start in range(max(1, len(words) - size + 1))}


def closest_pair(gram_sets: Iterable[set[tuple[str, ...]]]) -> float:
    """Greatest Jaccard similarity of any two rows, wherever a split may put them."""
    return max(len(one & other) / len(one | other) for one, other in combinations(gram_sets, 2) if one & other)


def bag_of_words_accuracy(texts: list[str], labels: list[str], by_character: bool) -> float:
    """Mean accuracy in five folds of logistic regression on tf-idf of one and two words (or characters)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from threadpoolctl import threadpool_limits

    model = make_pipeline(
        TfidfVectorizer(analyzer="char" if by_character else "word", ngram_range=(1, 2)),
        LogisticRegression(C=10.0, max_iter=1000),
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    # Threads that wait for each other cost far more than such small products gain.
    with threadpool_limits(1):
        return float(cross_val_score(model, texts, labels, cv=folds).mean())


def test_the_reviews_are_among_the_samples() -> None:
    assert "reviews_en.csv" in {sample.file for sample in CLASSIFICATION}


@each_sample
def test_labels_are_the_named_ones_and_balanced(sample: ClassificationSample) -> None:
    counts = Counter(label for _, label in read(sample.file, sample.columns))
    least, greatest = sample.share
    assert set(counts) == sample.labels
    assert all(least <= count / counts.total() <= greatest for count in counts.values()), counts


@each_sample
def test_no_five_gram_is_in_more_than_two_percent_of_the_rows(sample: ClassificationSample) -> None:
    rows = read(sample.file, sample.columns)
    counts = Counter(chain.from_iterable(grams(text, 5, sample.by_character) for text, _ in rows))
    gram, count = counts.most_common(1)[0]
    assert count <= 0.02 * len(rows), (gram, count)


@each_sample
def test_no_row_repeats_or_nearly_repeats_another(sample: ClassificationSample) -> None:
    texts = [text for text, _ in read(sample.file, sample.columns)]
    assert len({text.casefold() for text in texts}) == len(texts)
    assert closest_pair([grams(text, 4 if sample.by_character else 3, sample.by_character) for text in texts]) < 0.6


@each_sample
def test_counting_words_neither_solves_it_nor_learns_nothing(sample: ClassificationSample) -> None:
    texts, labels = zip(*read(sample.file, sample.columns), strict=True)
    majority = max(Counter(labels).values()) / len(labels)
    accuracy = bag_of_words_accuracy(list(texts), list(labels), sample.by_character)
    assert majority + 0.1 < accuracy < 0.95, accuracy


def test_the_reviews_are_480_of_five_to_45_words() -> None:
    lengths = [len(text.split()) for text, _ in read("reviews_en.csv", ("text", "label"))]
    assert len(lengths) == 480 and min(lengths) >= 5 and max(lengths) <= 45


PAIR_COLUMNS = ("sentence1", "sentence2", "score")


def test_scores_of_the_pairs_fill_the_range_evenly() -> None:
    scores = [float(score) for *_, score in read("sentence_pairs_en.csv", PAIR_COLUMNS)]
    bands = Counter(min(int(score), 4) for score in scores)
    assert len(scores) == 320 and min(scores) == 0.0 and max(scores) == 5.0
    assert all(0.15 <= bands[band] / len(scores) <= 0.25 for band in range(5)), bands


def test_no_sentence_of_the_pairs_repeats_or_nearly_repeats_in_another_row() -> None:
    rows = read("sentence_pairs_en.csv", PAIR_COLUMNS)
    sentences = [sentence.casefold() for row in rows for sentence in row[:2]]
    assert len(set(sentences)) == len(sentences)
    assert closest_pair([grams(" ".join(row[:2]), 3, False) for row in rows]) < 0.6


def test_word_overlap_does_not_give_the_score_of_the_pairs_away() -> None:
    overlaps, scores = [], []
    for one, other, score in read("sentence_pairs_en.csv", PAIR_COLUMNS):
        left, right = grams(one, 1, False), grams(other, 1, False)
        overlaps.append(len(left & right) / len(left | right))
        scores.append(float(score))
    pairs = list(zip(overlaps, scores, strict=True))
    assert sum(overlap > 0.5 and score < 3 for overlap, score in pairs) >= 15
    assert sum(overlap < 0.2 and score >= 4 for overlap, score in pairs) >= 15


PARAPHRASE_COLUMNS = ("sentence1", "sentence2", "label")
MESSAGE_COLUMNS = ("message", "labels")


def test_half_of_the_paraphrase_pairs_say_the_same() -> None:
    counts = Counter(label for *_, label in read("paraphrases_en.csv", PARAPHRASE_COLUMNS))
    assert set(counts) == {"same", "different"} and counts.total() >= 300
    assert all(0.45 <= count / counts.total() <= 0.55 for count in counts.values()), counts


def test_no_sentence_of_the_paraphrase_pairs_repeats_or_nearly_repeats_in_another_row() -> None:
    rows = read("paraphrases_en.csv", PARAPHRASE_COLUMNS)
    sentences = [sentence.casefold() for row in rows for sentence in row[:2]]
    assert len(set(sentences)) == len(sentences)
    assert closest_pair([grams(" ".join(row[:2]), 3, False) for row in rows]) < 0.6
    counts = Counter(chain.from_iterable(grams(" ".join(row[:2]), 5, False) for row in rows))
    assert counts.most_common(1)[0][1] <= 0.02 * len(rows)


def test_the_share_of_common_words_does_not_tell_paraphrases() -> None:
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    rows = read("paraphrases_en.csv", PARAPHRASE_COLUMNS)
    words = [(grams(one, 1, False), grams(other, 1, False)) for one, other, _ in rows]
    overlaps = [[len(left & right) / len(left | right)] for left, right in words]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    assert cross_val_score(tree, overlaps, [label for *_, label in rows], cv=folds).mean() < 0.65
    assert bag_of_words_accuracy([f"{one} {other}" for one, other, _ in rows], [row[2] for row in rows], False) < 0.95


def test_messages_have_one_to_four_of_nine_labels_none_of_them_rare() -> None:
    sets = [labels.split(", ") for _, labels in read("feedback_en.csv", MESSAGE_COLUMNS)]
    counts = Counter(chain.from_iterable(sets))
    assert len(sets) >= 300 and len(counts) == 9 and min(counts.values()) >= 0.15 * len(sets)
    assert {len(one) for one in sets} == {1, 2, 3, 4} and all(len(set(one)) == len(one) for one in sets)


def test_no_message_repeats_or_nearly_repeats_another() -> None:
    texts = [text for text, _ in read("feedback_en.csv", MESSAGE_COLUMNS)]
    assert len({text.casefold() for text in texts}) == len(texts)
    assert closest_pair([grams(text, 3, False) for text in texts]) < 0.6
    counts = Counter(chain.from_iterable(grams(text, 5, False) for text in texts))
    assert counts.most_common(1)[0][1] <= 0.02 * len(texts)


@pytest.mark.parametrize("label", ["staff", "price", "delivery", "quality", "app", "complaint", "praise"])
def test_counting_words_does_not_solve_the_messages(label: str) -> None:
    rows = read("feedback_en.csv", MESSAGE_COLUMNS)
    has = [str(label in labels.split(", ")) for _, labels in rows]
    assert bag_of_words_accuracy([text for text, _ in rows], has, False) < 0.95


@pytest.mark.parametrize(
    ("sample", "recipe"),
    [
        ("reviews_en", "single-label-classification"),
        ("news_en", "single-label-classification"),
        ("news_zh", "single-label-classification"),
        ("paraphrases_en", "sentence-pair-classification"),
        ("sentence_pairs_en", "sentence-pair-regression"),
        ("feedback_en", "multi-label-classification"),
    ],
)
def test_each_sample_suits_its_recipe_as_it_is(workspace: Workspace, sample: str, recipe: str) -> None:
    version = open_data(workspace, f"sample:{sample}")
    chosen = all_recipes()[recipe]
    assert suggest_recipe(version) == recipe
    assert all(finding.level == "ok" for finding in chosen.check(version, chosen.guess_columns(version)))
