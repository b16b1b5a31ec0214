"""Fields that a claim can do without: what makes no sense in them is left out with a note and blocks nothing.

Names as in ``shared.claim``. Only a required element rejects where it is malformed.
"""

HELPFUL_FIELDS = frozenset(
    {
        "billing_provider.phone",
        "billing_provider.taxonomy",
        "description",
        "end_time",
        "member.address.city",
        "member.address.state",
        "member.address.street",
        "member.address.zip",
        "member.homeless",
        "member.medical_record_number",
        "rendering_provider.phone",
        "rendering_provider.taxonomy",
        "start_time",
        "total_cents",
        "unit_cost",
    }
)
