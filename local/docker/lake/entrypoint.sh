#!/bin/sh
# Spark asks for the user's name, and a uid that .env names (AIRFLOW_UID) has none.
whoami >/dev/null 2>&1 || echo "lake:x:$(id -u):0::$HOME:/bin/sh" >>/etc/passwd
exec "$@"
