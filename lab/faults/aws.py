"""How the account is broken: one fault for every symptom, and for the causes that can be told apart.

CloudWatch metrics and log lines are put in as Lambda and API Gateway would; AWS itself lets nobody
write into its namespaces, the emulator does. Where ``how`` is not ``real``, the state was set inside
of the emulator because no call of AWS's brings it about.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.account import FUNCTIONS, LETTERS, QUEUE, Account, report
from lab.fault import fault

SET_INSIDE = "set inside of the emulator: no AWS call brings it about"
ORDERS = FUNCTIONS[0]
_ID = "3f2b7b0c-0d1a-4a47-9f4f-6f4b5a4d1c11"


def _node_error(message: str) -> str:
    return f"2026-01-01T10:00:00.000Z\t{_ID}\tERROR\t{message}"


# --- getting in ---


@fault(
    "aws.unreachable",
    on="account",
    cause="the credentials have expired",
    how=SET_INSIDE,
)
def credentials_have_expired(account: Account) -> Iterator[None]:
    """STS and every service say ExpiredToken."""
    account.refuse("ExpiredToken", status=403)
    yield
    account.mend()


@fault(
    "aws.unreachable",
    on="account",
    cause="the credentials are not accepted",
    how=SET_INSIDE,
)
def credentials_are_not_known(account: Account) -> Iterator[None]:
    """STS says InvalidClientTokenId."""
    account.refuse("InvalidClientTokenId", status=403)
    yield
    account.mend()


@fault("aws.unreachable", on="account", cause="this machine's clock is off", how=SET_INSIDE)
def requests_are_signed_in_the_past(account: Account) -> Iterator[None]:
    """STS says RequestTimeTooSkewed."""
    account.refuse("RequestTimeTooSkewed", status=403)
    yield
    account.mend()


@fault(
    "aws.account-unexpected",
    on="account",
    cause="the call crosses accounts",
    proves=["claude-projects-api:iam-access-denied/caller-identity-expected"],
    how=SET_INSIDE,
)
def credentials_belong_to_another_account(account: Account) -> Iterator[None]:
    """GetCallerIdentity names another account."""
    account.be("999999999999")
    yield
    account.mend()


# --- functions: invocations fail ---


@fault(
    "aws.function-errors",
    on="account",
    cause="the function runs out of time",
    proves=[
        "claude-projects-api:bad-gateway-502/lambda-errors-low",
        "claude-projects-api:task-timed-out/no-timeout-in-log",
        "claude-projects-api:high-cpu/duration-within-bounds",
    ],
)
def function_times_out(account: Account) -> Iterator[None]:
    """A tenth of the invocations is cut off after 30 s."""
    account.invoked(ORDERS, 200, errors=20, longest=30_000)
    account.log(ORDERS, f"2026-01-01T10:00:00.000Z {_ID} Task timed out after 30.03 seconds")
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="the function runs out of memory",
    proves=["claude-projects-api:high-memory/no-out-of-memory-in-log"],
)
def function_runs_out_of_memory(account: Account) -> Iterator[None]:
    """The runtime is killed at the limit of its memory."""
    account.invoked(ORDERS, 200, errors=30)
    account.log(
        ORDERS,
        f"RequestId: {_ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
        report(used=512),
    )
    yield
    account.mend()


@fault("aws.function-errors", on="account", cause="a module is missing from the package")
def package_lacks_a_module(account: Account) -> Iterator[None]:
    """Every invocation fails with Runtime.ImportModuleError."""
    account.invoked(ORDERS, 40, errors=40)
    account.log(
        ORDERS,
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'bson'",
    )
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="the handler setting names nothing that the package has",
)
def handler_is_misspelled(account: Account) -> Iterator[None]:
    """Every invocation fails with Runtime.HandlerNotFound."""
    account.invoked(ORDERS, 40, errors=40)
    account.log(ORDERS, "[ERROR] Runtime.HandlerNotFound: Handler 'handle' missing on module 'app'")
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="the code raises an error that nobody handles",
    proves=["claude-projects-api:bad-gateway-502/no-crash-in-log"],
)
def function_crashes(account: Account) -> Iterator[None]:
    """A third of the invocations ends with an error of the code's own."""
    account.invoked(ORDERS, 90, errors=30)
    account.log(
        ORDERS,
        _node_error(
            'Invoke Error \t{"errorType":"TypeError","errorMessage":"Cannot read properties of '
            'null (reading \'id\')","stack":["TypeError: Cannot read properties of null"]}'
        ),
    )
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="the execution role lacks a permission",
    proves=["claude-projects-api:iam-access-denied/no-access-denied-in-log"],
)
def role_lacks_a_permission(account: Account) -> Iterator[None]:
    """What the function calls denies it."""
    account.invoked(ORDERS, 200, errors=50)
    account.log(
        ORDERS,
        _node_error(
            "AccessDenied: User: arn:aws:sts::123456789012:assumed-role/shop/orders is not "
            "authorized to perform: lambda:InvokeFunction"
        ),
    )
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="the database or a service cannot be reached",
    proves=["claude-projects-api:mongodb-connection-refused/mongo-error-log-free"],
)
def database_refuses_connections(account: Account) -> Iterator[None]:
    """The function's database driver is refused."""
    account.invoked(ORDERS, 200, errors=180)
    account.log(ORDERS, _node_error("MongoError: connect ECONNREFUSED 127.0.0.1:27017"))
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="a host name that the function needs is unknown",
    proves=["claude-projects-api:enotfound-atlas/no-enotfound-in-log"],
)
def cluster_name_is_unknown(account: Account) -> Iterator[None]:
    """The name in the connection string does not resolve."""
    account.invoked(ORDERS, 200, errors=180)
    account.log(ORDERS, _node_error("Error: getaddrinfo ENOTFOUND atlas.mongodb.net"))
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="the function's connection pool is exhausted",
    proves=["claude-projects-api:pool-exhausted/no-pool-error-in-log"],
)
def pool_is_exhausted(account: Account) -> Iterator[None]:
    """Requests wait in vain for a connection of the pool."""
    account.invoked(ORDERS, 200, errors=60)
    account.log(ORDERS, _node_error("MongoWaitQueueTimeoutError: Pool connection timeout"))
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="the database takes no more connections",
    proves=["claude-projects-api:too-many-connections/no-too-many-connections-in-log"],
)
def database_takes_no_more_connections(account: Account) -> Iterator[None]:
    """The tier's cap is reached."""
    account.invoked(ORDERS, 200, errors=60)
    account.log(ORDERS, _node_error("MongoServerError: Too many connections"))
    yield
    account.mend()


