"""What a recipe is: the columns it reads, how it prepares, trains and scores, and the report at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from backend.errors import UserError
from backend.tasks.base import check_params, param

if TYPE_CHECKING:
    import numpy as np

    from backend.data.repeats import Likeness
    from backend.data.split import SplitPlan
    from backend.data.version import DataVersion
    from backend.models import ModelFacts

Preset = Literal["quick", "balanced", "thorough"]
PRESETS: tuple[Preset, ...] = ("quick", "balanced", "thorough")
LESS_IS_BETTER = frozenset(("loss", "mse", "rmse", "mae"))
"""Metrics whose smallest value is the best."""
MOST_RATE = 0.1
SCHEDULERS = ("linear", "cosine", "cosine_with_restarts", "constant", "constant_with_warmup", "polynomial")


@dataclass(frozen=True, slots=True)
class ColumnRole:
    """A column the recipe reads. kinds: the Column.kind values it accepts, best first. Text `recipes.role.{name}`."""

    name: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainArguments:
    """The arguments every recipe has, by their names in TrainingArguments and peft.LoraConfig.

    Texts `arguments.{name}` and `.help`.
    """

    learning_rate: float = param(5e-5, minimum=1e-8, maximum=MOST_RATE)
    num_train_epochs: float = param(3.0, minimum=0.01, maximum=1000)
    max_steps: int = param(0, minimum=0, maximum=10_000_000)
    """Optimizer steps; 0: as many as num_train_epochs says."""
    per_device_train_batch_size: int = param(16, minimum=1, maximum=1024)
    per_device_eval_batch_size: int = param(64, minimum=1, maximum=1024)
    gradient_accumulation_steps: int = param(1, minimum=1, maximum=1024)
    weight_decay: float = param(0.01, minimum=0, maximum=1)
    """Not on biases and normalization layers."""
    adam_beta1: float = param(0.9, minimum=0, maximum=0.9999)
    adam_beta2: float = param(0.999, minimum=0, maximum=0.999999)
    adam_epsilon: float = param(1e-8, minimum=1e-12, maximum=0.1)
    warmup_ratio: float = param(0.06, minimum=0, maximum=0.9)
    lr_scheduler_type: str = param("linear", choices=SCHEDULERS)
    max_length: int = param(128, minimum=8, maximum=8192)
    truncation_side: str = param("own", choices=("own", "right", "left"))
    """Where a text that is too long is cut; own: as the tokenizer does it, nearly always at the right. The tokenizer
    that is saved with the model cuts there, too."""
    max_grad_norm: float = param(1.0, minimum=0, maximum=100)
    """Longer gradients are shortened to this; 0: never."""
    label_smoothing_factor: float = param(0.0, minimum=0, maximum=0.9)
    class_weights: str = param("none", choices=("none", "balanced"))
    """balanced: each label's rows weigh rows / (labels * rows of that label) in the loss."""
    precision: str = param("fp32", choices=("fp32", "bf16", "fp16"))
    """What forward and backward compute in; the weights stay fp32."""
    gradient_checkpointing: bool = param(False)
    freeze_base: bool = param(False)
    """Only the head learns."""
    freeze_embeddings: bool = param(False)
    dropout: float | None = param(None, minimum=0, maximum=0.9, optional=True)
    """None: what the model's configuration says."""
    lora_rank: int = param(0, minimum=0, maximum=1024)
    """r of peft.LoraConfig; 0: no LoRA."""
    lora_alpha: int = param(16, minimum=1, maximum=4096)
    lora_dropout: float = param(0.0, minimum=0, maximum=0.9)
    lora_targets: str = param("")
    """Names of modules, between commas, or "all-linear"; "": those that peft knows for this kind of model."""
    evaluations: int = param(8, minimum=1, maximum=200)
    """How many times in the run the validation split is scored and, if it is the best, its state kept."""
    eval_steps: int = param(0, minimum=0, maximum=10_000_000)
    """Optimizer steps between scorings; 0: as `evaluations` says."""
    early_stopping_patience: int = param(0, minimum=0, maximum=1000)
    """Scorings in a row without a better one after which the run ends; 0: never."""
    metric_for_best_model: str = param("")
    """One of the recipe's metrics, or loss; "": the recipe's best_metric."""
    save_steps: int = param(0, minimum=0, maximum=10_000_000)
    """Optimizer steps between checkpoints that stay in the run's folder; 0: only the best state is kept."""
    save_total_limit: int = param(2, minimum=1, maximum=1000)
    """How many of those checkpoints stay, the newest ones."""
    logging_steps: int = param(0, minimum=0, maximum=10_000)
    """Optimizer steps between points of the training curves; 0: about a hundred points, at least every ten steps."""
    seed: int = param(42, minimum=0, maximum=2**31 - 1)

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, (int, float)) and self.learning_rate > MOST_RATE:
            # The largest one allowed is no advice.
            known = {"value": self.learning_rate, "maximum": MOST_RATE, "usual": "5e-5"}
            raise UserError("arguments.rate_too_large", **known)
        check_params(self, "arguments")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the data. level: ok, warning or error (an error refuses Start). Text `key` with values."""

    level: Literal["ok", "warning", "error"]
    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a finished run says, plain values only (report.json). Shares and scores are parts of 1.

    splits: metric name to value for each split scored, {"test": {"accuracy": 0.89, "loss": 0.31, "rows": 120}}.
    baseline: the same metrics on the same splits for the simplest guess. labels: id order. per_label: one dict a label
    {"label", "precision", "recall", "f1", "rows"} on the headline split. confusion: (labels, labels) counts, rows true.
    scatter: pairs (true, predicted) of a regression, at most 2,000. wrong: worst mistakes first, {"row_id", "text",
    "true", "answer", "confidence"} and "text_pair" where rows are pairs, at most 100; wrong_count: all of them.
    confidence is None in a regression. settled: what was chosen on the validation split, such as thresholds.
    """

    headline_split: str
    headline_metric: str
    splits: Mapping[str, Mapping[str, float]]
    baseline: Mapping[str, Mapping[str, float]]
    baseline_label: str
    labels: Sequence[str]
    per_label: Sequence[Mapping[str, Any]] = ()
    confusion: Sequence[Sequence[int]] = ()
    scatter: Sequence[Sequence[float]] = ()
    settled: Mapping[str, Any] = field(default_factory=dict)
    wrong: Sequence[Mapping[str, Any]]
    wrong_count: int
    facts: Mapping[str, Any]
    """Numbers around the run: train_seconds, total_seconds, steps, samples_per_second, peak_memory_mib, best_step,
    stopped, train_rows, train_rows_scored (the train split is scored on a part only when it is large)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersInDetail:
    """A split's answers beyond the metrics, as Report has them. mistakes: places in the split, worst first (all of
    them); shown: for a place, (the true answer, the model's, its confidence or None), as a person reads them."""

    mistakes: np.ndarray
    shown: Callable[[int], tuple[str, str, float | None]]
    per_label: Sequence[Mapping[str, Any]] = ()
    confusion: Sequence[Sequence[int]] = ()
    scatter: Sequence[Sequence[float]] = ()


class Recipe(ABC):
    """One way to train, stateless. Adding one is adding a file here, its texts (recipes.json) and its test."""

    name: ClassVar[str]
    task: ClassVar[str]
    """Name of the task the trained model answers."""
    roles: ClassVar[tuple[ColumnRole, ...]]
    """The texts in the order in which the model reads them, then the answer."""
    best_metric: ClassVar[str]
    """The metric that chooses the best checkpoint unless the arguments name another; higher is better."""
    shown_metrics: ClassVar[tuple[str, ...]]
    """Metrics drawn live, best_metric among them."""
    metric_names: ClassVar[tuple[str, ...]]
    """Every metric that `metrics` gives. Texts `phrases.metric.{name}`."""
    apart: ClassVar[float] = 0.0
    """Answers to one text contradict each other when they differ by more than this part of the answers' range."""

    @property
    def text_roles(self) -> tuple[str, ...]:
        """Names of the roles that the model reads: one text, or two."""
        return tuple(role.name for role in self.roles[:-1])

    def fit(self, version: DataVersion) -> float:
        """How well these data suit the recipe, 0 to 1, told from columns and values: which recipe to suggest."""
        return 0.0

    @abstractmethod
    def guess_columns(self, version: DataVersion) -> dict[str, str]:
        """Role name to column name, as far as names, kinds and values let it be guessed; a missing role is absent."""

    @abstractmethod
    def check(self, version: DataVersion, columns: Mapping[str, str]) -> list[Finding]:
        """What to know before Start. Raises UserError, naming the columns there are, for one missing or unusable."""

    @abstractmethod
    def usable(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        """bool (rows,): the rows with everything the recipe needs."""

    def first_usable(self, version: DataVersion, columns: Mapping[str, str], count: int) -> list[int]:
        """row_ids of so many usable rows, to be shown as proof; the first of all where there is none, or none told."""
        import numpy as np

        first = [*range(min(count, version.rows))]
        try:
            return np.flatnonzero(self.usable(version, columns))[:count].tolist() or first
        except UserError:
            return first

    @abstractmethod
    def labels(self, version: DataVersion, columns: Mapping[str, str]) -> tuple[str, ...]:
        """Label names in id order (id2label), empty for a recipe without labels."""

    @abstractmethod
    def targets(self, version: DataVersion, columns: Mapping[str, str], labels: Sequence[str]) -> np.ndarray:
        """What each row should be answered: label ids int64 (rows,), -1 where there is none; 0 or 1 float32 (rows,
        labels); scores float32 (rows,), NaN where there is none."""

    def unlabelled(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray | None:
        """bool (rows,): rows whose answer is a word for there being none, such as NaN, which is learnt as any other
        unless the plan leaves such rows out. None where no answer is a word."""
        return None

    def learnable(self, version: DataVersion, columns: Mapping[str, str], plan: SplitPlan) -> np.ndarray:
        """bool (rows,): the usable rows, less those that the plan leaves out of every split."""
        usable = self.usable(version, columns)
        words = self.unlabelled(version, columns) if "unlabelled" in plan.leave_out else None
        return usable if words is None else usable & ~words

    def learnt_labels(self, version: DataVersion, columns: Mapping[str, str], plan: SplitPlan) -> tuple[str, ...]:
        """The labels, in id order, that a run with this plan learns. Raises UserError where it leaves one only."""
        return self.labels(version, columns)

    def stratified_by(self, columns: Mapping[str, str]) -> str:
        """The column whose values each split gets its share of; "" where its values are no classes."""
        return ""

    def split(self, version: DataVersion, columns: Mapping[str, str], plan: SplitPlan) -> dict[str, np.ndarray]:
        """row_ids of train, validation and test among the usable rows, as `split_rows` has them."""
        from backend.data.split import split_rows

        usable, classes = self.usable(version, columns), self.stratified_by(columns)
        return split_rows(version, plan, classes, usable, lambda: self.likeness(version, columns))

    def refuse_training_rows(self, version: DataVersion, columns: Mapping[str, str], rows: np.ndarray) -> None:
        """Raise UserError where these rows, the training part of a split, teach nothing."""
        return None

    def likeness(self, version: DataVersion, columns: Mapping[str, str]) -> Likeness:
        """What tells rows alike: their texts together, and what they should be answered."""
        import numpy as np

        from backend.data.repeats import Likeness, texts_of

        texts, blank = texts_of(version, [columns.get(role, "") for role in self.text_roles])
        answers = self.answer_keys(self.targets(version, columns, self.labels(version, columns)))
        known = answers[~np.isnan(answers)] if self.apart else answers[:0]
        apart = self.apart * float(np.ptp(known)) if len(known) else 0.0
        return Likeness(texts, answers, blank, apart, self.unlabelled(version, columns))

    def answer_keys(self, targets: np.ndarray) -> np.ndarray:
        """float64 (rows,): equal for equal answers. targets: as `targets` gives them."""
        import numpy as np

        keys: np.ndarray = targets.astype(np.float64)
        return keys

    @abstractmethod
    def preset(self, preset: Preset, facts: ModelFacts, train_rows: int, device: str) -> TrainArguments:
        """The arguments a preset stands for, for this model, size of data and device."""

    @abstractmethod
    def load_model(
        self, path: str, labels: Sequence[str], arguments: TrainArguments, new_model: Mapping[str, Any] | None = None
    ) -> Any:
        """The PreTrainedModel to train, fp32 on the CPU, head made anew where the saved one does not fit the labels.

        new_model: not empty: random weights, in the shape of the configuration at path with these changes.
        """

    def begin(self, model: Any, targets: np.ndarray) -> None:  # noqa: B027 (for most recipes nothing)
        """Fit what is new of a loaded model to the training rows' targets before its first step."""

    @abstractmethod
    def encode(self, tokenizer: Any, rows: Any, columns: Mapping[str, str], max_length: int | None) -> Any:
        """The tokens of rows (column name to list of values): a BatchEncoding of lists, cut at max_length."""

    @abstractmethod
    def preprocess(
        self, tokenizer: Any, rows: Any, columns: Mapping[str, str], labels: Sequence[str], max_length: int
    ) -> Any:
        """A datasets.Dataset of features (input_ids, labels, row_id) from rows: column name to list of values.

        The collator pads and makes the attention mask.
        """

    @abstractmethod
    def metrics(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Metric name to value, by evaluate.Metric classes of backend.metrics. targets: as the features' labels."""

    def settle(self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
        """What is chosen on the answers to the validation split once the best state is known, such as thresholds.
        It is kept in the report and, as attributes, in the trained model's config."""
        return {}

    @abstractmethod
    def in_detail(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any]
    ) -> AnswersInDetail:
        """The report's tables for one split."""

    @abstractmethod
    def baseline(
        self, train_targets: np.ndarray, targets: np.ndarray, labels: Sequence[str]
    ) -> tuple[str, dict[str, float]]:
        """What the simplest guess learnt from train_targets (its name: the majority label) scores on `targets`."""
