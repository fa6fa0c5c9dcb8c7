"""What an administrator has to run so that a role may look: the least privileges that suffice."""

from __future__ import annotations

ACTIVITY = "gnomon.pg_stat_activity()"
"""Shows the sessions of all users to a role that may not see them itself."""

BEFORE_10 = """\
CREATE SCHEMA gnomon;
CREATE FUNCTION gnomon.pg_stat_activity() RETURNS SETOF pg_catalog.pg_stat_activity
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS 'SELECT * FROM pg_catalog.pg_stat_activity';
REVOKE ALL ON FUNCTION gnomon.pg_stat_activity() FROM PUBLIC;
GRANT USAGE ON SCHEMA gnomon TO {role};
GRANT EXECUTE ON FUNCTION gnomon.pg_stat_activity() TO {role};"""


def quoted(name: str) -> str:
    """An identifier as SQL wants it."""
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


def grant(role: str, version: int, port: int = 0) -> str:
    """SQL that lets an existing role see what the check asks for.

    `version` 0 is not known. `port` is that of a server on this host, 0 for one elsewhere.
    """
    name = quoted(role)
    if 0 < version < 100000:
        where = _as_superuser(port, ", in the database the check connects to")
        return where + BEFORE_10.format(role=name)
    return _as_superuser(port) + f"GRANT pg_monitor TO {name};"


def login(role: str, port: int = 0, *, password: bool) -> str:
    """SQL that makes the role. With `password`, one has to be put in place of the dots."""
    name = quoted(role)
    create = f"CREATE ROLE {name} LOGIN"
    if password:
        create += (
            " PASSWORD '...';  -- ALTER ROLE if it exists; then write it in conf.d or ~/.pgpass"
        )
    else:
        create += ";"
    return _as_superuser(port) + f"{create}\nGRANT pg_monitor TO {name};"


def _as_superuser(port: int, more: str = "") -> str:
    how = f" (sudo -u postgres psql -p {port})" if port else ""
    return f"-- as a superuser{how}{more}:\n"
