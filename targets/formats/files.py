"""Files and directories that a step wrote itself: `easy_run` returns the path, and what is there is moved in.

The stored file keeps the suffix it came with, unless that means something to the store. `load` gives the path of the stored file or directory, whose
content was verified; a step that changes it in place damages its own input, which the next reader notices.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from targets import seal
from targets.errors import DumpError
from targets.naming import ASIDE, TEMPORARY
from targets.record import Part
from targets.store import Draft
from targets.target import DIRECTORY, LOG, Target
from targets.verifying import seal_directory, verify_part


class FileTarget(Target[Path]):
    """A file or a directory. Set `extension` on a subclass to insist on one."""

    extension = "file"

    def save(self, value: Path, draft: Draft) -> tuple[Part, ...]:
        if not isinstance(value, (str, os.PathLike)):
            raise DumpError(f"FileTarget moves in the file that easy_run made: return its path, not a {type(value).__name__}")
        source = Path(value)
        if source.is_symlink() or not source.exists():
            raise DumpError(f"easy_run returned {str(source)!r}, which is {'a link' if source.is_symlink() else 'not there'}")
        if not (source.is_dir() or source.is_file()):
            raise DumpError(f"easy_run returned {str(source)!r}, which is neither a file nor a directory")
        name = self._name_for(source)
        # Before the move, so that a refusal names the place that easy_run knows, and leaves it there.
        kind = "directory" if source.is_dir() else "file"
        if kind == "directory":
            digest, size = seal_directory(source)
            sealed = seal.Seal(digest)
        else:
            sealed, size = seal.file_seal(source), source.stat().st_size
        shutil.move(source, draft.create(name))
        return (Part.of(sealed, self.part, name, self.format_name(), size, kind=kind),)

    def _name_for(self, source: Path) -> str:
        if type(self).extension != FileTarget.extension:
            return self.name
        suffix = source.suffix if source.suffix.isascii() and source.suffix[1:].isalnum() and len(source.suffix) < 12 else ""
        if suffix in (TEMPORARY, ASIDE, DIRECTORY, LOG):  # these mean something to the store
            return self.name
        return self.name.removesuffix("." + self.extension) + suffix if suffix else self.name

    @property
    def path(self) -> str:
        """Where the file is, once it is stored."""
        found = self.find_record()
        return self.store.where(found[0].part(self.part).file if found else self.name)

    def load_part(self, part: Part, **options: Any) -> Path:
        verify_part(self.store, part)
        return self.store.path(part.file)
