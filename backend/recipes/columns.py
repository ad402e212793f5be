"""Columns of a data version as a recipe looks at them: texts, labels, and which column is most likely which."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.data.query import mapped
from backend.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

    from backend.data.version import Column, DataVersion

# Names that say what a column is, most telling first; compared in lower case.
TEXT_NAMES = (
    "text review sentence headline content comment comments message body title question utterance tweet document "
    "description input sms query text_a 文本 内容 评论 标题 句子 正文 新闻 摘要 描述 问题"
).split()
LABEL_NAMES = (
    "label labels topic category class sentiment target intent tag type emotion polarity rating stars spam genre cat y "
    "score 标签 类别 分类 情感 类型 主题 意图 情绪 评级 栏目 评分 分数"
).split()
SCORE_NAMES = (
    "score similarity similarity_score relatedness relatedness_score rating label sts gold_score mark y "
    "分数 相似度 评分 得分"
).split()
# Names of two columns whose texts belong together.
PAIRED_NAMES = (
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("question", "answer"),
    ("query", "passage"),
    ("query", "document"),
    ("context", "question"),
    ("前提", "假设"),
    ("问题", "答案"),
)
# More labels than these are no classes of one thing, but most likely names, numbers or texts.
MOST_LABELS = 1000
_SAMPLE = 5000
# Mean characters from which a column without a telling name may hold sentences.
_PROSE = 12


def read_column(version: DataVersion, name: str) -> pyarrow.ChunkedArray:
    """One column of the version's Arrow file, memory-mapped."""
    import pyarrow

    with pyarrow.memory_map(str(version.arrow)) as source:
        return pyarrow.ipc.open_stream(source).read_all().column(name)


def distinct_values(column: pyarrow.ChunkedArray) -> tuple[list[Any], np.ndarray]:
    """The distinct values, None as the last, and int64 (rows,): which of them each row has. Millions of rows hold few
    labels, so what is asked of every value is asked of these. Lists and other structures have no such form."""
    import numpy as np
    import pyarrow

    # One array of more than 2 GiB of text has to be a large one.
    wide = column.cast(pyarrow.large_string()) if pyarrow.types.is_string(column.type) else column
    whole = wide.combine_chunks().dictionary_encode()
    values = whole.dictionary.to_pylist()
    rows = whole.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return [*values, None], rows.astype(np.int64)


def has_text(column: pyarrow.ChunkedArray) -> np.ndarray:
    """bool (rows,): whether there is more than space in the cell."""
    import numpy as np
    import pyarrow
    import pyarrow.compute as pc

    text = column.cast(pyarrow.large_string())
    filled = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(text), ""), False)
    return np.asarray(filled.to_numpy(), dtype=bool)


def label_texts(values: Iterable[Any]) -> list[str]:
    """Each value as the name of its label, "" where it is empty: 1 and 1.0 are "1", text loses the space around it."""
    return [label_text(value) for value in values]


