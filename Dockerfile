# Two images: `canaryd`, the product, which is made by default, and `sandbox`, the simulated mesh of docker-compose.yml.
FROM node:24.21.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM packages AS sources
COPY . .
RUN npm run build

FROM packages AS sandbox
COPY --from=sources /app/src src/
COPY --from=sources /app/demo demo/
COPY --from=sources /app/local local/
COPY --from=sources /app/tsconfig.json ./
# A named volume takes its owner from the folder it is first mounted on.
RUN mkdir /demo && chown node:node /demo
ENV NODE_ENV=production TSX_DISABLE_CACHE=1
USER 1000:1000
CMD ["node", "--import", "tsx", "demo/mesh.ts"]

FROM node:24.21.0-slim AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:24.21.0-slim AS canaryd
WORKDIR /app
COPY --from=production /app/node_modules node_modules/
COPY --from=sources /app/dist dist/
COPY --from=sources /app/migrations migrations/
COPY --from=sources /app/package.json ./
ENV NODE_ENV=production CANARYD_LISTEN=0.0.0.0:8080
# With more room Node collects its garbage so late that a worker holds twice the memory.
ENV NODE_OPTIONS=--max-old-space-size=512
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.CANARYD_LISTEN.split(':').pop() + '/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
