"""The delivery stack: releases are kept safe, and a deployment can make nothing that reaches beyond the lake."""

import json
from fnmatch import fnmatchcase

import pytest

from infra.review.security.wildcards import as_list, statements
from infra.synth import TEMPLATES
from ledgerlake import keys, names, settings

PROD = names.Places.of(
    settings.from_environment(
        {"LEDGERLAKE_ENVIRONMENT": "prod", "LEDGERLAKE_ACCOUNT": "123456789012", "LEDGERLAKE_REGION": "eu-west-1"}
    )
)
ISSUER = "token.actions.githubusercontent.com"
BOUNDARY = "arn:aws:iam::123456789012:policy/ledgerlake-boundary-prod-eu-west-1"


@pytest.fixture
def delivery(deployed):
    return deployed(names.DELIVERY_STACK, GitHubRepository="shop/lake", GitHubEnvironment="prod")


def _all(template, kind):
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def _role(template, part):
    (role,) = [each for name, each in _all(template, "AWS::IAM::Role").items() if name.startswith(part)]
    return role, [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]


# --- the bucket


def test_the_artifact_bucket_is_where_the_code_looks_for_it_versioned_encrypted_private_and_kept(delivery):
    ((name, bucket),) = [
        (name, each) for name, each in _all(delivery, "AWS::S3::Bucket").items() if name.startswith("ArtifactsBucket")
    ]
    assert bucket["BucketName"] == PROD.artifact_bucket
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == "artifacts/"
    assert delivery["Resources"][name]["DeletionPolicy"] == "Retain"


def test_a_release_is_never_expired_and_what_replaced_one_only_after_three_months(delivery):
    (bucket,) = [b for b in _all(delivery, "AWS::S3::Bucket").values() if b["BucketName"] == PROD.artifact_bucket]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}


def test_both_buckets_refuse_what_does_not_come_by_tls(delivery):
    policies = _all(delivery, "AWS::S3::BucketPolicy").values()
    assert len(policies) == len(_all(delivery, "AWS::S3::Bucket")) == 2
    for policy in policies:
        denied = [s["Condition"] for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied


def test_the_key_serves_s3_for_this_bucket_and_account_only(delivery):
    ((_, key),) = _all(delivery, "AWS::KMS::Key").items()
    assert key["EnableKeyRotation"] is True
    (anybody,) = [s for s in key["KeyPolicy"]["Statement"] if s["Principal"] == {"AWS": "*"}]
    assert anybody["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    bucket = f"arn:aws:s3:::{PROD.artifact_bucket}"
    assert anybody["Condition"] == {
        "StringEquals": {"kms:CallerAccount": "123456789012", "kms:ViaService": "s3.eu-west-1.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/*"]},
    }


# --- GitHub


def test_github_deploys_from_one_repository_environment_and_branch(delivery):
    role, _ = _role(delivery, "GitHubDeployRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": "repo:shop/lake:environment:prod",
        },
        "StringEqualsIfExists": {f"{ISSUER}:ref": "refs/heads/main"},
    }


def test_without_a_repository_nobody_deploys_from_github(deployed):
    template = deployed(names.DELIVERY_STACK)
    assert not _all(template, "AWS::IAM::OIDCProvider")
    assert not [name for name in _all(template, "AWS::IAM::Role") if name.startswith("GitHub")]


def test_the_accounts_one_identity_provider_is_made_only_where_there_is_none(delivery, deployed):
    ((name, provider),) = _all(delivery, "AWS::IAM::OIDCProvider").items()
    assert (provider["Url"], provider["ClientIdList"]) == (f"https://{ISSUER}", ["sts.amazonaws.com"])
    assert delivery["Resources"][name]["DeletionPolicy"] == "Retain"
    there = deployed(names.DELIVERY_STACK, GitHubRepository="shop/lake", GitHubProvider="exists")
    assert not _all(there, "AWS::IAM::OIDCProvider")
    role, _ = _role(there, "GitHubDeployRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"}


def test_github_changes_no_stack_without_cloudformations_role_and_never_the_one_that_limits_it(delivery):
    _, allowed = _role(delivery, "GitHubDeployRole")
    writes = ("cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:ExecuteChangeSet")
    for statement in allowed:
        if any(action in as_list(statement["Action"]) for action in writes):
            assert not any(names.DELIVERY_STACK in arn for arn in as_list(statement["Resource"]))
    (change,) = [s for s in allowed if "cloudformation:UpdateStack" in as_list(s["Action"])]
    assert change["Condition"]["StringEquals"]["cloudformation:RoleArn"].startswith("ExecutionRole")


def test_github_has_no_permission_of_iam_but_to_pass_that_one_role_to_cloudformation(delivery):
    _, allowed = _role(delivery, "GitHubDeployRole")
    (passing,) = [s for s in allowed if any(a.startswith("iam:") for a in as_list(s["Action"]))]
    assert passing["Action"] == "iam:PassRole"
    assert passing["Resource"].startswith("ExecutionRole")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}


