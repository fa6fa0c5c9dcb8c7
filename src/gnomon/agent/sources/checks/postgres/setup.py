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


def grant(role: str, version: int) -> str:
    """SQL that lets an existing role see what the check asks for; `version` 0 is not known."""
    name = quoted(role)
    if 0 < version < 100000:
        return "-- as a superuser, in the database the check connects to:\n" + BEFORE_10.format(
            role=name
        )
    return f"-- as a superuser:\nGRANT pg_monitor TO {name};"


def login(role: str, *, password: bool, version: int = 0) -> str:
    """SQL that makes the role. With `password`, one has to be put in place of the dots."""
    name = quoted(role)
    create = f"CREATE ROLE {name} LOGIN"
    create += " PASSWORD '...';  -- ALTER ROLE if it exists" if password else ";"
    comment, _, rest = grant(role, version).partition("\n")
    return f"{comment}\n{create}\n{rest}"
