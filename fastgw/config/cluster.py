"""What the file says of limits that several gateways keep together."""

from importlib.util import find_spec
from typing import Annotated, Any, Final

from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.model import Model, setting
from fastgw.config.redis import RedisUrl, leaves_unguarded
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Duration, Name, Parsed, PositiveDuration, ReadFile, words
from fastgw.config.unsound import is_unsound
from fastgw.config.urls import ca_problem
from fastgw.config.values import text
from fastgw.core.settings import RedisSettings

LEAST_AGE: Final = 10.0  #: seconds


class Cluster(Model):
    """A Redis by which gateways share the limits of a filter."""

    redis: RedisUrl = setting(..., "Where it is: rediss://host:port/0, redis://host:port/0 or unix:///path?db=0.")
    ca: ReadFile = setting("", "PEM file of the authorities that it is trusted by; empty: the system's.")
    without_tls: Boolean = setting(
        False, "Let redis:// lead to another host: everybody in between can read and change it."
    )
    username: Annotated[str, Parsed(text("a user name"), type="string")] = setting(
        "", "Who asks (an ACL user); empty: the default user."
    )
    password: Annotated[str, Parsed(secret_text, type="string")] | None = setting(None, "Its password.")
    password_file: ReadFile | None = setting(None, "A file with it; read at start and at each reload.")
    prefix: Name = setting(
        "fastgw", "What its keys begin with: gateways with the same one share limits of the same name."
    )
    when_gone: Annotated[str, words("closed", "open")] = setting(
        "closed",
        "What happens when it cannot be asked and what was leased is spent: requests are refused, or each gateway goes on "
        "with the whole rate by itself.",
    )
    timeout: PositiveDuration = setting("500ms", "It must answer within this. No request waits for it.")
    max_age: Duration = setting("30s", "What was leased and not used for so long is lost; at least 10s.")

    def link(self) -> RedisSettings:
        """Where and how it is asked."""
        password = read_secret(self.password_file) if self.password_file is not None else self.password or ""
        return self.redis._replace(
            ca=self.ca,
            without_tls=self.without_tls,
            username=self.username,
            password=password,
            timeout=self.timeout,
        )

    def handed(self) -> tuple[tuple[str, Any], ...]:
        """As the filter takes it."""
        age = round(self.max_age * 1e9)
        options = {"redis": self.link(), "prefix": self.prefix, "is_alone": self.when_gone == "open", "age": age}
        return tuple(options.items())

    def check(self, document: Document, where: TreePath) -> None:
        """It can be asked, by what is installed, and over a way that is guarded."""
        if find_spec("hiredis") is None:
            document.report((*where, "redis"), "needs the package hiredis: pip install 'fastgw[redis]'")
        if not is_unsound(self.ca) and (reason := ca_problem(self.ca)):
            document.report((*where, "ca"), reason)
        if not is_unsound(self.redis, self.without_tls) and leaves_unguarded(self.redis) and not self.without_tls:
            said = f"leads to another host ({self.redis.host}) without TLS: say rediss://, or without_tls: true"
            document.report((*where, "redis"), said)
        if not is_unsound(self.max_age) and self.max_age < LEAST_AGE:
            document.report((*where, "max_age"), f"expected at least {LEAST_AGE:g}s")
        if is_unsound(self.username, self.password, self.password_file):
            return
        if self.password is not None and self.password_file is not None:
            document.report(where, "needs one of password and password_file")
        elif self.username and self.password is None and self.password_file is None:
            document.report(where, "needs password or password_file, too")
        elif self.password_file is not None:
            try:
                read_secret(self.password_file)
            except ValueError as error:
                document.report((*where, "password_file"), str(error))