@fault(
    "aws.function-errors",
    on="account",
    cause="a setting that the function needs is not set",
    proves=["claude-projects-api:env-vars-missing/no-undefined-in-log"],
)
def setting_is_undefined(account: Account) -> Iterator[None]:
    """The function says that a variable is undefined."""
    account.invoked(ORDERS, 200, errors=200)
    account.log(ORDERS, _node_error("Error: MONGODB_URI is undefined"))
    yield
    account.mend()


@fault(
    "aws.function-log-errors",
    on="account",
    cause="a quota is exceeded by what the function calls",
    proves=["claude-projects-api:high-cpu/no-resource-limit-in-log"],
)
def only_the_log_tells(account: Account) -> Iterator[None]:
    """The function handles an error and answers, so that only its log tells of it."""
    account.log(ORDERS, _node_error("ThrottlingException: Rate exceeded, resource limits exceeded"))
    yield
    account.mend()


@fault(
    "aws.function-error-lines",
    on="account",
    cause="clients send requests that are not valid",
    proves=[
        "claude-projects-api:bad-gateway-502/error-lines-few",
        "claude-projects-api:validation-error/validation-errors-few",
    ],
)
def clients_leave_out_a_field(account: Account) -> Iterator[None]:
    """Thirty requests without a field that is required."""
    account.log(ORDERS, *[_node_error("ValidationError: field machine_id is required")] * 30)
    yield
    account.mend()


