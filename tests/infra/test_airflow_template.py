"""Airflow's template against what MWAA allows and asks for, for each rented environment."""

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from ipaddress import IPv4Network

import botocore.session
import pytest

from infra.deployer.errors import DeploymentError
from infra.deployer.zones import choose
from infra.environments import ENVIRONMENTS, Airflow
from infra.stacks.airflow.endpoints import FOR_DAGS, FOR_MWAA
from infra.stacks.airflow.limits import CLASSES, LOG_LEVELS, MOST_WORKERS, ImpossibleEnvironment, check_possible
from infra.synth import TEMPLATES
from ledgerlake import names, outages, settings
from tests.infra.conftest import computed, statements_of

POLICY = "arn:aws:iam::123456789012:policy/orchestrator"
VERSIONS = {"PluginsVersion": "p1", "RequirementsVersion": "r1"}
API = botocore.session.get_session().get_service_model("mwaa").operation_model("CreateEnvironment").input_shape
NOT_COMPUTED = ("NetworkConfiguration", "ExecutionRoleArn", "KmsKey")


@pytest.fixture(params=ENVIRONMENTS)
def name(request) -> str:
    return request.param


@pytest.fixture
def airflow(name) -> dict:
    """The template as a deployment to that environment would see it."""
    committed = json.loads(TEMPLATES[names.AIRFLOW_STACK].read_text())
    return computed(
        committed, Environment=name, OrchestratorPolicyArn=POLICY, Zones="eu-west-1a,eu-west-1b", **VERSIONS
    )


@pytest.fixture
def mwaa(airflow) -> dict:
    return one(airflow, "AWS::MWAA::Environment")


def of(template: dict, kind: str) -> dict[str, dict]:
    return {key: each["Properties"] for key, each in template["Resources"].items() if each["Type"] == kind}


def one(template: dict, kind: str) -> dict:
    ((_, found),) = of(template, kind).items()
    return found


def test_every_property_is_one_that_mwaas_api_takes_in_the_form_that_it_takes(mwaa):
    of_cloudformation_alone = {"WorkerReplacementStrategy"}
    assert set(mwaa) - of_cloudformation_alone - {"Tags"} <= set(API.members)
    assert mwaa["WorkerReplacementStrategy"] in ("FORCED", "GRACEFUL")
    for key, shape in API.members.items():
        if key not in mwaa or key in NOT_COMPUTED or shape.type_name != "string":
            continue
        value, limits = mwaa[key], shape.metadata
        assert limits.get("min", 0) <= len(value) <= limits.get("max", 1224), key
        assert re.fullmatch(limits.get("pattern", ".*"), value), key
        assert value in limits.get("enum", [value]), key


def test_name_version_and_files_are_those_that_everybody_else_looks_for(mwaa, name):
    assert mwaa["Name"] == settings.mwaa_name(name)
    assert re.fullmatch(r"[a-zA-Z][0-9a-zA-Z_-]{0,79}", mwaa["Name"])
    assert mwaa["AirflowVersion"] == "3.3.1"
    assert (mwaa["DagS3Path"], mwaa["PluginsS3Path"]) == ("airflow/dags", "airflow/plugins.zip")
    assert mwaa["RequirementsS3Path"] == "airflow/requirements.txt"
    assert (mwaa["PluginsS3ObjectVersion"], mwaa["RequirementsS3ObjectVersion"]) == ("p1", "r1")
    assert mwaa["SourceBucketArn"] == "arn:aws:s3:::ledgerlake-artifacts-prod-123456789012-eu-west-1"


def test_sizes_are_those_of_the_environment_and_within_mwaas_limits(mwaa, name):
    wanted, size = ENVIRONMENTS[name].airflow, CLASSES[mwaa["EnvironmentClass"]]
    assert mwaa["EnvironmentClass"] == wanted.environment_class
    least, most = int(mwaa["MinWorkers"]), int(mwaa["MaxWorkers"])
    assert 1 <= least <= most <= MOST_WORKERS
    assert size.counts[0] <= int(mwaa["Schedulers"]) <= min(5, size.counts[1])
    assert size.counts[0] <= int(mwaa["MinWebservers"]) <= int(mwaa["MaxWebservers"]) <= size.counts[1]
    assert mwaa["WebserverAccessMode"] == wanted.webserver_access
    parallelism = int(mwaa["AirflowConfigurationOptions"]["core.parallelism"])
    assert 1 <= parallelism * int(mwaa["Schedulers"]) <= size.tasks * most


def test_its_timeouts_let_an_outage_of_a_part_cost_no_try(mwaa):
    wanted = outages.airflow_options(settings.Settings())
    assert wanted.items() <= mwaa["AirflowConfigurationOptions"].items()


def test_the_window_for_maintenance_is_a_half_hour_of_the_week(mwaa):
    assert re.fullmatch(r"(MON|TUE|WED|THU|FRI|SAT|SUN):([01]\d|2[0-3]):(00|30)", mwaa["WeeklyMaintenanceWindowStart"])


