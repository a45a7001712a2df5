"""The groups of a template of pSConfig: which addresses it puts together, in which order."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.model import JSONObject
from pscheduler_batch.pointers import Path
from pscheduler_batch.text import closest, list_names, shorten

# An address with all that it inherits, and its names: "name" of the address, "host" of its host.
Address = Dict[str, Any]


class TemplateError(ValueError):
    """
    An error in a template; the text says what is wrong.

    Attributes:
        path: The place in the template.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class Groups:
    """The groups of a template."""

    def __init__(self, template: JSONObject) -> None:
        self._addresses: Mapping[str, Any] = template["addresses"]
        self._hosts: Mapping[str, Any] = template.get("hosts", {})
        self._groups: Mapping[str, Any] = template["groups"]

    def host_of(self, address: Address) -> Mapping[str, Any]:
        """Return the settings of the host of an address; none if it has no host."""
        settings: Mapping[str, Any] = self._hosts.get(address.get("host", ""), {})
        return settings

    def members(self, name: str) -> List[Sequence[Address]]:
        """
        Return the addresses that belong together, each for one task: one in a list, else two.

        Raises:
            TemplateError: An address does not exist, is chosen by a class, or none are left.
        """
        group = self._groups[name]
        path: Path = ("groups", name)
        found = list(self._list(group, path) if group["type"] == "list" else self._ends(group, path))
        members = [each for each in found if not any(self._is_disabled(address) for address in each)]
        if not members:
            what = "address" if group["type"] == "list" else "pair of different addresses"
            raise TemplateError(path, f"the group has no {what} that is not disabled or excluded")
        return members

    def _is_disabled(self, address: Address) -> bool:
        return bool(address.get("disabled") or self.host_of(address).get("disabled"))

    def _list(self, group: JSONObject, path: Path) -> Iterator[Sequence[Address]]:
        for selector in self._selectors(group, "addresses", path):
            chosen = self._choose(selector, selector["name"], group)
            if chosen is not None:
                yield [chosen]

    def _ends(self, group: JSONObject, path: Path) -> Iterator[Sequence[Address]]:
        for first, second in self._pairs(group, path):
            if self._is_excluded(group, first, second):
                continue
            one, other = self._choose(first, second["name"], group), self._choose(second, first["name"], group)
            if one is not None and other is not None and not _is_itself(group, one, other):
                yield [one, other]

    def _pairs(self, group: JSONObject, path: Path) -> Iterator[Tuple[JSONObject, JSONObject]]:
        if group["type"] == "mesh":
            everyone = self._selectors(group, "addresses", path)
            yield from ((first, second) for first in everyone for second in everyone)
            return
        ones, others = self._selectors(group, "a-addresses", path), self._selectors(group, "b-addresses", path)
        seen: List[Tuple[JSONObject, JSONObject]] = []
        there = [(one, other) for one in ones for other in others]
        back = [] if group.get("unidirectional") else [(other, one) for other in others for one in ones]
        for pair in [*there, *back]:
            if pair not in seen:
                seen.append(pair)
                yield pair

    def _selectors(self, group: JSONObject, name: str, path: Path) -> List[JSONObject]:
        selectors = []
        for number, selector in enumerate(group[name]):
            where = (*path, name, number)
            if "class" in selector:
                reason = "addresses chosen by a class have no counterpart; write their names"
                raise TemplateError((*where, "class"), reason)
            if selector["name"] not in self._addresses:
                near = closest(selector["name"], self._addresses)
                known = list_names(self._addresses) if self._addresses else "none"
                hint = f'did you mean "{near}"?' if near else f"it has {known}"
                raise TemplateError(
                    (*where, "name"), f'the template has no address "{shorten(selector["name"])}"; {hint}'
                )
            if not selector.get("disabled"):
                selectors.append(selector)
        return selectors

    def _choose(self, selector: JSONObject, other: str, group: JSONObject) -> Optional[Address]:
        """Return the address to use towards another one, or None if it has none with the label that is asked for."""
        base = self._addresses[selector["name"]]
        label = selector.get("label") or group.get("default-address-label")
        own = {**{key: base[key] for key in ("host", "disabled") if key in base}, "parent": base["address"]}
        remote = base.get("remote-addresses", {}).get(other)
        if remote is not None:
            own = {**own, **({"disabled": True} if remote.get("disabled") else {})}
            labeled = remote.get("labels", {}).get(label)
            if labeled is not None:
                return {**labeled, **own, "disabled": own.get("disabled") or labeled.get("disabled")}
            if label is None and "address" in remote:
                return {**remote, **own}
            if label is not None and "address" not in remote:
                return None
        if label is None:
            return {**base, **own}
        labeled = base.get("labels", {}).get(label)
        if labeled is None:
            return None
        return {**labeled, **own, "disabled": own.get("disabled") or labeled.get("disabled")}

    @staticmethod
    def _is_excluded(group: JSONObject, first: JSONObject, second: JSONObject) -> bool:
        return any(
            exclude["local-address"] == first and second in exclude["target-addresses"]
            for exclude in group.get("excludes", ())
        )


def _is_itself(group: JSONObject, first: Address, second: Address) -> bool:
    """Return whether a pair is to be left out because it is one host, or one address."""
    scope = group.get("excludes-self", "host")
    if scope == "disabled":
        return False
    hosts = str(first.get("host", "")).lower(), str(second.get("host", "")).lower()
    if scope == "host" and hosts[0] and hosts[0] == hosts[1]:
        return True
    return bool(first["parent"] == second["parent"])
