"""Where the stacks depart from the AWS Solutions rules (cdk-nag), each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aws_cdk as cdk
from cdk_nag import NagPackSuppression, NagSuppressions

from ledgerlake import places


@dataclass(frozen=True)
class Exceptions:
    """Those of one stack.

    Args:
        rules: rule → why it holds for no resource of the stack.
        wildcards: regular expression over what AwsSolutions-IAM5 finds → why it may be there.
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    wildcards: Mapping[str, str] = field(default_factory=dict)


_DATA_PLANE_RULES = {
    "AwsSolutions-GL1": "CloudWatch Logs encrypts these logs already, with a key of its own; they hold counts, keys "
    "and errors, and the rows themselves are only in the lake, under the lake's key.",
    "AwsSolutions-GL3": "Bookmarks are switched off: a job reads what its batch's manifest names.",
    "AwsSolutions-SF1": "Step Functions keeps every event of an execution for 90 days itself; the log is for the "
    "errors, and rows of checks do not belong into it.",
    "AwsSolutions-SF2": "An execution is one chain of minutes-long jobs, each with its own log; a trace adds nothing.",
    "AwsSolutions-L1": "Python 3.13 is what the archive is tested with; a newer runtime is taken up together with "
    "the tests, not when CDK learns of it.",
}
_DATA_PLANE_WILDCARDS = {
    r"^Resource::<LakeBucket[0-9A-F]+\.Arn>/.+\*$": "Objects below named prefixes of the lake: their names come "
    "with the deliveries. The bucket as a whole is granted to nobody.",
    r"^Resource::arn:<AWS::Partition>:s3:::<ArtifactBucket>/<Release>/glue/\*$": "The scripts and the wheel of the "
    "one release that is deployed, read only.",
    r"^Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws(-glue|/lambda)/.+\*$": "Glue "
    "and Lambda name the log streams, and Glue adds /output, /error or /logs-v2 to the name of its group.",
    r"^Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:EcommerceETLPipeline:\*$": ""
    "Executions of this one state machine: each has a name of its own.",
    r"^Resource::\*$": "Log delivery of the state machine, and the question of Airflow's policy "
    "who consumes the queue: AWS knows no resources for these.",
    r"^Resource::arn:<AWS::Partition>:glue:<AWS::Region>:<AWS::AccountId>:table/ecommerce_dwh/\*$": "A query may "
    "read every table of this one database; further permissions on the objects decide what it sees.",
}
_AIRFLOW_WILDCARDS = {
    r"^Action::(s3:GetObject\*|s3:GetBucket\*|s3:ListBucket\*)$": "MWAA's user guide asks for these families, and "
    "MWAA refuses a role that lacks one of them; they read, and only Airflow's own files.",
    r"^Action::kms:GenerateDataKey\*$": "MWAA's user guide asks for it; of Airflow's own key, through S3 and SQS only.",
    r"^Resource::arn:<AWS::Partition>:s3:::<ArtifactBucket>/airflow/\*$": "DAGs, plugins and requirements: what "
    "MWAA reads, and nothing else of the bucket.",
    r"^Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:airflow-ledgerlake-"
    r"<Environment>-\*$": "The five logs of this one environment, whose streams MWAA names.",
    r"^Resource::arn:<AWS::Partition>:sqs:<AWS::Region>:\*:airflow-celery-\*$": "The queue between scheduler and "
    "workers is in an account of AWS's, and has a name that MWAA makes.",
    r"^Resource::\*$": "Metrics, the names of log groups, and whether the account forbids public buckets: AWS knows "
    "no resources for these.",
}
EXCEPTIONS = {
    places.AIRFLOW_STACK: Exceptions(wildcards=_AIRFLOW_WILDCARDS),
    places.STACK: Exceptions(_DATA_PLANE_RULES, _DATA_PLANE_WILDCARDS),
}


def accept(stack: cdk.Stack) -> None:
    """Record the exceptions with the stack that makes them; a new kind of wildcard is not among them."""
    accepted = EXCEPTIONS.get(stack.stack_name, Exceptions())
    rules = [NagPackSuppression(id=rule, reason=reason) for rule, reason in accepted.rules.items()]
    wildcards = [
        NagPackSuppression(id="AwsSolutions-IAM5", reason=reason, applies_to=[{"regex": f"/{pattern}/"}])
        for pattern, reason in ((pattern.replace("/", r"\/"), reason) for pattern, reason in accepted.wildcards.items())
    ]
    NagSuppressions.add_stack_suppressions(stack, [*rules, *wildcards])
