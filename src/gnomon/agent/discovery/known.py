"""The services that are recognised, one line each.

A new one needs nothing else. A check named here is used when it exists.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Greeting(NamedTuple):
    """How a service tells its version to anybody who connects."""

    answer: bytes
    """Regular expression over what it sends; its group is the version."""
    ask: bytes = b""
    """What to send first; nothing for a service that speaks first."""


class Known(NamedTuple):
    """How a service is recognised."""

    name: str
    programs: str = ""
    """Names of its processes, apart by blanks."""
    ports: tuple[int, ...] = ()
    """TCP ports it is known for, the most telling first."""
    words: str = ""
    """What the arguments of an interpreter contain when it runs this (`java`, `python` ...)."""
    udp: tuple[int, ...] = ()
    socket: str = ""
    """Regular expression over the paths of its unix sockets; its group, if any, is the port."""
    check: str = ""
    greeting: Greeting | None = None
    path: str = ""
    """Regular expression over the path of its program; its group is the version."""
    version_file: str = ""
    """File in its working folder that has the version."""


def _http(path: str, answer: bytes) -> Greeting:
    return Greeting(answer, f"GET {path} HTTP/1.0\r\n\r\n".encode())


# `OPTIONS *` speaks to the server itself: it reaches no site and no application.
_OPTIONS = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_NGINX = Greeting(rb"(?i)\r\nserver: nginx/([\d.]+)", _OPTIONS)
_APACHE = Greeting(rb"(?i)\r\nserver: apache/([\d.]+)", _OPTIONS)
_MYSQL = Greeting(rb"(?s)^.{4}\x0a(?:5\.5\.5-)?([\d.]+)")
_REDIS = Greeting(rb"(?:redis|valkey)_version:([\d.]+)", b"INFO server\r\n")
_MEMCACHED = Greeting(rb"VERSION ([\d.]+)", b"version\r\n")
_SSH = Greeting(rb"^SSH-[\d.]+-OpenSSH_([\w.]+)")
_ETCD = _http("/version", rb'"etcdserver":"([\d.]+)"')
_ELASTIC = _http("/", rb'"number"\s*:\s*"([\d.]+)"')
_PROMETHEUS = _http("/api/v1/status/buildinfo", rb'"version":"([\d.]+)"')
# A MongoDB message (OP_MSG) with the document {buildInfo: 1, $db: "admin"}, answered to anybody.
_MONGODB = Greeting(
    rb"(?s)\x02version\x00.{4}([\d.]+)",
    b"\x38\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00"
    b"\x23\x00\x00\x00\x10buildInfo\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00",
)
_DEBIAN_POSTGRES = r"(?:postgresql|pgsql)[/@-](\d+(?:\.\d)?)"
_POSTGRES_SOCKET = r"/\.s\.PGSQL\.(\d+)$"
_DOCKER_SOCKET = r"^(?:/var)?/run/docker\.sock$"

SERVICES: tuple[Known, ...] = (
    Known(
        "PostgreSQL",
        "postgres postmaster",
        (5432,),
        socket=_POSTGRES_SOCKET,
        check="postgres",
        path=_DEBIAN_POSTGRES,
        version_file="PG_VERSION",
    ),
    Known("PgBouncer", "pgbouncer", (6432,), socket=_POSTGRES_SOCKET, check="pgbouncer"),
    Known(
        "MySQL", "mysqld", (3306, 33060), socket=r"mysqld?\.sock$", check="mysql", greeting=_MYSQL
    ),
    Known("MariaDB", "mariadbd", (3306,), socket=r"mysqld?\.sock$", check="mysql", greeting=_MYSQL),
    Known("Redis", "redis-server", (6379,), socket=r"redis", check="redis", greeting=_REDIS),
    Known("Valkey", "valkey-server", (6379,), socket=r"valkey", check="redis", greeting=_REDIS),
    Known("Redis Sentinel", "redis-sentinel valkey-sentinel", (26379,), greeting=_REDIS),
    Known("memcached", "memcached", (11211,), check="memcached", greeting=_MEMCACHED),
    Known("MongoDB", "mongod", (27017,), check="mongodb", greeting=_MONGODB),
    Known("MongoDB router", "mongos", (27017,), check="mongodb", greeting=_MONGODB),
    Known("nginx", "nginx", (80, 443), check="nginx", greeting=_NGINX),
    Known("Apache", "apache2 httpd", (80, 443), check="apache", greeting=_APACHE),
    Known("HAProxy", "haproxy", (80, 443), check="haproxy"),
    Known("lighttpd", "lighttpd", (80, 443), check="lighttpd"),
    Known("Caddy", "caddy", (80, 443)),
    Known("Traefik", "traefik", (80, 443)),
    Known("Envoy", "envoy", (10000,)),
    Known("Varnish", "varnishd", (6081,), check="varnish"),
    Known("Squid", "squid", (3128,), check="squid"),
    Known("OpenSSH", "sshd", (22,), greeting=_SSH),
    Known("Docker", "dockerd", (2375, 2376), socket=_DOCKER_SOCKET, check="docker"),
    Known("kubelet", "kubelet k3s k3s-server", (10250,)),
    Known("Kubernetes API", "kube-apiserver", (6443,)),
    Known("etcd", "etcd", (2379,), check="etcd", greeting=_ETCD),
    Known("Consul", "consul", (8500,), check="consul"),
    Known("Vault", "vault", (8200,)),
    Known("RabbitMQ", words="rabbit", ports=(5672, 15672), check="rabbitmq"),
    Known("CouchDB", words="couchdb", ports=(5984,), check="couch"),
    Known("NATS", "nats-server", (4222,)),
    Known("Beanstalk", "beanstalkd", (11300,)),
    Known("Gearman", "gearmand", (4730,), check="gearmand"),
    Known("Kafka", words="kafka.Kafka", ports=(9092,), check="kafka"),
    Known("ZooKeeper", words="zookeeper.server", ports=(2181,), check="zk"),
    Known("Elasticsearch", words="org.elasticsearch", ports=(9200,), greeting=_ELASTIC),
    Known("OpenSearch", words="org.opensearch", ports=(9200,), greeting=_ELASTIC),
    Known("Solr", words="solr", ports=(8983,), check="solr"),
    Known("Cassandra", words="CassandraDaemon", ports=(9042,), check="cassandra"),
    Known("HDFS", words="hadoop.hdfs.server", ports=(9870, 9864)),
    Known("YARN", words="hadoop.yarn.server", ports=(8088, 8042)),
    Known("HBase", words="hadoop.hbase", ports=(16000, 16020)),
    Known("ActiveMQ", words="activemq", ports=(61616,), check="activemq"),
    Known("Tomcat", words="org.apache.catalina", ports=(8080,), check="tomcat"),
    Known("Jenkins", words="jenkins.war", ports=(8080,)),
    Known("Neo4j", words="org.neo4j", ports=(7687, 7474)),
    Known("JVM", "java", check="jmx"),
    Known("PHP-FPM", "php-fpm", (), socket=r"php.*fpm.*\.sock$", check="php_fpm"),
    Known("uWSGI", "uwsgi"),
    Known("Gunicorn", "gunicorn", words="gunicorn"),
    Known("Carbon cache", "carbon-cache carbon-cache.py", (2003, 2004), words="carbon-cache"),
    Known("Carbon relay", "carbon-relay carbon-relay.py go-carbon", (2003,), words="carbon-relay"),
    Known("StatsD", "statsd", words="statsd", udp=(8125,)),
    Known("gmond", "gmond", (8649,), udp=(8649,)),
    Known("gmetad", "gmetad", (8651, 8652)),
    Known("collectd", "collectd", udp=(25826,)),
    Known("Telegraf", "telegraf"),
    Known("Prometheus", "prometheus", (9090,), greeting=_PROMETHEUS),
    Known("node_exporter", "node_exporter prometheus-node-exporter", (9100,)),
    Known("Alertmanager", "alertmanager prometheus-alertmanager", (9093,)),
    Known("VictoriaMetrics", "victoria-metrics victoria-metrics-prod", (8428,)),
    Known("Grafana", "grafana grafana-server", (3000,)),
    Known("InfluxDB", "influxd", (8086,)),
    Known("ClickHouse", "clickhouse clickhouse-server", (8123, 9000)),
    Known("MinIO", "minio", (9000,)),
    Known("Oracle listener", "tnslsnr", (1521,)),
    Known("SQL Server", "sqlservr", (1433,)),
    Known("Exim", "exim4 exim", (25,)),
    Known("Dovecot", "dovecot", (143, 993)),
    Known("OpenLDAP", "slapd", (389, 636)),
    Known("Samba", "smbd", (445, 139)),
    Known("BIND", "named", (53,), udp=(53,)),
    Known("Unbound", "unbound", (53,), udp=(53,)),
    Known("dnsmasq", "dnsmasq", (53,), udp=(53,)),
    Known("chrony", "chronyd", udp=(123,)),
    Known("ntpd", "ntpd", udp=(123,)),
    Known("SNMP agent", "snmpd", udp=(161,)),
    Known("rsyslog", "rsyslogd", (514,), udp=(514,)),
    Known("CUPS", "cupsd", (631,)),
    Known("ProFTPD", "proftpd", (21,)),
    Known("vsftpd", "vsftpd", (21,)),
)

INTERPRETERS = ("java", "beam.smp", "python", "node", "ruby", "perl")
"""How the names of programs begin that are known by their arguments."""
ON_BEHALF = frozenset(
    ("docker-proxy", "rootlessport", "slirp4netns", "pasta", "systemd", "init", "xinetd", "inetd")
)
"""Programs that listen for others, who are then known by the port alone."""
TELLING = frozenset(
    (
        *("PostgreSQL", "MySQL", "Redis", "memcached", "MongoDB", "OpenSSH", "RabbitMQ", "Kafka"),
        *("ZooKeeper", "Elasticsearch", "Cassandra", "etcd", "InfluxDB", "Carbon cache", "gmond"),
    )
)
"""Services whose port alone is enough where the process cannot be seen."""

NAME_BYTES = 15
"""What Linux keeps of the name of a process."""


def by_program() -> dict[str, Known]:
    """Known services by the names of their processes, whole and as Linux cuts them."""
    table: dict[str, Known] = {}
    for known in SERVICES:
        for program in known.programs.split():
            table[program] = known
            table[program[:NAME_BYTES]] = known
    return table


def by_port() -> dict[tuple[str, int], Known]:
    """Services that are guessed from protocol and port."""
    table: dict[tuple[str, int], Known] = {}
    for known in SERVICES:
        if known.name not in TELLING:
            continue
        for port in known.ports:
            table.setdefault(("tcp", port), known)
        for port in known.udp:
            table.setdefault(("udp", port), known)
    return table


def socket_port(known: Known, path: str) -> int | None:
    """The port a unix socket is named for, 0 if for none; None if it is not a socket of this."""
    match = re.search(known.socket, path) if known.socket else None
    if match is None:
        return None
    return int(match.group(1)) if match.groups() else 0
