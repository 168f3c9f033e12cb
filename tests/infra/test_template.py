"""What is deployed follows from the contracts, the catalogue, the places and the settings."""

import json
import re

import pytest

from infra.functions import ARCHIVE, CATALOGUE, CHECK, FUNCTIONS, PLAN, REPORT
from infra.release.packaging import definition_key, script_key, wheel_key
from infra.synth import DEFINITION
from ledgerlake import keys, settings
from ledgerlake import names as aws_names
from ledgerlake.contracts import DATASETS
from ledgerlake.costs import request_counts
from ledgerlake.intake import messages
from ledgerlake.tables import catalogue

PROD = settings.from_environment(
    {"LEDGERLAKE_ENVIRONMENT": "prod", "LEDGERLAKE_ACCOUNT": "123456789012", "LEDGERLAKE_REGION": "eu-west-1"}
)
PLACES = aws_names.Places.of(PROD)


def test_every_contract_has_its_glue_job_and_only_contracts_have_one(of_type):
    jobs = {job["Name"]: job for job in of_type("AWS::Glue::Job").values()}
    assert set(jobs) == {dataset.job for dataset in DATASETS.values()}
    for name, job in jobs.items():
        release = f"s3://{PLACES.artifact_bucket}/0123456789abcdef"
        assert job["Command"]["ScriptLocation"] == f"{release}/{script_key(name)}"
        assert job["DefaultArguments"]["--additional-python-modules"] == f"{release}/{wheel_key()}"
        assert job["DefaultArguments"]["--lake_bucket"] == PLACES.bucket


def test_a_glue_job_runs_once_at_a_time_and_is_not_retried_behind_the_orchestrators_back(of_type):
    for job in of_type("AWS::Glue::Job").values():
        assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
        assert job["MaxRetries"] == 0
        assert (job["GlueVersion"], job["WorkerType"], job["NumberOfWorkers"]) == ("5.1", "G.1X", 2)
        assert int(job["Timeout"]) == PROD.job_timeout_minutes


def test_a_glue_job_speaks_delta_in_utc_and_keeps_no_bookmark(of_type):
    for job in of_type("AWS::Glue::Job").values():
        arguments = job["DefaultArguments"]
        assert arguments["--datalake-formats"] == "delta"
        assert arguments["--job-bookmark-option"] == "job-bookmark-disable"
        settings = dict(pair.split("=", 1) for pair in arguments["--conf"].split(" --conf "))
        assert settings["spark.sql.session.timeZone"] == "UTC"
        assert settings["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"


@pytest.mark.parametrize("table", catalogue.declared_tables(), ids=lambda table: table.name)
def test_every_parquet_table_of_the_catalogue_is_declared(of_type, table):
    declared = {each["TableInput"]["Name"]: each["TableInput"] for each in of_type("AWS::Glue::Table").values()}
    storage = declared[table.name]["StorageDescriptor"]
    assert [(column["Name"], column["Type"]) for column in storage["Columns"]] == list(table.columns)
    assert storage["Location"] == PLACES.uri(table.prefix)
    partitions = [(column["Name"], column["Type"]) for column in declared[table.name].get("PartitionKeys", [])]
    assert partitions == list(table.partitions)


@pytest.mark.parametrize("table", catalogue.declared_tables(), ids=lambda table: table.name)
def test_a_table_is_read_as_its_files_are_written(of_type, table):
    declared = {each["TableInput"]["Name"]: each["TableInput"] for each in of_type("AWS::Glue::Table").values()}
    storage = declared[table.name]["StorageDescriptor"]
    serde = storage["SerdeInfo"]["SerializationLibrary"].lower()
    assert table.kind in serde
    assert declared[table.name]["Parameters"]["classification"] == table.kind
    assert ("Parquet" in storage["InputFormat"]) == (table.kind == "parquet")


def test_what_functions_cost_is_worked_out_with_the_memory_they_have():
    named = {"check": CHECK, "plan": PLAN, "archive": ARCHIVE, "catalogue": CATALOGUE, "report": REPORT}
    assert set(named.values()) == set(FUNCTIONS)
    assert {name: function.memory / 1024 for name, function in named.items()} == request_counts.GB


def test_no_other_table_is_declared(of_type):
    declared = {each["TableInput"]["Name"] for each in of_type("AWS::Glue::Table").values()}
    assert declared == {table.name for table in catalogue.declared_tables()}


def test_athena_finds_the_ledger_of_a_dataset_where_its_job_writes_it(of_type):
    (ledger,) = [t["TableInput"] for t in of_type("AWS::Glue::Table").values() if t["TableInput"]["Name"] == "ledger"]
    parameters = ledger["Parameters"]
    assert parameters["projection.enabled"] == "true"
    assert parameters["projection.dataset.values"].split(",") == list(DATASETS)
    folder = parameters["storage.location.template"].replace("${dataset}", "orders")
    assert PLACES.uri(keys.ledger_part("orders", "b", "a1")) == f"{folder}b-a1.parquet"


def test_the_crawler_registers_the_delta_tables_as_delta(of_type):
    (crawler,) = of_type("AWS::Glue::Crawler").values()
    (target,) = crawler["Targets"]["DeltaTargets"]
    assert target["DeltaTables"] == [PLACES.uri(table.prefix) for table in catalogue.delta_tables()]
    assert (target["CreateNativeDeltaTable"], target["WriteManifest"]) == (True, False)
    assert crawler["Name"] == aws_names.CRAWLER


def test_every_object_under_raw_wakes_the_pipeline_whatever_it_is_called(of_type):
    (lake,) = [bucket for bucket in of_type("AWS::S3::Bucket").values() if bucket["BucketName"] == PLACES.bucket]
    (to_queue,) = lake["NotificationConfiguration"]["QueueConfigurations"]
    assert to_queue["Event"] == "s3:ObjectCreated:*"
    assert to_queue["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": keys.RAW}]


