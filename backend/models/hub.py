"""The Hub and its cache on this disk: is it in reach, what lies here, fetch a model, say what went wrong.

Covers: models. Endpoint and token are arguments of every call, since the library reads its environment once at import.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backend.errors import UserError
from backend.models.download import INCOMPLETE, GivenUp, Weights, size_of
from backend.models.facts import TOKENIZER_FILES, Progress, weight_files
from backend.settings import Settings
from backend.workspace import disk_error, write_json

# Of the modules that Sentence Transformers puts behind a model; the weights of a dense one are small.
_MODULES = re.compile(r"\d+_(Pooling|Dense)/(config\.json|model\.safetensors)")
# The last three say how a model of Sentence Transformers makes one vector of a text.
CONFIG_FILES = (
    "config.json",
    "generation_config.json",
    "README.md",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "modules.json",
)
_SAFETENSORS = re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
_PICKLES = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?")
T = TypeVar("T")
MIRRORS = ("https://huggingface.co", "https://hf-mirror.com")
"""The Hub itself, and a mirror of it that is in reach from China."""
_ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?")
_ANSWER_SECONDS = 3.0
_RECHECK_SECONDS = 60.0
_REPORT_SECONDS = 0.2


def is_weights(name: str) -> bool:
    """Whether a file of the Hub holds weights (or says which files do)."""
    return bool(_SAFETENSORS.fullmatch(name) or _PICKLES.fullmatch(name))


@dataclass(frozen=True, slots=True)
class Listing:
    """What the Hub says of a model's files."""

    sizes: dict[str, int]
    """File name to bytes: the root folder, and what says how a text becomes one vector."""
    languages: tuple[str, ...]

    def weights(self) -> list[str]:
        """Safetensors and their index where there are any, else pickles."""
        for wanted in (_SAFETENSORS, _PICKLES):
            found = [name for name in self.sizes if wanted.fullmatch(name)]
            # A repository may hold both the whole file and its shards: from_pretrained reads the whole one.
            whole = [name for name in found if name in ("model.safetensors", "pytorch_model.bin")]
            if found:
                return whole or found
        return []

    def small(self) -> list[str]:
        """Config, tokenizer and card: what is needed to know the model, and to use its tokenizer."""
        known = {*CONFIG_FILES, *TOKENIZER_FILES}
        return [name for name in self.sizes if name in known or _MODULES.fullmatch(name)]


