"""The shop's endpoints cannot be reached, answer wrongly or slowly, or show wrong certificates."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator

from lab.certificates import Authority
from lab.fault import fault
from lab.worlds.hosts import APP, PAGE, Hosts

BOTH = ["endpoint.unreachable@shop", "endpoint.unreachable@page"]


@fault(
    "endpoint.unreachable",
    on="shop",
    cause="nothing listens there",
    also=["host.unit-inactive@app1", "endpoint.unreachable@page"],
    proves=["claude-projects-api:api-unreachable/https-health-ok"],
)
def web_server_was_stopped(hosts: Hosts) -> Iterator[None]:
    """nginx does not run."""
    hosts.app1.run("systemctl stop nginx")
    yield
    hosts.app1.run("systemctl start nginx")


@fault(
    "endpoint.unreachable",
    on="shop",
    cause="the service hangs, or a firewall drops what is sent to it",
    also=["endpoint.unreachable@page", "host.process-stuck@app1"],
    proves=["ai-orchestrator-hub:response-slow/no-hang"],
)
def web_server_hangs(hosts: Hosts) -> Iterator[None]:
    """Connections come about, and nothing answers."""
    hosts.app1.run("pkill -STOP -x nginx")
    yield
    hosts.app1.run("pkill -CONT -x nginx")


@fault("endpoint.unreachable", on="page", cause="it breaks connections off")
def connections_are_broken_off(hosts: Hosts) -> Iterator[None]:
    """nginx closes the connection and says nothing (its status 444)."""
    hosts.site(page="return 444;")
    yield
    hosts.site()


@fault(
    "endpoint.unreachable",
    on="shop",
    cause="no TLS connection comes about",
    also=["endpoint.unreachable@page"],
    proves=["claudebox:ssl-certificate-issues/https-answers"],
)
def port_443_speaks_no_tls(hosts: Hosts) -> Iterator[None]:
    """The word ssl got lost from nginx's listen line."""
    hosts.site(listen="443")
    yield
    hosts.site()


@fault("endpoint.unreachable", on="page", cause="redirects lead back to where they came from")
def redirects_go_in_circles(hosts: Hosts) -> Iterator[None]:
    """The page redirects to itself."""
    hosts.site(page="return 302 https://app1.lab/page;")
    yield
    hosts.site()


@fault(
    "endpoint.unreachable",
    on="shop",
    cause="the network to it is broken",
    also=["host.unreachable@app1", "endpoint.unreachable@page"],
)
def machine_is_cut_off(hosts: Hosts) -> Iterator[None]:
    """A router in between says that the machine cannot be reached."""
    with hosts.network.unreachable(APP):
        yield


@fault(
    "endpoint.server-error",
    on="shop",
    cause="the proxy gets no answer from what stands behind it",
    also=["host.unit-inactive@app1"],
    proves=["claude-projects-api:bad-gateway-502/no-502-answer"],
)
def nobody_behind_the_proxy(hosts: Hosts) -> Iterator[None]:
    """The shop does not run, so nginx answers 502."""
    hosts.app1.run("systemctl stop shop-app")
    yield
    hosts.app1.run("systemctl start shop-app")
    hosts.wait_for_shop()


@fault(
    "endpoint.server-error",
    on="shop",
    cause="the service says that it is not available",
    also=["host.unit-inactive@db1"],
    proves=[
        "ai-orchestrator-hub:health-failing/health-ok",
        "sergas:component-down/api-health",
        "claude-projects-api:mongodb-connection-refused/ready-endpoint-ok",
    ],
)
def shop_has_no_database(hosts: Hosts) -> Iterator[None]:
    """The database is stopped, so the shop says 503."""
    hosts.db1.run("systemctl stop postgresql@15-main")
    yield
    hosts.db1.run("systemctl start postgresql@15-main")
    hosts.db1.wait_for("pg_isready -q -h 127.0.0.1")


@fault(
    "endpoint.server-error",
    on="page",
    cause="the application broke on this request",
    proves=[
        "claudebox:system-down/api-health-endpoint",
        "neurallog:external-access-failures/public-health-answers",
    ],
)
def page_fails(hosts: Hosts) -> Iterator[None]:
    """The page answers 500."""
    hosts.site(page="return 500;")
    yield
    hosts.site()


@fault(
    "endpoint.wrong-status",
    on="page",
    cause="it does not let the request in",
    proves=[
        "claude-projects-api:forbidden-403/valid-key-not-forbidden",
        "claude-projects-api:invalid-api-key-401/key-accepted-x-api-key",
        "ai-orchestrator-hub:unauthorized-access/api-authorised",
    ],
)
def page_is_forbidden(hosts: Hosts) -> Iterator[None]:
    """The page answers 403."""
    hosts.site(page="return 403;")
    yield
    hosts.site()


