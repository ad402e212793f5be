"""metrics.jsonl: the record of a run, one flushed line a point."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from backend.training.spec import MetricPoint
from backend.workspace import disk_error


class Recorder:
    """Appends points. A reader sees whole lines only, since each is written and flushed at once."""

    def __init__(self, path: Path, keep: int = 0) -> None:
        """keep: so many bytes of what is there stay, the points up to the checkpoint from which a run goes on."""
        self.path = path
        self._file = path.open("a", encoding="utf-8")
        if path.stat().st_size > keep:
            self._file.truncate(keep)
            self._file.seek(0, os.SEEK_END)

    def sync(self) -> int:
        """Have everything so far on the disk; its size in bytes, for `keep`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def add(self, point: MetricPoint) -> None:
        """Write one point, less values that are not finite: JSON has no word for them. Raises UserError, disk full."""
        # Digits that count, not places: a learning rate ends near zero.
        values = {name: float(f"{value:.7g}") for name, value in point.values.items() if math.isfinite(value)}
        line = json.dumps({"step": point.step, "seconds": round(point.seconds, 3), "values": values})
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            raise disk_error(error, self.path) from error

    def close(self) -> None:
        """No more points."""
        self._file.close()


def read_points(path: Path) -> list[MetricPoint]:
    """Every point in the order written; a line cut off by a crash is skipped, a missing file has none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    points = []
    for line in lines:
        try:
            data = json.loads(line)
            points.append(MetricPoint(int(data["step"]), float(data["seconds"]), dict(data["values"])))
        except (ValueError, KeyError, TypeError):
            continue
    return points
