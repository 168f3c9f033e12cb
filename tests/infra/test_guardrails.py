"""The guardrails: which notification goes to whom and when, and what people see."""

import json
from fnmatch import fnmatchcase

import pytest

from infra.environments import ENVIRONMENTS
from infra.review.security.wildcards import as_list
from infra.stacks.guardrails.columns import sensitive
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS
from ledgerlake.reporting import metrics

LAKE = "arn:aws:s3:::ledgerlake-prod-123456789012-eu-west-1"
GIVEN = {
    "LakeKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/lake",
    "CrawlerRoleArn": "arn:aws:iam::123456789012:role/crawler",
    "CloudFormationRoleArn": "arn:aws:iam::123456789012:role/deployer",
}


@pytest.fixture(params=ENVIRONMENTS)
def environment(request):
    return request.param


@pytest.fixture
def guardrails(deployed):
    """guardrails(**parameters) → the stack's template, computed."""
    return lambda **more: deployed(names.GUARDRAILS_STACK, **{**GIVEN, **more})


def _all(template, kind):
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == kind]


def _alarms(template):
    return {alarm["AlarmName"]: alarm for alarm in _all(template, "AWS::CloudWatch::Alarm")}


# --- alarms


def test_the_alarms_follow_the_limits_of_the_environment(guardrails, environment):
    alarms, limits = _alarms(guardrails(Environment=environment)), ENVIRONMENTS[environment].guardrails
    oldest = alarms["ledgerlake-oldest-delivery"]
    assert (oldest["MetricName"], oldest["Namespace"]) == ("ApproximateAgeOfOldestMessage", "AWS/SQS")
    assert oldest["Dimensions"] == [{"Name": "QueueName", "Value": names.QUEUE}]
    assert (float(oldest["Threshold"]), oldest["Statistic"]) == (60 * limits.oldest_delivery_minutes, "Maximum")
    shares = {float(alarms[f"ledgerlake-rejects-{dataset}"]["Threshold"]) for dataset in DATASETS}
    assert shares == {limits.reject_share}


def test_one_failed_run_of_either_orchestrator_is_told(guardrails):
    alarm = _alarms(guardrails())["ledgerlake-failed-runs"]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    parts = {each["Id"]: each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each}
    assert {(each["Namespace"], each["MetricName"]) for each in parts.values()} == {
        (metrics.NAMESPACE, metrics.RUNS_FAILED),
        ("AWS/States", "ExecutionsFailed"),
        ("AWS/States", "ExecutionsTimedOut"),
    }
    (expression,) = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    assert all(f"FILL({name}, 0)" in expression for name in parts)


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_share_of_rejects_is_of_the_rows_that_runs_tell(guardrails, dataset):
    alarm = _alarms(guardrails())[f"ledgerlake-rejects-{dataset}"]
    stats = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
    metrics_used = {each["Metric"]["MetricName"]: (name, each) for name, each in stats.items()}
    assert set(metrics_used) == {metrics.ROWS_READ, metrics.ROWS_REJECTED}
    for _, each in metrics_used.values():
        assert each["Metric"]["Namespace"] == metrics.NAMESPACE
        assert each["Metric"]["Dimensions"] == [{"Name": metrics.DATASET, "Value": dataset}]
        assert (each["Stat"], each["Period"]) == ("Sum", 3600)
    read, rejected = metrics_used[metrics.ROWS_READ][0], metrics_used[metrics.ROWS_REJECTED][0]
    (expression,) = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    assert expression == f"IF({read} > 0, {rejected} / {read}, 0)"


