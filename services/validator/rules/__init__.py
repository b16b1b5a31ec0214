"""The rules: claims and facts in, judgements out. Nothing here reads a database, the network or a clock.

A shell judges a batch in three steps: :func:`prepare` every claim and ask :func:`needs` for what to look up;
load that, once for the batch, into a :class:`History` and :class:`Records`; :func:`judge_batch`, and write what
the judgements say. Every finding of a claim is reported at once, and no claim, however broken, makes a rule raise.
"""

from services.validator.rules.aliases import Aliases
from services.validator.rules.context import Context
from services.validator.rules.history import (
    EarlierLine,
    History,
    Needs,
    OriginalClaim,
    Prepared,
    Span,
    needs,
    prepare,
)
from services.validator.rules.judgement import Judgement, judge, judge_batch
from services.validator.rules.records import Coverage, Records

__all__ = [
    "Aliases",
    "Context",
    "Coverage",
    "EarlierLine",
    "History",
    "Judgement",
    "Needs",
    "OriginalClaim",
    "Prepared",
    "Records",
    "Span",
    "judge",
    "judge_batch",
    "needs",
    "prepare",
]
