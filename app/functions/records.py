"""Where the records come from: a dataset that ships with scikit-learn, so that the example runs offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def fetch() -> pd.DataFrame:
    """442 diabetes patients: ten measurements, and the progression of the disease one year later."""
    # Imported where it is used: a run that has nothing to do starts without it.
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True).frame