@fault(
    "endpoint.wrong-status",
    on="page",
    cause="there is nothing at this path",
    proves=["claudebox:users-cannot-login/login-page-serves"],
)
def page_was_moved(hosts: Hosts) -> Iterator[None]:
    """The page answers 404."""
    hosts.site(page="return 404;")
    yield
    hosts.site()


@fault("endpoint.wrong-status", on="page", cause="it was asked too often")
def page_is_asked_too_often(hosts: Hosts) -> Iterator[None]:
    """The page answers 429."""
    hosts.site(page="return 429;")
    yield
    hosts.site()


@fault(
    "endpoint.wrong-status",
    on="shop",
    cause="it sends clients elsewhere",
    proves=["claude-projects-api:api-unreachable/http-plain-not-serving"],
)
def health_address_redirects(hosts: Hosts) -> Iterator[None]:
    """The health address redirects to the page."""
    hosts.site(health="return 302 https://app1.lab/page;")
    yield
    hosts.site()


@fault(
    "endpoint.wrong-json",
    on="shop",
    cause="the service itself reports a part of it as ill",
    proves=[
        "ai-orchestrator-hub:health-failing/component-health",
        "sergas:zoho-authentication-failed/zoho-status",
    ],
)
def health_document_names_an_ill_part(hosts: Hosts) -> Iterator[None]:
    """The shop answers 200, and says that its database is slow."""
    hosts.site(health='return 200 "{\\"status\\": \\"degraded\\", \\"database\\": \\"slow\\"}";')
    yield
    hosts.site()


@fault(
    "endpoint.wrong-json",
    on="shop",
    cause="the document lacks what is expected",
    proves=["ai-orchestrator-hub:neural-failing/neural-status"],
)
def health_document_lacks_a_part(hosts: Hosts) -> Iterator[None]:
    """A new version of the shop does not tell of its database any more."""
    hosts.site(health='return 200 "{\\"status\\": \\"healthy\\"}";')
    yield
    hosts.site()


@fault(
    "endpoint.wrong-json",
    on="shop",
    cause="the answer is no JSON document",
    proves=["ai-orchestrator-hub:swarm-failures/hive-status"],
)
def health_document_is_a_page(hosts: Hosts) -> Iterator[None]:
    """A page answers in place of the health document."""
    hosts.site(health=PAGE)
    yield
    hosts.site()


@fault(
    "endpoint.wrong-json",
    on="shop",
    cause="a number is out of its bounds",
    proves=[
        "ai-orchestrator-hub:baseline-drift/baseline-cpu",
        "ai-orchestrator-hub:baseline-drift/baseline-memory",
    ],
    how="the health document stands in for Prometheus' answer, whose mean of an hour takes an hour",
)
def mean_of_an_hour_is_too_high(hosts: Hosts) -> Iterator[None]:
    """A mean of 75 % is told of where 60 % are usual."""
    document = (
        '{\\"status\\": \\"healthy\\", \\"database\\": \\"connected\\", \\"load\\": [\\"0.75\\"]}'
    )
    hosts.site(health=f'return 200 "{document}";')
    yield
    hosts.site()


@fault("endpoint.wrong-body", on="page", cause="another page is served than expected")
def default_page_is_served(hosts: Hosts) -> Iterator[None]:
    """nginx's welcome page stands where the shop should."""
    hosts.site(page='return 200 "<title>Welcome to nginx!</title>";')
    yield
    hosts.site()


@fault("endpoint.wrong-body", on="page", cause="the answer is empty")
def page_is_empty(hosts: Hosts) -> Iterator[None]:
    """The page answers 200, and nothing else."""
    hosts.site(page='return 200 "";')
    yield
    hosts.site()


@fault(
    "endpoint.wrong-header",
    on="page",
    cause="the header is not sent",
    proves=["claude-projects-api:cors-blocked/actual-answer-has-origin"],
)
def header_is_not_sent(hosts: Hosts) -> Iterator[None]:
    """Browsers are not told to use HTTPS only."""
    hosts.site(more="keepalive_timeout 60s;")
    yield
    hosts.site()


@fault("endpoint.wrong-header", on="page", cause="it has another value")
def header_has_another_value(hosts: Hosts) -> Iterator[None]:
    """Browsers are told nonsense."""
    hosts.site(more='add_header Strict-Transport-Security "yes" always;')
    yield
    hosts.site()