def test_every_alarm_and_its_end_is_told_to_the_topic_and_silence_is_no_alarm(guardrails):
    template = guardrails()
    (topic,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::SNS::Topic"]
    for alarm in _alarms(template).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert "ledgerlake " in alarm["AlarmDescription"], "which command says more"


# --- budget and topic


def test_the_budget_is_of_this_environments_tags_and_told_before_it_is_spent(guardrails, environment):
    (budget,) = _all(guardrails(Environment=environment), "AWS::Budgets::Budget")
    data = budget["Budget"]
    assert float(data["BudgetLimit"]["Amount"]) == ENVIRONMENTS[environment].guardrails.monthly_budget
    assert (data["TimeUnit"], data["BudgetLimit"]["Unit"]) == ("MONTHLY", "USD")
    tags = {each["Tags"]["Key"]: each["Tags"]["Values"] for each in data["FilterExpression"]["And"]}
    assert tags == {"Project": ["ledgerlake"], "Environment": [environment]}
    notifications = [each["Notification"] for each in budget["NotificationsWithSubscribers"]]
    assert [(each["NotificationType"], each["Threshold"]) for each in notifications] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    kinds = {s["SubscriptionType"] for each in budget["NotificationsWithSubscribers"] for s in each["Subscribers"]}
    assert kinds == {"SNS"}


def test_the_encrypted_topic_may_be_told_by_our_alarms_and_budgets_only(guardrails):
    template = guardrails()
    (key,), (policy,) = _all(template, "AWS::KMS::Key"), _all(template, "AWS::SNS::TopicPolicy")
    (topic,) = _all(template, "AWS::SNS::Topic")
    assert topic["KmsMasterKeyId"]
    ours = {
        "cloudwatch.amazonaws.com": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:ledgerlake-*",
        "budgets.amazonaws.com": "arn:aws:budgets::123456789012:budget/ledgerlake-*",
    }
    for document in (key["KeyPolicy"], policy["PolicyDocument"]):
        services = [s for s in document["Statement"] if "Service" in s["Principal"]]
        assert {s["Principal"]["Service"]: s["Condition"]["ArnLike"]["aws:SourceArn"] for s in services} == ours
        assert all(s["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"} for s in services)
    denied = [s["Condition"] for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    assert denied == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_mail_is_sent_only_where_the_environment_names_an_address(guardrails, environment):
    mails = _all(guardrails(Environment=environment), "AWS::SNS::Subscription")
    address = ENVIRONMENTS[environment].guardrails.notify
    assert [mail["Endpoint"] for mail in mails] == ([address] if address else [])


# --- people


@pytest.fixture
def may(guardrails):
    """may(role, action, resource) → whether one of the role's statements allows it."""

    def ask(role, action, resource):
        return any(
            any(fnmatchcase(action, each) for each in as_list(statement["Action"]))
            and any(fnmatchcase(resource, each) for each in as_list(statement["Resource"]))
            for statement in _statements(guardrails(), role)
        )

    return ask


def _statements(template, role):
    (found,) = [
        each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::Role" and name.startswith(f"People{role}")
    ]
    return [s for policy in found["Policies"] for s in policy["PolicyDocument"]["Statement"]]


def test_a_role_is_taken_by_those_alone_who_are_marked_for_it(guardrails):
    for name, each in guardrails()["Resources"].items():
        if each["Type"] == "AWS::IAM::Role" and name.startswith("People"):
            (trust,) = each["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            (mark,) = trust["Condition"]["StringEquals"].values()
            assert name.startswith(f"People{mark.capitalize()}")
            assert set(trust["Condition"]["StringEquals"]) == {"aws:PrincipalTag/ledgerlake"}


def test_a_reader_asks_athena_and_changes_nothing(may):
    workgroup = f"arn:aws:athena:eu-west-1:123456789012:workgroup/{names.WORKGROUP}"
    assert may("Reader", "athena:StartQueryExecution", workgroup)
    for prefix in ("lakehouse-dwh/orders/a", "rejected/orders/a", "parked/order_items/a", "ledger/a"):
        assert may("Reader", "s3:GetObject", f"{LAKE}/{prefix}")
    for key in ("raw/orders/a.csv", "archived/orders/x/a.csv", keys.LEASE):
        assert not may("Reader", "s3:GetObject", f"{LAKE}/{key}")
    for key in ("lakehouse-dwh/orders/a", "raw/orders/a.csv", "ledger/a", keys.LEASE):
        assert not may("Reader", "s3:PutObject", f"{LAKE}/{key}")


def test_an_analyst_reaches_no_object_that_holds_a_sensitive_value(may):
    for key in ("lakehouse-dwh/orders/a", "rejected/orders/a", "parked/orders/a", "raw/orders/a", "archived/orders/a"):
        assert not may("Analyst", "s3:GetObject", f"{LAKE}/{key}")
    assert not may("Analyst", "s3:GetObject", f"{LAKE}/{keys.ATHENA_RESULTS}result-of-a-reader.csv")
    workgroup = "arn:aws:athena:eu-west-1:123456789012:workgroup/"
    assert not may("Analyst", "athena:GetQueryResults", workgroup + names.WORKGROUP)
    assert may("Analyst", "athena:GetQueryResults", workgroup + names.ANALYSTS_WORKGROUP)
    assert may("Analyst", "lakeformation:GetDataAccess", "*")


def test_results_of_analysts_go_where_analysts_may_read_them(guardrails, may):
    (workgroup,) = _all(guardrails(), "AWS::Athena::WorkGroup")
    result = workgroup["WorkGroupConfiguration"]["ResultConfiguration"]
    folder = result["OutputLocation"].replace("s3://", "arn:aws:s3:::")
    assert may("Analyst", "s3:GetObject", f"{folder}a.csv")
    assert workgroup["WorkGroupConfiguration"]["EnforceWorkGroupConfiguration"] is True
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": GIVEN["LakeKeyArn"]}


def test_lake_formation_leaves_out_what_the_contracts_call_sensitive(guardrails):
    grants = _all(guardrails(TablesLoaded="yes"), "AWS::LakeFormation::PrincipalPermissions")
    tables = {
        each["Resource"]["TableWithColumns"]["Name"]: each for each in grants if "TableWithColumns" in each["Resource"]
    }
    assert set(tables) == set(DATASETS)
    for name, grant in tables.items():
        left_out = grant["Resource"]["TableWithColumns"]["ColumnWildcard"].get("ExcludedColumnNames", [])
        assert left_out == [column.name for column in DATASETS[name].columns if column.sensitive]
        assert (grant["Permissions"], grant["PermissionsWithGrantOption"]) == (["SELECT"], [])
        assert "PeopleAnalyst" in json.dumps(grant["Principal"])
    assert sensitive(DATASETS["orders"]) == ["user_id"]


def test_before_the_first_batch_analysts_are_granted_nothing(guardrails):
    grants = _all(guardrails(), "AWS::LakeFormation::PrincipalPermissions")
    assert [each["Permissions"] for each in grants] == [["DATA_LOCATION_ACCESS"]]


def test_whoever_has_not_opted_in_reads_the_tables_by_iam_as_before(guardrails):
    template = guardrails()
    (location,) = _all(template, "AWS::LakeFormation::Resource")
    assert (location["HybridAccessEnabled"], location["ResourceArn"]) == (True, f"{LAKE}/lakehouse-dwh")
    (settings,) = _all(template, "AWS::LakeFormation::DataLakeSettings")
    assert settings["MutationType"] == "APPEND", "the account's other administrators stay"


def test_an_operator_runs_and_mends_but_touches_neither_tables_nor_deliveries(may):
    queue = f"arn:aws:sqs:eu-west-1:123456789012:{names.DEAD_LETTER_QUEUE}"
    airflow = "arn:aws:airflow:eu-west-1:123456789012:role/ledgerlake-prod/Op"
    for action, resource in (
        ("sqs:StartMessageMoveTask", queue),
        ("airflow:InvokeRestApi", airflow),
        ("states:StartExecution", f"arn:aws:states:eu-west-1:123456789012:stateMachine:{names.STATE_MACHINE}"),
        ("logs:FilterLogEvents", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws-glue/jobs/error"),
        ("s3:PutObject", f"{LAKE}/{keys.accepted('b')}"),
        ("s3:PutObject", f"{LAKE}/{keys.open_batch('b')}"),
        ("s3:DeleteObject", f"{LAKE}/{keys.quarantined('b')}"),
        ("s3:PutObject", f"{LAKE}/{keys.LEASE}"),
    ):
        assert may("Operator", action, resource), (action, resource)
    for key in ("lakehouse-dwh/orders/a", "raw/orders/a.csv", "archived/orders/a", "ledger/a", keys.manifest("b")):
        assert not may("Operator", "s3:PutObject", f"{LAKE}/{key}"), key
        assert not may("Operator", "s3:DeleteObject", f"{LAKE}/{key}"), key
    for role in ("Reader", "Analyst"):
        assert not may(role, "sqs:StartMessageMoveTask", queue)
        assert not may(role, "airflow:InvokeRestApi", airflow)
        assert not may(role, "s3:PutObject", f"{LAKE}/{keys.LEASE}")
