"""What is wrong between ``grpc`` of a route and its other keys."""

from __future__ import annotations

from fastgw.config.schema import Route
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound


def check_grpc(document: Document, where: TreePath, route: Route) -> None:
    """Report what cannot work together."""
    grpc = route.grpc
    if grpc is None or is_unsound(grpc, grpc.service, grpc.method):
        return
    if grpc.service and document.at((*where, "path")) is not None:
        document.report(
            (*where, "path"), "stands beside grpc.service, which says the path; give one of them", at_key=True
        )
    if grpc.method and not grpc.service:
        document.report((*where, "grpc", "method"), "has no effect without service", at_key=True)
    if grpc.service and not is_unsound(route.methods) and "POST" not in route.methods:
        document.report((*where, "methods"), "calls of gRPC are POST, which is not among them")
    for key in ("reply", "redirect", "files"):
        if getattr(route, key) and not is_unsound(getattr(route, key)):
            document.report((*where, key), "is no answer to a call of gRPC", at_key=True)
