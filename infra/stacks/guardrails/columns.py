"""Lake Formation grants of the columns that analysts see, derived from the contracts.

IAM controls objects, and an object of a table holds all its columns. Lake Formation reads the object on behalf of
the analyst and can omit columns. The location is registered in hybrid mode: a principal that has not opted in, such
as the pipeline, still reads by IAM.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stacks.data_plane import access
from infra.stacks.guardrails.parameters import GuardrailsParameters
from ledgerlake import names
from ledgerlake.contracts import DATASETS, Dataset

_TABLES = "lakehouse-dwh/"


def sensitive(dataset: Dataset) -> list[str]:
    """Return the columns that analysts do not see."""
    return [column.name for column in dataset.columns if column.sensitive]


class Columns(Construct):
    """The registered location, and one grant per table, which names what it leaves out."""

    def __init__(
        self, scope: Construct, parameters: GuardrailsParameters, lake: s3.IBucket, analyst: iam.IRole
    ) -> None:
        super().__init__(scope, "Columns")
        self._parameters, self._lake = parameters, lake
        location = lake.arn_for_objects(_TABLES.rstrip("/"))
        administrator = self._administrator()
        registered = lakeformation.CfnResource(
            self,
            "Location",
            resource_arn=location,
            role_arn=self._reader().role_arn,
            use_service_linked_role=False,
            hybrid_access_enabled=True,
        )
        registered.add_resource_dependency(administrator)
        # in hybrid mode, too, only who is granted a location may declare tables in it
        crawler = self._grant(
            "Crawler",
            parameters.crawler_role,
            ["DATA_LOCATION_ACCESS"],
            data_location=lakeformation.CfnPrincipalPermissions.DataLocationResourceProperty(
                catalog_id=Aws.ACCOUNT_ID, resource_arn=location
            ),
        )
        crawler.add_resource_dependency(registered)
        for dataset in DATASETS.values():
            grant = self._table(dataset, analyst)
            grant.cfn_options.condition = parameters.tables_loaded
            grant.add_resource_dependency(registered)

    def _administrator(self) -> lakeformation.CfnDataLakeSettings:
        """Who deploys this stack may grant; added to the account's own administrators, whom it leaves alone."""
        settings = lakeformation.CfnDataLakeSettings(
            self,
            "Administrator",
            admins=[
                lakeformation.CfnDataLakeSettings.DataLakePrincipalProperty(
                    data_lake_principal_identifier=self._parameters.deployer
                )
            ],
            mutation_type="APPEND",
        )
        settings.apply_removal_policy(RemovalPolicy.RETAIN)
        return settings

    def _reader(self) -> iam.Role:
        return iam.Role(
            self,
            "Reader",
            description="Lake Formation reads the tables with it, for analysts, and hands on what they may see.",
            assumed_by=iam.ServicePrincipal("lakeformation.amazonaws.com", conditions=_this_account()),
            inline_policies={
                "read": access.document(
                    access.objects(self._lake, [_TABLES], access.READ),
                    access.names(self._lake, [_TABLES]),
                    access.through(self._parameters.lake_key, "s3"),
                )
            },
        )

    def _table(self, dataset: Dataset, analyst: iam.IRole) -> lakeformation.CfnPrincipalPermissions:
        left_out = lakeformation.CfnPrincipalPermissions.ColumnWildcardProperty(
            excluded_column_names=sensitive(dataset)
        )
        return self._grant(
            f"Analyst-{dataset.name}",
            analyst.role_arn,
            ["SELECT"],
            table_with_columns=lakeformation.CfnPrincipalPermissions.TableWithColumnsResourceProperty(
                catalog_id=Aws.ACCOUNT_ID,
                database_name=names.DATABASE,
                name=dataset.name,
                column_wildcard=left_out,
            ),
        )

    def _grant(self, part: str, who: str, permissions: list[str], **what: Any) -> lakeformation.CfnPrincipalPermissions:
        return lakeformation.CfnPrincipalPermissions(
            self,
            part,
            principal=lakeformation.CfnPrincipalPermissions.DataLakePrincipalProperty(
                data_lake_principal_identifier=who
            ),
            resource=lakeformation.CfnPrincipalPermissions.ResourceProperty(**what),
            permissions=permissions,
            permissions_with_grant_option=[],
        )


def _this_account() -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
