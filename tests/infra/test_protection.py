"""Nobody reaches data without TLS, without the key, or without having been given that very prefix."""

import json
from fnmatch import fnmatchcase

import pytest

from infra.stacks.data_plane.jobs import ANY_BATCH
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.planning.batch import Batch

BATCH = "20250401T080000Z-1a2b3c4d"
LAKE = "ledgerlake-prod-123456789012-eu-west-1"
ALARM = f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{names.DEAD_LETTER_ALARM}"
ALLOWED_WILDCARDS = (
    f"arn:aws:s3:::{LAKE}/?*/*",  # below a prefix of the lake, whose object names come with deliveries
    "arn:aws:s3:::ledgerlake-artifacts-prod-123456789012-eu-west-1/0123456789abcdef/glue/*",  # one release
    "arn:aws:logs:eu-west-1:123456789012:log-group:/aws*",  # streams that the services name
    f"arn:aws:glue:eu-west-1:123456789012:table/{names.DATABASE}/*",  # the tables of one database
    f"arn:aws:states:eu-west-1:123456789012:execution:{names.STATE_MACHINE}:*",  # of one state machine
)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_job_writes_what_is_its_own_and_nothing_else(may, dataset):
    part = f"Jobs{dataset.job.replace('_', '')}role"
    for owner in DATASETS:
        for key in (
            f"{keys.table_prefix(owner)}date=2025-04-01/part-0.parquet",
            f"{keys.staging(BATCH, owner)}part-0.parquet",
            keys.stage_summary(BATCH, owner),
            keys.rejected_part(owner, "a"),
            keys.parked_part(owner, "a"),
            keys.ledger_part(owner, BATCH, "1a2b3c4d"),
            keys.publishing(owner),
        ):
            assert may(part, "s3:PutObject", key) == (owner == dataset.name), key
            assert may(part, "s3:DeleteObject", key) == (owner == dataset.name), key


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_job_reads_its_deliveries_its_parents_and_its_manifest_and_nothing_else(may, dataset):
    part = f"Jobs{dataset.job.replace('_', '')}role"
    parents = {reference.dataset for reference in dataset.references}
    assert may(part, "s3:GetObject", keys.manifest(BATCH))
    for owner in DATASETS:
        for key in (f"raw/{owner}/2025-04-01.csv", f"archived/{owner}/20250401T080000.000000Z-a/2025-04-01.csv"):
            assert may(part, "s3:GetObjectVersion", key) == (owner == dataset.name), key
            assert not may(part, "s3:PutObject", key)
            assert not may(part, "s3:DeleteObjectVersion", key)
        table = f"{keys.table_prefix(owner)}_delta_log/00000000000000000000.json"
        assert may(part, "s3:GetObject", table) == (owner == dataset.name or owner in parents)
        staged = f"{keys.staging(BATCH, owner)}part-0.parquet"
        assert may(part, "s3:GetObject", staged) == (owner == dataset.name)
        summary = keys.stage_summary(BATCH, owner)
        assert may(part, "s3:GetObject", summary) == (owner == dataset.name or owner in parents)
    assert not may(part, "s3:GetObject", keys.LEASE)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_job_lists_what_it_looks_for_by_name_and_so_is_told_when_there_is_none(may_list, dataset):
    part, name = f"Jobs{dataset.job.replace('_', '')}role", dataset.name
    archived = keys.archived(f"raw/{name}/2025-04-01.csv", "2025-04-02T08:00:00.000000Z", "v")
    for prefix in (
        f"{keys.table_prefix(name)}_delta_log/",
        f"{keys.LEDGER}dataset={name}/",
        keys.ledger_part(name, BATCH, "1a2b3c4d"),
        keys.rejected_part(name, "a"),
        keys.parked_prefix(name),
        keys.accepted(BATCH),
        archived[: archived.rindex("-", 0, archived.rindex("/")) + 1],
    ):
        assert may_list(part, "s3:ListBucket", prefix), prefix
    assert may_list(part, "s3:ListBucketVersions", keys.RAW)
    for prefix in ("control/", "archived/", "ledger/"):
        assert not may_list(part, "s3:ListBucket", prefix), prefix


