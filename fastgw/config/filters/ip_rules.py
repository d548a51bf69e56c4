"""What the file says of a filter of type ``ip_rules``."""

from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import Model, setting
from fastgw.config.networks import MOST_NETWORKS, NetworkList
from fastgw.config.source import Document, TreePath
from fastgw.config.types import words
from fastgw.config.unsound import is_unsound
from fastgw.filters import networks


class AddressRule(Model):
    """NetworkList, and what happens to requests from them: allow or deny."""

    allow: NetworkList | None = setting(None, "A network, one address, all, or a list of such: their requests pass.")
    deny: NetworkList | None = setting(None, "The same: their requests are refused, 403.")

    def pairs(self) -> list[tuple[str, str]]:
        """Each network with the word that decides."""
        word, found = ("allow", self.allow) if self.allow is not None else ("deny", self.deny or ())
        return [(word, one) for one in found]


class IpRules(FilterOptions):
    """Lets requests of some addresses through, by the first rule that has the address."""

    made_by: ClassVar[str] = "fastgw.filters.ip_rules:IpRules"
    runs_before_routing: ClassVar[bool] = True
    type: Literal["ip_rules"] = setting(..., "ip_rules")
    rules: list[AddressRule] = setting(..., "In this order; the first that has the address of the client decides.")
    otherwise: Annotated[str, words("allow", "deny")] = setting("deny", "What happens to an address that no rule has.")

    def given(self) -> dict[str, Any]:
        """The rules by network."""
        return super().given() | {"rules": tuple(pair for one in self.rules for pair in one.pairs())}

    def check(self, document: Document, where: TreePath) -> None:
        """Each rule says one thing, somebody may pass and somebody may not, and no rule stands in the shade of another."""
        if is_unsound(self.rules) or any(is_unsound(one) or is_unsound(one.allow, one.deny) for one in self.rules):
            return
        is_right = True
        for place, one in enumerate(self.rules):
            if (one.allow is None) == (one.deny is None):
                document.report((*where, "rules", place), "needs one of allow and deny")
                is_right = False
        pairs = [(place, *pair) for place, one in enumerate(self.rules) for pair in one.pairs()]
        if not is_right or is_unsound(self.otherwise):
            return
        if len(pairs) > MOST_NETWORKS:
            document.report((*where, "rules"), f"have {len(pairs)} networks, and {MOST_NETWORKS} are the most")
            return
        if all(word == self.otherwise for _, word, _ in pairs):
            who = "nobody may pass" if self.otherwise == "deny" else "everybody may pass"
            document.report((*where, "rules"), f"{who}: no rule says anything else than otherwise: {self.otherwise}")
        self._warn(document, (*where, "rules"), pairs)

    def _warn(self, document: Document, where: TreePath, pairs: list[tuple[int, str, str]]) -> None:
        known = networks.Networks([network for _, _, network in pairs])
        for place, word, network in pairs:
            first, said, around = pairs[known.first_around(network)]
            if said != word and first <= place:
                document.warn(
                    (*where, place, word), f"{network} is not asked about: rules[{first}] has {around} before"
                )
