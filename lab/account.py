"""A small AWS account, emulated by moto's server: furnished in health, broken and mended by call.

The server is a process of ours (see lab.account_server) on a free loopback port, that ends with the
process that started it. Everything that AWS's own API can bring about is done through it; what it
cannot (a stack stuck, IAM that denies, credentials expired, a function that failed, a target that
fails its check) is set inside of the server, through its second door.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from lab.certificates import Authority

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ("orders", "billing")
STACK, GATEWAY, QUEUE, LETTERS = "shop", "shop-api", "jobs", "jobs-dead"
ALARM, GROUP, DOMAIN = "orders-errors", "shop-targets", "shop.example.com"
_HOSTNAME = "cluster0.ab1cd.mongodb.net"
_MINUTES = 10
"""How long ago what a healthy account did is dated; within every window that is looked at."""
_CLIENT_SECONDS = 20

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    # Nothing of the machine's own AWS configuration, and no question to a cloud's metadata service.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}
"""What the environment of a run against this account has to hold."""


class Account:
    """One account in one region. ``endpoint`` is where every service of it answers."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._session = boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
        )
        self._clients: dict[str, Any] = {}
        self._mending: list[tuple[Any, ...]] = []
        self._certificates: dict[str, str] = {}

    def client(self, service: str) -> Any:
        """A client of ours, with all rights, for what breaks and mends."""
        if service not in self._clients:
            timeouts = Config(connect_timeout=_CLIENT_SECONDS, read_timeout=_CLIENT_SECONDS)
            self._clients[service] = self._session.client(
                service, endpoint_url=self.endpoint, config=timeouts
            )
        return self._clients[service]

    # --- making ---

    def furnish(self) -> None:
        """Two functions that are invoked without errors, their logs, a stack, an API, two queues,
        an alarm, a balancer with two targets and a certificate in use.
        """
        for name in FUNCTIONS:
            self.create_function(name)
            self.forget_function(name)
        self.create_stack()
        self.create_gateway()
        self._queues()
        self.alarm("OK")
        self._balancer()
        self._certificate(days=200)
        self.client("cloudwatch").get_metric_data(  # the service answers slowly the first time
            MetricDataQueries=[_query("AWS/Lambda", "Errors")],
            StartTime=_ago(1),
            EndTime=_ago(0),
        )
        self.seen()

    def create_function(self, name: str) -> None:
        """A function with 30 s and 512 MB."""
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=self._role(),
            Code={"ZipFile": _archive()},
            Timeout=30,
            MemorySize=512,
            Environment={"Variables": _variables()},
        )

    def _role(self) -> str:
        iam = self.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                }
            ],
        }
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName="shop", AssumeRolePolicyDocument=json.dumps(trust))
        return f"arn:aws:iam::{ACCOUNT}:role/shop"

    def delete_function(self, name: str) -> None:
        """Delete a function; its metrics and its log stay, as AWS's do."""
        self.client("lambda").delete_function(FunctionName=name)

    def delete_stack(self) -> None:
        """Delete the stack."""
        self.client("cloudformation").delete_stack(StackName=STACK)

    def create_stack(self) -> None:
        """A stack with one topic."""
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
        self.client("cloudformation").create_stack(
            StackName=STACK, TemplateBody=json.dumps(template)
        )

    def delete_gateway(self) -> None:
        """Delete the API."""
        self.client("apigateway").delete_rest_api(restApiId=self._api())

    def create_gateway(self) -> None:
        """An API with one method, a deployed stage, and requests that it answered."""
        api = self.client("apigateway")
        made = api.create_rest_api(name=GATEWAY)["id"]
        root = api.get_resources(restApiId=made)["items"][0]["id"]
        method = {"restApiId": made, "resourceId": root, "httpMethod": "GET"}
        api.put_method(**method, authorizationType="NONE")
        api.put_integration(**method, type="MOCK", integrationHttpMethod="GET")
        api.create_deployment(restApiId=made, stageName="live")
        self.requests()

    def _queues(self) -> None:
        sqs = self.client("sqs")
        sqs.create_queue(QueueName=LETTERS)
        letters = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{LETTERS}"
        redrive = json.dumps({"deadLetterTargetArn": letters, "maxReceiveCount": 3})
        sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": redrive})

    def _balancer(self) -> None:
        ec2, elb = self.client("ec2"), self.client("elbv2")
        subnets = ec2.describe_subnets()["Subnets"][:2]
        group = elb.create_target_group(
            Name=GROUP, Protocol="HTTP", Port=8000, VpcId=subnets[0]["VpcId"], TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        members = [{"Id": "172.31.0.11", "Port": 8000}, {"Id": "172.31.16.11", "Port": 8000}]
        elb.register_targets(TargetGroupArn=group, Targets=members)
        balancer = elb.create_load_balancer(
            Name="shop", Subnets=[subnet["SubnetId"] for subnet in subnets]
        )["LoadBalancers"][0]["LoadBalancerArn"]
        elb.create_listener(
            LoadBalancerArn=balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        self.target("healthy")

    def _certificate(self, days: int) -> None:
        issued = Authority("Somebody's authority").server(DOMAIN, valid_for=timedelta(days=days))
        known = self._certificates.get(DOMAIN)
        made = self.client("acm").import_certificate(
            Certificate=issued.certificate,
            PrivateKey=issued.key,
            **({"CertificateArn": known} if known else {}),
        )
        self._certificates[DOMAIN] = made["CertificateArn"]
        self.certificate_is("ISSUED")

    # --- functions ---

    def metric(
        self, namespace: str, name: str, value: float, *, at: tuple[str, str], count: int = 1
    ) -> None:
        """``count`` data points of a metric in the last minutes, each of ``value``."""
        self.client("cloudwatch").put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": at[0], "Value": at[1]}],
                    "Timestamp": _ago(_MINUTES),
                    "Value": value,
                }
            ]
            * count,
        )

    def function_metric(self, function: str, name: str, value: float) -> None:
        """A data point of one of Lambda's metrics of a function."""
        self.metric("AWS/Lambda", name, value, at=("FunctionName", function))

    def invoked(
        self,
        function: str,
        times: int = 200,
        *,
        errors: int = 0,
        throttles: int = 0,
        longest: float = 900,
    ) -> None:
        """The metrics of a function that was invoked, ``longest`` being milliseconds; none but these."""
        self._order("forget", namespace="AWS/Lambda", value=function)
        for name, value in (
            ("Invocations", times),
            ("Errors", errors),
            ("Throttles", throttles),
            ("Duration", longest),
            ("ConcurrentExecutions", 4),
        ):
            self.function_metric(function, name, value)

    def log(self, function: str, *lines: str) -> None:
        """Lines in a function's log, as of some minutes ago."""
        logs, group = self.client("logs"), f"/aws/lambda/{function}"
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{time.monotonic_ns():032x}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        stamp = int(_ago(_MINUTES).timestamp() * 1000)
        logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[
                {"timestamp": stamp + index, "message": line} for index, line in enumerate(lines)
            ],
        )

    def forget_function(self, function: str) -> None:
        """Metrics and log of a function as in health: invoked, and nothing worth telling in its log."""
        self.invoked(function)
        logs, group = self.client("logs"), f"/aws/lambda/{function}"
        self.drop_log(function)
        logs.create_log_group(logGroupName=group)
        self.log(
            function,
            "INIT_START Runtime Version: python:3.13.v1",
            "START RequestId: 3f2b7b0c-0d1a-4a47-9f4f-6f4b5a4d1c11 Version: $LATEST",
            "[INFO] 2026-01-01T10:00:00Z order stored, 0 errors",
            report(used=120, init=420),
        )
        self._order("function", name=function, settings={})

    def drop_log(self, function: str) -> None:
        """Delete a function's log group."""
        logs = self.client("logs")
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=f"/aws/lambda/{function}")

    def function_says(self, function: str, **settings: object) -> None:
        """What Lambda says of a function (State, LastUpdateStatus, ...); set inside of the server."""
        self._order("function", name=function, settings=settings)

    def configure(self, function: str, **settings: object) -> None:
        """Change a function's settings (Timeout, MemorySize, Runtime, Environment, ...)."""
        self.client("lambda").update_function_configuration(FunctionName=function, **settings)

    def connection_string(self, function: str, address: str) -> None:
        """Give a function another MONGODB_URI."""
        variables = {**_variables(), "MONGODB_URI": address}
        self.configure(function, Environment={"Variables": variables})

    def reserve(self, function: str, executions: int | None) -> None:
        """Reserve concurrency for a function; None for no reservation."""
        api = self.client("lambda")
        if executions is None:
            api.delete_function_concurrency(FunctionName=function)
        else:
            api.put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=executions
            )

    # --- everything else ---

    def stack_is(
        self,
        status: str,
        *,
        minutes: float = 5,
        reason: str = "",
        failures: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        """Put the stack into a status; set inside of the server, where AWS's API has no call for it.

        ``failures`` are (resource, type, reason).
        """
        told = [dict(zip(("resource", "type", "reason"), one, strict=True)) for one in failures]
        self._order(
            "stack", name=STACK, status=status, minutes=minutes, reason=reason, failures=told
        )

    def requests(
        self, times: int = 500, *, errors: int = 0, latency: float = 120, behind: float = 100
    ) -> None:
        """The metrics of the API; times in milliseconds."""
        self._order("forget", namespace="AWS/ApiGateway", value=GATEWAY)
        for name, value in (
            ("Count", times),
            ("5XXError", errors),
            ("4XXError", 3),
            ("Latency", latency),
            ("IntegrationLatency", behind),
        ):
            self.metric("AWS/ApiGateway", name, value, at=("ApiName", GATEWAY))

    def alarm(self, state: str, reason: str = "set by the lab") -> None:
        """Put the alarm into a state: OK, ALARM or INSUFFICIENT_DATA."""
        cloudwatch = self.client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName=ALARM,
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": FUNCTIONS[0]}],
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason=reason)

    def send(self, queue: str, messages: int) -> None:
        """Put messages into a queue."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        for index in range(messages):
            sqs.send_message(QueueUrl=url, MessageBody=f"job {index}")

    def drain(self, queue: str) -> None:
        """Empty a queue, and forget how old its messages were."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        while taken := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in taken:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self._order("forget", namespace="AWS/SQS", value=queue)

    def undeploy(self) -> None:
        """Delete the API's stage."""
        api = self.client("apigateway")
        api.delete_stage(restApiId=self._api(), stageName="live")

    def deploy(self) -> None:
        """Give the API its stage again."""
        self.client("apigateway").create_deployment(restApiId=self._api(), stageName="live")

    def cache(self, seconds: int) -> None:
        """Let the API's stage keep answers for so long; 0 switches its cache off."""
        switch = {
            "op": "replace",
            "path": "/cacheClusterEnabled",
            "value": str(bool(seconds)).lower(),
        }
        use = {"op": "replace", "path": "/*/*/caching/enabled", "value": str(bool(seconds)).lower()}
        keep = {"op": "replace", "path": "/*/*/caching/ttlInSeconds", "value": str(seconds)}
        self.client("apigateway").update_stage(
            restApiId=self._api(), stageName="live", patchOperations=[switch, use, keep]
        )

    def _api(self) -> str:
        found: str = self.client("apigateway").get_rest_apis()["items"][0]["id"]
        return found

    def target(self, state: str, reason: str = "", description: str = "") -> None:
        """What the balancer finds of its members; set inside of the server, which checks nobody."""
        self._order("target", group=GROUP, state=state, reason=reason, description=description)

    def certificate_expires(self, days: int) -> None:
        """Import the certificate anew, with so many days left."""
        self._certificate(days)

    def certificate_is(self, status: str) -> None:
        """What ACM says of the certificate, which a balancer holds; set inside of the server."""
        self._order(
            "certificate",
            arn=self._certificates[DOMAIN],
            status=status,
            in_use_by=["arn:aws:elasticloadbalancing:::loadbalancer/app/shop/1"],
        )

    # --- access ---

    def refuse(
        self, code: str, *, service: str = "", operation: str = "", status: int = 400
    ) -> None:
        """Answer these calls with an AWS error; set inside of the server, in front of moto."""
        self._order("refuse", service=service, operation=operation, code=code, status=status)

    def be(self, number: str) -> None:
        """Let GetCallerIdentity name another account; set inside of the server."""
        self._order("identity", number=number)

    def allow(self) -> None:
        """Refuse nothing any more."""
        self._order("allow")

    def seen(self) -> list[str]:
        """The operations that were asked for since the last time, such as ``lambda:ListFunctions``."""
        calls: list[str] = self._order("calls")
        return calls

    def mend(self) -> None:
        """Make the account healthy again, whatever was broken; what was deleted has to be there."""
        self.allow()
        self.be(ACCOUNT)
        for name in FUNCTIONS:
            self.configure(
                name,
                Timeout=30,
                MemorySize=512,
                Runtime="python3.13",
                Environment={"Variables": _variables()},
            )
            self.reserve(name, None)
            self.forget_function(name)
        self.stack_is("CREATE_COMPLETE")
        self.requests()
        self.alarm("OK")
        for queue in (QUEUE, LETTERS):
            self.drain(queue)
        self.target("healthy")
        self._certificate(days=200)

    def _order(self, what: str, **order: object) -> Any:
        request = urllib.request.Request(
            f"{self.endpoint}/lab/{what}",
            json.dumps(order).encode(),
            {"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_CLIENT_SECONDS) as answer:
            return json.load(answer)


@contextmanager
def account() -> Iterator[Account]:
    """A furnished account, for as long as the block lasts."""
    server = subprocess.Popen(
        [sys.executable, "-m", "lab.account_server"],
        cwd=ROOT,
        env={**os.environ, **ENVIRON},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin
    assert server.stdout
    try:
        endpoint = server.stdout.readline().strip()
        if not endpoint:
            raise RuntimeError("the account's server did not start: is moto[server] installed?")
        running = Account(endpoint)
        running.furnish()
        yield running
    finally:
        server.stdin.close()
        server.kill()
        server.wait()
        server.stdout.close()


def report(*, used: int, size: int = 512, duration: float = 85.2, init: float | None = None) -> str:
    """Lambda's last line of an invocation; memory in MB, times in milliseconds."""
    start = f"\tInit Duration: {init:.2f} ms" if init is not None else ""
    return (
        "REPORT RequestId: 3f2b7b0c-0d1a-4a47-9f4f-6f4b5a4d1c11\t"
        f"Duration: {duration:.2f} ms\tBilled Duration: {int(duration) + 1} ms\t"
        f"Memory Size: {size} MB\tMax Memory Used: {used} MB{start}\t"
    )


def _variables() -> Mapping[str, str]:
    return {
        "NODE_ENV": "production",
        "MONGODB_URI": f"mongodb+srv://app:s3cr3t-of-the-lab@{_HOSTNAME}/shop",
    }


def _ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def _query(namespace: str, name: str) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": name}
    return {"Id": "m0", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}


def _archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return {'statusCode': 200}\n")
    return packed.getvalue()
