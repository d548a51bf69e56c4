"""What the file says of members that are listed elsewhere (``fastgw.discovery``).

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Final

from fastgw.config.address_values import hostname
from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.subset import Metadata
from fastgw.config.types import (
    Duration,
    FilePath,
    NameServer,
    Parsed,
    Percentage,
    PositiveDuration,
    ReadFile,
    count,
    words,
)
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.urls import ca_problem, host_of, is_here
from fastgw.config.values import scalar, shown, text
from fastgw.core.sources import (
    BeliefSettings,
    ClientTls,
    ConsulSettings,
    DiscoverySettings,
    DnsSettings,
    EtcdSettings,
    FileSettings,
    KubernetesSettings,
    RegistryUrl,
    SourceSettings,
)

_URL: Final = re.compile(r"(https?)://(\[[^\]@/]*\]|[^/?#@:\[\]]*)(?::([0-9]{1,9}))?/?", re.IGNORECASE)
_PREFIX: Final = re.compile(r"/[!-~]{0,511}").fullmatch
_WORD: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?").fullmatch
_SHORTEST: Final = 0.2  #: seconds between two looks


def _registry(value: object, port: int) -> RegistryUrl:
    what = f"the URL of a registry, such as http://127.0.0.1:{port}"
    found = str(scalar(value, what))
    match = _URL.fullmatch(found) if len(found) <= 2000 else None
    if match is None:
        told = " without user, password, path and query" if set("@?#") & set(found) else ""
        raise ValueError(f"expected {what}{told}" + ("" if told else f", got {shown(value)}"))
    number = int(match[3]) if match[3] else port
    if not 0 < number < 65536:
        raise ValueError(f"expected {what}: a port is a number from 1 to 65535")
    return RegistryUrl(match[1].lower() == "https", host_of(match[2]), number)


def etcd_url(value: object) -> RegistryUrl:
    """An endpoint of etcd.  Raises ValueError."""
    return _registry(value, 2379)


def consul_url(value: object) -> RegistryUrl:
    """An agent of Consul.  Raises ValueError."""
    return _registry(value, 8500)


def kubernetes_url(value: object) -> RegistryUrl:
    """The API server of Kubernetes.  Raises ValueError."""
    return _registry(value, 443)


def _prefix(value: object) -> str:
    found = str(scalar(value, "a prefix of keys"))
    if not _PREFIX(found) or "//" in found:
        raise ValueError(
            f"expected a prefix of keys that begins with a slash, such as /services/vision, got {shown(value)}"
        )
    return found.rstrip("/")


def _word(value: object) -> str:
    found = str(scalar(value, "a name"))
    if not _WORD(found):
        raise ValueError(f"expected a name of letters, digits, '.', '-' and '_', got {shown(value)}")
    return found


def _domain(value: object) -> str:
    found = str(scalar(value, "a name"))
    return hostname(found, found)


def _asked_domain(value: object) -> str:
    """A name whose dot at the end says that no search domain is tried."""
    found = str(scalar(value, "a name"))
    return hostname(found.removesuffix("."), found) + "." * found.endswith(".")


EtcdUrl = Annotated[RegistryUrl, Parsed(etcd_url, type="string", examples=["http://127.0.0.1:2379"])]
ConsulUrl = Annotated[RegistryUrl, Parsed(consul_url, type="string", examples=["http://127.0.0.1:8500"])]
KubernetesUrl = Annotated[RegistryUrl, Parsed(kubernetes_url, type="string", examples=["https://10.0.0.1:443"])]
KeyPrefix = Annotated[str, Parsed(_prefix, type="string", examples=["/services/vision"])]
Word = Annotated[str, Parsed(_word, type="string")]
Secret = Annotated[str, Parsed(secret_text, type="string")]


class RegistryTls(Model):
    """TLS towards a registry."""

    ca: ReadFile = setting("", "PEM file of the authorities to trust. Default: the system's.")
    cert: ReadFile = setting("", "PEM file of the certificate shown to it.")
    key: ReadFile = setting("", "PEM file of its private key.")
    server_name: Annotated[str, Parsed(_domain, type="string")] | None = setting(
        None, "Name that it must have a certificate for. Default: the host of the URL."
    )

    def settings(self) -> ClientTls:
        """As it is used."""
        return ClientTls(self.ca, self.cert, self.key, self.server_name or "")

    def check(self, document: Document, where: TreePath) -> None:
        """Its files can be read, and belong together."""
        if not is_unsound(self.ca) and (reason := ca_problem(self.ca)):
            document.report((*where, "ca"), reason)
        if is_unsound(self.cert, self.key):
            return
        if bool(self.cert) != bool(self.key):
            document.report(
                (*where, "cert" if self.cert else "key"), f"needs {'key' if self.cert else 'cert'} beside it"
            )
        elif self.cert:
            from fastgw.config.tls import pair_problems

            for name, reason in pair_problems(self.cert, self.key):
                document.report((*where, name), reason)


class InEtcd(Model):
    """Members as keys PREFIX/ADDRESS of etcd (v3)."""

    endpoints: list[EtcdUrl] = setting(..., "Where etcd is; the first that answers is asked.")
    prefix: KeyPrefix = setting(..., "Of the keys: PREFIX/10.0.0.5:9000 is a member.")
    user: Annotated[str, Parsed(text("a user name"), type="string")] = setting(
        "", "Who asks; empty: no authentication."
    )
    password: Secret | None = setting(None, "The password of user.")
    password_file: ReadFile | None = setting(None, "A file with it; read at start and at each reload.")
    tls: RegistryTls = setting({}, "Of https endpoints.")
    timeout: PositiveDuration = setting("5s", "It must answer within this.")

    def settings(self) -> EtcdSettings:
        """As it is used."""
        password = read_secret(self.password_file) if self.password_file is not None else self.password or ""
        places = tuple(dict.fromkeys(self.endpoints))
        return EtcdSettings(places, self.prefix, self.user, password, self.tls.settings(), self.timeout)

    def check(self, document: Document, where: TreePath) -> None:
        """It can be asked."""
        if is_missing(self.endpoints):
            document.report((*where, "endpoints"), "is empty; it needs at least one URL")
        for place, one in enumerate([] if is_unsound(self.endpoints) else self.endpoints):
            warn_of(document, (*where, "endpoints", place), one)
        self.tls.check(document, (*where, "tls"))
        check_secret(document, where, "password", self.password, self.password_file)
        if not is_unsound(self.user, self.password, self.password_file):
            if self.user and self.password is None and self.password_file is None:
                document.report((*where, "user"), "needs password or password_file, too")
            elif not self.user and (self.password is not None or self.password_file is not None):
                document.report(where, "needs user beside the password")


class InConsul(Model):
    """The passing instances of a service of Consul."""

    endpoint: ConsulUrl = setting("http://127.0.0.1:8500", "An agent of Consul.")
    service: Word = setting(..., "The name of the service there.")
    tags: list[Word] = setting([], "Tags that an instance must have, all of them.")
    datacenter: Word | None = setting(None, "Which datacenter. Default: that of the agent.")
    namespace: Word | None = setting(None, "Which namespace, of Consul Enterprise.")
    filter: Annotated[str, Parsed(text("an expression"), type="string")] = setting(
        "", "An expression that instances must meet, as Consul has them, such as Service.Meta.gpu == h100."
    )
    token: Secret | None = setting(None, "An ACL token that may read the service.")
    token_file: ReadFile | None = setting(None, "A file with it; read at start and at each reload.")
    tls: RegistryTls = setting({}, "Of an https endpoint.")
    wait: PositiveDuration = setting("5m", "How long a query waits for a change.")
    timeout: PositiveDuration = setting("10s", "It must answer within this, beyond wait.")

    def settings(self) -> ConsulSettings:
        """As it is used."""
        token = read_secret(self.token_file) if self.token_file is not None else self.token or ""
        return ConsulSettings(
            self.endpoint,
            self.service,
            tuple(dict.fromkeys(self.tags)),
            self.datacenter or "",
            self.namespace or "",
            self.filter,
            token,
            self.tls.settings(),
            self.wait,
            self.timeout,
        )

    def check(self, document: Document, where: TreePath) -> None:
        """It can be asked."""
        if not is_unsound(self.endpoint):
            warn_of(document, (*where, "endpoint"), self.endpoint)
        self.tls.check(document, (*where, "tls"))
        check_secret(document, where, "token", self.token, self.token_file)


class InDns(Model):
    """The addresses of a name; without a port its SRV records."""

    name: Annotated[str, Parsed(_asked_domain, type="string")] = setting(
        ..., "The name, such as vision.internal; with a dot at its end no search domain is tried."
    )
    port: Annotated[int, count(1, 65_535)] | None = setting(
        None, "Of each address. Default: the SRV records of the name say it."
    )
    family: Annotated[str, words("any", "ipv4", "ipv6")] = setting("any", "Which addresses are members.")
    servers: list[NameServer] = setting([], "Name servers, address:port. Default: those of /etc/resolv.conf.")
    timeout: PositiveDuration = setting("5s", "For one look-up.")
    min_interval: PositiveDuration = setting("1s", "Between two look-ups, however short the time to live is.")
    max_interval: PositiveDuration = setting("5m", "Between two look-ups, however long it is.")

    def settings(self) -> DnsSettings:
        """As it is used."""
        found = DnsSettings(self.name, self.port or 0, "" if self.family == "any" else self.family)
        return found._replace(
            servers=tuple(dict.fromkeys(self.servers)),
            timeout=self.timeout,
            min_interval=self.min_interval,
            max_interval=self.max_interval,
        )

    def check(self, document: Document, where: TreePath) -> None:
        """Its times fit together."""
        low, high = self.min_interval, self.max_interval
        if is_unsound(low, high):
            return
        if low < _SHORTEST:
            document.report((*where, "min_interval"), f"is less than {_SHORTEST * 1000:g} ms")
        if high < low:
            document.report((*where, "max_interval"), f"is less than min_interval ({low:g}s)")


class InFile(Model):
    """Members as a list in a file, YAML or JSON."""

    path: FilePath = setting(..., "The file.")
    interval: PositiveDuration = setting("1s", "Between two looks at it.")

    def settings(self) -> FileSettings:
        """As it is used."""
        return FileSettings(self.path, self.interval)

    def check(self, document: Document, where: TreePath) -> None:
        """It is looked at at a sane pace."""
        if not is_unsound(self.interval) and self.interval < _SHORTEST:
            document.report((*where, "interval"), f"is less than {_SHORTEST * 1000:g} ms")


class InKubernetes(Model):
    """The EndpointSlices of a Service of Kubernetes."""

    service: Word = setting(..., "The name of the Service.")
    namespace: Word | None = setting(None, "Where it is. Default: the namespace of the pod.")
    port: Annotated[str, Parsed(_word, type=["string", "integer"])] | None = setting(
        None, "Name or number of its port. Default: the only one."
    )
    endpoint: KubernetesUrl | None = setting(None, "The API server. Default: as a pod finds it.")
    token_file: FilePath = setting("", "A token that may list and watch EndpointSlices. Default: that of the pod.")
    ca: ReadFile = setting(
        "", "PEM file of the authorities that the API server is trusted by. Default: that of the pod."
    )
    timeout: PositiveDuration = setting("10s", "It must answer within this.")

    def settings(self) -> KubernetesSettings:
        """As it is used."""
        endpoint = self.endpoint or RegistryUrl(True, "", 0)
        return KubernetesSettings(
            self.service, self.namespace or "", self.port or "", endpoint, self.token_file, self.ca, self.timeout
        )

    def check(self, document: Document, where: TreePath) -> None:
        """Its authorities can be read, and nobody reads the token on its way."""
        if self.endpoint is not None and not is_unsound(self.endpoint):
            warn_of(document, (*where, "endpoint"), self.endpoint)
        if not is_unsound(self.ca) and (reason := ca_problem(self.ca)):
            document.report((*where, "ca"), reason)


_KINDS: Final = ("etcd", "consul", "dns", "file", "kubernetes")


class Discovery(Model):
    """Where members are listed that come and go by themselves, beside endpoints or instead of them."""

    etcd: InEtcd | None = setting(None, "In etcd.")
    consul: InConsul | None = setting(None, "In Consul.")
    dns: InDns | None = setting(None, "In the DNS.")
    file: InFile | None = setting(None, "In a file.")
    kubernetes: InKubernetes | None = setting(None, "In Kubernetes.")
    where: Metadata = setting({}, "Metadata that a member must have, such as version: 2; others are left out.")
    empty: Annotated[str, words("keep", "believe")] = setting(
        "keep", "What a list without members means after one with some: keep those, or believe that nobody is left."
    )
    min_share: Percentage = setting(
        "0%",
        "A list that leaves less than this part of the members is believed only if it still says so after patience.",
    )
    patience: Duration = setting("30s", "How long such a list is doubted.")

    @property
    def sources(self) -> list[InEtcd | InConsul | InDns | InFile | InKubernetes]:
        """Those that are given, in the order in which they are believed about one address."""
        return [one for kind in _KINDS if (one := getattr(self, kind)) is not None]

    def settings(self) -> DiscoverySettings:
        """As it is used."""
        sources: tuple[SourceSettings, ...] = tuple(one.settings() for one in self.sources)
        belief = BeliefSettings(self.empty, self.min_share, self.patience)
        return DiscoverySettings(sources, tuple(sorted(self.where.items())), belief)


def check_discovery(document: Document, where: TreePath, discovery: Discovery | None) -> None:
    """Report what cannot be asked."""
    if discovery is None or is_unsound(discovery):
        return
    given = [kind for kind in _KINDS if getattr(discovery, kind) is not None]
    if not given and not is_unsound(*(getattr(discovery, kind) for kind in _KINDS)):
        document.report(where, f"names no source; give {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    for kind in given:
        one = getattr(discovery, kind)
        if not is_unsound(one):
            one.check(document, (*where, kind))


def check_secret(document: Document, where: TreePath, key: str, given: object, file: str | None) -> None:
    """Report a secret that is given twice, or whose file cannot be used."""
    if is_unsound(given, file) or file is None:
        return
    if given is not None:
        document.report(where, f"needs one of {key} and {key}_file")
        return
    try:
        read_secret(file)
    except ValueError as error:
        document.report((*where, f"{key}_file"), str(error))


def warn_of(document: Document, where: TreePath, registry: RegistryUrl) -> None:
    """Warn of a registry that is talked to in the clear."""
    if not registry.is_tls and not is_here(registry.host):
        reason = (
            f"leads to another host ({registry.host}) without TLS: everybody in between can say who the members are"
        )
        document.warn(where, reason)
