"""The rules: claims and facts in, judgements out. Nothing here reads a database, the network or a clock.

A shell judges a batch in three steps: :func:`prepare` every claim and ask :func:`needs` for what to look up;
load that, once for the batch, into a :class:`History`; :func:`judge_batch`, and write what the judgements
say. Every finding of a claim is reported at once, and no claim, however broken, makes a rule raise.
"""

from services.validator.rules.context import Context
from services.validator.rules.history import (
    EarlierLine,
    History,
    Needs,
    OriginalClaim,
    Prepared,
    line_key,
    needs,
    prepare,
)
from services.validator.rules.judgement import Judgement, judge, judge_batch

__all__ = [
    "Context",
    "EarlierLine",
    "History",
    "Judgement",
    "Needs",
    "OriginalClaim",
    "Prepared",
    "judge",
    "judge_batch",
    "line_key",
    "needs",
    "prepare",
]
