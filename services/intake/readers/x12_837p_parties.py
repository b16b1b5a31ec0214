"""The loops above the claims of an 837 professional: billing provider, subscriber, patient and payer.

They are read once for all claims under them. Findings of these loops belong to every such claim.
"""

from typing import NamedTuple

from shared.catalogue import finding
from shared.claim import Address, Member, Payer, Provider
from shared.findings import Finding
from shared.identifiers import cin_of_bic
from shared.x12.envelope import at
from shared.x12.places import place
from shared.x12.values import day

_LOOPS = {"85": "2010AA", "87": "2010AB", "PE": "2010AC", "IL": "2010BA", "QC": "2010CA", "PR": "2010BB"}


class Snapshot(NamedTuple):
    """The parties of one claim."""

    billing: Provider
    member: Member
    payer: Payer
    findings: tuple[Finding, ...]


class Parties:
    """Follows the segments between the claims of one transaction set."""

    def __init__(self, control: str | None, component: str) -> None:
        self.control = control
        self._found: dict[str, list[Finding]] = {"20": [], "22": [], "23": []}
        self._level = "20"
        self._component = component
        self._billing: dict[str, str] = {}
        self._subscriber: dict[str, str] = {}
        self._patient: dict[str, str] | None = None
        self._payer: dict[str, str] = {}
        self._now: dict[str, str] | None = None
        self._made: Snapshot | None = None
        self._loop: str | None = None
        self._billing_made: Provider | None = None

    def level(self, fields: list[str]) -> None:
        """An HL segment: 20 billing provider, 22 subscriber, 23 patient. Other levels change nothing."""
        code = at(fields, 3)
        self._now = None
        self._loop = None
        self._made = None
        if code == "20":
            self._billing, self._subscriber, self._patient, self._payer = {}, {}, None, {}
            self._billing_made = None
        elif code == "22":
            self._subscriber, self._patient, self._payer = {}, None, {}
        elif code == "23":
            self._patient = {}
        else:
            return
        # What was found in the loops of another party at this level, or under it, is not of the claims to come.
        self._level = code
        self._found |= {level: [] for level in self._found if level >= code}

    def note(self, findings: list[Finding]) -> None:
        """Findings of the loop that stands here: of every claim of this party, and of no other's."""
        self._found[self._level] += findings

    def take(self, fields: list[str]) -> None:
        """A segment of the header or of a party's loop."""
        name = fields[0]
        self._made = None
        if name == "NM1":
            self._name(fields)
        elif name == "PRV" and at(fields, 1) == "BI":
            self._billing["taxonomy"] = at(fields, 3)
            self._billing_made = None
        elif self._now is None:
            return
        elif name == "N3":
            self._now["street"] = " ".join(part for part in fields[1:3] if part)
        elif name == "N4":
            self._now["city"], self._now["state"], self._now["zip"] = (
                at(fields, 1),
                at(fields, 2),
                at(fields, 3),
            )
        elif name == "DMG":
            self._now["birth_format"], self._now["birth"] = at(fields, 1), at(fields, 2)
            self._now["gender"] = at(fields, 3)
        elif name == "REF" and self._now is self._billing and at(fields, 1) in {"EI", "SY"}:
            self._billing["tin"] = at(fields, 2)
        elif name == "PER" and self._now is self._billing:
            self._billing["phone"] = next(
                (at(fields, i + 1) for i in (3, 5, 7) if at(fields, i) == "TE"),
                self._billing.get("phone", ""),
            )

    def _name(self, fields: list[str]) -> None:
        code = at(fields, 1)
        self._loop = _LOOPS.get(code)
        if code == "85":
            party = self._billing
            self._billing_made = None
        elif code == "IL":
            party = self._subscriber
        elif code == "QC" and self._patient is not None:
            party = self._patient
        elif code == "PR":
            party = self._payer
        else:
            # Pay-to address (87), pay-to plan (PE), submitter and receiver: their N3, N4 and REF are not
            # ours.
            self._now = None
            return
        self._now = party
        party["last"], party["first"] = at(fields, 3), at(fields, 4)
        party["id_kind"], party["id"] = at(fields, 8), at(fields, 9)

    def loop(self, fields: list[str]) -> str | None:
        """The loop of the guide in which a segment stands here, where it is one that is read."""
        if fields[0] == "NM1":
            return _LOOPS.get(at(fields, 1))
        return self._loop if fields[0] in {"N3", "N4", "DMG", "REF", "PER"} else None

    def snapshot(self) -> Snapshot:
        """The parties of a claim that begins here, with everything found in their loops."""
        if self._made is None:
            findings = [each for found in self._found.values() for each in found]
            if self._billing_made is None:
                self._billing_made = self._provider()
            member = self._member(findings)
            payer = Payer(self._payer.get("id") or None, self._payer.get("last") or None)
            self._made = Snapshot(self._billing_made, member, payer, tuple(findings))
        return self._made

    def _provider(self) -> Provider:
        party = self._billing
        return Provider(
            npi=npi(party.get("id_kind", ""), party.get("id", "")),
            tin=party.get("tin", "").replace("-", "").replace(" ", "") or None,
            name=party.get("last") or None,
            first_name=party.get("first") or None,
            phone=party.get("phone") or None,
            taxonomy=party.get("taxonomy") or None,
            address=_address(party),
        )

    def _member(self, findings: list[Finding]) -> Member:
        person = self._subscriber if self._patient is None else self._patient
        loop = "2010BA" if self._patient is None else "2010CA"
        if self._patient is not None:
            findings.append(
                finding(
                    "file.structure",
                    "The claim is for a patient who is not the subscriber. The patient's name was read "
                    "with the subscriber's member ID.",
                    severity="note",
                    where=place(self.control, "2010CA NM103"),
                    expected="In Medi-Cal each member is the subscriber (SBR02 is 18, no loop 2000C).",
                    carc=None,
                    claim_status=None,
                )
            )
        birth = day(person.get("birth", ""))
        if birth is None and person.get("birth"):
            findings.append(
                finding(
                    "field.format",
                    "The member's birth date is not a day in the calendar, or not written as one.",
                    field="member.birth_date",
                    value=person["birth"][:80],
                    where=place(self.control, f"{loop} DMG02"),
                    expected="Year, month and day as eight digits, such as 19800229.",
                )
            )
        return Member(
            cin=self._cin(findings),
            last_name=person.get("last") or None,
            first_name=person.get("first") or None,
            birth_date=birth,
            gender=person.get("gender") or None,
            address=_address(person),
        )

    def _cin(self, findings: list[Finding]) -> str | None:
        sent = self._subscriber.get("id", "")
        where = place(self.control, "2010BA NM109")
        cin = "".join(sent.split()).upper()
        from_card = cin_of_bic(cin)
        if from_card:
            findings.append(
                finding(
                    "member.cin_from_bic",
                    "The member ID has 14 characters, as on the card. Its first 9 were taken.",
                    field="member.cin",
                    value=sent[:80],
                    where=where,
                    expected=from_card,
                )
            )
            return from_card
        if cin != sent:
            findings.append(
                finding(
                    "repair.cin_case",
                    "The member ID was read in capital letters and without blanks.",
                    field="member.cin",
                    value=sent[:80],
                    where=where,
                    expected=cin[:80],
                )
            )
        return cin or None


def npi(kind: str, identifier: str) -> str | None:
    """NM109 where NM108 says that it is an NPI (XX). Its check digit is the validator's matter."""
    return "".join(identifier.split()) or None if kind == "XX" else None


def _address(party: dict[str, str]) -> Address | None:
    if not (party.get("street") or party.get("city")):
        return None
    return Address(
        party.get("street") or None,
        party.get("city") or None,
        party.get("state") or None,
        party.get("zip") or None,
    )
