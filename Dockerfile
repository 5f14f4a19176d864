# The static binary alone: no shell, no libraries, no root.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends musl-tools && rm -rf /var/lib/apt/lists/*
RUN rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --features mimalloc --target "$(uname -m)-unknown-linux-musl" \
    && cp "target/$(uname -m)-unknown-linux-musl/release/countersign" /countersign \
    && mkdir /data

FROM scratch
COPY --from=build /countersign /countersign
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
WORKDIR /
VOLUME /data
EXPOSE 8080 8081 9090
# Asks /readyz at 127.0.0.1:9090, which is there if the configuration has `admin`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/countersign", "health"]
ENTRYPOINT ["/countersign"]
CMD ["run", "--config", "/etc/countersign/countersign.yaml"]
