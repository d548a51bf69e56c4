"""Floor 0: which route a request belongs to.  Pure: bytes in, a payload out; chance is an argument.

pattern      the text of paths and hosts, and what is wrong with it
rule         one line of the table, and RoutingError
conditions   the rules of one path: method and headers decide
conflicts    ambiguous and repeated rules
trie         the paths of one host
router       the whole table: match, allowed, explain
explain      the reasons in words
split        a weighted choice, by chance or sticky
by_name      a choice that a parameter of the path names
sticky       what a request sticks by
"""

from __future__ import annotations

from fastgw.routing.by_name import ByName
from fastgw.routing.router import Router
from fastgw.routing.rule import RoutingError, Rule
from fastgw.routing.split import Split

__all__ = ["ByName", "Router", "RoutingError", "Rule", "Split"]