def test_the_smoke_test_delivers_and_removes_its_own_files_only(delivery):
    _, allowed = _role(delivery, "GitHubDeployRole")

    def may(action, key):
        arn = f"arn:aws:s3:::{PROD.bucket}/{key}"
        return any(
            action in as_list(s["Action"]) and any(fnmatchcase(arn, each) for each in as_list(s["Resource"]))
            for s in allowed
        )

    assert may("s3:PutObject", "raw/orders/ledgerlake-smoke-20250401T080000Z.csv")
    assert may("s3:DeleteObjectVersion", "archived/orders/x/ledgerlake-smoke-20250401T080000Z.csv")
    for action, key in (
        ("s3:PutObject", "raw/orders/2025-04-01.csv"),
        ("s3:DeleteObjectVersion", "archived/orders/x/2025-04-01.csv"),
        ("s3:DeleteObjectVersion", "raw/orders/2025-04-01.csv"),
        ("s3:GetObject", "lakehouse-dwh/orders/a"),
        ("s3:GetObject", "rejected/orders/a"),
        ("s3:PutObject", keys.LEASE),
    ):
        assert not may(action, key), (action, key)


# --- CloudFormation's role and the boundary


def test_cloudformation_makes_no_role_without_the_boundary_and_passes_ours_to_services_only(delivery):
    _, allowed = _role(delivery, "ExecutionRole")
    of_iam = [s for s in allowed if any(a.startswith("iam:") for a in as_list(s["Action"]))]
    for statement in of_iam:
        assert "*" not in as_list(statement["Resource"])
        actions = set(as_list(statement["Action"]))
        if actions & {"iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"}:
            assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
        if "iam:PassRole" in actions:
            assert "ec2.amazonaws.com" not in statement["Condition"]["StringEquals"]["iam:PassedToService"]
    every = {action for statement in of_iam for action in as_list(statement["Action"])}
    assert not every & {"iam:DeleteRolePermissionsBoundary", "iam:CreateUser", "iam:CreateAccessKey"}


def test_cloudformation_reads_no_object_of_the_lake(delivery):
    _, allowed = _role(delivery, "ExecutionRole")
    lake = f"arn:aws:s3:::{PROD.bucket}/raw/orders/a.csv"
    assert not [s for s in allowed if any(fnmatchcase(lake, arn) for arn in as_list(s["Resource"]) if arn != "*")]


@pytest.mark.parametrize("stack", [name for name in TEMPLATES if name != names.DELIVERY_STACK])
def test_every_role_has_the_boundary(deployed, stack):
    roles = _all(deployed(stack), "AWS::IAM::Role")
    assert roles
    assert {role["PermissionsBoundary"] for role in roles.values()} == {BOUNDARY}


def test_on_a_local_aws_which_has_no_boundary_the_roles_have_none(deployed):
    roles = _all(deployed(names.STACK, **{"Environment": "local", "AWS::NoValue": ""}), "AWS::IAM::Role")
    assert {role["PermissionsBoundary"] for role in roles.values()} == {""}


@pytest.mark.parametrize("stack", [name for name in TEMPLATES if name != names.DELIVERY_STACK])
def test_no_role_is_given_what_the_boundary_takes_away(deployed, delivery, stack):
    ((_, boundary),) = _all(delivery, "AWS::IAM::ManagedPolicy").items()
    within = [action for s in boundary["PolicyDocument"]["Statement"] for action in as_list(s["Action"])]
    given = {action for _, statement in statements(deployed(stack)) for action in as_list(statement["Action"])}
    assert {action for action in given if not any(fnmatchcase(action, pattern) for pattern in within)} == set()


def test_the_boundary_gives_nothing_of_iam_and_is_short_enough(delivery):
    ((_, boundary),) = _all(delivery, "AWS::IAM::ManagedPolicy").items()
    actions = [action for s in boundary["PolicyDocument"]["Statement"] for action in as_list(s["Action"])]
    assert not [action for action in actions if action == "*" or action.startswith(("iam:", "sts:", "ec2:"))]
    assert len(json.dumps(boundary["PolicyDocument"], separators=(",", ":"))) <= 6144
    assert boundary["ManagedPolicyName"] == BOUNDARY.rpartition("/")[2]


# --- tags


@pytest.mark.parametrize("stack", TEMPLATES)
def test_everything_that_costs_bears_the_tags_by_which_the_bill_is_divided(deployed, stack):
    template = deployed(stack)
    for kind in (
        "S3::Bucket",
        "KMS::Key",
        "SQS::Queue",
        "SNS::Topic",
        "Lambda::Function",
        "Glue::Job",
        "Logs::LogGroup",
    ):
        for name, properties in _all(template, f"AWS::{kind}").items():
            tags = properties["Tags"]
            tags = tags if isinstance(tags, dict) else {each["Key"]: each["Value"] for each in tags}
            wanted = {"Project": "ledgerlake", "Environment": "prod", "CostCenter": "ecommerce"}
            assert wanted.items() <= tags.items(), name
