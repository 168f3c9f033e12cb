"""What the digest of the code covers: all that decides a row's fate, and nothing that only reports it."""

import ledgerlake_glue.job as job


def _covered():
    return {path for path, _ in job.deciding_modules()}


def test_the_digest_covers_the_library_and_the_kernel_that_decides():
    covered = _covered()
    assert {"ledgerlake/contracts/orders.py", "ledgerlake/keys.py", "ledgerlake_glue/verdict.py"} <= covered
    for package in ("storage", "intake", "planning", "tables", "archive"):
        assert any(path.startswith(f"ledgerlake/{package}/") for path in covered), package


def test_the_digest_leaves_out_what_reports_a_run():
    reporting = tuple(f"ledgerlake/{name}/" for name in ("reporting", "costs", "runs"))
    assert not [path for path in _covered() if path.startswith(reporting)]
