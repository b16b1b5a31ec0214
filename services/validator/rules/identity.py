"""Who billed and who was served: NPI, TIN, the sender's own NPIs, CIN."""

from collections.abc import Iterator

from services.validator.rules.context import found
from shared.claim import Claim, ServiceLine, Submitter
from shared.findings import Finding
from shared.identifiers import CIN_LETTERS, cin_of_bic, cin_shape, is_npi, is_tin

_MOST_NPIS = 5
_CIN_FORM = "9, seven digits and a letter, such as 91234567A"


def provider_findings(claim: Claim, submitter: Submitter) -> Iterator[Finding]:
    """``provider.npi``, ``provider.tin`` and ``provider.not_yours``; nothing for what is missing."""
    billing = claim.billing_provider
    if billing.npi:
        if not is_npi(billing.npi):
            yield _bad_npi(claim, billing.npi, "billing_provider.npi")
        elif submitter.npis is not None and billing.npi not in submitter.npis:
            yield found(
                claim,
                "provider.not_yours",
                f"The billing NPI {billing.npi} is not one of the organization that sent the claim. "
                "Use that organization's NPI, or ask the plan to add this one to its account.",
                field="billing_provider.npi",
                value=billing.npi,
                expected=" or ".join(submitter.npis[:_MOST_NPIS]) or None,
            )
    if billing.tin and not is_tin(billing.tin):
        yield found(
            claim,
            "provider.tin",
            f"The tax ID {billing.tin} is not valid. A tax ID has nine digits that are not all the same.",
            field="billing_provider.tin",
            value=billing.tin,
            expected="nine digits",
        )
    rendering = claim.rendering_provider
    if rendering is not None and rendering.npi and not is_npi(rendering.npi):
        yield _bad_npi(claim, rendering.npi, "rendering_provider.npi")


def line_npi_findings(claim: Claim, line: ServiceLine) -> Iterator[Finding]:
    """``provider.npi`` for the rendering provider of a line."""
    npi = line.rendering_npi
    if npi and not is_npi(npi):
        yield _bad_npi(claim, npi, "rendering_npi", line)


def member_findings(claim: Claim) -> Iterator[Finding]:
    """``member.cin``, and ``member.cin_from_bic`` where a card number still stands in the CIN's place."""
    cin = claim.member.cin
    if not cin:
        return
    shape = cin_shape(cin)
    if shape == "valid":
        return
    from_card = cin_of_bic(cin)
    if from_card:
        yield found(
            claim,
            "member.cin_from_bic",
            f"The member ID {cin} is a card number. Its first nine characters, {from_card}, were "
            "used as CIN.",
            field="member.cin",
            value=cin,
            expected=from_card,
        )
        shape = cin_shape(from_card)
    if shape == "unusual_letter":
        yield found(
            claim,
            "member.cin",
            f"The letter at the end of the member ID {from_card or cin} is unusual. The plan will check it. "
            f"Letters that are known: {' '.join(CIN_LETTERS)}.",
            severity="pend",
            field="member.cin",
            value=cin,
            expected=_CIN_FORM,
        )
    elif shape == "wrong":
        yield found(
            claim, "member.cin", _what_is_wrong_with(cin), field="member.cin", value=cin, expected=_CIN_FORM
        )


def _what_is_wrong_with(cin: str) -> str:
    if len(cin) == 14:
        return (
            "The member ID has 14 characters. Use the first 9 from the card: 9, seven digits and a letter; "
            "these do not have that form."
        )
    if len(cin) != 9:
        return f"The member ID has {len(cin)} characters. A CIN has 9: {_CIN_FORM}."
    if not cin.startswith("9"):
        return f"The member ID starts with {cin[0]}. A CIN starts with 9: {_CIN_FORM}."
    return f"The member ID is not a CIN. A CIN is {_CIN_FORM}."


def _bad_npi(claim: Claim, npi: str, field: str, line: ServiceLine | None = None) -> Finding:
    whose = "billing" if field.startswith("billing") else "rendering"
    if len(npi) != 10 or not (npi.isascii() and npi.isdigit()):
        wrong = "An NPI has ten digits."
    elif npi[0] not in "12":
        wrong = "An NPI starts with 1 or 2."
    else:
        wrong = "Its last digit, the check digit, does not fit the others: one digit is probably mistyped."
    codes = {} if whose == "billing" else {"rarc": "N290", "claim_status": "A7:562:82"}
    return found(
        claim,
        "provider.npi",
        f"The {whose} NPI {npi} is not valid. {wrong}",
        field=field,
        line=line,
        value=npi,
        expected="ten digits with a valid check digit",
        **codes,
    )