def test_poison_goes_to_the_dead_letters_after_five_tries(of_type):
    queues = {queue["QueueName"]: queue for queue in of_type("AWS::SQS::Queue").values()}
    assert set(queues) == {aws_names.QUEUE, aws_names.DEAD_LETTER_QUEUE}
    assert queues[aws_names.QUEUE]["RedrivePolicy"]["maxReceiveCount"] == 5
    assert int(queues[aws_names.QUEUE]["VisibilityTimeout"]) == PROD.visibility_seconds
    assert {queue["MessageRetentionPeriod"] for queue in queues.values()} == {14 * 24 * 3600}


def test_one_dead_letter_is_told_to_the_topic_within_minutes_and_so_is_the_end_of_it(of_type):
    (alarm,) = of_type("AWS::CloudWatch::Alarm").values()
    ((topic, _),) = of_type("AWS::SNS::Topic").items()
    names = {name: queue["QueueName"] for name, queue in of_type("AWS::SQS::Queue").items()}
    assert alarm["AlarmName"] == aws_names.DEAD_LETTER_ALARM
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    ((dimension, queue),) = [(each["Name"], each["Value"]) for each in alarm["Dimensions"]]
    assert (dimension, names[queue.removesuffix(".QueueName")]) == ("QueueName", aws_names.DEAD_LETTER_QUEUE)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Statistic"]) == (60, 1, "Maximum")
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]


def test_every_environment_has_its_settings(committed):
    for environment in settings.ENVIRONMENTS:
        expected = settings.from_environment({"LEDGERLAKE_ENVIRONMENT": environment})
        assert committed["Mappings"]["Settings"][environment] == {
            "VisibilitySeconds": str(expected.visibility_seconds),
            "JobTimeoutMinutes": str(expected.job_timeout_minutes),
            "PollSeconds": str(max(1, round(expected.poll_seconds))),
            "RetryDelaySeconds": str(expected.retry_delay_seconds),
            "SweepRate": f"rate({expected.sweep_minutes} minute{'s' if expected.sweep_minutes > 1 else ''})",
        }


