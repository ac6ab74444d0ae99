"""One exception for each mistake that can be made with a stored output.

Every message names the file or the value and the next thing to do. `PipelineError` is the root of
all exceptions of both packages, so that one `except` catches them; `pipeline` re-exports it.
"""


class PipelineError(Exception):
    """Root of every exception that luigi-warp raises on purpose."""


class TargetError(PipelineError):
    """Something is wrong with a stored output."""


class DumpError(TargetError):
    """A value cannot be written in the chosen format."""


class RoundTripError(DumpError):
    """A value would not come back from its format as it went in, so writing it is refused."""


class GeneratorOutputError(DumpError):
    """A step returned a generator, which can be read only once and cannot be stored."""


class LoadError(TargetError):
    """The stored bytes are intact, but the format cannot decode them."""


class MissingOutputError(TargetError):
    """An output was asked for that is not in the store."""


class DamagedError(TargetError):
    """Stored bytes are not the bytes that were written."""


class RecordError(TargetError):
    """A record cannot be read: it is damaged or is no record."""


class NewerRecordError(TargetError):
    """A record was written by a newer version than this one can read."""


class UntrustedError(DamagedError):
    """A signing key is set, and a record does not carry a valid signature."""


class PickleForbiddenError(TargetError):
    """A format that can run code is used where the configuration forbids it."""


class UnsignedPickleError(TargetError):
    """An unsigned output in a format that can run code lies where others can write."""


class SigningKeyError(PipelineError):
    """What is set as a signing key is none, or lies where it protects nothing."""


class StoreError(PipelineError):
    """The store cannot be opened, read or written."""


class LeaseLostError(StoreError):
    """Another writer has taken over what this one was about to write: it was thought dead."""


class MissingExtraError(PipelineError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}: pip install 'luigi-warp[{extra}]'")


class ShadowedPackageError(PipelineError, ImportError):
    """A module of the user's own hides one of our packages."""
