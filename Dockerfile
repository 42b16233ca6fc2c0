# The engine alone: it wants a PostgreSQL (BODA__DATABASE__URL), see compose.yaml.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# The dependencies first, with stand-ins for our own code: this layer stays until a manifest changes.
COPY Cargo.toml Cargo.lock ./
COPY loadtest/Cargo.toml loadtest/Cargo.toml
# Named in Cargo.toml, so cargo wants to see them.
COPY benches benches
RUN mkdir -p src loadtest/src \
    && echo 'fn main() {}' >src/main.rs \
    && cp src/main.rs loadtest/src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked

# Queries are checked against .sqlx: building needs no database. Cargo goes by time, and ours must be newer than the
# stand-ins.
COPY . .
RUN touch src/main.rs src/lib.rs \
    && SQLX_OFFLINE=true cargo build --release --locked

FROM debian:bookworm-slim
# Certificates: to reach providers over TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/boda --create-home --shell /usr/sbin/nologin boda
COPY --from=build /src/target/release/boda /usr/local/bin/boda

USER boda
WORKDIR /var/lib/boda
# Keys, sealed files and the published heads of the audit log are kept here, so it must outlive the container; what the keys
# sealed is lost with them.
ENV BODA__DATA_DIR=/var/lib/boda
VOLUME /var/lib/boda
EXPOSE 8080
STOPSIGNAL SIGTERM
# By bash alone, for want of curl. Live, not ready: a database that is away is no reason to start this one again.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["boda"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
