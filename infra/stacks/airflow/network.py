"""The network of Airflow: two subnets without a way to the internet, and endpoints to the services it needs.

A NAT gateway in each zone would cost half as much, but then a task could reach anybody. Airflow needs
no package from outside: requirements.txt names what MWAA's image has.
"""

from __future__ import annotations

from aws_cdk import Aws, CfnResource, CfnTag, Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stacks.airflow.endpoints import FOR_DAGS, FOR_MWAA, service_name
from infra.stacks.airflow.parameters import AirflowParameters
from infra.stacks.data_plane import access

_ALL = "-1"
_HTTPS = 443


class Network(Construct):
    """`subnets` and `security_group` for the environment; `ready` is what must be there before it."""

    def __init__(self, scope: Construct, parameters: AirflowParameters, key: kms.IKey) -> None:
        super().__init__(scope, "Network")
        self._parameters = parameters
        self._vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=parameters.size("Network"),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=[_named(parameters, "airflow")],
        )
        self._routes = ec2.CfnRouteTable(
            self, "Routes", vpc_id=self._vpc.ref, tags=[_named(parameters, "airflow-no-way-out")]
        )
        self.ready: list[CfnResource] = []
        self.subnets = [self._subnet(number) for number in range(2)]
        self.security_group = self._group()
        self.ready += [self._s3(), *self._endpoints()]
        self._watch(key)

    def _subnet(self, number: int) -> str:
        subnet = ec2.CfnSubnet(
            self,
            f"Subnet{number}",
            vpc_id=self._vpc.ref,
            availability_zone=self._parameters.zone(number),
            cidr_block=Fn.select(number, Fn.cidr(self._vpc.attr_cidr_block, 2, "8")),
            map_public_ip_on_launch=False,
            tags=[_named(self._parameters, f"airflow-private-{number}")],
        )
        routed = ec2.CfnSubnetRouteTableAssociation(
            self, f"Association{number}", subnet_id=subnet.ref, route_table_id=self._routes.ref
        )
        self.ready.append(routed)
        return subnet.ref

    def _group(self) -> str:
        """Airflow's parts talk to one another. Outwards all is allowed, as MWAA asks for; there is no route."""
        group = ec2.CfnSecurityGroup(
            self,
            "Airflow",
            group_description="Airflow: its parts among themselves, and out to the endpoints of the network",
            vpc_id=self._vpc.ref,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol=_ALL, cidr_ip="0.0.0.0/0", description="There is a route to the endpoints only"
                )
            ],
        )
        itself = ec2.CfnSecurityGroupIngress(
            self,
            "Itself",
            group_id=group.attr_group_id,
            source_security_group_id=group.attr_group_id,
            ip_protocol=_ALL,
            description="Scheduler, workers, web server and database",
        )
        self.ready.append(itself)
        return group.attr_group_id

    def _s3(self) -> ec2.CfnVPCEndpoint:
        return ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=self._vpc.ref,
            service_name=service_name("s3", Aws.REGION),
            vpc_endpoint_type="Gateway",
            route_table_ids=[self._routes.ref],
        )

    def _endpoints(self) -> list[ec2.CfnVPCEndpoint]:
        doors = ec2.CfnSecurityGroup(
            self,
            "Doors",
            group_description="Endpoints of AWS services, for Airflow",
            vpc_id=self._vpc.ref,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=_HTTPS,
                    to_port=_HTTPS,
                    source_security_group_id=self.security_group,
                    description="TLS from Airflow",
                )
            ],
            security_group_egress=[  # none at all would be read as the default: everything
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="icmp", from_port=0, to_port=0, cidr_ip="127.0.0.1/32", description="Nothing"
                )
            ],
        )
        return [self._endpoint(service, doors.attr_group_id) for service in (*FOR_MWAA, *FOR_DAGS)]

    def _endpoint(self, service: str, group: str) -> ec2.CfnVPCEndpoint:
        return ec2.CfnVPCEndpoint(
            self,
            service.title().replace(".", ""),
            vpc_id=self._vpc.ref,
            service_name=service_name(service, Aws.REGION),
            vpc_endpoint_type="Interface",
            subnet_ids=self.subnets,
            security_group_ids=[group],
            private_dns_enabled=True,
            policy_document=_for_us_alone() if service in FOR_DAGS else None,
        )

    def _watch(self, key: kms.IKey) -> None:
        """Who talked to whom, also what was refused, for 90 days."""
        log = logs.LogGroup(
            self,
            "FlowLog",
            log_group_name=f"/ledgerlake/{self._parameters.environment}/airflow-network",
            retention=logs.RetentionDays.THREE_MONTHS,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        condition = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        role = iam.Role(
            self,
            "FlowLogRole",
            description="The network of Airflow writes who talked to whom, and nothing else.",
            assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com", conditions=condition),
            inline_policies={"Write": access.document(access.allow(actions, [log.log_group_arn]))},
        )
        ec2.CfnFlowLog(
            self,
            "Flow",
            resource_id=self._vpc.ref,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=log.log_group_arn,
            deliver_logs_permission_arn=role.role_arn,
        )


def _for_us_alone() -> iam.PolicyDocument:
    """Whoever came in with another account's credentials could carry data to that account."""
    return access.document(
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=["*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
        )
    )


def _named(parameters: AirflowParameters, what: str) -> CfnTag:
    return CfnTag(key="Name", value=f"ledgerlake-{parameters.environment}-{what}")