@fault(
    "aws.function-log-missing",
    on="account",
    cause="the function may not write its log",
    proves=["claude-projects-api:debug-logging/log-group-exists"],
)
def log_group_is_gone(account: Account) -> Iterator[None]:
    """The function is invoked and has no log group."""
    account.drop_log(ORDERS)
    yield
    account.mend()


# --- functions: state, settings, room ---


@fault(
    "aws.function-missing",
    on="account",
    proves=["claude-projects-api:api-unreachable/lambda-exists-active"],
)
def function_is_deleted(account: Account) -> Iterator[None]:
    """A function that the inventory names is not there."""
    account.delete_function(ORDERS)
    yield
    account.create_function(ORDERS)
    account.mend()


@fault(
    "aws.function-failed",
    on="account",
    cause="the function could not be created or restored",
    proves=["claude-projects-api:api-unreachable/lambda-exists-active"],
    how=SET_INSIDE,
)
def function_cannot_be_restored(account: Account) -> Iterator[None]:
    """Lambda says State Failed: its subnets have no address left."""
    account.function_says(
        ORDERS,
        State="Failed",
        StateReasonCode="SubnetOutOfIPAddresses",
        StateReason="The subnet of the function has no IP address left.",
    )
    yield
    account.mend()


@fault(
    "aws.function-failed",
    on="account",
    cause="the last update failed, and the code from before it still runs",
    proves=["claude-projects-api:lambda-not-updating/last-update-successful"],
    how=SET_INSIDE,
)
def update_of_a_function_fails(account: Account) -> Iterator[None]:
    """Lambda says LastUpdateStatus Failed."""
    account.function_says(
        ORDERS,
        LastUpdateStatus="Failed",
        LastUpdateStatusReason="The function's image does not exist.",
    )
    yield
    account.mend()


@fault(
    "aws.function-throttled",
    on="account",
    cause="a reserved concurrency of 0 lets nothing run",
    proves=[
        "claude-projects-api:bad-gateway-502/not-throttled",
        "claude-projects-api:bad-gateway-502/reserved-concurrency-sane",
    ],
)
def nothing_may_run(account: Account) -> Iterator[None]:
    """Somebody switched the function off by reserving nothing for it."""
    account.reserve(ORDERS, 0)
    account.invoked(ORDERS, 0, throttles=250)
    yield
    account.mend()


@fault(
    "aws.function-throttled",
    on="account",
    cause="the reserved concurrency is exhausted",
    proves=["claude-projects-api:bad-gateway-502/not-throttled"],
)
def too_few_may_run(account: Account) -> Iterator[None]:
    """All reserved executions are busy."""
    account.reserve(ORDERS, 4)
    account.invoked(ORDERS, 300, throttles=25)
    yield
    account.mend()


@fault(
    "aws.function-throttled",
    on="account",
    cause="the account's concurrency is exhausted",
    proves=["claude-projects-api:bad-gateway-502/not-throttled"],
)
def account_is_full(account: Account) -> Iterator[None]:
    """Throttled without a reservation: the account's limit is reached."""
    account.invoked(ORDERS, 300, throttles=25)
    yield
    account.mend()


@fault(
    "aws.function-concurrency-short",
    on="account",
    proves=["claude-projects-api:bad-gateway-502/reserved-concurrency-sane"],
)
def reservation_is_nearly_used_up(account: Account) -> Iterator[None]:
    """Four of four reserved executions ran at once, none was turned away yet."""
    account.reserve(ORDERS, 4)
    yield
    account.mend()


