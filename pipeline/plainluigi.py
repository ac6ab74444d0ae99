"""What a plain Luigi task means to the rule of truth: only what its own outputs and its id tell."""

from __future__ import annotations

import os
from typing import Any

import luigi
from luigi.task import flatten

from pipeline.filecache import cached_digest
from targets import seal


def identity_of(task: Any) -> str:
    """The content of its local files; where it has anything else, its id."""
    parts = []
    for output in flatten(task.output()):
        path = getattr(output, "path", None)
        if not isinstance(output, luigi.LocalTarget) or not isinstance(path, str) or not os.path.exists(path):
            return seal.combine(["task id", task.task_id])
        parts.append(seal.tree_digest(path)[0] if os.path.isdir(path) else cached_digest(path))
    return seal.combine(["files", *parts]) if parts else seal.combine(["task id", task.task_id])
