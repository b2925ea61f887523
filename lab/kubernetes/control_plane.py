"""Start and end a Kubernetes control plane, and hand out ways into it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab.certificates import Authority, private_pem
from lab.kubernetes.api import Access, ApiError, Json, path
from lab.kubernetes.binaries import SERVERS, binaries
from lab.kubernetes.objects import Cluster
from lab.kubernetes.roles import read_only

_READY = 60.0  # seconds; three are usual, a machine under load takes its time
_POLL = 0.05

# Sockets in the servers' own directory: no port to find, nobody else can reach the store. etcd
# wants HOST:PORT even here, so this is what the files are called.
_ETCD, _PEER = "unix://etcd:1", "unix://peer:1"

# The endpoint of the service "kubernetes" may not be on loopback. This documentation address is
# written into that object and never contacted.
_ADVERTISED = "192.0.2.1"

_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "taint-eviction-controller",
)

# Leases short enough that a server which was stopped takes over its work again within seconds.
_LEADER = (
    "--leader-elect-lease-duration=4s",
    "--leader-elect-renew-deadline=3s",
    "--leader-elect-retry-period=1s",
)

# Every request, once, when it has been answered: who did what to which object, without contents.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


class ControlPlane:
    """A control plane of one's own for the length of a ``with`` block.

    Entering takes about three seconds (and once, five minutes to build) and raises
    :class:`~lab.cache.Unavailable` where it cannot be built, ``RuntimeError`` with the
    end of the server's log where it does not start. On leaving, and also when this process dies,
    the servers are killed and their directory is removed.

    - ``url``: of the API server, on 127.0.0.1
    - ``kubeconfig``: of an administrator
    - ``cluster``: what there is, to be furnished, broken and mended
    - ``audit_log``: every request made; see :func:`~lab.kubernetes.api.audited`
    - ``directory``: all files, the servers' logs (``NAME.log``) among them
    """

    url: str
    kubeconfig: Path
    cluster: Cluster
    audit_log: Path
    directory: Path

    def __enter__(self) -> Self:
        servers = binaries()
        self.directory = Path(tempfile.mkdtemp(prefix="sickbay-kubernetes-"))
        # Reserved until the end: the API server joins this socket's port, nobody else may.
        self._port = socket.socket()
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._port.bind(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._port.getsockname()[1]}"
        self._supervisor = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("supervisor.py"), self.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests; this ends after them
        )
        try:
            self._furnish_directory()
            self._commands = self._command_lines(servers)
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._supervisor.communicate(timeout=30)  # closes its standard input and waits
        finally:
            self._supervisor.kill()
            self._port.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    def kubeconfig_for(self, user: str, rules: Sequence[Json] | None = None) -> Path:
        """The kubeconfig of a new user who may do what the ClusterRole ``rules`` say, no more.

        Without rules: get and list what health tests look at. ``read_only(without={"nodes"})`` is a
        user who is refused (403) one kind, ``[]`` one who is refused everything. What the user did
        is found in the audit log under the same name.
        """
        granted = read_only() if rules is None else rules
        role = f"lab:{user}"
        who = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        to = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        meta = {"name": role}
        self.cluster.create("clusterroles", {"metadata": meta, "rules": list(granted)})
        self.cluster.create(
            "clusterrolebindings", {"metadata": meta, "subjects": [who], "roleRef": to}
        )
        if granted:  # the server learns of its own roles with a small delay
            self._wait(f"the rights of {user}", lambda: self._may(user, granted[-1]))
        return self._write_kubeconfig(user, self._access(self._authority, user))

    def kubeconfig_refused(self) -> Path:
        """The kubeconfig of somebody whom the server does not know (401 on everything)."""
        name = "stranger"
        return self._write_kubeconfig(name, self._access(Authority("another cluster"), name))

    def stop(self, server: str) -> None:
        """Kill one of the servers (``"kube-scheduler"``), as if it had crashed."""
        self._order({"stop": server})

    def start(self, server: str) -> None:
        """Start it again, on the same address and data, and wait until it works."""
        held = self._lease(server)
        self._order({"start": server, "argv": self._commands[server]})
        if server in ("etcd", "kube-apiserver"):
            self._wait("the API server", self._serves)
        else:
            self._wait(server, lambda: self._lease(server) != held)

    def _start_all(self) -> None:
        admin = self._access(self._authority, "lab-admin", "system:masters")
        self.kubeconfig = self._write_kubeconfig("admin", admin)
        self.cluster = Cluster(admin, self.directory)
        first, rest = SERVERS[:2], SERVERS[2:]
        for server in first:
            self._order({"start": server, "argv": self._commands[server]})
        self._wait("the API server", self._serves)
        for server in rest:
            self._order({"start": server, "argv": self._commands[server]})
        for server in rest:
            self._wait(server, lambda server=server: bool(self._lease(server)))  # type: ignore[misc]
        # Without it no pod can be made.
        self._wait(
            "the default service account",
            lambda: bool(self.cluster.find("serviceaccounts", "default", "default")),
        )

    def _serves(self) -> bool:
        try:
            return self.cluster.request("GET", "/readyz") == b"ok"
        except (OSError, ApiError):
            return False

    def _lease(self, server: str) -> str:
        """Who holds the server's lease, if anyone; a new run has a new identity."""
        try:
            lease = self.cluster.find("leases", "kube-system", server)
        except OSError:
            return ""
        return str(lease["spec"].get("holderIdentity", "")) if lease else ""

    def _may(self, user: str, rule: Json) -> bool:
        what = {
            "group": rule["apiGroups"][0],
            "resource": rule["resources"][0],
            "verb": rule["verbs"][0],
        }
        review = {"spec": {"user": user, "resourceAttributes": what}}
        answer = self.cluster.request("POST", path("subjectaccessreviews"), review)
        return bool(json.loads(answer)["status"]["allowed"])

    def _wait(self, what: str, there: Callable[[], bool]) -> None:
        until = time.monotonic() + _READY
        while not there():
            ended = self._order({"ended": True})
            if ended or time.monotonic() > until:
                logs = "".join(self._end_of_log(server) for server in ended or SERVERS)
                raise RuntimeError(f"the lab's Kubernetes: {what} did not come up{logs}")
            time.sleep(_POLL)

    def _end_of_log(self, server: str) -> str:
        log = self.directory / f"{server}.log"
        lines = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        return f"\n--- {server}\n" + "\n".join(lines)

    def _order(self, order: Json) -> Json:
        assert self._supervisor.stdin
        assert self._supervisor.stdout
        self._supervisor.stdin.write(json.dumps(order) + "\n")
        self._supervisor.stdin.flush()
        answer: Json = json.loads(self._supervisor.stdout.readline())
        return answer

    def _access(self, authority: Authority, user: str, *groups: str) -> Access:
        """What ``authority`` (not always the cluster's own) certifies the user to be."""
        return Access(self.url, self._authority.certificate, authority.client(user, *groups))

    def _write_kubeconfig(self, name: str, access: Access) -> Path:
        file = self.directory / f"{name}.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(access.kubeconfig())
        return file

    def _furnish_directory(self) -> None:
        self.audit_log = self.directory / "audit.log"
        self._authority = Authority("sickbay lab")
        (self.directory / "ca.crt").write_bytes(self._authority.certificate)
        self._authority.server("127.0.0.1", "localhost").write(self.directory, "server")
        accounts = ec.generate_private_key(ec.SECP256R1())
        public = accounts.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (self.directory / "accounts.pub").write_bytes(public)
        (self.directory / "accounts.key").write_bytes(private_pem(accounts))
        (self.directory / "audit-policy.yaml").write_text(json.dumps(_AUDIT_POLICY))
        for server, group in (
            # One identity for all controllers; the role of its name is meant for one that gives
            # each controller a service account, which costs start-up time and shows nothing here.
            ("kube-controller-manager", "system:masters"),
            ("kube-scheduler", "lab"),
        ):
            user = self._access(self._authority, f"system:{server}", group)
            self._write_kubeconfig(server, user)

    def _command_lines(self, servers: Path) -> dict[str, list[str]]:
        """How each server is started, in the directory where its files lie."""
        options = {
            "etcd": (
                "--data-dir=etcd",
                f"--listen-client-urls={_ETCD}",
                f"--advertise-client-urls={_ETCD}",
                f"--listen-peer-urls={_PEER}",
                f"--initial-advertise-peer-urls={_PEER}",
                f"--initial-cluster=default={_PEER}",
                "--unsafe-no-fsync",  # what a power cut would lose is thrown away anyhow
                "--log-level=warn",
            ),
            "kube-apiserver": (
                f"--etcd-servers={_ETCD}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self._port.getsockname()[1]}",
                "--permit-port-sharing",
                f"--advertise-address={_ADVERTISED}",
                "--tls-cert-file=server.crt",
                "--tls-private-key-file=server.key",
                "--client-ca-file=ca.crt",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-key-file=accounts.pub",
                "--service-account-signing-key-file=accounts.key",
                "--allow-privileged",
                "--audit-policy-file=audit-policy.yaml",
                f"--audit-log-path={self.audit_log.name}",
            ),
            "kube-controller-manager": (
                "--kubeconfig=kube-controller-manager.kubeconfig",
                "--secure-port=0",
                f"--controllers={','.join(_CONTROLLERS)}",
                "--service-account-private-key-file=accounts.key",
                "--root-ca-file=ca.crt",
                # Nobody renews the nodes' leases: what we write about a node has to stand.
                "--node-monitor-grace-period=24h",
                "--node-startup-grace-period=24h",
                "--node-monitor-period=1s",
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
                *_LEADER,
            ),
            "kube-scheduler": (
                "--kubeconfig=kube-scheduler.kubeconfig",
                "--secure-port=0",
                *_LEADER,
            ),
        }
        return {server: [str(servers / server), *options[server]] for server in SERVERS}