class Hub:
    """One Hub or mirror of it, as the settings name it."""

    def __init__(self, settings: Settings) -> None:
        self.home = settings.hub_endpoint.rstrip("/")
        """The one that the app was started with; models are also pushed there."""
        self._memory = settings.workspace.absolute() / "hub.json"
        self.public = settings.public
        self.endpoint = self.home if settings.public else self._remembered()
        """The one that models come from."""
        # Visitors of a public page must not read with the login of whoever started it, unless that was asked for.
        self._token: str | bool | None = settings.hub_token or (False if settings.public else None)
        self._public_cache = settings.workspace.absolute() / "hub" if settings.public else None
        self._fixed = {"yes": False, "no": True}.get(settings.offline)
        if self._fixed is None and os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
            self._fixed = False
        self._answers = False
        self._asked = threading.Event()
        self._checked = -math.inf
        self.recheck()

    def online(self) -> bool:
        """Whether the Hub answers, as found out last (see `recheck`). Waits for that at most a few seconds."""
        if self._fixed is not None:
            return self._fixed
        # Looking up a name may hang longer than the request is allowed to: then we are as good as offline.
        self._asked.wait(_ANSWER_SECONDS + 1)
        return self._answers

    @property
    def token(self) -> str | bool | None:
        """As the library takes it. A mirror that was chosen in the page is a stranger: it gets none."""
        return self._token if self.endpoint in (self.home, MIRRORS[0]) else False

    def use_mirror(self, address: str) -> None:
        """Fetch models from there from now on, after a restart too; "" goes back to where the app was started with.

        Raises UserError shelf.mirror_public or shelf.bad_mirror.
        """
        if self.public:
            raise UserError("shelf.mirror_public")
        address = address.strip().rstrip("/")
        if address and not _ADDRESS.fullmatch(address):
            raise UserError("shelf.bad_mirror", text=address[:200])
        write_json(self._memory, {"mirror": address})
        self.endpoint = address or self.home
        self.recheck(at_once=True)

    def _remembered(self) -> str:
        try:
            address = json.loads(self._memory.read_text(encoding="utf-8"))["mirror"]
        except (OSError, ValueError, KeyError, TypeError):
            return self.home
        return address if isinstance(address, str) and _ADDRESS.fullmatch(address) else self.home

    def recheck(self, at_once: bool = False) -> None:
        """Find out anew, in the background; not again within a minute, unless at_once."""
        if self._fixed is None and (at_once or time.monotonic() - self._checked > _RECHECK_SECONDS):
            self._checked = time.monotonic()
            self._asked = threading.Event()
            threading.Thread(target=self._ask, args=(self._asked,), name="hub-check", daemon=True).start()

    def _ask(self, asked: threading.Event) -> None:
        try:
            self._answers = self.answers()
        finally:
            asked.set()

    def answers(self) -> bool:
        """Ask it now; a few seconds at most, where the library would try again for half a minute."""
        try:
            request = urllib.request.Request(self.endpoint, method="HEAD")
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS):
                return True
        except urllib.error.HTTPError:
            # It answered, if only to say no.
            return True
        except (OSError, ValueError):
            return False

    # What lies on this disk.

    @property
    def cache(self) -> Path:
        """The folder of downloads: the one all Hugging Face libraries share; in public mode one of our own."""
        if self._public_cache is not None:
            return self._public_cache
        from huggingface_hub import constants

        return Path(constants.HF_HUB_CACHE)

    def repository(self, model_id: str) -> Path:
        """The cache's folder of a model, whether it is there or not."""
        return self.cache / f"models--{model_id.replace('/', '--')}"

    def begun(self, model_id: str) -> int:
        """Bytes of files that have not come whole yet: a download goes on from there."""
        return sum(size_of(path) for path in self.repository(model_id).glob(f"blobs/*{INCOMPLETE}"))

    def snapshot(self, model_id: str) -> Path | None:
        """The folder of the newest download of a model, whole or not; None when there is none."""
        repository = self.repository(model_id)
        try:
            commit = (repository / "refs" / "main").read_text().strip()
        except OSError:
            return None
        folder = repository / "snapshots" / commit
        return folder if (folder / "config.json").is_file() else None

    def whole(self, model_id: str) -> Path | None:
        """The same if its weights are there too."""
        folder = self.snapshot(model_id)
        try:
            return folder if folder and weight_files(folder, model_id) else None
        except UserError:
            return None

    def downloaded(self) -> list[str]:
        """Ids of all models whose weights are in the cache."""
        names = [folder.name.removeprefix("models--").replace("--", "/") for folder in self.cache.glob("models--*")]
        return sorted(name for name in names if self.whole(name))

    # What the Hub has.

    def listing(self, model_id: str) -> Listing:
        """The files of a model. Raises UserError: offline, missing, gated, refused."""
        from huggingface_hub import HfApi

        api = HfApi(endpoint=self.endpoint, token=self.token)
        info = self._translated(model_id, lambda: api.model_info(model_id, files_metadata=True, timeout=10))
        sizes = {
            one.rfilename: one.size or 0
            for one in info.siblings or ()
            if "/" not in (name := one.rfilename) or _MODULES.fullmatch(name)
        }
        language = info.card_data.get("language") if info.card_data else None
        languages = (language,) if isinstance(language, str) else tuple(language or ())
        return Listing(sizes, languages)

    def fetch(self, model_id: str, names: Iterable[str], sizes: dict[str, int], progress: Progress | None) -> Path:
        """The snapshot folder with these files in it.

        progress is called in this thread, with the bytes that have come; whatever it raises ends the download, and is
        raised here at once. Raises UserError models.cut_download, disk_full and those of `listing`.
        """
        wanted = list(names)
        here = self.snapshot(model_id)
        lacking = [name for name in wanted if not (here and (here / name).is_file())]
        total = sum(sizes[name] for name in lacking)
        self._refuse_full_disk(model_id, total - self.begun(model_id))
        count = _ByteCount()
        large = {name: sizes[name] for name in lacking if is_weights(name) and not name.endswith(".json")}
        weights = Weights(model_id, large, self.repository(model_id), self.endpoint, self.token)
        # In a thread of its own, so that the progress is told in the caller's: Gradio's knows its page by the thread.
        folder: Future[Path] = Future()

        def bring() -> Path:
            weights.fetch()
            return self._snapshot_download(model_id, wanted, count)

        def download() -> None:
            try:
                folder.set_result(self._translated(model_id, bring))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                folder.set_exception(error)

        # A daemon: one that is given up while it waits for the network must not hold up the end of the app.
        threading.Thread(target=download, name="hub-download", daemon=True).start()
        try:
            while wait([folder], _REPORT_SECONDS).not_done:
                if progress:
                    progress("download", min(weights.done + count.done, total), total)
        except BaseException:
            count.given_up = True
            weights.given_up.set()
            raise
        return folder.result()

    def _snapshot_download(self, model_id: str, names: list[str], count: _ByteCount) -> Path:
        from huggingface_hub import snapshot_download

        folder = snapshot_download(
            model_id,
            endpoint=self.endpoint,
            token=self.token,
            cache_dir=self.cache,
            allow_patterns=names,
            tqdm_class=count.bar_class(),
            max_workers=4,
        )
        return Path(folder)

    def _refuse_full_disk(self, model_id: str, needed: int) -> None:
        import shutil

        self.cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.cache).free
        if needed > free:
            folder = self.cache.name if self.public else self.cache
            raise UserError("models.disk_full", model=model_id, need=needed >> 20, free=free >> 20, folder=folder)

    def _translated(self, model_id: str, ask: Callable[[], T]) -> T:
        """What `ask` returns; the library's exceptions as UserErrors."""
        import httpx2
        from huggingface_hub import errors

        try:
            return ask()
        except errors.GatedRepoError as error:
            if self.token != self._token:
                raise UserError("shelf.gated_mirror", model=model_id, endpoint=self.endpoint, home=self.home) from error
            key = "models.gated_refused" if self.token else "models.gated"
            raise UserError(key, model=model_id, page=f"{self.endpoint}/{model_id}") from error
        except errors.RepositoryNotFoundError as error:
            raise UserError("models.missing_on_hub", model=model_id, endpoint=self.endpoint) from error
        except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
            raise self._no_answer(model_id, error) from error
        except errors.HfHubHTTPError as error:
            status = error.response.status_code
            if status == 401:
                raise UserError("models.bad_token", model=model_id, endpoint=self.endpoint) from error
            raise UserError("models.hub_refused", model=model_id, endpoint=self.endpoint, status=status) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise self._no_answer(model_id, error) from error
        except httpx2.TransportError as error:
            raise UserError("models.cut_download", model=model_id, endpoint=self.endpoint) from error
        except errors.HFValidationError as error:
            raise UserError("models.bad_ref", text=model_id) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # What answers there is no Hub: a page of its own, or of a network that asks for a login first.
            raise UserError("models.no_answer", model=model_id, endpoint=self.endpoint) from error
        except OSError as error:
            if error.errno is not None:
                raise disk_error(error, self.cache / model_id) from error
            # "Consistency check failed": the size is not the one that was announced.
            raise UserError("models.cut_download", model=model_id, endpoint=self.endpoint) from error

    def _no_answer(self, model_id: str, error: Exception) -> UserError:
        self._answers = False
        return UserError("models.no_answer", model=model_id, endpoint=self.endpoint)


class _ByteCount:
    """Adds up the bytes of a download, whose files come in several threads."""

    def __init__(self) -> None:
        self._bars: list[Any] = []
        self.given_up = False
        """Nobody waits for the files any more: the next bytes that come end the download."""

    @property
    def done(self) -> int:
        # The library keeps two bars in bytes, of what came and of what was written; either may stand still.
        return int(max((bar.come for bar in self._bars), default=0))

    def bar_class(self) -> type[Any]:
        """A tqdm that shows nothing and counts here."""
        from tqdm import tqdm  # type: ignore[import-untyped]

        bars, whole = self._bars, self

        class Bar(tqdm):  # type: ignore[misc]
            def __init__(self, *arguments: Any, **options: Any) -> None:
                self.come = 0.0
                if options.get("unit") == "B":
                    bars.append(self)
                super().__init__(*arguments, **options | {"disable": True})

            def update(self, n: float | None = 1) -> bool | None:
                if whole.given_up:
                    raise GivenUp
                self.come += n or 0
                return None

        return Bar