@fault(
    "aws.function-near-timeout",
    on="account",
    proves=["claude-projects-api:high-cpu/duration-within-bounds"],
)
def function_gets_slow(account: Account) -> Iterator[None]:
    """An invocation took 27 of its 30 s."""
    account.invoked(ORDERS, longest=27_000)
    yield
    account.mend()


@fault(
    "aws.function-memory-short",
    on="account",
    cause="the function has too little memory for what it does",
    proves=["claude-projects-api:high-memory/max-memory-headroom"],
)
def memory_is_nearly_used_up(account: Account) -> Iterator[None]:
    """An invocation used 509 of 512 MB."""
    account.log(ORDERS, report(used=509))
    yield
    account.mend()


@fault(
    "aws.function-cold-start-slow",
    on="account",
    cause="loading the code takes too long",
    proves=["claude-projects-api:bad-gateway-502/cold-start-short"],
)
def cold_start_takes_long(account: Account) -> Iterator[None]:
    """An initialisation of 9.8 s."""
    account.log(ORDERS, report(used=200, init=9800))
    yield
    account.mend()


@fault(
    "aws.function-environment",
    on="account",
    cause="a variable that the inventory requires is not set",
    proves=["claude-projects-api:env-vars-missing/mongodb-uri-in-environment"],
)
def connection_string_is_not_set(account: Account) -> Iterator[None]:
    """The function was deployed without MONGODB_URI."""
    account.configure(ORDERS, Environment={"Variables": {"NODE_ENV": "production"}})
    yield
    account.mend()


@fault(
    "aws.function-environment",
    on="account",
    cause="an address points at the function's own machine",
    proves=["claude-projects-api:mongodb-connection-refused/uri-not-localhost"],
)
def connection_string_points_at_localhost(account: Account) -> Iterator[None]:
    """The developer's own connection string was deployed."""
    account.connection_string(ORDERS, "mongodb://127.0.0.1:27017/shop")
    yield
    account.mend()


@fault(
    "aws.function-environment",
    on="account",
    cause="an address holds the host name of a guide's example",
    proves=["claude-projects-api:enotfound-atlas/uri-host-complete"],
)
def connection_string_is_the_guides(account: Account) -> Iterator[None]:
    """The placeholder was never replaced."""
    account.connection_string(ORDERS, "mongodb+srv://app:canary@cluster.mongodb.net/shop")
    yield
    account.mend()


@fault(
    "aws.function-debugging",
    on="account",
    cause="debugging was switched on for an investigation and forgotten",
    proves=[
        "claude-projects-api:debug-logging/debug-off-in-production",
        "claude-projects-api:invalid-api-key-401/node-env-production",
    ],
)
def debugging_is_left_on(account: Account) -> Iterator[None]:
    """DEBUG is set and NODE_ENV is development."""
    variables = {"NODE_ENV": "development", "DEBUG": "true", "MONGODB_URI": "mongodb://db/shop"}
    account.configure(ORDERS, Environment={"Variables": variables})
    yield
    account.mend()


@fault("aws.function-runtime-deprecated", on="account")
def runtime_is_no_longer_maintained(account: Account) -> Iterator[None]:
    """The function runs on Python 3.8."""
    account.configure(ORDERS, Runtime="python3.8")
    yield
    account.mend()


# --- stacks ---


@fault(
    "aws.stack-failed",
    on="account",
    cause="a resource could not be created",
    proves=["claude-projects-api:stack-create-failed/stack-not-create-failed"],
    how=SET_INSIDE,
)
def stack_cannot_be_created(account: Account) -> Iterator[None]:
    """The creation failed and was rolled back."""
    account.stack_is(
        "ROLLBACK_COMPLETE",
        failures=[("Handler", "AWS::Lambda::Function", "The role cannot be assumed by Lambda.")],
    )
    yield
    account.mend()


