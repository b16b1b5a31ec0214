"""Which CINs are one member: the connected groups that the alias records in force make."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, select

from services.validator.facts import aliases_of
from services.validator.models import CARE_RECORDS, MEMBER_CINS
from services.validator.rules.history import care_key
from shared.among import among
from shared.care import MemberAlias
from shared.database import insert_rows

_decode = msgspec.json.Decoder(MemberAlias).decode


def join_members(connection: Connection, changed: Sequence[MemberAlias]) -> None:
    """Make ``member_cins`` right again after these alias records came, changed or went.

    In the transaction that stored them, under the lock of the alias feed: two of these at once could each join
    what the other splits.
    """
    ends = {cin for alias in changed for cin in (alias.cin, alias.alias_cin)}
    if not ends:
        return
    before = aliases_of(connection, ends)
    # Every record in force has both its CINs in one group, so all that matter lie within these.
    within = {cin for end in ends for cin in before.of(end)}
    records = CARE_RECORDS.c
    rows = connection.execute(
        select(records.document).where(
            among(connection, records.care_key, [care_key(cin) for cin in within]),
            records.feed == "aliases",
            ~records.withdrawn,
        )
    ).scalars()
    connection.execute(delete(MEMBER_CINS).where(among(connection, MEMBER_CINS.c.cin, within)))
    insert_rows(
        connection,
        MEMBER_CINS,
        [
            {"cin": cin, "member": min(group)}
            for group in groups_of((alias.cin, alias.alias_cin) for alias in map(_decode, rows))
            for cin in sorted(group)
        ],
    )


def groups_of(pairs: Iterable[tuple[str, str]]) -> list[set[str]]:
    """The groups of CINs that the pairs connect, directly or by way of others."""
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        smaller, larger = sorted((groups.get(one, {one}), groups.get(other, {other})), key=len)
        if smaller is larger:
            continue
        larger |= smaller
        groups.update(dict.fromkeys(smaller, larger))
        groups[one] = groups[other] = larger
    return list({id(group): group for group in groups.values()}.values())
