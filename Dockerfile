# One image for every role: what a container does is its command (docker-compose.yml).
# Debian, because onnxruntime and Temporal's core are built for glibc.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/build.mjs && rm -rf dist/test dist/tools

FROM node:22-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
# TLS to a Temporal server is verified against the system's certificates.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY models models
COPY configs configs
# A named volume takes over the owner of the folder it is mounted on.
RUN mkdir /var/lib/attnrl && chown node:node /var/lib/attnrl
USER node
ENV NODE_ENV=production ATTNRL_HOME=/var/lib/attnrl ATTNRL_MONITOR=0.0.0.0:9464
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["node", "dist/workers/check-health.js"]
CMD ["node", "dist/workers/all-in-one.js"]
