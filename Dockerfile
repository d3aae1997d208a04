# The gateway, whole: `docker build -t mestore/sms-gateway .`; docs/deploy.md has the rest.
# Node is the version the tests run on. To pin it by digest, so that a later build cannot differ:
#   docker buildx imagetools inspect node:24.21.0-bookworm-slim        names the digest
#   docker build --build-arg NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:… .
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# What the gateway needs at run time, exactly as locked. Manifests alone: this layer changes only when they do.
FROM ${NODE_IMAGE} AS dependencies
# Stays empty: the data folder of the image is copied from it, with its owner.
WORKDIR /data
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/client/package.json ./packages/client/
COPY packages/console/package.json ./packages/console/
COPY packages/contract/package.json ./packages/contract/
COPY packages/gateway/package.json ./packages/gateway/
RUN npm ci --omit=dev --workspace packages/gateway --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="MeStore SMS Gateway" \
      org.opencontainers.image.description="Self-hosted SMS gateway and OTP verification service" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
COPY --from=dependencies /app ./
# TypeScript runs as it is: Node strips the types. It refuses to below node_modules, so the workspaces have to stay what
# npm makes of them, links from node_modules/@mestore to packages/.
COPY LICENSE ./
COPY packages ./packages
# SQLite, and outside production the secrets made at the first start. Nothing else here may be written by the gateway.
COPY --from=dependencies --chown=1000:1000 /data ./data
VOLUME /app/data
# `node` of the official image; as a number, so that Kubernetes sees that it is not root.
USER 1000:1000
EXPOSE 8000
# /readyz: who starts after it, or sends it traffic, asks whether requests can be served. Docker itself restarts nothing for
# that. Where unhealthy means restart, as in Swarm, ask /livez: a database that is away is not mended by a restart.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8000}/readyz`, { signal: AbortSignal.timeout(4000) }).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell in between: SIGTERM reaches the gateway, which finishes what it has begun and ends with 0.
ENTRYPOINT ["node", "packages/gateway/bin/sms-gateway.js"]
CMD ["serve"]
