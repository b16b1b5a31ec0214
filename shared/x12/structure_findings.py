"""Departures from the guide, told to who sent the file: which segment, where, and what would be right."""

from shared.catalogue import finding
from shared.findings import Finding
from shared.x12.elements import ElementError
from shared.x12.places import field_at, place
from shared.x12.walk import SegmentError

_SEGMENTS = {
    "BHT": "the beginning of the claims",
    "CLM": "the claim",
    "DMG": "the birth date and gender",
    "DTP": "a date",
    "HI": "the diagnosis codes",
    "HL": "a level of the hierarchy",
    "LX": "the service line number",
    "N3": "a street address",
    "N4": "a city, state and ZIP code",
    "NM1": "a name",
    "NTE": "a note",
    "PAT": "the patient",
    "PER": "a contact",
    "PRV": "a provider's specialty",
    "PWK": "an attachment",
    "REF": "a reference number",
    "SBR": "the subscriber",
    "SE": "the end of the set",
    "SV1": "the service",
}
_NAMES = {
    "2010AA": "the billing provider (NM1*85)",
    "2010AB": "the pay-to address (NM1*87)",
    "2010BA": "the subscriber (NM1*IL)",
    "2010BB": "the payer (NM1*PR)",
    "2010CA": "the patient (NM1*QC)",
    "1000A": "the submitter (NM1*41)",
    "1000B": "the receiver (NM1*40)",
    "2310B": "the rendering provider (NM1*82)",
    "2420A": "the rendering provider of the line (NM1*82)",
}
_MISSING_FIELDS = {
    ("2010AA", "NM1"): "billing_provider.npi",
    ("2010AA", "N3"): "billing_provider.address",
    ("2010AA", "REF"): "billing_provider.tin",
    ("2010BA", "NM1"): "member.cin",
    ("2010BB", "NM1"): "payer.id",
    ("2300", "HI"): "diagnosis_codes",
    ("2400", "SV1"): "procedure_code",
    ("2400", "DTP"): "service_start",
}
_QUALIFIED = frozenset({"REF", "DTP", "AMT", "QTY"})
_BARE_LOOPS = frozenset({"2300", "2400", "ST_LOOP", "HEADER", "FOOTER", ""})
_ELEMENT_MESSAGES = {
    "1": ("is missing", "It must have a value."),
    "2": (
        "is missing, or another element that goes with it",
        "Send all elements that belong together, or none.",
    ),
    "3": ("is one element too many", "End the segment before it."),
    "4": ("is too short", "Use the length that the guide gives."),
    "5": ("is too long", "Use the length that the guide gives."),
    "6": ("has a character or a blank that is not allowed there", "Use letters, digits and plain signs."),
    "7": ("is not one of the codes that the guide lists", "Use a code from the guide."),
    "8": ("is not a date", "Eight digits: year, month and day."),
    "9": ("is not a time", "Four digits: hour and minute."),
    "10": ("must not be sent together with the element beside it", "Send one of them."),
    "13": ("has too many parts", "Leave away what follows the last part that the guide knows."),
    "I10": ("is not used here", "Leave it empty."),
}


def findings_of(error: SegmentError, control: str | None) -> tuple[Finding, ...]:
    """The ``file.structure`` findings for one departure; ``control`` is ST02."""
    if error.elements:
        return tuple(_element_finding(error, element, control) for element in error.elements)
    message, expected = _said(error)
    return (
        finding(
            "file.structure",
            message,
            line=error.scope.line,
            field=_MISSING_FIELDS.get((error.loop, error.segment)) if error.code == "3" else None,
            where=_where(error, error.segment, control),
            expected=expected,
        ),
    )


def _said(error: SegmentError) -> tuple[str, str]:
    name = _shown(error)
    if error.code == "1":
        return f"Segment {name} is not known in professional claims.", "Leave it away, or correct its name."
    if error.code == "2":
        return (
            f"Segment {name} stands where it does not belong.",
            "Put it where the guide has it, or leave it away.",
        )
    if error.code == "3":
        what = _NAMES.get(error.loop) if error.segment == "NM1" else None
        return f"Segment {name} is missing{f': {what}' if what else ''}.", f"Add it in loop {error.loop}."
    if error.code == "4":
        return f"There is one loop {error.loop} too many, opened by {name}.", "Leave it away."
    if error.code == "5":
        return f"Segment {name} is there too often.", "Send it as often as the guide allows."
    if error.code == "7":
        return f"Segment {name} comes too late in its loop.", "Send the segments in the order of the guide."
    if error.code == "HL":
        return (
            "The HL number or its parent is wrong.",
            "HL01 counts on by one; HL02 is the HL01 of the billing provider (for a subscriber) or of the "
            "subscriber (for a patient).",
        )
    return f"The number in {error.segment}01 is wrong.", "Lines of a claim count 1, 2, 3 and so on."


def _shown(error: SegmentError) -> str:
    if not (error.segment.isalnum() and error.segment.isascii() and len(error.segment) <= 3):
        return "with an unknown name"
    what = _SEGMENTS.get(error.segment)
    return f"{_with_qualifier(error)} ({what})" if what else _with_qualifier(error)


def _with_qualifier(error: SegmentError) -> str:
    # A qualifier is two or three signs; anything longer in its place may be somebody's data.
    if error.segment not in {"CLM", "LX", "N3", "N4"} and 0 < len(error.qualifier) <= 3:
        return f"{error.segment}*{error.qualifier}"
    return error.segment


def _element_finding(error: SegmentError, element: ElementError, control: str | None) -> Finding:
    label = f"{error.segment}{element.position:02d}" + (f"-{element.component}" if element.component else "")
    says, expected = _ELEMENT_MESSAGES[element.code]
    where = _where(error, label, control)
    return finding(
        "file.structure",
        f"Element {label} {says}.",
        line=error.scope.line,
        field=field_at(_label_in_loop(error, label), of_line=error.scope.line is not None),
        value=element.value,
        where=where,
        expected=expected,
    )


def _label_in_loop(error: SegmentError, label: str) -> str:
    if error.loop not in _BARE_LOOPS:
        return f"{error.loop} {label}"
    if error.segment in _QUALIFIED and 0 < len(error.qualifier) <= 3:
        return f"{label} ({error.qualifier})"
    return label


def _where(error: SegmentError, label: str, control: str | None) -> str:
    shown = label if label.isascii() and len(label) <= 12 else "a segment with an unknown name"
    return place(
        control,
        f"{_label_in_loop(error, shown)}, segment {error.position}"
        if error.loop in {"2000A", "2000B", "2000C"}
        else _label_in_loop(error, shown),
        line=error.scope.line,
    )