@fault(
    "aws.stack-failed",
    on="account",
    cause="a resource could not be rolled back",
    proves=["claude-projects-api:rollback-fails/stack-not-in-failed-rollback"],
    how=SET_INSIDE,
)
def rollback_of_a_stack_fails(account: Account) -> Iterator[None]:
    """The rollback of an update failed."""
    account.stack_is(
        "UPDATE_ROLLBACK_FAILED",
        failures=[("Topic", "AWS::SNS::Topic", "Resource handler returned message: not found")],
    )
    yield
    account.mend()


@fault(
    "aws.stack-failed",
    on="account",
    cause="a resource could not be deleted",
    proves=["claude-projects-api:rollback-fails/stack-delete-not-failed"],
    how=SET_INSIDE,
)
def stack_cannot_be_deleted(account: Account) -> Iterator[None]:
    """A bucket that is not empty resists."""
    account.stack_is(
        "DELETE_FAILED",
        failures=[("Bucket", "AWS::S3::Bucket", "The bucket you tried to delete is not empty")],
    )
    yield
    account.mend()


@fault(
    "aws.stack-stuck",
    on="account",
    cause="a rollback hangs on a resource",
    proves=["claude-projects-api:rollback-fails/stack-operation-not-stuck"],
    how=SET_INSIDE,
)
def rollback_hangs(account: Account) -> Iterator[None]:
    """A rollback is under way since three hours."""
    account.stack_is("UPDATE_ROLLBACK_IN_PROGRESS", minutes=180)
    yield
    account.mend()


@fault(
    "aws.stack-stuck",
    on="account",
    cause="a resource does not become ready",
    proves=["claude-projects-api:rollback-fails/stack-operation-not-stuck"],
    how=SET_INSIDE,
)
def update_hangs(account: Account) -> Iterator[None]:
    """An update is under way since two hours."""
    account.stack_is("UPDATE_IN_PROGRESS", minutes=120)
    yield
    account.mend()


@fault(
    "aws.stack-rolled-back",
    on="account",
    cause="a resource could not be updated",
    proves=["claude-projects-api:rollback-fails/stack-not-rolled-back"],
    how=SET_INSIDE,
)
def update_is_rolled_back(account: Account) -> Iterator[None]:
    """The last deployment was undone."""
    account.stack_is(
        "UPDATE_ROLLBACK_COMPLETE",
        failures=[
            ("Handler", "AWS::Lambda::Function", "Unzipped size must be smaller than 250 MB")
        ],
    )
    yield
    account.mend()


@fault(
    "aws.stack-missing",
    on="account",
    proves=["claude-projects-api:api-unreachable/stack-present"],
)
def stack_is_deleted(account: Account) -> Iterator[None]:
    """A stack that the inventory names is not there."""
    account.delete_stack()
    yield
    account.create_stack()
    account.mend()


# --- gateways ---


@fault(
    "aws.gateway-errors",
    on="account",
    proves=["claude-projects-api:bad-gateway-502/gateway-5xx-low"],
)
def gateway_answers_with_errors(account: Account) -> Iterator[None]:
    """A fifth of the answers is 5xx, though the functions are well."""
    account.requests(500, errors=100)
    yield
    account.mend()


@fault(
    "aws.gateway-errors",
    on="account",
    cause="a function behind it fails",
    proves=["claude-projects-api:bad-gateway-502/gateway-5xx-low"],
    also=["aws.function-errors@account"],
)
def function_makes_the_gateway_fail(account: Account) -> Iterator[None]:
    """A function crashes, and so the API in front of it answers 502."""
    account.invoked(ORDERS, 500, errors=100)
    account.log(ORDERS, f"RequestId: {_ID} Error: Runtime exited with error: exit status 1")
    account.requests(500, errors=100)
    yield
    account.mend()


@fault(
    "aws.gateway-slow",
    on="account",
    cause="what stands behind the gateway is slow",
    proves=["claude-projects-api:slow-responses/gateway-latency-2s"],
)
def api_gets_slow(account: Account) -> Iterator[None]:
    """The API takes 3.5 s on average."""
    account.requests(latency=3500, behind=3450)
    yield
    account.mend()


