"""The page of rules: what every claim is judged by. Nobody has to sign in to read what is asked of them."""

from flask import Blueprint, render_template, request

from services.validator.rulebook.rules import by_subject, codes_of, in_force, search, shown_rules
from shared.catalogue import rules
from shared.web.auth import public
from shared.web.sessions import signed_in

blueprint = Blueprint("rule_pages", __name__, url_prefix="/validator", template_folder="../templates")

_SEARCH_CHARACTERS_MAX = 100


@blueprint.get("/rules")
@public
def listing() -> str:
    """Every rule, or those that hold all the words searched for."""
    # Who is signed in keeps the way back to the other pages.
    signed_in()
    words = request.args.get("q", "").strip()[:_SEARCH_CHARACTERS_MAX]
    found = search(words) if words else shown_rules()
    return render_template(
        "validator/rules.html",
        subjects=by_subject(found),
        count=len(found),
        words=words,
        version=next(iter(rules().values())).version,
        in_force=in_force,
        codes_of=codes_of,
    )
