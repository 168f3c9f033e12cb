from local.aws.tracebacks import error_message, last_error

CHAINED = """26/04/01 WARN NativeCodeLoader: Unable to load
Traceback (most recent call last):
  File "job.py", line 3, in run
    1 / 0
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "job.py", line 9, in <module>
    main()
ledgerlake.errors.VerdictError: orders: 3 rows were inserted; expected 4
26/04/01 INFO ShutdownHookManager: Shutdown hook called
"""


def test_the_error_is_that_of_the_last_traceback_without_its_module():
    assert last_error(CHAINED) == "VerdictError: orders: 3 rows were inserted; expected 4"


def test_an_error_of_java_brings_its_cause():
    text = (
        "Traceback (most recent call last):\n  File 'x'\n"
        "py4j.protocol.Py4JJavaError: An error occurred while calling o1.save.\n: java.io.IOException: no space\n\tat x"
    )
    assert last_error(text) == "Py4JJavaError: An error occurred while calling o1.save. java.io.IOException: no space"


def test_a_script_that_cannot_be_parsed_has_no_traceback_but_an_error():
    assert (
        error_message('  File "x.py", line 1\n    def\nSyntaxError: invalid syntax\n', 1)
        == "SyntaxError: invalid syntax"
    )


def test_a_script_that_says_nothing_is_told_by_its_exit_code():
    assert error_message("", 137) == "the script ended with exit code 137 and said nothing"
