"""Clients of boto3 for a server of the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config


def clients_for(address: str, timeout_seconds: float = 5) -> Callable[[str], Any]:
    """Return what makes a client for a region. Clients neither retry nor look for credentials."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=timeout_seconds, connect_timeout=timeout_seconds)
    session = boto3.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret-of-an-example")  # noqa: S106
    return lambda region: session.client("kms", region_name=region, endpoint_url=address, config=config)
