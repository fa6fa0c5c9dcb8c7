"""Recognising services, from nothing but what was read."""

import pytest

from gnomon.agent.discovery.known import SERVICES, by_port, by_program
from gnomon.agent.discovery.matching import match, recognise
from gnomon.agent.discovery.model import Host, Listener, Process

POSTGRES = "/usr/lib/postgresql/15/bin/postgres"


def host(processes, listeners, owned=True):
    """Processes are `(pid, parent, name, command, uid)`; listeners come with their owner's pid."""
    table = {
        pid: Process(pid, parent, name, tuple(command.split()), uid)
        for pid, parent, name, command, uid in processes
    }
    sockets = [one._replace(inode=number) for number, (one, _) in enumerate(listeners)]
    owners = {number: pid for number, (_, pid) in enumerate(listeners) if owned and pid}
    return Host(sockets, owners, table)


def tcp(port, address="0.0.0.0", uid=-1):
    return Listener("tcp", 0, address, port, uid=uid)


def udp(port, uid=-1):
    return Listener("udp", 0, "0.0.0.0", port, uid=uid)


def unix(path):
    return Listener("unix", 0, path=path)


def titles(of):
    return [found.service.title for found in match(of)]


@pytest.mark.parametrize(
    ("name", "command", "port", "expected"),
    [
        ("postgres", f"{POSTGRES} -D /data", 5432, "PostgreSQL on 5432"),
        ("mysqld", "/usr/sbin/mysqld", 3306, "MySQL on 3306"),
        ("mariadbd", "/usr/sbin/mariadbd", 3307, "MariaDB on 3307"),
        ("redis-server", "/usr/bin/redis-server 127.0.0.1:6379", 6379, "Redis on 6379"),
        ("redis-sentinel", "redis-sentinel *:26379 [sentinel]", 26379, "Redis Sentinel on 26379"),
        ("memcached", "/usr/bin/memcached -l 127.0.0.1", 11211, "memcached on 11211"),
        ("nginx", "nginx: master process /usr/sbin/nginx", 80, "nginx on 80"),
        ("mongod", "/usr/bin/mongod --config /etc/mongod.conf", 27017, "MongoDB on 27017"),
        ("sshd", "sshd: /usr/sbin/sshd -D [listener]", 22, "OpenSSH on 22"),
        ("dockerd", "/usr/bin/dockerd -H tcp://:2375", 2375, "Docker on 2375"),
        ("apache2", "/usr/sbin/apache2 -k start", 80, "Apache on 80"),
        ("haproxy", "/usr/sbin/haproxy -Ws", 443, "HAProxy on 443"),
        ("beam.smp", "/usr/lib/erlang/bin/beam.smp -s rabbit boot", 5672, "RabbitMQ on 5672"),
        ("java", "java -Xmx1G kafka.Kafka server.properties", 9092, "Kafka on 9092"),
        ("java", "java org.elasticsearch.bootstrap.Elasticsearch", 9200, "Elasticsearch on 9200"),
        ("java", "java -cp x org.apache.catalina.startup.Bootstrap", 8080, "Tomcat on 8080"),
        ("java", "java -jar /opt/app.jar --port 8081", 8081, "JVM on 8081"),
        ("etcd", "/usr/bin/etcd", 2379, "etcd on 2379"),
        ("carbon-cache", "/usr/bin/python3 /usr/bin/carbon-cache", 2003, "Carbon cache on 2003"),
        ("python3.11", "python3 /opt/graphite/bin/carbon-cache.py", 2003, "Carbon cache on 2003"),
        ("gmond", "/usr/sbin/gmond", 8649, "gmond on 8649"),
        ("prometheus-node", "/usr/bin/prometheus-node-exporter", 9100, "node_exporter on 9100"),
        ("prometheus", "/usr/bin/prometheus", 9090, "Prometheus on 9090"),
        ("php-fpm8.2", "php-fpm: master process", 9000, "PHP-FPM on 9000"),
        ("postgres16", "postgres16 -D x", 5433, "PostgreSQL on 5433"),
        ("node", "node /opt/statsd/stats.js config.js", 8126, "StatsD on 8126"),
    ],
)
def test_each_by_its_process(name, command, port, expected):
    assert titles(host([(10, 1, name, command, 0)], [(tcp(port), 10)])) == [expected]


def test_a_service_is_its_topmost_process():
    processes = [
        (10, 1, "nginx", "nginx: master process /usr/sbin/nginx", 0),
        (11, 10, "nginx", "nginx: worker process", 33),
        (12, 10, "nginx", "nginx: worker process", 33),
    ]
    [found] = match(host(processes, [(tcp(443), 11), (tcp(80), 12), (tcp(8080), 10)]))
    assert found.service.pid == 10
    assert (found.service.port, found.service.ports) == (80, (80, 443, 8080))


