"""What every figure means, printed with the figures."""

from collections.abc import Mapping

FORECAST = (
    "The day of the report has not come yet, so this is a forecast: how the claims known today would stand on that "
    "day if nothing more were received, paid, denied or contested. It is no compliance figure."
)

DEFINITIONS = {
    "received": "Claims and invoices that arrived in the period and have a verdict, rejected ones and voids "
    "included. It is accepted plus pended plus rejected, and clean plus not clean.",
    "accepted": "Claims whose verdict is accepted, voids included.",
    "pended": "Claims that the plan is looking at. Their clocks run.",
    "rejected": "Claims whose verdict is rejected: by the first check, or by a person after a review.",
    "clean": "Claims that could be processed without more information: accepted or pended, not rejected. "
    "A claim contested in time leaves the set that day and is received anew when the information arrives "
    "(42 CFR 447.45). A clean claim that a person rejects later was clean: that is a denial. "
    "It is paid, denied, withdrawn, contested, running and overdue claims together.",
    "not_clean": "Claims rejected by the first check, and voids, which ask for no payment.",
    "matured": "Clean claims that are paid in full, or whose 30 (90) calendar days have run out. A claim denied "
    "or withdrawn within its days, or contested in time, is in neither number.",
    "within_30": "Matured claims paid in full by day 30, the day of receipt being day 0. Met at 90 percent.",
    "within_90": "Matured claims paid in full by day 90. Met at 99 percent.",
    "share": "Paid divided by matured; none where nothing has matured.",
    "late_30, late_90": "Matured claims that were not paid in full by day 30 (90), paid since or not.",
    "running_30, running_90": "Clean claims whose 30 (90) days have not run out, and which are not settled.",
    "overdue": "Clean claims not settled after their deadline under Health and Safety Code 1371.",
    "running": "Clean claims not settled whose deadline has not passed.",
    "contested": "Claims contested in time that still wait for information.",
    "paid": "Clean claims of which nothing is open: paid in full, or in part with the rest denied.",
    "paid_late": "Paid claims of which a part was paid after the deadline (Health and Safety Code 1371).",
    "denied": "Clean claims denied in full.",
    "denied_late": "Denied claims whose denial came after the deadline.",
    "withdrawn": "Clean claims that the provider voided or replaced before they were settled.",
    "denied_or_withdrawn": "Denied and withdrawn claims together.",
    "median_days": "Median of calendar days from receipt as a clean claim to payment in full.",
    "days_to_payment": "Paid claims by calendar days from receipt as a clean claim to payment in full.",
    "days_unpaid": "Running, overdue and contested claims by calendar days since receipt as a clean claim.",
    "open_cents": "What is not paid or denied yet of running, overdue and contested claims.",
    "interest_due_cents": "Interest earned by late payments and not yet paid.",
    "interest_paid_cents": "Interest that was paid.",
    "interest_running_cents": "Interest that overdue claims have run up so far: owed on top of each if it were "
    "paid on the day of the report.",
    "acknowledgement": "The first verdict is the acknowledgement. In time: within two working days of receipt "
    "(28 CCR 1300.71). Matured: acknowledged, or the two days have run out.",
    "rejection_notice": "Calendar days from arrival to the notice that a claim was rejected.",
    "as_of": "What happened after this day is left out, reversals and later payments included. Corrections of "
    "mistaken entries, and verdicts, are taken as they are known now.",
    "counting": "By claim. With lines=1 every service line counts, as its claim stands; money stays the claim's. "
    "By benefit and outreach a claim of several kinds is a group of its own (ECM+CS, mixed).",
    "service": "By service a claim is in the group of each service that it bills, so the groups add up to more "
    "than the total. The total counts every claim once.",
    "pattern": "Unfair payment pattern (28 CCR 1300.71; Health and Safety Code 1371.37): of the complete claims "
    "received in three months in a row that are paid or past their deadline, at least 95 percent have to "
    "be paid correctly: in time, or late with all interest that was due. Denied, withdrawn and contested claims are "
    "left out. The fee for interest that was not paid with the claim is not part of this measure.",
}


def definitions_of(definitions: Mapping[str, str], *, forecast: bool) -> dict[str, str]:
    """The definitions to print; with that of a forecast where the figures are one."""
    return {**({"forecast": FORECAST} if forecast else {}), **definitions}