def test_all_five_logs_are_kept_for_a_while_and_encrypted(airflow, mwaa):
    logs = mwaa["LoggingConfiguration"]
    assert set(logs) == {"DagProcessingLogs", "SchedulerLogs", "TaskLogs", "WebserverLogs", "WorkerLogs"}
    assert all(each["Enabled"] and each["LogLevel"] in LOG_LEVELS for each in logs.values())
    groups = {each["LogGroupName"]: each for each in of(airflow, "AWS::Logs::LogGroup").values()}
    ends = ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    assert {f"airflow-{mwaa['Name']}-{end}" for end in ends} <= set(groups)
    assert all(each["RetentionInDays"] == 90 and each["KmsKeyId"] for each in groups.values())


def test_its_options_are_settings_of_the_kernel_or_airflows_own(mwaa, name):
    options = mwaa["AirflowConfigurationOptions"]
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", key) and isinstance(value, str) for key, value in options.items())
    environ = {f"AIRFLOW__{key.replace('.', '__')}".upper(): value for key, value in options.items()}
    found = settings.from_environment(environ | {"AWS_REGION": "eu-west-1"})
    assert (found.environment, found.account, found.orchestrator) == (name, "123456789012", "airflow")


def test_the_environment_is_in_two_private_subnets_of_two_zones(airflow, mwaa):
    subnets, routes = of(airflow, "AWS::EC2::Subnet"), of(airflow, "AWS::EC2::Route")
    assert len(mwaa["NetworkConfiguration"]["SubnetIds"]) == len(subnets) == 2
    zones = [each["AvailabilityZone"]["Fn::Select"] for each in subnets.values()]
    assert [zone[0] for zone in zones] == [0, 1]
    assert zones[0][1] == zones[1][1], "both are chosen from one list"
    assert not any(each["MapPublicIpOnLaunch"] for each in subnets.values())
    ways_out = {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"}
    assert not routes
    assert not ways_out & {each["Type"] for each in airflow["Resources"].values()}
    associated = of(airflow, "AWS::EC2::SubnetRouteTableAssociation").values()
    assert {each["SubnetId"] for each in associated} == set(subnets)


def test_there_is_a_door_to_every_service_that_mwaa_and_the_dags_call(airflow):
    endpoints = of(airflow, "AWS::EC2::VPCEndpoint").values()
    doors = {each["ServiceName"].removeprefix("com.amazonaws.eu-west-1."): each for each in endpoints}
    called = {
        statement_action.partition(":")[0]
        for statement in _orchestrators_statements()
        for statement_action in _list(statement["Action"])
    }
    assert {"s3", *FOR_MWAA, *FOR_DAGS} == set(doors)
    monitored = {"cloudwatch": "monitoring"}
    assert {monitored.get(service, service) for service in called} <= set(doors)
    assert doors["s3"]["VpcEndpointType"] == "Gateway"
    assert all(len(doors[name]["SubnetIds"]) == 2 and doors[name]["PrivateDnsEnabled"] for name in FOR_MWAA + FOR_DAGS)


def _orchestrators_statements() -> list[dict]:
    return statements_of(json.loads(TEMPLATES[names.STACK].read_text()), "OrchestratorPolicy")


def test_airflow_is_reached_by_itself_alone(airflow, mwaa):
    (group,) = mwaa["NetworkConfiguration"]["SecurityGroupIds"]
    (itself,) = of(airflow, "AWS::EC2::SecurityGroupIngress").values()
    assert itself["GroupId"] == itself["SourceSecurityGroupId"] == group
    groups = of(airflow, "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in groups[group.removesuffix(".GroupId")]
    ingress = [rule for each in groups.values() for rule in each.get("SecurityGroupIngress", [])]
    assert [(rule["SourceSecurityGroupId"], rule["FromPort"], rule["ToPort"]) for rule in ingress] == [
        (group, 443, 443)
    ]


def test_only_mwaa_for_this_environment_takes_the_execution_role(airflow, mwaa):
    role = of(airflow, "AWS::IAM::Role")[mwaa["ExecutionRoleArn"].removesuffix(".Arn")]
    arn = f"arn:aws:airflow:eu-west-1:123456789012:environment/{mwaa['Name']}"
    trusted = role["AssumeRolePolicyDocument"]["Statement"]
    assert {each["Principal"]["Service"] for each in trusted} == {"airflow.amazonaws.com", "airflow-env.amazonaws.com"}
    for each in trusted:
        assert each["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        assert each["Condition"]["ArnEquals"] == {"aws:SourceArn": arn}
    assert role["ManagedPolicyArns"] == [POLICY]


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("airflow:PublishMetrics", "arn:aws:airflow:eu-west-1:123456789012:environment/{name}", True),
        ("airflow:PublishMetrics", "arn:aws:airflow:eu-west-1:123456789012:environment/another", False),
        ("s3:GetObjectVersion", "arn:aws:s3:::{artifacts}/airflow/plugins.zip", True),
        ("s3:GetObject", "arn:aws:s3:::{artifacts}/0123456789abcdef/glue/orders_etl.py", False),
        ("s3:PutObject", "arn:aws:s3:::{artifacts}/airflow/dags/a.py", False),
        ("s3:GetBucketPublicAccessBlock", "arn:aws:s3:::{artifacts}", True),
        ("s3:ListBucket", "arn:aws:s3:::another", False),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:999999999999:airflow-celery-1", True),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:ecommerce-etl-queue", False),
        ("logs:PutLogEvents", "arn:aws:logs:eu-west-1:123456789012:log-group:airflow-{name}-Task:log-stream:a", True),
        ("logs:PutLogEvents", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/a:log-stream:a", False),
        ("iam:PassRole", "*", False),
    ],
)
def test_the_execution_role_may_what_mwaa_needs_and_no_more(airflow, mwaa, action, resource, allowed):
    artifacts = mwaa["SourceBucketArn"].removeprefix("arn:aws:s3:::")
    arn = resource.format(name=mwaa["Name"], artifacts=artifacts)
    found = any(
        any(fnmatchcase(action, each) for each in _list(statement["Action"]))
        and any(fnmatchcase(arn, each) for each in _list(statement["Resource"]) if isinstance(each, str))
        for statement in statements_of(airflow, mwaa["ExecutionRoleArn"].removesuffix(".Arn"))
        if statement["Effect"] == "Allow"
    )
    assert found == allowed


def test_the_key_is_used_through_queue_and_files_alone(airflow, mwaa):
    (keys,) = [
        each
        for each in statements_of(airflow, mwaa["ExecutionRoleArn"].removesuffix(".Arn"))
        if "kms:Decrypt" in _list(each["Action"])
    ]
    assert set(keys["Condition"]["StringLike"]["kms:ViaService"]) == {
        "s3.eu-west-1.amazonaws.com",
        "sqs.eu-west-1.amazonaws.com",
    }
    assert one(airflow, "AWS::KMS::Key")["EnableKeyRotation"] is True


def test_traffic_is_recorded_also_what_was_refused(airflow):
    flow = one(airflow, "AWS::EC2::FlowLog")
    assert (flow["TrafficType"], flow["ResourceType"], flow["ResourceId"]) == (
        "ALL",
        "VPC",
        *of(airflow, "AWS::EC2::VPC"),
    )


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_environment_that_is_configured_is_possible(name):
    airflow = ENVIRONMENTS[name].airflow
    check_possible(airflow)
    assert IPv4Network(airflow.vpc_cidr).is_private


@pytest.mark.parametrize(
    ("changed", "seen"),
    [
        ({"environment_class": "mw1.tiny"}, "environment_class is 'mw1.tiny'; expected one of mw1.micro"),
        ({"environment_class": "mw1.micro"}, "max_workers is 2; expected 1;"),
        ({"max_workers": 26}, "max_workers is 26; expected 1 to 25"),
        ({"min_workers": 3}, "min_workers is 3; expected 1 to 2"),
        ({"schedulers": 1}, "schedulers is 1; expected 2 to 5"),
        ({"webservers": 6}, "webservers is 6; expected 2 to 5"),
        ({"log_level": "TRACE"}, "log_level is 'TRACE'"),
        ({"webserver_access": "OPEN"}, "webserver_access is 'OPEN'"),
        ({"maintenance_window": "TUE:03:15"}, "maintenance_window is 'TUE:03:15'"),
        ({"vpc_cidr": "10.0.0.0/24"}, "vpc_cidr is '10.0.0.0/24'"),
    ],
)
def test_a_size_that_mwaa_does_not_have_is_refused_where_it_is_written(changed, seen):
    with pytest.raises(ImpossibleEnvironment, match=re.escape(seen)):
        check_possible(replace(Airflow(), **changed))


class Ec2:
    """Answers with the zones that each service has."""

    def __init__(self, zones: list[str], **others: list[str]):
        self.zones, self.others = zones, others

    def describe_vpc_endpoint_services(self, *, ServiceNames):  # noqa: N803, as boto3 spells it
        found = {name: self.others.get(name.rpartition(".")[2], self.zones) for name in ServiceNames}
        return {"ServiceDetails": [{"ServiceName": k, "AvailabilityZones": v} for k, v in found.items() if v]}


def test_zones_are_chosen_in_which_every_service_is_to_be_had():
    ec2 = Ec2(["us-east-1a", "us-east-1b", "us-east-1c"], env=["us-east-1c", "us-east-1b"])
    assert choose(ec2, "us-east-1") == ("us-east-1b", "us-east-1c")


@pytest.mark.parametrize(
    ("ec2", "seen"),
    [
        (Ec2(["a", "b"], env=[]), "it has no endpoint com.amazonaws.eu-south-9.airflow.env"),
        (Ec2(["a", "b"], env=["b"]), "only b has all of"),
    ],
)
def test_a_region_without_them_is_refused_before_anything_is_made(ec2, seen):
    with pytest.raises(DeploymentError, match=seen):
        choose(ec2, "eu-south-9")


def _list(value) -> list:
    return value if isinstance(value, list) else [value]
