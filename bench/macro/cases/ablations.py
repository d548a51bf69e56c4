"""What each of fastgw's economies is worth: the small GET again, with one of them off."""

from __future__ import annotations

from bench.macro.cases.base import Case, Variant, measure_load
from bench.macro.scenario import Scenario

ABLATIONS = Case(
    name="ablations",
    title="Small GET with one economy of fastgw off",
    measure=measure_load,
    variants=(
        Variant("all on"),
        Variant("upstream keep-alive off", Scenario(keepalive=False)),
        Variant("request reuse off", Scenario(ablate="no_reuse")),
        Variant("direct send off", Scenario(ablate="no_direct_send")),
        Variant("compiled off", peers=("fastgw-pure",)),
    ),
    peers=("fastgw",),
    compare_first=True,
    notes="Upstream keep-alive is switched off by the service, which closes after each answer.",
)
