"""Buckets that outlive their stack's record: a local AWS that was killed early keeps the objects only.

CloudFormation would refuse to create a bucket whose name exists. Here the stack takes it over, so that
a lake comes up again after a crash with all its data.
"""

from __future__ import annotations

from typing import Any

from local.home import Home


def install(home: Home) -> None:  # noqa: ARG001, every executor is installed alike
    """Adopt buckets that exist when a stack makes them."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    create, update = provisioners._s3_create, provisioners._s3_update

    def create_or_adopt(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        name = props.get("BucketName")
        if name and name in s3._buckets:
            return update(name, {}, props, stack_name)
        return create(logical_id, props, stack_name)

    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["create"] = create_or_adopt
    provisioners.s3_bucket_name_conflict = lambda name: None  # noqa: ARG005
