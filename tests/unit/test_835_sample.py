"""The sample remittance is one that balances, and speaks of claims that the samples hold."""

import importlib.util
from datetime import date
from pathlib import Path

from services.payments.remittances.balance import imbalances
from services.payments.remittances.reader835 import read_835

SAMPLES = Path(__file__).parents[2] / "samples"


def test_the_sample_remittance_balances_and_speaks_of_the_sample_claims(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("remittance_835", SAMPLES / "remittance_835.py")
    assert spec and spec.loader
    sample = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sample)
    path = tmp_path / "sample.835"
    path.write_text(sample.remittance(date(2026, 11, 16)))
    sent = (SAMPLES / "claims.837").read_text()

    [payment] = read_835(path).sets

    assert imbalances(payment) == ()
    assert str(payment.paid_on) == "2026-11-16"
    stated = [f"CLM*{each.number}*{each.charge_cents // 100}*" in sent for each in payment.claims]
    assert stated == [True, True, True, True, False]
