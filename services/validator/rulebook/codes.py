"""The DHCS code set in force on a date of service, as programs read it."""

from datetime import date
from typing import Any

from shared.reference.codes import CodeSet


def codes_on(day: date) -> dict[str, Any]:
    """``{"on", "version", "items": […]}``: every listed HCPCS code with its modifiers on that date of service."""
    code_set = CodeSet.load()
    return {
        "on": day.isoformat(),
        "version": code_set.version,
        "items": [
            {
                "benefit": row.benefit,
                "service": row.service,
                "service_name": row.service_name,
                "hcpcs": row.hcpcs,
                "modifiers": list(row.modifiers),
                "description": row.description,
                "unit": row.unit,
                "outreach": row.outreach,
                "needs_billed_amount": row.needs_billed_amount,
                "effective_from": row.effective_from.isoformat(),
                "effective_to": row.effective_to.isoformat() if row.effective_to else None,
                "start_confirmed": row.start_confirmed,
                "confidence": row.confidence,
                "authority": row.authority,
            }
            for row in code_set.on(day)
        ],
    }
