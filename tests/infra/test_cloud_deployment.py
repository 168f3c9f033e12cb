"""`ledgerlake deploy` and `destroy` on a local AWS: CloudFormation, files and their versions are real there."""

import json
import re
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli.main import app
from infra.deployer import deployment, removal
from infra.release import distribution
from infra.release.distribution import DAGS, PLUGINS, REQUIREMENTS
from ledgerlake import names, settings
from tests import local_aws
from tests.infra import cloud_tree

DEV = settings.from_environment({"LEDGERLAKE_ENVIRONMENT": "dev", "LEDGERLAKE_REGION": local_aws.REGION})
PLACES = names.Places.of(DEV)
ZONES = ["us-east-1b", "us-east-1c"]
WRONG = {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "no-alias", "TargetKeyId": "no-key"}}
STACKS = [names.DELIVERY_STACK, names.STACK, names.AIRFLOW_STACK, names.GUARDRAILS_STACK]

pytestmark = pytest.mark.slow


@pytest.fixture
def account(tmp_path, monkeypatch):
    """An empty account on a local AWS, and the tree that is deployed there."""
    (tmp_path / "aws").mkdir()
    with local_aws.running(tmp_path / "aws") as client:
        for name, value in local_aws.environment(client).items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "LEDGERLAKE_HOME"):
            monkeypatch.delenv(name, raising=False)
        tree, build = cloud_tree.copy(tmp_path), distribution.build
        monkeypatch.setattr(distribution, "build", lambda folder: build(folder, tree))
        monkeypatch.setattr(deployment.zones, "choose", lambda _client, _region: tuple(ZONES))
        for module in (deployment.Deployment, removal.Removal):
            monkeypatch.setattr(module, "poll_seconds", 0.1)
        yield SimpleNamespace(aws=client, tree=tree)


def say(*arguments: str, typed: str = ""):
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments, input=typed)
    print(done.output)
    return done


def deploy(*arguments: str):
    return say("deploy", "--env", "dev", "--no-smoke", *arguments)


def states(aws) -> dict[str, str]:
    found = aws("cloudformation").describe_stacks()["Stacks"]
    return {each["StackName"]: each["StackStatus"] for each in found}


def note(aws, stack: str, name: str) -> str:
    found = aws("ssm").describe_parameters()["Parameters"]
    (match,) = [each["Name"] for each in found if each["Name"] == f"/{7 if stack == 'airflow' else 2}/{name}"]
    return aws("ssm").get_parameter(Name=match)["Parameter"]["Value"]


def keys(aws, prefix: str) -> set[str]:
    found = aws("s3").list_objects_v2(Bucket=PLACES.artifact_bucket, Prefix=prefix).get("Contents", [])
    return {each["Key"] for each in found}


def version(aws, key: str) -> str:
    return aws("s3").head_object(Bucket=PLACES.artifact_bucket, Key=key)["VersionId"]


def test_an_empty_account_is_deployed_in_one_go_and_then_there_is_nothing_to_do(account):
    first = deploy("--yes")
    assert first.exit_code == 0, first.output
    assert states(account.aws) == {name: states(account.aws)[name] for name in STACKS}
    assert all(re.fullmatch("(CREATE|UPDATE)_COMPLETE", state) for state in states(account.aws).values())
    assert note(account.aws, "airflow", "PluginsVersion") == version(account.aws, PLUGINS)
    assert note(account.aws, "airflow", "RequirementsVersion") == version(account.aws, REQUIREMENTS)
    assert note(account.aws, "airflow", "Zones") == ",".join(ZONES)
    assert note(account.aws, "airflow", "OrchestratorPolicyArn").startswith("arn:aws:iam::")
    assert note(account.aws, "guardrails", "TopicArn").endswith(f":{names.TOPIC}")
    assert f"{DAGS}ecommerce_lakehouse.py" in keys(account.aws, DAGS)
    assert "CREATE_COMPLETE" in first.output, "the events of the stacks are printed"
    job = account.aws("glue").get_job(JobName="orders_etl")["Job"]["Command"]["ScriptLocation"]
    assert job.removeprefix(f"s3://{PLACES.artifact_bucket}/") in keys(account.aws, "")
    again = deploy("--yes")
    assert "Nothing to do" in again.output


def test_a_plan_names_every_stack_and_file_and_changes_nothing(account):
    planned = deploy("--plan")
    assert planned.exit_code == 0
    assert states(account.aws) == {}
    assert account.aws("s3").list_buckets()["Buckets"] == []
    assert all(name in planned.output for name in STACKS)
    assert "Airflow is made: 25 to 40 minutes." in planned.output


def test_whoever_does_not_say_yes_has_nothing_deployed(account):
    assert say("deploy", "--env", "dev", typed="n\n").exit_code == 1
    assert states(account.aws) == {}


