# Cadenza, laid out like Tempo's image: same entry point, same user, same data directory.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --package cadenza \
 && mkdir -p /rootfs/var/tempo /rootfs/etc /rootfs/tmp \
 && cp target/dist/cadenza /rootfs/cadenza \
 && ln -s /cadenza /rootfs/tempo \
 && echo 'tempo:x:10001:10001:tempo:/var/tempo:/sbin/nologin' > /rootfs/etc/passwd \
 && echo 'tempo:x:10001:' > /rootfs/etc/group \
 && chmod 0700 /rootfs/var/tempo && chmod 1777 /rootfs/tmp

# Holds libc and the certificate bundle, and no shell.
FROM gcr.io/distroless/cc-debian12
COPY --from=build --chown=10001:10001 /rootfs/ /
USER 10001:10001
WORKDIR /var/tempo
EXPOSE 3200 4317 4318 9095
ENTRYPOINT ["/tempo"]
