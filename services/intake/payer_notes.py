"""A claim for a payer that the payers file does not know is judged with the defaults, and that is said once a file."""

from collections.abc import Iterable

from shared.catalogue import finding
from shared.findings import Finding
from shared.payers import Payers


def unknown_payer_notes(payers: Payers, payer_ids: Iterable[str]) -> list[Finding]:
    """One note for each payer that ``payers`` does not know; none where no payers file is in use."""
    if not payers.configured:
        return []
    return [
        finding(
            "payer.unknown",
            f"Payer {payer_id} is not set up here, so its claims are judged with the usual terms: "
            "30 days to pay, 365 days to file, all Community Supports.",
            field="payer_id",
            value=payer_id,
        )
        for payer_id in sorted(payer_ids)
        if not payers.knows(payer_id)
    ]
