# The board's images: api (the monolith), users, threads, posts and edge. Each is one static
# program on an empty file system, for a user that is not root:
#
#   docker build --target users --tag users .
#   docker build --target api --tag api --build-arg VERSION=v1.4.0 --platform linux/arm64 .
#
# For another platform, podman 4.3 and buildah 1.28 want to be told the machine's own as
# well: --build-arg BUILDPLATFORM=linux/amd64.
#
# With --build-arg GOPROXY=file:///proxy and --volume "$(go env GOMODCACHE)/cache/download:/proxy:ro",
# which podman and buildah have, nothing is asked of a network.

# deploy/ecs/pin-go-image.sh writes the digest behind the tag here.
ARG GO_IMAGE=docker.io/library/golang:1.26

# Go cross-compiles, so this runs on the machine's own platform whatever is built for.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS="-trimpath -buildvcs=false" \
    GOMODCACHE=/go/pkg/mod GOCACHE=/root/.cache/go-build
ARG GOPROXY

# The monolith's module requires every other one that is needed, each at the same version.
WORKDIR /src/monolith
COPY edge/go.mod edge/go.sum ../edge/
COPY gen/go.mod gen/go.sum ../gen/
COPY internal/go.mod internal/go.sum ../internal/
COPY services/users/go.mod services/users/go.sum ../services/users/
COPY services/threads/go.mod services/threads/go.sum ../services/threads/
COPY services/posts/go.mod services/posts/go.sum ../services/posts/
COPY monolith/go.mod monolith/go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

# All five at once: they share most of their packages.
COPY . ..
ARG TARGETOS TARGETARCH
ARG VERSION=devel
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/ \
        -ldflags "-s -w -X github.com/splitboard/splitboard/internal/serve.version=$VERSION" \
        . ../services/users/cmd/users ../services/threads/cmd/threads ../services/posts/cmd/posts ../edge/cmd/edge \
    && mkdir -p /out/data/users /out/data/threads /out/data/posts

# What all have.
FROM scratch AS program
ARG VERSION=devel
ARG REVISION
LABEL org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.source=https://github.com/splitboard/splitboard \
      org.opencontainers.image.licenses=Apache-2.0
ENV SPLITBOARD_LOG=json
USER 65532:65532
EXPOSE 3000
ENTRYPOINT ["/splitboard"]

# What those have that own data. A volume that is mounted here for the first time takes the
# folders' owner over.
FROM program AS owner
COPY --from=build --chown=65532:65532 /out/data /data
ENV SPLITBOARD_DATA=/data
EXPOSE 50051

FROM owner AS api
LABEL org.opencontainers.image.title="splitboard monolith"
COPY --from=build /out/monolith /splitboard

FROM owner AS users
LABEL org.opencontainers.image.title="splitboard users"
COPY --from=build /out/users /splitboard

FROM owner AS threads
LABEL org.opencontainers.image.title="splitboard threads"
COPY --from=build /out/threads /splitboard

FROM owner AS posts
LABEL org.opencontainers.image.title="splitboard posts"
COPY --from=build /out/posts /splitboard

FROM program AS edge
LABEL org.opencontainers.image.title="splitboard edge"
COPY --from=build /out/edge /splitboard