def test_one_line_for_each_instance():
    processes = [
        (10, 1, "redis-server", "redis-server *:6379", 105),
        (11, 1, "redis-server", "redis-server *:6380", 105),
    ]
    sockets = [(tcp(6379), 10), (tcp(6379, "::"), 10), (tcp(6380), 11), (tcp(16380), 11)]
    assert titles(host(processes, sockets)) == ["Redis on 6379", "Redis on 6380"]


def test_unix_sockets_belong_to_it_and_may_be_all_there_is():
    processes = [(10, 1, "postgres", f"{POSTGRES} -D /data", 101)]
    sockets = [(unix("/run/postgresql/.s.PGSQL.5433"), 10), (unix("/run/other.sock"), 10)]
    [found] = match(host(processes, sockets))
    service = found.service
    assert (service.port, service.address) == (5433, "")
    assert service.socket == "/run/postgresql/.s.PGSQL.5433"
    [found] = match(host([(20, 1, "dockerd", "dockerd", 0)], [(unix("/run/docker.sock"), 20)]))
    assert found.service.title == "Docker on /run/docker.sock"


def test_the_wider_address_is_told():
    processes = [(10, 1, "redis-server", "redis-server", 105)]
    [found] = match(host(processes, [(tcp(6379, "127.0.0.1"), 10), (tcp(6379, "::"), 10)]))
    assert found.service.address == "::"


def test_a_jvm_is_named_by_what_it_runs():
    commands = {
        "java -Xmx1g -cp /a:/b com.example.Main --flag": "java com.example.Main",
        "java -jar /opt/shop.jar": "java shop.jar",
        "java -version": "java",
    }
    for command, expected in commands.items():
        [found] = match(host([(10, 1, "java", command, 0)], []))
        assert (found.service.name, found.service.process) == ("JVM", expected)


def test_other_programs_are_no_services():
    processes = [(10, 1, "python3", "python3 -m http.server", 0), (11, 1, "bash", "bash", 0)]
    assert match(host(processes, [(tcp(5432), 10), (tcp(6379), 11), (tcp(22), 99)])) == []


# Where this user may not see whose a socket is


def test_by_the_user_who_made_it():
    processes = [
        (10, 1, "postgres", f"{POSTGRES} -D /data", 101),
        (11, 10, "postgres", "postgres: checkpointer", 101),
        (20, 1, "mariadbd", "/usr/sbin/mariadbd", 102),
    ]
    sockets = [(tcp(5999, uid=101), 10), (tcp(3399, uid=102), 20)]
    found = match(host(processes, sockets, owned=False))
    assert [one.service.title for one in found] == ["MariaDB on 3399", "PostgreSQL on 5999"]
    assert [one.service.pid for one in found] == [20, 10]


def test_by_the_arguments_where_a_user_runs_several():
    processes = [
        (10, 1, "redis-server", "redis-server 127.0.0.1:7001", 105),
        (11, 1, "redis-server", "redis-server 127.0.0.1:17001", 105),
    ]
    sockets = [(tcp(7001, uid=105), 10), (tcp(17001, uid=105), 11)]
    found = match(host(processes, sockets, owned=False))
    assert [(one.service.port, one.service.pid) for one in found] == [(7001, 10), (17001, 11)]


def test_by_the_port_it_is_known_for_where_root_runs_much():
    processes = [
        (10, 1, "nginx", "nginx: master process", 0),
        (11, 1, "sshd", "sshd: /usr/sbin/sshd", 0),
    ]
    sockets = [(tcp(80, uid=0), 10), (tcp(22, uid=0), 11), (tcp(12345, uid=0), 10)]
    assert titles(host(processes, sockets, owned=False)) == ["OpenSSH on 22", "nginx on 80"]


def test_by_the_name_of_a_unix_socket():
    processes = [(10, 1, "postgres", f"{POSTGRES} -D /data", 101)]
    sockets = [(unix("/run/postgresql/.s.PGSQL.5432"), 10)]
    [found] = match(host(processes, sockets, owned=False))
    assert (found.service.pid, found.service.port) == (10, 5432)


def test_by_the_port_alone_where_no_process_is_seen():
    sockets = [(tcp(5432), 0), (tcp(8080), 0), (tcp(22), 0), (udp(8649), 0)]
    found = match(host([], sockets, owned=False))
    assert [one.service.title for one in found] == [
        *("OpenSSH on 22", "PostgreSQL on 5432", "gmond on 8649")
    ]
    assert all(one.process is None and one.service.pid == 0 for one in found)


