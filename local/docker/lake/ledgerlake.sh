#!/bin/sh
exec /opt/ledgerlake/.venv/bin/python -m cli.main "$@"
