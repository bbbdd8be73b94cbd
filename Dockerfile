# The server alone, as a user without rights. Build the program first, on a
# system with a glibc no newer than this image's:
#
#   cargo build --release && docker build -t gotgan .
#   docker run -p 5439:5439 -v gotgan-data:/var/lib/gotgan gotgan
#
# The password of user gotgan is in /var/lib/gotgan/admin-password, unless
# GOTGAN__AUTH__ADMIN_PASSWORD is set.
FROM debian:bookworm-slim

ARG PROGRAM=target/release/gotgan

# Certificates for object stores that are reached over HTTPS.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 5439 --user-group --no-create-home gotgan \
    && install --directory --owner=gotgan --group=gotgan --mode=0700 /var/lib/gotgan

COPY --chmod=0755 ${PROGRAM} /usr/local/bin/gotgan

# Beyond loopback the server needs TLS; without a certificate it makes its own.
ENV GOTGAN__SERVER__LISTEN=0.0.0.0:5439 \
    GOTGAN__STORAGE__DATA_DIR=/var/lib/gotgan

USER gotgan
VOLUME /var/lib/gotgan
EXPOSE 5439
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["gotgan", "healthcheck"]

ENTRYPOINT ["gotgan"]
