# The proxy alone: no emulated org, no shell, an unprivileged user.
#   docker build -t forcefield .
#   docker run -v /etc/forcefield:/etc/forcefield -p 8443:8443 forcefield serve --config /etc/forcefield/forcefield.yaml
FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin forcefield --no-default-features

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/forcefield /usr/local/bin/forcefield
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/forcefield/
USER nonroot
EXPOSE 8443 9443 9464
ENTRYPOINT ["/usr/local/bin/forcefield"]
CMD ["serve", "--config", "/etc/forcefield/forcefield.yaml"]
