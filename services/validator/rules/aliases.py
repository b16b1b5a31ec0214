"""Members with more than one CIN: whatever is known under one of them is known of the member."""

from collections.abc import Iterable


class Aliases:
    """Groups of CINs that are one member each. A CIN stands in one group at most."""

    def __init__(self, groups: Iterable[Iterable[str]] = ()) -> None:
        self._groups: dict[str, tuple[str, ...]] = {}
        for group in groups:
            members = tuple(sorted(set(group)))
            for cin in members:
                self._groups[cin] = members

    def of(self, cin: str | None) -> tuple[str, ...]:
        """All CINs of the member, this one among them; nothing where there is no CIN."""
        if cin is None:
            return ()
        return self._groups.get(cin, (cin,)) if self._groups else (cin,)

    def groups(self) -> set[tuple[str, ...]]:
        """The groups, each sorted."""
        return set(self._groups.values())


NO_ALIASES = Aliases()