def test_queries_are_bounded_and_their_results_encrypted_whatever_the_client_asks(of_type):
    (workgroup,) = of_type("AWS::Athena::WorkGroup").values()
    configuration = workgroup["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 50 * 1024**3
    assert configuration["ResultConfiguration"]["OutputLocation"] == PLACES.uri(keys.ATHENA_RESULTS)
    assert configuration["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"


@pytest.mark.parametrize("declared", FUNCTIONS, ids=lambda declared: declared.name)
def test_a_function_runs_from_the_release_and_knows_its_lake(of_type, declared):
    (function,) = [f for f in of_type("AWS::Lambda::Function").values() if f["FunctionName"] == declared.name]
    assert function["Code"]["S3Key"] == f"0123456789abcdef/lambdas/{declared.folder}.zip"
    assert int(function["Timeout"]) == 60 * declared.minutes
    variables = function["Environment"]["Variables"]
    assert variables["LEDGERLAKE_BUCKET"] == PLACES.bucket
    assert (variables["LEDGERLAKE_ENVIRONMENT"], variables["LEDGERLAKE_ORCHESTRATOR"]) == ("prod", "airflow")
    (log,) = [g for g in of_type("AWS::Logs::LogGroup").values() if g["LogGroupName"] == f"/aws/lambda/{declared.name}"]
    assert log["RetentionInDays"] == 90


def test_there_are_no_other_functions_and_only_those_that_ask_for_executions_know_the_machine(of_type):
    functions = {each["FunctionName"]: each for each in of_type("AWS::Lambda::Function").values()}
    assert set(functions) == {declared.name for declared in FUNCTIONS}
    more = {name: set(each["Environment"]["Variables"]) for name, each in functions.items()}
    machine = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{aws_names.STATE_MACHINE}"
    asking = {aws_names.CHECK_FUNCTION, aws_names.PLAN_FUNCTION}
    assert {name for name, variables in more.items() if "STATE_MACHINE_ARN" in variables} == asking
    for name in asking:
        assert functions[name]["Environment"]["Variables"]["STATE_MACHINE_ARN"] == machine
    assert [name for name, variables in more.items() if "TOPIC_ARN" in variables] == [aws_names.CHECK_FUNCTION]
    assert "Topic" in functions[aws_names.CHECK_FUNCTION]["Environment"]["Variables"]["TOPIC_ARN"]


def test_the_state_machine_is_deployed_from_the_release_and_logs_errors_without_data(of_type):
    (machine,) = of_type("AWS::StepFunctions::StateMachine").values()
    assert machine["StateMachineName"] == aws_names.STATE_MACHINE
    location = machine["DefinitionS3Location"]
    assert location == {"Bucket": PLACES.artifact_bucket, "Key": f"0123456789abcdef/{definition_key()}"}
    log = machine["LoggingConfiguration"]
    assert (log["Level"], log["IncludeExecutionData"]) == ("ERROR", False)


def test_every_substitution_that_the_definition_asks_for_has_a_value_and_no_other(of_type):
    (machine,) = of_type("AWS::StepFunctions::StateMachine").values()
    asked = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text()))
    assert asked == set(machine["DefinitionSubstitutions"])
    assert machine["DefinitionSubstitutions"]["PollSeconds"] == "20"
    assert machine["DefinitionSubstitutions"]["RetryDelaySeconds"] == "60"


def test_the_queue_and_the_clock_call_the_function_only_when_step_functions_are_the_orchestrator(of_type, chosen):
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    (rule,) = of_type("AWS::Events::Rule").values()
    assert (mapping["Enabled"], rule["State"]) == (False, "DISABLED")
    assert (chosen("AWS::Lambda::EventSourceMapping")["Enabled"], chosen("AWS::Events::Rule")["State"]) == (
        True,
        "ENABLED",
    )
    assert rule["ScheduleExpression"] == f"rate({PROD.sweep_minutes} minutes)"
    (target,) = rule["Targets"]
    assert json.loads(target["Input"]) == messages.wake("the sweep")


def test_messages_come_in_tens_and_those_that_the_function_returns_come_back(of_type):
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    assert mapping["BatchSize"] == 10
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}


@pytest.mark.parametrize("environment", settings.ENVIRONMENTS)
def test_a_message_stays_hidden_for_as_long_as_its_function_may_run(environment):
    visibility = settings.from_environment({"LEDGERLAKE_ENVIRONMENT": environment}).visibility_seconds
    assert visibility >= 60 * CHECK.minutes, "AWS refuses the mapping"


def test_a_version_in_raw_is_never_expired(of_type):
    for bucket in of_type("AWS::S3::Bucket").values():
        if bucket["BucketName"] != PLACES.bucket:
            continue
        for rule in bucket["LifecycleConfiguration"]["Rules"]:
            covers_raw = rule.get("Prefix", "").startswith("raw") or not rule.get("Prefix")
            assert not (covers_raw and {"ExpirationInDays", "NoncurrentVersionExpiration"} & set(rule)), rule


def _lifecycle(of_type) -> list[dict]:
    (lake,) = [bucket for bucket in of_type("AWS::S3::Bucket").values() if bucket["BucketName"] == PLACES.bucket]
    return lake["LifecycleConfiguration"]["Rules"]


def test_only_scratch_is_expired_while_it_is_current(of_type):
    expired = {rule["Prefix"] for rule in _lifecycle(of_type) if "ExpirationInDays" in rule}
    assert expired == {"staging/", keys.ATHENA_RESULTS}


def test_what_was_archived_becomes_cheaper_and_is_read_at_once_by_a_backfill_all_the_same(of_type):
    moves = {rule["Prefix"]: rule["Transitions"] for rule in _lifecycle(of_type) if "Transitions" in rule}
    assert moves == {keys.ARCHIVED: [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]}


def test_uploads_that_were_never_finished_are_cleared_away_everywhere(of_type):
    (rule,) = [rule for rule in _lifecycle(of_type) if "AbortIncompleteMultipartUpload" in rule]
    assert "Prefix" not in rule
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
