"""The registry of filters: one file, one type; its class is the whole entry.

Only the loading half of the configuration comes here.  A worker gets plain options and the name of what makes the filter (``made_by``).
"""

from typing import Final

from fastgw.config.filters.access_log import AccessLog
from fastgw.config.filters.api_key import ApiKeys
from fastgw.config.filters.basic import Basic
from fastgw.config.filters.compress import Compress
from fastgw.config.filters.concurrency import Concurrency
from fastgw.config.filters.cors import Cors
from fastgw.config.filters.decompress import Decompress
from fastgw.config.filters.digest import Digest
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.ext_authz import ExtAuthz
from fastgw.config.filters.fault import Fault
from fastgw.config.filters.grpc_web import GrpcWeb
from fastgw.config.filters.guardrails import Guardrails
from fastgw.config.filters.headers import Headers
from fastgw.config.filters.ip_rules import IpRules
from fastgw.config.filters.jwt import Jwt
from fastgw.config.filters.log_body import LogBody
from fastgw.config.filters.maintenance import Maintenance
from fastgw.config.filters.mqtt import MqttClients
from fastgw.config.filters.mtls import Mtls
from fastgw.config.filters.oauth2_introspection import OAuth2Introspection
from fastgw.config.filters.rate_limit import RateLimit
from fastgw.config.filters.record import Record
from fastgw.config.filters.redirect import SchemeRedirect
from fastgw.config.filters.request_id import RequestId
from fastgw.config.filters.rewrite import Rewrite
from fastgw.config.filters.server_timing import ServerTiming
from fastgw.config.filters.token_limit import TokenLimit
from fastgw.config.filters.usage import Usage
from fastgw.config.filters.wasm import Wasm

_TYPES: Final[tuple[type[FilterOptions], ...]] = (
    RequestId,
    AccessLog,
    ApiKeys,
    Basic,
    Compress,
    Concurrency,
    Cors,
    Decompress,
    Digest,
    ExtAuthz,
    Fault,
    GrpcWeb,
    Guardrails,
    Headers,
    IpRules,
    Jwt,
    LogBody,
    OAuth2Introspection,
    Maintenance,
    MqttClients,
    Mtls,
    RateLimit,
    Record,
    SchemeRedirect,
    Rewrite,
    ServerTiming,
    TokenLimit,
    Usage,
    Wasm,
)

FILTERS: Final = {one.word(): one for one in _TYPES}  #: the word of a type -> its entry
BUILT_IN_FILTERS: Final = tuple(word for word, one in FILTERS.items() if one.is_built_in)