def test_another_dag_reaches_the_folder_and_airflow_is_left_alone(account):
    deploy("--yes")
    before = version(account.aws, PLUGINS)
    (account.tree / "dags" / "ledgerlake" / "costs" / "prices.py").unlink()
    with (account.tree / "dags" / "ecommerce_lakehouse.py").open("a") as dag:
        dag.write("# changed\n")
    planned = deploy("--plan")
    assert f"remove {DAGS}ledgerlake/costs/prices.py" in planned.output
    assert "Airflow is not updated" in planned.output
    assert f"{DAGS}ledgerlake/costs/prices.py" in keys(account.aws, DAGS), "a plan removes nothing"
    assert deploy("--yes").exit_code == 0
    assert f"{DAGS}ledgerlake/costs/prices.py" not in keys(account.aws, DAGS)
    body = account.aws("s3").get_object(Bucket=PLACES.artifact_bucket, Key=f"{DAGS}ecommerce_lakehouse.py")["Body"]
    assert body.read().endswith(b"# changed\n")
    assert version(account.aws, PLUGINS) == before == note(account.aws, "airflow", "PluginsVersion")


def test_other_plugins_are_pinned_by_their_new_version(account):
    deploy("--yes")
    before = note(account.aws, "airflow", "PluginsVersion")
    (account.tree / "plugins" / "ledgerlake_airflow" / "more.py").write_text('"""More."""\n')
    assert f"upload {PLUGINS}" in deploy("--plan").output
    assert note(account.aws, "airflow", "PluginsVersion") == before
    assert deploy("--yes").exit_code == 0
    assert note(account.aws, "airflow", "PluginsVersion") == version(account.aws, PLUGINS) != before


def test_the_orchestrator_that_was_chosen_stays_when_it_is_deployed_again(account):
    deploy("--yes")
    assert say("--env", "dev", "orchestrator", "use", "step_functions").exit_code in (0, 1)
    chosen = {each["ParameterKey"]: each["ParameterValue"] for each in _stack(account.aws, names.STACK)["Parameters"]}
    assert chosen["Orchestrator"] == "step_functions"
    with (account.tree / "glue_scripts" / "orders_etl.py").open("a") as script:
        script.write("# changed\n")
    assert deploy("--yes").exit_code == 0
    chosen = {each["ParameterKey"]: each["ParameterValue"] for each in _stack(account.aws, names.STACK)["Parameters"]}
    assert chosen["Orchestrator"] == "step_functions"
    assert note(account.aws, "airflow", "Orchestrator") == "step_functions"


def test_a_failed_step_names_itself_its_cause_and_the_command_that_goes_on_where_it_stopped(account):
    good = json.loads((account.tree / "infra" / "templates" / "ledgerlake-airflow.template.json").read_text())
    cloud_tree.rewrite(account.tree, "airflow", {"Wrong": WRONG})
    failed = deploy("--yes")
    assert failed.exit_code == 1
    assert f"stack {names.AIRFLOW_STACK}: " in failed.output
    assert "then: ledgerlake deploy --env dev" in failed.output
    assert names.GUARDRAILS_STACK not in states(account.aws)
    cloud_tree.rewrite(account.tree, "airflow", good["Resources"])
    done = deploy("--yes")
    assert done.exit_code == 0, done.output
    assert f"{names.STACK} is up to date" in done.output
    assert set(states(account.aws)) >= set(STACKS)


def test_destroy_keeps_the_data_and_what_it_needs_and_a_deployment_goes_on_with_it(account):
    deploy("--yes")
    account.aws("s3").put_object(Bucket=PLACES.bucket, Key="archived/a", Body=b"kept")
    done = say("destroy", "--env", "dev", "--yes")
    assert done.exit_code == 0, done.output
    assert {name for name, state in states(account.aws).items() if state != "DELETE_COMPLETE"} == {
        names.DELIVERY_STACK,
        names.STACK,
    }
    assert deploy("--yes").exit_code == 0
    assert account.aws("s3").get_object(Bucket=PLACES.bucket, Key="archived/a")["Body"].read() == b"kept"


def test_data_is_deleted_only_for_whoever_types_the_environments_name(account):
    deploy("--yes")
    account.aws("s3").put_object(Bucket=PLACES.bucket, Key="archived/a", Body=b"first")
    account.aws("s3").put_object(Bucket=PLACES.bucket, Key="archived/a", Body=b"second")
    refused = say("destroy", "--env", "dev", "--delete-data", "--yes", typed="prod\n")
    assert refused.exit_code == 2
    assert set(states(account.aws)) == set(STACKS)
    done = say("destroy", "--env", "dev", "--delete-data", typed="dev\n")
    assert done.exit_code == 0, done.output
    assert {state for state in states(account.aws).values()} <= {"DELETE_COMPLETE"}
    assert account.aws("s3").list_buckets()["Buckets"] == []
    kms = account.aws("kms")
    assert {kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["KeyState"] for each in kms.list_keys()["Keys"]} <= {
        "PendingDeletion"
    }
    assert "Nothing of dev is left" in say("destroy", "--env", "dev", "--delete-data").output


def _stack(aws, name: str) -> dict:
    return aws("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
