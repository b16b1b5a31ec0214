"""From the file that a provider sent to an evidence pack that an auditor checks with Python alone."""

import hashlib
import subprocess
import sys
from pathlib import Path

from running import embedded_suite, file_837p, until

from services.payments.log import standalone_verifier


def test_an_auditor_proves_when_a_file_came_and_what_became_of_it(tmp_path: Path) -> None:
    content = file_837p(3, first_number=70_000)
    (tmp_path / "suite").mkdir()
    with embedded_suite(tmp_path / "suite") as suite:
        provider, auditor = suite.client("provider"), suite.client("auditor", "Auditor")
        judged = provider.judged(provider.submit("a.837", content).json()["submission_id"])
        claim_id = judged["claims"][0]["claim_id"]
        base = "/payments/api/v1"
        until(
            "the clocks",
            lambda: auditor.get(f"{base}/audit/sample", universe="claims")["universe_count"],
            lambda count: count == 3,
        )
        signed = auditor.request("POST", f"{base}/timeliness-log/checkpoints")
        assert signed.status_code == 201, signed.text
        evidence = auditor.get(f"{base}/claims/{claim_id}/evidence.json")
        pack, keys, log, program = (
            tmp_path / name for name in ("e.zip", "keys.json", "log.jsonl", "verify.py")
        )
        pack.write_bytes(auditor.request("GET", f"{base}/claims/{claim_id}/evidence.zip").content)
        keys.write_text(auditor.request("GET", f"{base}/timeliness-log/public-key").text)
        log.write_text(auditor.request("GET", f"{base}/timeliness-log/export.jsonl").text)
        program.write_text(auditor.request("GET", f"{base}/timeliness-log/verify_log.py").text)

    assert evidence["receipt"]["source_sha256"] == hashlib.sha256(content).hexdigest()
    assert program.read_bytes() == Path(standalone_verifier.__file__).read_bytes()
    for file in (pack, log):
        command = [sys.executable, "-I", "-S", program, file, "--public-key", keys]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        assert run.stdout.startswith("Intact: ")
