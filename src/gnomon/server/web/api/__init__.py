"""HTTP APIs for queries and status.

Every module here that has `routes(server: Server) -> list[BaseRoute]` is part of the application;
`web/app.py` finds it by itself.
"""