@fault(
    "aws.gateway-overhead",
    on="account",
    proves=["claude-projects-api:slow-responses/gateway-overhead-small"],
)
def time_is_lost_in_the_gateway(account: Account) -> Iterator[None]:
    """The function takes 0.3 s, the API 1.5 s."""
    account.requests(latency=1500, behind=300)
    yield
    account.mend()


@fault(
    "aws.gateway-undeployed",
    on="account",
    cause="the API has no deployed stage",
    proves=["claude-projects-api:api-unreachable/api-stage-deployed"],
)
def stage_is_deleted(account: Account) -> Iterator[None]:
    """The API is there and its stage is not."""
    account.undeploy()
    yield
    account.deploy()


@fault(
    "aws.gateway-undeployed",
    on="account",
    proves=["claude-projects-api:api-unreachable/rest-api-exists"],
)
def api_is_deleted(account: Account) -> Iterator[None]:
    """An API that the inventory names is not there."""
    account.delete_gateway()
    yield
    account.create_gateway()


@fault(
    "aws.gateway-cache-long",
    on="account",
    cause="a cache in front answers",
    proves=["claude-projects-api:lambda-not-updating/stage-cache-off"],
)
def answers_are_kept_for_an_hour(account: Account) -> Iterator[None]:
    """The stage's cache is on, with a TTL of 3600 s."""
    account.cache(3600)
    yield
    account.cache(0)


# --- everything else ---


@fault("aws.alarm-firing", on="account")
def alarm_fires(account: Account) -> Iterator[None]:
    """An alarm of the team's own is in ALARM."""
    account.alarm("ALARM", "Threshold Crossed: 1 datapoint [12.0] was greater than 5.0")
    yield
    account.mend()


@fault("aws.dead-letters", on="account")
def messages_are_given_up(account: Account) -> Iterator[None]:
    """Three messages ended in the dead-letter queue."""
    account.send(LETTERS, 3)
    yield
    account.mend()


@fault("aws.queue-stale", on="account", cause="nobody takes messages from it")
def queue_is_not_worked_off(account: Account) -> Iterator[None]:
    """Messages wait for an hour, and nobody takes them."""
    account.send(QUEUE, 5)
    account.metric("AWS/SQS", "ApproximateAgeOfOldestMessage", 3600, at=("QueueName", QUEUE))
    yield
    account.mend()


@fault(
    "aws.balancer-target-unhealthy",
    on="account",
    cause="the health check gets another answer than it expects",
    proves=["sergas:balancer-health-check-failures/target-health"],
    how=SET_INSIDE,
)
def health_check_is_answered_404(account: Account) -> Iterator[None]:
    """The balancer's check gets 404."""
    account.target(
        "unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [404]"
    )
    yield
    account.mend()


@fault(
    "aws.balancer-target-unhealthy",
    on="account",
    cause="the health check gets no answer in time",
    proves=["sergas:balancer-health-check-failures/target-health"],
    how=SET_INSIDE,
)
def health_check_gets_no_answer(account: Account) -> Iterator[None]:
    """The balancer's check times out."""
    account.target("unhealthy", "Target.Timeout", "Request timed out")
    yield
    account.mend()


@fault(
    "aws.certificate-not-issued",
    on="account",
    cause="the certificate has expired",
    proves=["claude-projects-api:api-unreachable/acm-certificate-issued"],
    how=SET_INSIDE,
)
def certificate_has_expired(account: Account) -> Iterator[None]:
    """ACM says EXPIRED of a certificate in use."""
    account.certificate_is("EXPIRED")
    yield
    account.mend()


@fault(
    "aws.certificate-expiring",
    on="account",
    cause="it was imported, and ACM renews only its own",
)
def certificate_nears_its_end(account: Account) -> Iterator[None]:
    """An imported certificate has a week left."""
    account.certificate_expires(7)
    yield
    account.mend()
