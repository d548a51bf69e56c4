"""What the file says of how a version is chosen.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from fastgw.config.model import Model, setting
from fastgw.config.types import FieldName, Sticky


class VersionBy(Model):
    """What of a request decides which version it goes to, before the weights do."""

    header: FieldName | None = setting(
        None, "A field in which clients may name the version, also one of weight 0. Default: they have no say."
    )
    sticky: Sticky = setting("", "header:name or cookie:name: equal values stay with one version.")
