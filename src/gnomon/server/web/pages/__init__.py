"""The web page: HTML shells and the static files they load."""