def label_text(value: Any) -> str:
    """One value as the name of its label."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else str(value)
    return str(value).strip()


def quoted(names: Iterable[str]) -> str:
    """Names for a text that opens the first quotation mark and closes the last: they may hold commas themselves."""
    return "”, “".join(names)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts names as a person does: 2 before 10, "grade 9" before "grade 10"."""
    parts = re.split(r"(\d+)", text.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """The distinct names, in natural order."""
    return tuple(sorted(set(names), key=lambda name: (natural_key(name), name)))


def has_fractions(values: Sequence[Any]) -> bool:
    """Whether these are scores rather than classes: numbers of which some are not whole."""
    return any(isinstance(value, float) and math.isfinite(value) and not value.is_integer() for value in values)


def guess_text(version: DataVersion, taken: Iterable[str] = ()) -> str:
    """The column most likely to be the text, or ""."""
    best, best_score = "", 0.0
    for column in version.columns:
        if column.kind != "text" or column.name in taken or column.name == version.given_split_column:
            continue
        values = [value for value in _head(version, column.name) if value]
        if not values:
            continue
        mean = sum(map(len, values)) / len(values)
        distinct = len(set(values)) / len(values)
        score = _name_score(column.name, TEXT_NAMES) + min(mean, 200) / 100 + distinct
        if score > best_score:
            best, best_score = column.name, score
    return best


def guess_label(version: DataVersion, taken: Iterable[str] = ()) -> str:
    """The column most likely to hold the classes, or "". Where none could, the one that is named so: a check of it says
    what is wrong with it, which tells more than that none was found."""
    best, best_score, named = "", 1.0, ""
    for column in version.columns:
        if column.name in taken or column.name == version.given_split_column:
            continue
        score = _label_score(version, column)
        if score > best_score:
            best, best_score = column.name, score
        if not named and column.name.casefold().strip() in LABEL_NAMES:
            named = column.name
    return best or named


def guess_score(version: DataVersion, taken: Iterable[str] = ()) -> str:
    """The column most likely to hold scores: numbers with fractions, or whole ones in a column that is named so. Where
    there are none, any that is named so, since a check tells what is wrong with it."""
    best, best_score, named = "", 0.0, ""
    for column in version.columns:
        if column.name in taken or column.name == version.given_split_column:
            continue
        name = _name_score(column.name, SCORE_NAMES)
        if column.kind in ("number", "integer"):
            score = name + 2 * has_fractions(_head(version, column.name))
            if score > best_score:
                best, best_score = column.name, score
        if not named and name > 1:
            named = column.name
    return best or named


def guess_pair(version: DataVersion, taken: Iterable[str] = ()) -> tuple[str, str]:
    """The two columns whose texts are most likely compared, first the one that stands first; ("", "") where no two
    are: by their names (sentence1 and sentence2, premise and hypothesis), else two of texts about as long."""
    texts = [
        column.name
        for column in version.columns
        if column.kind == "text" and column.name not in taken and column.name != version.given_split_column
    ]
    for place, one in enumerate(texts):
        for other in texts[place + 1 :]:
            named = _paired_by_name(one.casefold().strip(), other.casefold().strip())
            if named and all(_differ(_head(version, name), 0.1) for name in (one, other)):
                return one, other
    free = [
        name for name in texts if _differ(_head(version, name), 0.5) and _mean_length(_head(version, name)) >= _PROSE
    ]
    if len(free) != 2:
        return "", ""
    lengths = [_mean_length(_head(version, name)) for name in free]
    return (free[0], free[1]) if max(lengths) <= 2 * min(lengths) else ("", "")


def _paired_by_name(one: str, other: str) -> bool:
    """one, other: lower case. A number or a letter at one place tells them apart (sentence1, text_a, #1 String), or
    they are known to go together."""
    if len(one) == len(other):
        apart = [(left, right) for left, right in zip(one, other, strict=True) if left != right]
        alone = re.fullmatch(r"(.*[^a-z])?a([^a-z].*)?", one)
        if len(apart) == 1 and (apart[0] in (("1", "2"), ("0", "1"), ("一", "二"), ("甲", "乙"), ("上", "下"))):
            return True
        if apart == [("a", "b")] and alone:
            return True
    return (one, other) in PAIRED_NAMES or (other, one) in PAIRED_NAMES


def _differ(values: Sequence[Any], share: float) -> bool:
    """Whether more than such a share of the filled cells differ, as texts do and classes do not."""
    texts = [value for value in values if value]
    return len(set(texts)) > share * len(texts)


def _mean_length(values: Sequence[Any]) -> float:
    texts = [value for value in values if value]
    return sum(map(len, texts)) / max(len(texts), 1)


def _label_score(version: DataVersion, column: Column) -> float:
    values = _head(version, column.name)
    if column.kind not in ("text", "integer", "boolean", "number") or has_fractions(values):
        return 0.0
    names = [name for name in label_texts(values) if name]
    distinct = len(set(names))
    if distinct < 2 or distinct > MOST_LABELS or distinct == len(names) > 2:
        return 0.0
    # Classes repeat and have short names.
    repeats = 1 - distinct / len(names)
    brief = 1 - min(sum(map(len, names)) / len(names), 60) / 60
    return 2 * _name_score(column.name, LABEL_NAMES) + repeats + brief


def _name_score(name: str, known: Sequence[str]) -> float:
    """2 for the best known name, over 1 for any, 0.7 where it is a part of the name, 0 else."""
    lower = name.casefold().strip()
    if lower in known:
        return 2 - known.index(lower) / len(known) / 2
    parts = re.split(r"[\s_\-.]+", lower)
    chinese = any(word in lower for word in known if not word.isascii())
    return 0.7 if chinese or any(part in known for part in parts) else 0.0


def _head(version: DataVersion, name: str) -> list[Any]:
    return read_column(version, name).slice(0, _SAMPLE).to_pylist()  # type: ignore[no-any-return]


def require(version: DataVersion, columns: Mapping[str, str], role: str, likely: str) -> Column:
    """The column that plays a role. Raises UserError naming the columns there are and the likely one, or saying that
    nothing is in the column, or in any."""
    name = columns.get(role, "")
    column = version.column(name) if name else None
    there = ", ".join(one.name for one in version.columns)
    empty = column is not None and read_column(version, name).null_count == version.rows
    if (column is None or empty) and _all_empty(version):
        raise UserError("recipes.nothing_in_it", columns=there, rows=version.rows)
    if column is None:
        key = f"recipes.no_{role}_column" if not name else f"recipes.missing_{role}_column"
        raise UserError(f"{key}.likely" if likely else key, column=name, columns=there, likely=likely)
    if empty:
        raise UserError("recipes.empty_column", column=name, rows=version.rows)
    return column


def _all_empty(version: DataVersion) -> bool:
    """Whether no cell holds anything."""
    table = mapped(version)
    return all(table.column(column.name).null_count == version.rows for column in version.columns)
