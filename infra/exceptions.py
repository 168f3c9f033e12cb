"""Where the stacks depart from the AWS Solutions rules (cdk-nag), each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledgerlake import names


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
_OURS = r"^Resource::arn:<AWS::Partition>:"
_HERE = r":<AWS::Region>:<AWS::AccountId>:"
_DELIVERY_WILDCARDS = {
    r"^Action::(airflow|athena|cloudwatch|ec2|events|glue|kms|lambda|logs|s3|sns|sqs|states):\*$": "CloudFormation "
    "makes, reads, changes, tags and deletes the resources that the same statement names; and the boundary, which "
    "gives nothing by itself, says for which services a role may be given anything at all.",
    r"^Action::kms:GenerateDataKey\*$": "Of the boundary: MWAA asks for both forms of it.",
    r"^Resource::\*$": "Each action for which there is no resource to name stands with its reason in ANYWHERE.",
    r"^Resource::<ArtifactsBucket[0-9A-F]+\.Arn>/\*$": "Releases, whose names are hashes of their content.",
    _OURS + r"s3:::ledgerlake-<Environment>-<AWS::AccountId>-<AWS::Region>/\*$": "Of the boundary: no object of "
    "another bucket.",
    _OURS + r"s3:::ledgerlake-<Environment>-<AWS::AccountId>-<AWS::Region>/(raw|archived)/[a-z_]+/(\*/)?"
    r"ledgerlake-smoke-\*$": "Files of the smoke test, by its name for them; it removes its own from the archive.",
    _OURS
    + r"s3:::ledgerlake-<Environment>-<AWS::AccountId>-<AWS::Region>/(batches|ledger|athena-results)/\*$": "What the "
    "smoke test reads, and where Athena writes for it.",
    _OURS + rf"sqs{_HERE}ledgerlake-smoke-\*$": "The queue by which the smoke test hears of the notification.",
    _OURS + rf"states{_HERE}execution:EcommerceETLPipeline:\*$": "Executions of this one state machine.",
    _OURS + rf"sns{_HERE}ecommerce-etl-notifications:\*$": "Subscriptions to the one topic, which have ids.",
    r"^Resource::<ArtifactsBucket[0-9A-F]+\.Arn>/airflow/dags/\*$": "Airflow's folder, which follows the tree.",
    _OURS + r"s3:::ledgerlake-artifacts-\*$": "MWAA's question whether the artifact bucket is encrypted.",
    _OURS + rf"(airflow{_HERE}\*|lambda{_HERE}function:\*|glue{_HERE}job/\*|events{_HERE}rule/StepFunctions\*)$": "Of "
    "the boundary: which of them, the policy of each role says.",
    _OURS + rf"(athena{_HERE}workgroup/ecommerce|sqs{_HERE}ecommerce-etl-|states{_HERE}(execution|stateMachine):"
    r"EcommerceETLPipeline)\*$": "Workgroups, queues and executions of the lake, by the beginning of their names.",
    _OURS + rf"budgets::<AWS::AccountId>:budget/ledgerlake-\*$|{_OURS}cloudwatch:(<AWS::Region>)?:<AWS::AccountId>:"
    r"(dashboard/ledgerlake-|alarm:(ecommerce|ledgerlake)-)\*$": "Budgets, dashboards and alarms of the lake.",
    _OURS + rf"cloudformation{_HERE}stack/Ledgerlake(Delivery|DataPlane|Airflow|Guardrails)/\*$": "CloudFormation adds "
    "an id to the name of a stack.",
    _OURS + rf"(ec2{_HERE}[a-z-]+/\*|lambda{_HERE}event-source-mapping:\*)$": "They have ids that nobody knows before "
    "they are made.",
    _OURS + rf"(iam::<AWS::AccountId>:(role|policy)|events{_HERE}rule)/Ledgerlake[A-Za-z]+-\*$": "CloudFormation names "
    "them after the stack. A role is made within the boundary only.",
    _OURS + r"iam::<AWS::AccountId>:role/aws-service-role/(airflow|lakeformation)\.amazonaws\.com/\*$": "The roles of "
    "two services, which these name themselves.",
    _OURS
    + rf"kms{_HERE}(key/\*|alias/ledgerlake-\*)$": "A key has an id that nobody knows before it is made; keys are "
    "recognised by the project's tag, or by the service through which they are used.",
    _OURS + rf"glue{_HERE}table/ecommerce_dwh/\*$": "The tables of the one database.",
    _OURS + rf"logs{_HERE}log-group:(/aws/lambda/|/aws/vendedlogs/states/EcommerceETLPipeline|/ledgerlake/|"
    r"airflow-ledgerlake-)\*$": "Log groups of the lake, by the beginning of their names.",
    _OURS + rf"sns{_HERE}ledgerlake-alarms:\*$": "Subscriptions to the one topic, which have ids.",
    _OURS + r"sqs:<AWS::Region>:\*:airflow-celery-\*$": "Of the boundary: MWAA's own queue, in an account of AWS's.",
}
_GUARDRAILS_WILDCARDS = {
    r"^Resource::\*$": "Each action for which there is no resource to name stands with its reason in ANYWHERE.",
    _OURS
    + r"s3:::ledgerlake-<Environment>-<AWS::AccountId>-<AWS::Region>/[a-z-]+/([a-z]+/)?\*$": "Objects below named "
    "prefixes of the lake: their names come with the deliveries.",
    _OURS + rf"cloudformation{_HERE}stack/LedgerlakeDataPlane/\*$": "CloudFormation adds an id to the name of a stack.",
    _OURS + rf"cloudwatch{_HERE}alarm:\*$": "An operator sees which alarms there are; CloudWatch asks for all of them.",
    _OURS + rf"glue{_HERE}table/ecommerce_dwh/\*$": "A query may name every table of this one database; permissions on "
    "the objects, and Lake Formation's, decide what it sees.",
    _OURS
    + rf"logs{_HERE}log-group:(/aws-glue/(jobs|crawlers)|/aws/lambda/|/aws/vendedlogs/states/EcommerceETLPipeline)"
    r"\*$": "The services name the log streams, and Glue adds to the name of its group.",
    _OURS
    + rf"logs{_HERE}log-group:airflow-ledgerlake-\*-[A-Za-z]+$": "MWAA names its log groups after the environment.",
    _OURS + rf"states{_HERE}execution:EcommerceETLPipeline:\*$": "Executions of this one state machine.",
}
ANYWHERE = {
    "cloudwatch:PutMetricData": "CloudWatch knows no resource for it; a condition names the namespace.",
    "cloudwatch:GetMetricData": "CloudWatch knows no resource for figures.",
    "cloudwatch:DescribeAlarms": "Of the boundary, which gives nothing by itself.",
    "cloudwatch:GetDashboard": "Of the boundary, which gives nothing by itself.",
    "ec2:Describe*": "EC2 knows no resource for looking.",
    "kms:CreateKey": "There is no key yet to be named; a condition asks for the project's tag.",
    "kms:ListAliases": "KMS knows no resource for this question.",
    "lakeformation:*": "Lake Formation knows no resources; its own grants decide.",
    "lambda:CreateEventSourceMapping": "A mapping has no name; a condition names the function that it calls.",
    "lambda:UpdateEventSourceMapping": "As for creating one: its function is named.",
    "lambda:DeleteEventSourceMapping": "As for creating one: its function is named.",
    "lambda:ListEventSourceMappings": "Lambda knows no resource for the question who consumes the queue.",
    "logs:*LogDeliver*": "CloudWatch Logs knows no resource for the delivery of logs.",
    "logs:PutResourcePolicy": "CloudWatch Logs knows no resource for the delivery of logs.",
    "logs:Describe*": "CloudWatch Logs knows no resource for the delivery of logs.",
    "logs:*": "Of the boundary: logs hold no rows, and the policy of each role names its groups.",
    "s3:GetAccountPublicAccessBlock": "Of the account, which is no resource.",
}
"""Actions, or patterns of them, that may be allowed on the resource `*`; the statements of every template are held
to it by `infra.review.security.wildcards`."""
EXCEPTIONS = {
    names.DELIVERY_STACK: Exceptions(wildcards=_DELIVERY_WILDCARDS),
    names.GUARDRAILS_STACK: Exceptions(wildcards=_GUARDRAILS_WILDCARDS),
    names.AIRFLOW_STACK: Exceptions(wildcards=_AIRFLOW_WILDCARDS),
    names.STACK: Exceptions(_DATA_PLANE_RULES, _DATA_PLANE_WILDCARDS),
}
