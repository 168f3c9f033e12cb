"""Roles of people: reader, analyst and operator; docs/access.md lists their permissions.

A principal may assume a role if its `ledgerlake` tag names that role and it may call sts:AssumeRole. The principal
is a user, a role, or a session of the identity provider.
"""

from __future__ import annotations

from aws_cdk import Aws, Duration
from aws_cdk import aws_athena as athena
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stacks.data_plane import access, work
from infra.stacks.data_plane.limits import SCANNED_AT_MOST
from infra.stacks.guardrails import operator
from infra.stacks.guardrails.parameters import GuardrailsParameters
from ledgerlake import keys, names

READER, ANALYST, OPERATOR = "reader", "analyst", "operator"
TAG = "ledgerlake"
ANALYSTS_RESULTS = f"{keys.ATHENA_RESULTS}analysts/"


class People(Construct):
    """`analyst`, whom Lake Formation shows what is not sensitive; and the other roles."""

    def __init__(self, scope: Construct, parameters: GuardrailsParameters, lake: s3.IBucket) -> None:
        super().__init__(scope, "People")
        self._parameters, self._lake = parameters, lake
        decrypt = access.through(parameters.lake_key, "s3")
        runs = [access.objects(lake, [keys.RUNS], access.READ), access.names(lake, [keys.RUNS])]
        reads = [*work.queries(), *work.query_objects(lake), *runs, decrypt]
        self._workgroup()
        self.reader = self._role(READER, "Asks Athena about every table, sensitive columns too.", {"read": reads})
        self.analyst = self._role(
            ANALYST,
            "Asks Athena about the tables and the ledger, without the columns that the contracts call sensitive.",
            {"analyse": [*_analyst(lake), decrypt]},
        )
        self.operator = self._role(
            OPERATOR,
            "Reads as a reader; reads logs; accepts, releases, redrives and backfills.",
            {
                "read": reads,
                "look": operator.observe(lake),
                "repair": operator.repair(lake, parameters.lake_key),
                "run": operator.run(parameters.environment),
            },
        )

    def _role(self, name: str, doc: str, policies: dict[str, list[iam.PolicyStatement]]) -> iam.Role:
        marked = {"StringEquals": {f"aws:PrincipalTag/{TAG}": name}}
        return iam.Role(
            self,
            name.capitalize(),
            description=doc,
            assumed_by=iam.PrincipalWithConditions(iam.AccountRootPrincipal(), conditions=marked),
            max_session_duration=Duration.hours(8),
            inline_policies={part: access.document(*statements) for part, statements in policies.items()},
        )

    def _workgroup(self) -> None:
        """Results of analysts are kept apart: whoever may read those of others reads sensitive columns in them."""
        athena.CfnWorkGroup(
            self,
            "AnalystsWorkgroup",
            name=names.ANALYSTS_WORKGROUP,
            description="Questions of analysts; results go to athena-results/analysts/.",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=SCANNED_AT_MOST,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self._parameters.bucket_name()}/{ANALYSTS_RESULTS}",
                    expected_bucket_owner=Aws.ACCOUNT_ID,
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=self._parameters.lake_key
                    ),
                ),
            ),
        )


def _analyst(lake: s3.IBucket) -> list[iam.PolicyStatement]:
    """No object of a table: Lake Formation hands out what it has filtered. The ledger holds counts only."""
    return [
        *work.queries(names.ANALYSTS_WORKGROUP),
        access.allow(["lakeformation:GetDataAccess"], ["*"]),  # it knows no resource; its own grants decide
        access.objects(lake, [ANALYSTS_RESULTS], access.WRITE),
        access.objects(lake, [keys.LEDGER], access.READ),
        access.names(lake, [ANALYSTS_RESULTS, keys.LEDGER]),
        access.allow(["s3:GetBucketLocation"], [lake.bucket_arn]),
    ]
