"""What the file says of forecasts.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated

from fastgw.config.model import Model, setting
from fastgw.config.types import FilePath, count


class Forecasts(Model):
    """What services will be asked for, learned from what they were."""

    store: FilePath = setting(
        "", "SQLite file of what was counted; empty: beside state_file, with the ending forecast.db."
    )
    max_services: Annotated[int, count(1, 1000)] = setting(
        48, "Services that are forecast, the first ones of the file; each takes up to 0.4 MB of the store."
    )
