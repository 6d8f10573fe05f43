"""Reads who the customers of a case are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sendwhen.campaigns.problem import shortened
from sendwhen.campaigns.words import Reader
from sendwhen.cases.case import Customer, address_of
from sendwhen.cases.yaml_object import object_of
from sendwhen.domain.partition import normalised_email

CUSTOMERS_LIMIT: Final = 200
"""Customers that one case describes."""
_WORDS = ("user_id", "anonymous_id", "email", "attributes")


@dataclass(frozen=True, slots=True)
class CustomerReader:
    """Reads ``customers`` of one case.

    Attributes:
        words: Collects the problems.
    """

    words: Reader

    def read(self, node: Node | None) -> dict[str, Customer]:
        """Those described, by name."""
        if node is None:
            return {}
        if not isinstance(node, MappingNode):
            self.words.refuse(node, "customers must be a map", "Write it as in {ann: {email: ann@example.com}}.")
            return {}
        found: dict[str, Customer] = {}
        for key, value in node.value[:CUSTOMERS_LIMIT]:
            name = str(key.value) if isinstance(key, ScalarNode) else ""
            if not name.strip():
                self.words.refuse(key, "A customer's name must be plain text", "Write it as in ann.")
            elif name in found:
                self.words.refuse(key, f"'{shortened(name)}' is written twice", "Keep one of them.")
            else:
                found[name] = self._customer(name, value)
        if len(node.value) > CUSTOMERS_LIMIT:
            self.words.refuse(
                node.value[CUSTOMERS_LIMIT][0], f"More than {CUSTOMERS_LIMIT} customers", "Leave some out."
            )
        return found

    def _customer(self, name: str, node: Node) -> Customer:
        entries = self.words.map(node, _WORDS, what="A customer")
        anonymous_id = self.words.text(entries.get("anonymous_id"), "anonymous_id", "visitor-1") or ""
        user_id = self.words.text(entries.get("user_id"), "user_id", "ann") or ("" if anonymous_id else name)
        attributes = object_of(entries.get("attributes"), "attributes", self.words)
        return Customer(
            name=name,
            user_id=user_id,
            anonymous_id=anonymous_id,
            email=self.address(entries.get("email"), address_of(name) if user_id else ""),
            attributes={"consent": True, **attributes},
            described=True,
        )

    def address(self, node: Node | None, default: str) -> str:
        """An address, or none."""
        email = self.words.text(node, "email", "ann@example.com")
        if node is None or email is None:
            return default
        if email == "none":
            return ""
        if "@" not in email:
            self.words.refuse(node, f"'{shortened(email)}' is no address", "Write an address, or none.")
        return normalised_email(email)
