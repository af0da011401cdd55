"""Out-of-fold scores on disk: a CSV a stage, and a JSON on how they came about.

Both are rewritten whole beside the old file and put in its place, so that a run that
is killed loses no fold that had ended, and a fold that had ended is not run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FoldKey", "ScoreStore"]

FoldKey = tuple[str, int, int]
_ORDER = ["split", "repeat", "fold", "recording"]


class ScoreStore:
    """The scores of one stage.

    Parameters
    ----------
    folder : Path
        Where ``<stage>.csv`` and ``<stage>.json`` are kept.
    stage : str
        Name of the stage.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        self.table_path = folder / f"{stage}.csv"
        self.record_path = folder / f"{stage}.json"

    def scores(self) -> pd.DataFrame | None:
        """Return what is saved, one row a prediction; None where nothing is.

        The columns are those of ``Evaluation.to_frame``, and ``split``.
        """
        import pandas as pd

        if not self.table_path.is_file():
            return None
        return pd.read_csv(
            self.table_path, dtype={"subject": str, "y": str, "decision": str}
        )

    def record(self) -> dict[str, Any]:
        """Return the settings of the stage and what each fold took."""
        if not self.record_path.is_file():
            return {"settings": {}, "folds": {}}
        return dict(json.loads(self.record_path.read_text(encoding="utf-8")))

    def done(self) -> set[FoldKey]:
        """Return the folds that are saved as (split, repeat, fold)."""
        scores = self.scores()
        if scores is None:
            return set()
        keys = scores[["split", "repeat", "fold"]].drop_duplicates()
        return {(str(s), int(r), int(f)) for s, r, f in keys.itertuples(index=False)}

    def start(self, settings: Mapping[str, Any]) -> None:
        """Note the settings, or check that saved folds were run with the same.

        Raises
        ------
        ValueError
            If folds are there that were run with other settings.
        """
        record, wanted = self.record(), json.loads(json.dumps(settings))
        if self.done() and record["settings"] != wanted:
            other = sorted(
                name
                for name in {*record["settings"], *wanted}
                if record["settings"].get(name) != wanted.get(name)
            )
            raise ValueError(
                f"Expected the folds in {str(self.table_path)!r} to have been run with "
                f"the present settings, got others in {other!r}. Delete the file, or "
                "name another folder with --results."
            )
        record["settings"] = wanted
        self._replace(self.record_path, _to_text(record))

    def add(
        self, key: FoldKey, columns: Mapping[str, np.ndarray], facts: Mapping[str, Any]
    ) -> None:
        """Save one fold.

        Parameters
        ----------
        key : tuple
            ``(split, repeat, fold)``.
        columns : mapping of ndarray of shape (n_rows,)
            Predictions.
        facts : mapping
            What is to be kept of the fold: seconds, date, versions.
        """
        import pandas as pd

        old, new = self.scores(), pd.DataFrame(dict(columns))
        table = new if old is None else pd.concat([old, new], ignore_index=True)
        record = self.record()
        record["folds"]["/".join(map(str, key))] = dict(facts)
        # The table last: a fold counts as done once it is in there.
        self._replace(self.record_path, _to_text(record))
        table = table.sort_values(_ORDER, kind="stable")
        self._replace(self.table_path, table.to_csv(index=False, float_format="%.9g"))

    def folds(self, split: str) -> dict[tuple[int, int], dict[str, Any]]:
        """Return what is kept of each fold of a split, by (repeat, fold)."""
        found = {}
        for key, facts in self.record()["folds"].items():
            kind, repeat, fold = key.rsplit("/", 2)
            if kind == split:
                found[int(repeat), int(fold)] = facts
        return found

    def _replace(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)


def _to_text(record: Mapping[str, Any]) -> str:
    """Return JSON with one fold a line, so that versions of it can be compared."""
    settings = json.dumps(record["settings"], indent=1)
    folds = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(facts)}"
        for key, facts in sorted(record["folds"].items())
    )
    return f'{{"settings": {settings},\n"folds": {{\n{folds}\n}}}}\n'
