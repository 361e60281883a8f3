"""A foreign program that holds a DuckDB file until its stdin is closed: python holder.py FILE."""

import sys

import duckdb

with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("select 1").fetchall()
    sys.stdout.write("holding\n")
    sys.stdout.flush()
    sys.stdin.read()
