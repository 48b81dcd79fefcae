#!/usr/bin/env bats
# pin-go-image.sh

load setup

digest=sha256:$(printf '%064d' 7)

# in_copy runs the script beside a Dockerfile of its own.
in_copy() {
  mkdir -p "$BATS_TEST_TMPDIR/copy/deploy"
  cp -r "$ECS" "$BATS_TEST_TMPDIR/copy/deploy/ecs"
  copy=$BATS_TEST_TMPDIR/copy/Dockerfile
  printf '%s\n' "# first" "ARG GO_IMAGE=${1:-golang:1.26}" "FROM \${GO_IMAGE} AS build" >"$copy"
  echo "{\"digest\":\"$digest\"}" >"$FAKE/manifest"
  run "$BATS_TEST_TMPDIR/copy/deploy/ecs/pin-go-image.sh" "${@:2}"
}

@test "the digest is written behind the tag" {
  in_copy
  ends_with 0
  is "$(cat "$copy")" "# first
ARG GO_IMAGE=golang:1.26@$digest
FROM \${GO_IMAGE} AS build"
}

@test "an older digest is replaced, and another image may be given" {
  in_copy "golang:1.26@sha256:$(printf '%064d' 1)"
  ends_with 0
  is "$(sed -n 2p "$copy")" "ARG GO_IMAGE=golang:1.26@$digest"
  in_copy golang:1.26 public.ecr.aws/docker/library/golang:1.27
  is "$(sed -n 2p "$copy")" "ARG GO_IMAGE=public.ecr.aws/docker/library/golang:1.27@$digest"
}

@test "a dry run writes nothing" {
  in_copy golang:1.26 --dry-run
  ends_with 0
  says "ARG GO_IMAGE=golang:1.26@$digest"
  is "$(sed -n 2p "$copy")" "ARG GO_IMAGE=golang:1.26"
}

@test "a registry that does not answer, or answers nonsense, changes nothing" {
  echo imagetools >"$FAKE/engine-fails"
  in_copy
  ends_with 1
  says "the registry named no digest for golang:1.26"
  says "no space left on device"
  rm "$FAKE/engine-fails"
  digest=latest
  in_copy
  ends_with 1
  says "that is no digest"
  is "$(sed -n 2p "$copy")" "ARG GO_IMAGE=golang:1.26"
}

@test "a Dockerfile without the line is refused" {
  in_copy $'x\nARG GO_IMAGE=y:1'
  ends_with 1
  says "has not one line that begins with ARG GO_IMAGE="
}