@fault(
    "endpoint.slow",
    on="shop",
    cause="the application takes long to answer",
    proves=[
        "ai-orchestrator-hub:response-slow/response-time",
        "claude-projects-api:slow-responses/response-under-2s",
        "sergas:high-response-times/accounts-endpoint-time",
    ],
)
def shop_takes_its_time(hosts: Hosts) -> Iterator[None]:
    """The shop sleeps before it answers."""
    app = "/opt/shop/app.py"
    hosts.app1.run(
        f"sed -i 's/        state = database_state()/        __import__(\"time\").sleep(1.3)\\n&/' {app}\n"
        "systemctl restart shop-app"
    )
    hosts.wait_for_shop()
    yield
    hosts.app1.run(f"sed -i '/sleep(1.3)/d' {app}; systemctl restart shop-app")
    hosts.wait_for_shop()


@fault(
    "endpoint.slow",
    on="page",
    cause="the answer itself is long or comes slowly",
)
def page_comes_in_drips(hosts: Hosts) -> Iterator[None]:
    """The page is sent at a few kilobytes a second."""
    hosts.app1.run(
        "mkdir -p /srv/page; { echo '<title>Shop</title>'; head -c 15000 /dev/urandom | base64; } >/srv/page/index.html"
    )
    hosts.site(page="alias /srv/page/index.html; limit_rate 8k; default_type text/html;")
    yield
    hosts.site()


@fault(
    "endpoint.redirects",
    on="page",
    cause="there are more steps than needed",
    proves=["claudebox:users-cannot-login/no-auth-loop"],
)
def page_is_far_away(hosts: Hosts) -> Iterator[None]:
    """Five redirects lead to the page."""
    steps = ("/page", "/page/1", "/page/2", "/page/3", "/page/4", "/page/5")
    rules = "".join(
        f"if ($uri = {step}) {{ return 302 https://app1.lab{following}; }} "
        for step, following in itertools.pairwise(steps)
    )
    hosts.site(page=f"{rules}{PAGE}")
    yield
    hosts.site()


@fault(
    "endpoint.redirects",
    on="page",
    cause="the addresses lead to each other",
)
def login_and_page_send_each_other_around(hosts: Hosts) -> Iterator[None]:
    """The page is reached only on the third way round, as it sets a cookie each time."""
    rounds = (
        'add_header Strict-Transport-Security "max-age=1" always; '
        'if ($cookie_round = "") { add_header Set-Cookie "round=1"; return 302 https://app1.lab/page; } '
        'if ($cookie_round = "1") { add_header Set-Cookie "round=2"; return 302 https://app1.lab/page; } '
        'if ($cookie_round = "2") { add_header Set-Cookie "round=3"; return 302 https://app1.lab/page; } '
        'if ($cookie_round = "3") { add_header Set-Cookie "round=4"; return 302 https://app1.lab/page; } '
    )
    hosts.site(page=f"{rounds}{PAGE}")
    yield
    hosts.site()


@fault(
    "endpoint.certificate-expired",
    on="shop",
    cause="it was not renewed",
    also=["endpoint.certificate-expired@page"],
    proves=["claude-projects-api:api-unreachable/tls-handshake-ok"],
)
def certificate_has_expired(hosts: Hosts) -> Iterator[None]:
    """The certificate was valid until yesterday."""
    hosts.certificate(valid_for=dt.timedelta(days=-1))
    yield
    hosts.certificate()


@fault(
    "endpoint.certificate-expiring",
    on="shop",
    cause="its renewal has not run, or not been loaded",
    also=["endpoint.certificate-expiring@page"],
    proves=[
        "claude-projects-api:api-unreachable/tls-not-expiring",
        "claudebox:ssl-certificate-issues/served-certificate-days",
        "neurallog:certificate-problems/served-far-from-expiry",
    ],
)
def certificate_is_about_to_expire(hosts: Hosts) -> Iterator[None]:
    """The certificate is valid for nine more days."""
    hosts.certificate(valid_for=dt.timedelta(days=9))
    yield
    hosts.certificate()


@fault(
    "endpoint.certificate-untrusted",
    on="shop",
    cause="the chain is incomplete, or ends at an authority that nobody knows",
    also=["endpoint.certificate-untrusted@page"],
    proves=[
        "claudebox:ssl-certificate-issues/certificate-chain-complete",
        "neurallog:certificate-problems/served-chain-trusted",
    ],
)
def authority_is_not_known(hosts: Hosts) -> Iterator[None]:
    """Another authority issued the certificate."""
    hosts.certificate(authority=Authority("Nobody's authority"))
    yield
    hosts.certificate()


@fault(
    "endpoint.certificate-untrusted",
    on="shop",
    cause="it is self-signed",
    also=["endpoint.certificate-untrusted@page"],
)
def certificate_is_self_signed(hosts: Hosts) -> Iterator[None]:
    """The certificate that the package made when it was installed."""
    hosts.app1.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 "
        "-subj /CN=app1.lab -addext subjectAltName=DNS:app1.lab -keyout /root/key -out /root/cert 2>/dev/null\n"
        "cat /root/key /root/cert >/etc/ssl/shop.pem"
    )
    hosts.reload()
    yield
    hosts.certificate()


