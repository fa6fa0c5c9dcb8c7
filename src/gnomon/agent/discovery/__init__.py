"""What runs on this host: sockets and processes matched to known services."""