def test_socket_and_port_of_an_unseen_postgresql_are_one():
    sockets = [(tcp(5433), 0), (unix("/tmp/.s.PGSQL.5432"), 0), (tcp(5432, "127.0.0.1"), 0)]
    [found] = match(host([], sockets, owned=False))
    assert found.service.socket == "/tmp/.s.PGSQL.5432"
    assert found.service.address == "127.0.0.1"


def test_a_socket_named_for_a_port_tells_services_of_one_user_apart():
    processes = [
        (10, 1, "postgres", f"{POSTGRES} -D /data", 33),
        (20, 1, "nginx", "nginx: master process", 33),
        (30, 1, "pgbouncer", "pgbouncer /etc/pgbouncer.ini", 101),
    ]
    sockets = [
        *((tcp(5433, uid=33), 10), (unix("/run/postgresql/.s.PGSQL.5433"), 10)),
        *((tcp(6432, uid=101), 30), (unix("/run/postgresql/.s.PGSQL.6432"), 30)),
    ]
    found = match(host(processes, sockets, owned=False))
    assert [(one.service.title, one.service.pid) for one in found] == [
        ("PgBouncer on 6432", 30),
        ("PostgreSQL on 5433", 10),
    ]
    assert all(one.service.socket for one in found)


def test_what_an_argument_tells_holds_for_the_unix_socket_too():
    processes = [
        (10, 1, "postgres", f"{POSTGRES} -p 5433", 101),
        (11, 1, "postgres", f"{POSTGRES} -p 5434", 101),
    ]
    sockets = [
        *((unix("/run/postgresql/.s.PGSQL.5434"), 11), (tcp(5434, uid=101), 11)),
        *((unix("/run/postgresql/.s.PGSQL.5433"), 10), (tcp(5433, uid=101), 10)),
    ]
    services = [one.service for one in match(host(processes, sockets, owned=False))]
    assert [(one.port, one.pid, one.socket[-4:]) for one in services] == [
        (5433, 10, "5433"),
        (5434, 11, "5434"),
    ]


def test_several_of_one_user_are_found_though_not_told_apart():
    processes = [
        (10, 1, "postgres", f"{POSTGRES} -D /data/one", 101),
        (11, 1, "postgres", f"{POSTGRES} -D /data/two", 101),
    ]
    sockets = [
        *((tcp(5433, uid=101), 11), (unix("/run/postgresql/.s.PGSQL.5433"), 11)),
        *((unix("/run/postgresql/.s.PGSQL.5499"), 10), (tcp(5499, "127.0.0.1", uid=101), 10)),
    ]
    services = [one.service for one in match(host(processes, sockets, owned=False))]
    assert [(one.title, one.address, one.pid) for one in services] == [
        ("PostgreSQL on 5433", "0.0.0.0", 0),
        ("PostgreSQL on 5499", "127.0.0.1", 0),
    ]
    assert services[0].socket == "/run/postgresql/.s.PGSQL.5433"


def test_what_somebody_listens_for_on_behalf_is_told_by_the_port():
    processes = [(10, 1, "docker-proxy", "docker-proxy -host-port 5432", 0)]
    [found] = match(host(processes, [(tcp(5432), 10), (tcp(8000), 10)]))
    assert found.service.title == "PostgreSQL on 5432"
    assert found.service.pid == 0


def test_never_more_than_a_page_can_show():
    processes = [(pid, 1, "redis-server", f"redis *:{pid}", 1) for pid in range(1000, 2000)]
    assert len(match(host(processes, [(tcp(pid), pid) for pid in range(1000, 2000)]))) == 256


# The table


def test_names_are_unique_and_the_wanted_ones_are_there():
    names = [known.name for known in SERVICES]
    assert len(names) == len(set(names))
    wanted = "PostgreSQL MySQL MariaDB Redis memcached nginx MongoDB JVM OpenSSH Docker"
    assert set(wanted.split()) <= set(names)


def test_no_program_belongs_to_two_services():
    programs = [program for known in SERVICES for program in known.programs.split()]
    assert len(programs) == len(set(programs))


def test_processes_that_are_cut_by_the_kernel_are_known():
    assert by_program()["clickhouse-serv"].name == "ClickHouse"
    process = Process(1, 0, "prometheus-aler")
    assert recognise(process, by_program()).name == "Alertmanager"


def test_only_telling_ports_are_guessed():
    assert by_port()["tcp", 3306].name == "MySQL"
    assert ("tcp", 80) not in by_port()
    assert ("tcp", 8080) not in by_port()