def test_the_orchestrator_lists_what_it_plans_from(may_list):
    assert may_list("OrchestratorPolicy", "s3:ListBucketVersions", keys.RAW)
    for prefix in (f"{keys.ARCHIVED}orders/", keys.OPEN_BATCHES, keys.QUARANTINED, "lakehouse-dwh/orders/_delta"):
        assert may_list("OrchestratorPolicy", "s3:ListBucket", prefix), prefix


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_job_may_set_its_batch_aside_but_neither_open_nor_accept_one(may, dataset):
    part = f"Jobs{dataset.job.replace('_', '')}role"
    assert may(part, "s3:PutObject", keys.quarantined(BATCH))
    assert may(part, "s3:DeleteObject", keys.open_batch(BATCH))
    for key in (keys.quarantined(BATCH), keys.open_batch(BATCH), keys.accepted(BATCH)):
        assert may(part, "s3:GetObject", key)
    for action, key in (
        ("s3:PutObject", keys.open_batch(BATCH)),
        ("s3:PutObject", keys.accepted(BATCH)),
        ("s3:PutObject", keys.manifest(BATCH)),
        ("s3:DeleteObject", keys.quarantined(BATCH)),
        ("s3:DeleteObject", keys.manifest(BATCH)),
    ):
        assert not may(part, action, key), (action, key)


def test_the_stage_of_every_batch_is_within_reach_of_its_job():
    batch = Batch.new((), (), from_iso("2025-04-01T08:00:00.000000Z"))
    assert fnmatchcase(batch.batch_id, ANY_BATCH)


def test_only_the_archive_deletes_deliveries_and_it_overwrites_no_table(may, statements):
    raw = "raw/orders/2025-04-01.csv"
    deleters = {name for name, _ in statements if may(name, "s3:DeleteObjectVersion", raw)}
    assert {name[: len("ArchiveRole")] for name in deleters} == {"ArchiveRole"}
    assert may("ArchiveRole", "s3:PutObject", "archived/orders/x/2025-04-01.csv")
    assert not may("ArchiveRole", "s3:PutObject", raw)
    assert not may("ArchiveRole", "s3:DeleteObject", "archived/orders/x/2025-04-01.csv")
    assert not may("ArchiveRole", "s3:GetObject", "lakehouse-dwh/orders/part-0.parquet")


def test_the_crawler_reads_the_tables_of_the_contracts_and_writes_nothing(may):
    for dataset in DATASETS:
        assert may("CatalogueCrawlerRole", "s3:GetObject", f"{keys.table_prefix(dataset)}part-0.parquet")
    for key in ("lakehouse-dwh/another/part-0.parquet", "raw/orders/a.csv", "rejected/orders/a.parquet"):
        assert not may("CatalogueCrawlerRole", "s3:GetObject", key)
    assert not may("CatalogueCrawlerRole", "s3:PutObject", "lakehouse-dwh/orders/part-0.parquet")


def test_the_orchestrator_starts_work_and_reads_results_but_touches_neither_tables_nor_deliveries(may):
    assert may("OrchestratorPolicy", "s3:PutObject", keys.manifest(BATCH))
    assert may("OrchestratorPolicy", "s3:DeleteObject", keys.open_batch(BATCH))
    assert may("OrchestratorPolicy", "s3:PutObject", keys.LEASE)
    assert may("OrchestratorPolicy", "s3:GetObject", "lakehouse-dwh/orders/part-0.parquet")
    for key in ("lakehouse-dwh/orders/part-0.parquet", "raw/orders/a.csv", "archived/orders/x/a.csv", "ledger/x"):
        assert not may("OrchestratorPolicy", "s3:PutObject", key)
        assert not may("OrchestratorPolicy", "s3:DeleteObject", key)
    assert may("OrchestratorPolicy", "s3:GetObject", "archived/orders/x/a.csv"), "its metadata says which version it is"
    assert not may("OrchestratorPolicy", "s3:GetObject", "raw/orders/a.csv")


