"""Fitting and measuring a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TARGET = "target"
SEED = 1


def fit(records: pd.DataFrame, *, l2: float, test_share: float) -> tuple[Any, tuple[Any, Any], tuple[Any, Any]]:
    """The model, and (real, predicted) values of the training and of the held-back records."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = train_test_split(records, test_size=test_share, random_state=SEED)
    model = make_pipeline(StandardScaler(), Ridge(alpha=l2))
    model.fit(train.drop(columns=TARGET), train[TARGET])
    return model, _pair(model, train), _pair(model, test)


def metrics(real: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """How far predictions are from what was measured."""
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    return {
        "r2": round(float(r2_score(real, predicted)), 6),
        "rmse": round(float(root_mean_squared_error(real, predicted)), 6),
        "mae": round(float(mean_absolute_error(real, predicted)), 6),
        "records": len(real),
    }


def _pair(model: Any, records: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return records[TARGET].to_numpy(), model.predict(records.drop(columns=TARGET))
