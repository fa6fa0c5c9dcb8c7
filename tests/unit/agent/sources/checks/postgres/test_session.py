"""Why a connection did not come about, told from what libpq and servers of all languages say."""

import psycopg
import pytest

from gnomon.agent.sources.checks.postgres import Settings
from gnomon.agent.sources.checks.postgres.session import refusal
from gnomon.core.errors import NeedsSetup, Permanent, Retryable
from gnomon.core.settings import Located, build

AT = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '
SETTINGS = build(Located({"host": "127.0.0.1", "password": "geheim"}), Settings)


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("Connection refused\n\tIs the server running", Retryable, "reached: Connection refused"),
        ("timeout expired", Retryable, "cannot be reached: timeout expired"),
        ("FATAL:  the database system is starting up", Retryable, "no connection now"),
        ("FATAL:  sorry, too many clients already", Retryable, "no connection now"),
        ('FATAL:  database "x" does not exist', Permanent, "set dbname"),
        ('FATAL:  role "gnomon" does not exist', NeedsSetup, 'role "gnomon" does not exist'),
        ('FATAL:  Peer authentication failed for user "a"', NeedsSetup, "refuses the login"),
        ('FATAL:  no pg_hba.conf entry for host "::1"', NeedsSetup, "no pg_hba.conf entry"),
        ('致命错误:  用户 "a" Password 认证失败', NeedsSetup, '用户 "a" Password 认证失败'),
        ('FATAL:  role "too many slots" does not exist', NeedsSetup, "refuses the login"),
    ],
)
def test_what_was_said_becomes_one_line(said, kind, message):
    error = refusal(psycopg.OperationalError(AT + said), SETTINGS)
    assert type(error) is kind
    assert message in str(error)
    assert "\n" not in str(error)
    assert "localhost:5432" in str(error)
    assert "geheim" not in str(error) + getattr(error, "hint", "")


def test_several_attempts_are_one_line():
    text = "\n".join((AT + 'FATAL:  no entry for "a", SSL on', AT + "FATAL:  no entry, SSL off"))
    assert str(refusal(psycopg.OperationalError(text), SETTINGS)).endswith('for "a", SSL on')
