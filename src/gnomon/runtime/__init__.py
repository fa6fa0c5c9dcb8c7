"""What a process needs around its work: lifecycle, reload, logs, files."""
