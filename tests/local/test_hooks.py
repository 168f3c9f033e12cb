import pytest

from local.aws import hooks
from local.errors import HookError


def test_the_installed_ministack_is_the_one_the_executors_were_written_for():
    hooks.check()


def test_another_version_is_refused_and_the_error_says_which_is_expected():
    with pytest.raises(HookError, match=r"MiniStack 1\.5\.34 is installed; expected 1\.5\.33"):
        hooks.check("1.5.34")


def test_a_function_whose_parameters_have_changed_is_refused():
    changed = hooks.Hook("glue", "_start_job_run", ("data", "account"))
    with pytest.raises(HookError, match=r"glue\._start_job_run takes \('data',\); expected \('data', 'account'\)"):
        hooks.check(hooks=(changed,))


def test_a_function_that_is_gone_is_refused():
    with pytest.raises(HookError, match=r"MiniStack has no glue\._start_job"):
        hooks.check(hooks=(hooks.Hook("glue", "_start_job", ("data",)),))
