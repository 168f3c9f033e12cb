"""Glue catalogue `ecommerce_dwh`: database, Parquet and JSON tables, crawler of Delta tables, Athena workgroup."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stacks.data_plane import access
from infra.stacks.data_plane.limits import SCANNED_AT_MOST
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS
from ledgerlake.tables import catalogue

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_FORMATS = {
    "parquet": (
        f"{_PARQUET}.MapredParquetInputFormat",
        f"{_PARQUET}.MapredParquetOutputFormat",
        f"{_PARQUET}.serde.ParquetHiveSerDe",
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.apache.hive.hcatalog.data.JsonSerDe",
    ),
}
"""Input format, output format and SerDe of each kind of files."""
_EDIT_TABLES = ("glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable")


class Catalogue(Construct):
    """Everything between the lake's objects and a query."""

    def __init__(self, scope: Construct, lake: s3.IBucket, key: kms.IKey) -> None:
        super().__init__(scope, "Catalogue")
        self.lake, self.key = lake, key
        self.database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=names.DATABASE, description="The shop's lakehouse, and what became of every delivered row."
            ),
        )
        for table in catalogue.declared_tables():
            self._table(table)
        self.crawler_role = self._crawler_role()
        self.crawler = self._crawler()
        self.workgroup = self._workgroup()

    def _table(self, table: catalogue.Table) -> None:
        location = self.lake.s3_url_for_object(table.prefix)
        input_format, output_format, serde = _FORMATS[table.kind]
        declared = glue.CfnTable(
            self,
            f"Table-{table.name}",
            catalog_id=Aws.ACCOUNT_ID,
            database_name=names.DATABASE,
            table_input=glue.CfnTable.TableInputProperty(
                name=table.name,
                description=table.doc,
                table_type="EXTERNAL_TABLE",
                parameters={"EXTERNAL": "TRUE", "classification": table.kind, **_projection(table, location)},
                partition_keys=_columns(table.partitions),
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=_columns(table.columns),
                    location=location,
                    input_format=input_format,
                    output_format=output_format,
                    serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=serde),
                ),
            ),
        )
        declared.add_resource_dependency(self.database)

    def _crawler(self) -> glue.CfnCrawler:
        tables = [self.lake.s3_url_for_object(table.prefix) for table in catalogue.delta_tables()]
        crawler = glue.CfnCrawler(
            self,
            "Crawler",
            name=names.CRAWLER,
            description="Registers the Delta tables, and follows their schema.",
            role=self.crawler_role.role_arn,
            database_name=names.DATABASE,
            targets=glue.CfnCrawler.TargetsProperty(
                delta_targets=[
                    glue.CfnCrawler.DeltaTargetProperty(
                        delta_tables=tables, create_native_delta_table=True, write_manifest=False
                    )
                ]
            ),
            schema_change_policy=glue.CfnCrawler.SchemaChangePolicyProperty(
                update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
            ),
        )
        crawler.add_resource_dependency(self.database)
        return crawler

    def _crawler_role(self) -> iam.Role:
        prefixes = [table.prefix for table in catalogue.delta_tables()]
        tables = [access.arn("glue", f"table/{names.DATABASE}/{table.name}") for table in catalogue.delta_tables()]
        return iam.Role(
            self,
            "CrawlerRole",
            description="The crawler reads the Delta tables and registers them.",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            inline_policies={
                "crawl": access.document(
                    access.objects(self.lake, prefixes, access.READ),
                    access.names(self.lake, prefixes),
                    access.allow(["s3:GetBucketLocation"], [self.lake.bucket_arn]),
                    access.encrypted_by(self.key, "s3"),
                    access.allow(["glue:GetDatabase", *_EDIT_TABLES], [*catalogue_arns(), *tables]),
                    access.logs("/aws-glue/crawlers"),
                )
            },
        )

    def _workgroup(self) -> athena.CfnWorkGroup:
        configuration = athena.CfnWorkGroup.WorkGroupConfigurationProperty(
            enforce_work_group_configuration=True,
            publish_cloud_watch_metrics_enabled=True,
            bytes_scanned_cutoff_per_query=SCANNED_AT_MOST,
            engine_version=athena.CfnWorkGroup.EngineVersionProperty(selected_engine_version="Athena engine version 3"),
            result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                output_location=self.lake.s3_url_for_object(keys.ATHENA_RESULTS),
                encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                    encryption_option="SSE_KMS", kms_key=self.key.key_arn
                ),
            ),
        )
        return athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=names.WORKGROUP,
            description="Checks and questions; results go to the lake's athena-results/.",
            work_group_configuration=configuration,
        )


def catalogue_arns() -> list[str]:
    """Return the ARNs of the catalogue and the database, which Glue requires beside each table."""
    return [access.arn("glue", "catalog"), access.arn("glue", f"database/{names.DATABASE}")]


def _columns(columns: tuple[tuple[str, str], ...]) -> list[glue.CfnTable.ColumnProperty]:
    return [glue.CfnTable.ColumnProperty(name=name, type=kind) for name, kind in columns]


def _projection(table: catalogue.Table, location: str) -> dict[str, str]:
    """Athena computes the partitions instead of looking them up, so a new one is there at once."""
    if not table.partitions:
        return {}
    ((partition, _),) = table.partitions
    return {
        "projection.enabled": "true",
        f"projection.{partition}.type": "enum",
        f"projection.{partition}.values": ",".join(DATASETS),
        "storage.location.template": f"{location}{partition}=${{{partition}}}/",
    }
