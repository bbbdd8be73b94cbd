#!/usr/bin/env bash
# Builds the image, starts it and asks it SELECT 1.

set -euo pipefail
cd "$(dirname "$0")/.."

docker build --quiet --tag gotgan-check .
container="$(docker run --detach --rm --env GOTGAN__AUTH__ADMIN_PASSWORD=granary gotgan-check)"
trap 'docker stop "$container" > /dev/null' EXIT
for _ in $(seq 300); do
    health="$(docker inspect --format '{{.State.Health.Status}}' "$container")"
    if [ "$health" = healthy ]; then break; fi
    sleep 0.2
done
[ "$health" = healthy ] || { docker logs "$container"; exit 1; }
address="$(docker inspect --format '{{.NetworkSettings.IPAddress}}' "$container")"
answer="$(PGPASSWORD=granary PGSSLMODE=require psql -X -At -h "$address" -p 5439 -U gotgan -d gotgan -c 'SELECT 1')"
[ "$answer" = 1 ]
echo "the image answers"
