"""What every figure of the outreach ledger means, printed with it."""

OUTREACH_DEFINITIONS = {
    "period": "Attempts by the day of the attempt; by the day of arrival where the line states none.",
    "attempts": "Units of outreach lines (U8 on G9008, G9012, T1016) of claims and invoices that were not rejected, "
    "one at least for each line. Voids are left out. Attempts are paid, denied, unpaid, contested and withdrawn ones "
    "together.",
    "members": "Different members, told apart by a keyed hash.",
    "successful": "An ECM service, by whatever provider, followed on the day of the attempt or within 90 days, on a "
    "claim that was accepted or pended. For housing outreach (T1016): a Community Support.",
    "unsuccessful": "No such service followed in 90 days.",
    "open": "No such service has followed yet, and the 90 days are not over.",
    "paid": "Paid, as recorded for the line, else as its claim stands.",
    "denied": "Denied, as recorded for the line, else as its claim stands.",
    "unpaid": "Neither paid, denied, contested nor withdrawn. Overdue: past the deadline under Health and Safety "
    "Code 1371.",
    "late": "Paid or denied after the deadline, or overdue.",
    "contested": "Contested in time and waiting for information.",
    "withdrawn": "The provider voided or replaced the claim before it was settled.",
    "rejected": "Attempts on claims that the first check rejected; in no other count.",
    "billed_cents, paid_cents": "Charges, and what was paid. A payment that names no line is shared out by charge.",
    "wrong_denials": "ECM outreach that was denied for lack of authorization, enrolment or eligibility: outreach "
    "comes before all three, and plans have to pay for it, also where it was without success. Where certain is false, "
    "the reason may also be that the plan did not cover the member at all: a person has to look.",
    "housing": "Housing outreach (T1016): the plan has to send it as an encounter, but need not pay it. It is in the "
    "counts; it is no wrong denial.",
    "time_to_payment": "Median of calendar days to payment in full, of claims that arrived in the period: those "
    "of outreach only beside those without outreach.",
}