def test_no_statement_reaches_further_than_the_listed_wildcards(statements):
    assert len(statements) > 40
    for name, statement in statements:
        if _delivers_logs(name, statement) or _asks_who_consumes(name, statement) or _tells_figures(statement):
            continue
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in _list(statement["Action"])), (name, statement)
        for resource in _list(statement["Resource"]):
            wide = "*" in resource and not any(fnmatchcase(resource, allowed) for allowed in ALLOWED_WILDCARDS)
            assert not wide, f"{name} may {statement['Action']} on {resource}"


def _delivers_logs(name: str, statement: dict) -> bool:
    """Whether it is the state machine's permission to have its log delivered, for which AWS knows no resource."""
    actions = _list(statement["Action"])
    return name.startswith("MachineRole") and all(
        action.startswith("logs:") and action.endswith(("LogDelivery", "LogDeliveries", "Policy", "Policies", "Groups"))
        for action in actions
    )


def _asks_who_consumes(name: str, statement: dict) -> bool:
    """Whether it is Airflow's question who else consumes the queue, for which AWS knows no resource either."""
    return name.startswith("OrchestratorPolicy") and _list(statement["Action"]) == ["lambda:ListEventSourceMappings"]


def _tells_figures(statement: dict) -> bool:
    """Whether it is the permission to tell CloudWatch Ledgerlake's own figures, for which AWS knows no resource."""
    return statement["Action"] == "cloudwatch:PutMetricData" and statement["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": "Ledgerlake"}
    }


def test_who_reports_runs_alone_tells_figures(statements):
    tellers = {name.rstrip("0123456789ABCDEF") for name, each in statements if _tells_figures(each)}
    assert tellers == {"ReportRole", "OrchestratorPolicy"}


def test_two_further_statements_alone_name_no_resource(statements):
    wide = [(name, each) for name, each in statements if "*" in _list(each["Resource"]) and not _tells_figures(each)]
    assert sorted(name.rstrip("0123456789ABCDEF") for name, _ in wide) == ["MachineRole", "OrchestratorPolicy"]


def test_every_part_has_a_role_of_its_own(of_type):
    users = [job["Role"] for job in of_type("AWS::Glue::Job").values()]
    users += [crawler["Role"] for crawler in of_type("AWS::Glue::Crawler").values()]
    users += [function["Role"] for function in of_type("AWS::Lambda::Function").values()]
    users += [machine["RoleArn"] for machine in of_type("AWS::StepFunctions::StateMachine").values()]
    assert len(set(users)) == len(users) == len(of_type("AWS::IAM::Role"))


def test_who_plans_opens_batches_and_touches_neither_tables_nor_deliveries(may, may_list):
    for part in ("CheckRole", "PlanRole"):
        assert may(part, "s3:PutObject", keys.manifest(BATCH))
        assert may(part, "s3:PutObject", keys.open_batch(BATCH))
        assert may(part, "s3:PutObject", keys.LEASE)
        assert may_list(part, "s3:ListBucketVersions", keys.RAW)
        assert may_list(part, "s3:ListBucket", "lakehouse-dwh/orders/_delta_log/")
        for key in ("lakehouse-dwh/orders/part-0.parquet", "raw/orders/a.csv", "archived/orders/x/a.csv", "ledger/x"):
            assert not may(part, "s3:PutObject", key)
            assert not may(part, "s3:DeleteObject", key)
            assert not may(part, "s3:DeleteObjectVersion", key)
    archived = "archived/orders/x/a.csv"
    assert may("PlanRole", "s3:GetObject", archived), "its metadata says which version it is"
    assert not may("CheckRole", "s3:GetObject", archived)


def test_the_report_closes_the_batch_and_reads_no_row(may):
    assert may("ReportRole", "s3:DeleteObject", keys.open_batch(BATCH))
    assert may("ReportRole", "s3:PutObject", keys.LEASE)
    assert may("ReportRole", "s3:GetObject", keys.stage_summary(BATCH, "orders"))
    for key in ("lakehouse-dwh/orders/part-0.parquet", "raw/orders/a.csv", "rejected/orders/a.parquet"):
        assert not may("ReportRole", "s3:GetObject", key)


def test_the_state_machine_reads_what_athena_reads_for_it_and_writes_results_only(may):
    assert may("MachineRole", "s3:GetObject", "lakehouse-dwh/orders/part-0.parquet")
    assert may("MachineRole", "s3:PutObject", f"{keys.ATHENA_RESULTS}a.csv")
    for key in ("lakehouse-dwh/orders/a", "raw/orders/a.csv", "archived/a", keys.LEASE, keys.manifest(BATCH)):
        assert not may("MachineRole", "s3:PutObject", key)


