# The binary `tollgate` in a small image of its own: docker build -t tollgate:local .
# Elsewhere than on Docker Hub the base images have other names: --build-arg RUST_IMAGE=... --build-arg RUNTIME_IMAGE=...
ARG RUST_IMAGE=rust:1-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package tollgate-server --bin tollgate

FROM ${RUNTIME_IMAGE}
COPY --from=build /src/target/release/tollgate /usr/local/bin/tollgate
# No privilege is needed to listen above port 1023 and to talk to Redis.
USER 65532:65532
# Callers need an API key, the first of which is made on the store: `tollgate keys create --store`. Without keys (TOLLGATE_REQUIRE_KEYS=false) who
# can reach the port is decided where it is published, which TOLLGATE_INSECURE_LISTEN=true has to say.
ENV TOLLGATE_LISTEN=0.0.0.0:8080 TOLLGATE_REQUIRE_KEYS=true
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s CMD ["tollgate", "health", "--url", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["tollgate"]
CMD ["serve"]