@fault(
    "endpoint.certificate-untrusted",
    on="shop",
    cause="it is not valid yet",
    also=["endpoint.certificate-untrusted@page"],
)
def certificate_is_not_valid_yet(hosts: Hosts) -> Iterator[None]:
    """The certificate's time begins tomorrow."""
    hosts.certificate(starts_in=dt.timedelta(days=1))
    yield
    hosts.certificate()


@fault(
    "endpoint.certificate-wrong-name",
    on="shop",
    cause="the server shows the certificate of another site",
    also=["endpoint.certificate-wrong-name@page"],
    proves=[
        "claudebox:ssl-certificate-issues/certificate-name-matches",
        "neurallog:certificate-problems/served-name-matches",
    ],
)
def certificate_is_for_another_name(hosts: Hosts) -> Iterator[None]:
    """The certificate of another site is shown."""
    hosts.certificate("blog.lab", "www.blog.lab")
    yield
    hosts.certificate()


@fault(
    "endpoint.tls-outdated",
    on="shop",
    cause="the server offers nothing newer",
    also=["endpoint.tls-outdated@page"],
)
def server_speaks_old_tls_only(hosts: Hosts) -> Iterator[None]:
    """nginx offers TLS 1.1 and nothing newer."""
    hosts.site(
        more="ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0; add_header Strict-Transport-Security max-age=1;"
    )
    yield
    hosts.site()


@fault(
    "endpoint.address-dead",
    on="shop",
    cause="the name still leads to a server that is gone",
    also=[
        "endpoint.address-dead@page",
        "endpoint.certificate-untrusted@shop",
        "endpoint.certificate-untrusted@page",
    ],
    proves=["claude-projects-api:api-unreachable/https-port-open"],
)
def name_leads_to_a_dead_address(hosts: Hosts) -> Iterator[None]:
    """The name has a second address, where nothing is any more."""
    file = hosts.network.hosts_file
    before = file.read_text()
    file.write_text(f"{before}192.0.2.12 app1.lab\n")
    yield
    file.write_text(before)


@fault(
    "endpoint.name-unresolved",
    on="shop",
    cause="the name does not exist",
    also=["endpoint.name-unresolved@page"],
    proves=[
        "claude-projects-api:api-unreachable/api-hostname-resolves",
        "neurallog:external-access-failures/public-name-resolves",
        "claudebox:connection-timeouts/dns-resolution",
    ],
)
def name_does_not_exist(hosts: Hosts) -> Iterator[None]:
    """The name's record was deleted."""
    hosts.db1.run("sed -i '/app1/d' /etc/lab-dns.conf; systemctl restart lab-dns")
    yield
    hosts.db1.run(
        f"echo 'host-record=app1.lab,{APP}' >>/etc/lab-dns.conf; systemctl restart lab-dns"
    )


@fault(
    "endpoint.name-unresolved",
    on="shop",
    cause="the name exists, but has no IPv4 address",
    also=["endpoint.name-unresolved@page"],
)
def name_has_no_address(hosts: Hosts) -> Iterator[None]:
    """The name has a text record only."""
    hosts.db1.run(
        "sed -i '/app1/d' /etc/lab-dns.conf; echo 'txt-record=app1.lab,moved' >>/etc/lab-dns.conf\n"
        "systemctl restart lab-dns"
    )
    yield
    hosts.db1.run(
        "sed -i '/app1/d' /etc/lab-dns.conf\n"
        f"echo 'host-record=app1.lab,{APP}' >>/etc/lab-dns.conf; systemctl restart lab-dns"
    )


@fault(
    "endpoint.name-unresolved",
    on="shop",
    cause="the name server itself fails on it",
    also=["endpoint.name-unresolved@page"],
)
def name_server_refuses(hosts: Hosts) -> Iterator[None]:
    """The name server does not know whom to ask for the name."""
    hosts.db1.run(
        "sed -i -e '/app1/d' -e '/^local=/d' /etc/lab-dns.conf; systemctl restart lab-dns"
    )
    yield
    hosts.db1.run(
        f"printf 'local=/lab/\\nhost-record=app1.lab,{APP}\\n' >>/etc/lab-dns.conf; systemctl restart lab-dns"
    )


@fault(
    "endpoint.name-server-silent",
    on="shop",
    cause="this machine is told to ask a server that does not answer",
    also=["endpoint.name-server-silent@page", "dns.unreachable@names"],
    proves=["claude-projects-api:enotfound-atlas/resolver-works"],
)
def name_server_is_silent(hosts: Hosts) -> Iterator[None]:
    """The name server was stopped."""
    hosts.db1.run("systemctl stop lab-dns")
    yield
    hosts.db1.run("systemctl start lab-dns")