def test_only_check_data_availability_starts_executions_beside_the_machine_itself(statements):
    starters = {name for name, each in statements if "states:StartExecution" in _list(each["Action"])}
    assert {name.partition("Role")[0] for name in starters} == {"Check", "Machine"}


def test_the_clock_alone_may_call_a_function_beside_who_has_a_policy_for_it(of_type):
    (permission,) = of_type("AWS::Lambda::Permission").values()
    ((rule, _),) = of_type("AWS::Events::Rule").items()
    assert permission["Principal"] == "events.amazonaws.com"
    assert (permission["SourceAccount"], permission["SourceArn"]) == ("123456789012", f"{rule}.Arn")


def test_buckets_are_versioned_encrypted_closed_to_the_public_and_outlive_the_stack(template, of_type):
    assert len(of_type("AWS::S3::Bucket")) == 2
    for name, bucket in of_type("AWS::S3::Bucket").items():
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert template["Resources"][name]["DeletionPolicy"] == "Retain"
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        is_lake = bucket["BucketName"] == LAKE
        assert algorithm == ("aws:kms" if is_lake else "AES256")
        assert rule.get("BucketKeyEnabled", False) == is_lake


@pytest.mark.parametrize(
    ("policy", "guarded", "number"),
    [
        ("AWS::S3::BucketPolicy", "AWS::S3::Bucket", 2),
        ("AWS::SQS::QueuePolicy", "AWS::SQS::Queue", 2),
        ("AWS::SNS::TopicPolicy", "AWS::SNS::Topic", 1),
    ],
)
def test_what_does_not_come_by_tls_is_refused(of_type, policy, guarded, number):
    policies = of_type(policy).values()
    assert len(policies) == len(of_type(guarded)) == number
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    for each in policies:
        statements = each["PolicyDocument"]["Statement"]
        assert [s["Effect"] for s in statements if s.get("Condition") == insecure] == ["Deny"]


def test_messages_are_encrypted_with_the_lakes_key_which_services_may_use_for_our_bucket_and_alarm_only(of_type):
    ((key, properties),) = of_type("AWS::KMS::Key").items()
    assert properties["EnableKeyRotation"] is True
    queues = of_type("AWS::SQS::Queue").values()
    assert {queue["KmsMasterKeyId"] for queue in queues} == {f"{key}.Arn"}
    assert all(key in json.dumps(topic["KmsMasterKeyId"]) for topic in of_type("AWS::SNS::Topic").values())
    statements = [s for s in properties["KeyPolicy"]["Statement"] if s["Principal"].get("Service")]
    assert {s["Principal"]["Service"]: s["Condition"] for s in statements} == {
        "s3.amazonaws.com": _of_this_lake(),
        "cloudwatch.amazonaws.com": _on_behalf_of(ALARM),
    }
    assert all(s["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"] for s in statements)


def test_only_the_alarm_may_publish_to_the_topic_beside_who_has_a_policy_for_it(of_type):
    (policy,) = of_type("AWS::SNS::TopicPolicy").values()
    (statement,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert (statement["Action"], statement["Principal"]) == ("sns:Publish", {"Service": "cloudwatch.amazonaws.com"})
    assert statement["Condition"] == _on_behalf_of(ALARM)


def test_only_the_lake_may_send_to_the_queue(of_type):
    senders = [
        statement
        for policy in of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    (sender,) = senders
    assert (sender["Action"], sender["Principal"]) == ("sqs:SendMessage", {"Service": "s3.amazonaws.com"})
    assert sender["Condition"] == _of_this_lake()


def _of_this_lake() -> dict:
    return _on_behalf_of(f"arn:aws:s3:::{LAKE}")


def _on_behalf_of(source: str) -> dict:
    return {"StringEquals": {"aws:SourceAccount": "123456789012"}, "ArnEquals": {"aws:SourceArn": source}}


def _list(value) -> list:
    return value if isinstance(value, list) else [value]
