#!/usr/bin/env bats
# 1-push-images.sh

load setup

# pushed prints the calls that pushing one image takes.
pushed() { # IMAGE ENGINE
  local platform
  for platform in amd64 arm64; do
    echo "$2 build --platform linux/$platform --target $1 --file $root/Dockerfile --tag $1:0123456789ab-$platform --build-arg VERSION=0123456789ab --build-arg REVISION=0123456789ab $root"
    echo "$2 push $1:0123456789ab-$platform"
  done
}

root=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)

@test "four repositories, and four images for two platforms, each with a list" {
  script 1-push-images.sh
  ends_with 0
  wanted=$(
    for name in api users threads posts; do
      echo "ecr create-repository $name IMMUTABLE scanOnPush=true Key=splitboard:stack,Value=board"
    done
    echo "docker login --username AWS --password-stdin registry.example:5000"
    for name in api users threads posts; do
      pushed "$name" docker
      echo "docker manifest rm $name:0123456789ab"
      echo "docker manifest create $name:0123456789ab $name:0123456789ab-amd64 $name:0123456789ab-arm64"
      echo "docker manifest push $name:0123456789ab"
    done
  )
  is "$(changes)" "$wanted"
  says "users:0123456789ab"
  [[ $output != *the-password* ]]
}

@test "the password goes by standard input, never by an argument" {
  script 1-push-images.sh
  run grep the-password "$FAKE/calls"
  is "$output" ''
}

@test "podman where docker's engine does not answer" {
  touch "$FAKE/no-docker"
  script 1-push-images.sh --platform linux/arm64
  ends_with 0
  says "images are built with podman"
  run changes
  says "podman build --platform linux/arm64 --target users"
  says "--build-arg BUILDPLATFORM=linux/amd64"
  says "podman manifest create localhost/splitboard-list/users:0123456789ab"
  says "podman manifest add localhost/splitboard-list/users:0123456789ab docker://users:0123456789ab-arm64"
  says "podman manifest push --all localhost/splitboard-list/users:0123456789ab docker://users:0123456789ab"
  [[ $output != *"platform linux/amd64"* && $output != *docker\ build* ]]
}

@test "a second run pushes nothing" {
  deployed 1
  script 1-push-images.sh
  ends_with 0
  says "api:0123456789ab is there already"
  is "$(changes)" "docker login --username AWS --password-stdin registry.example:5000"
}

@test "GO_IMAGE and GOPROXY are passed on" {
  GO_IMAGE=golang:1.26@sha256:00 GOPROXY=https://proxy.example script 1-push-images.sh --tag v1
  ends_with 0
  run changes
  says "--build-arg GO_IMAGE=golang:1.26@sha256:00 --build-arg GOPROXY=https://proxy.example"
  says "docker push users:v1-amd64"
}

@test "changes that are not committed are in the tag" {
  echo " M README.md" >"$FAKE/changes"
  script 1-push-images.sh --dry-run
  ends_with 0
  says "images are tagged 0123456789ab-dirty-"
  first=$output
  echo "?? new.go" >>"$FAKE/changes"
  script 1-push-images.sh --dry-run
  [[ $(grep 'images are tagged' <<<"$output") != $(grep 'images are tagged' <<<"$first") ]]
}

@test "without a commit a tag is asked for" {
  touch "$FAKE/no-git"
  script 1-push-images.sh
  ends_with 1
  says "give a tag with --tag"
  script 1-push-images.sh --tag v1 --dry-run
  ends_with 0
}

@test "a push that fails says why, and the next run goes on there" {
  echo "push registry.example:5000/users:0123456789ab-arm64" >"$FAKE/engine-fails"
  script 1-push-images.sh
  ends_with 1
  says "docker could not push users for linux/arm64"
  says "no space left on device"
  says "stopped in step 5: Push the image users"
  says "Running the same command again is safe"
  rm "$FAKE/engine-fails"
  changes >/dev/null
  script 1-push-images.sh
  ends_with 0
  run changes
  [[ $output != *"--target api"* && $output != *"push users:0123456789ab-amd64"* ]]
  says "docker push users:0123456789ab-arm64"
  says "docker manifest push users:0123456789ab"
}

@test "a build that fails pushes nothing" {
  echo "--target api" >"$FAKE/engine-fails"
  script 1-push-images.sh
  ends_with 1
  says "docker could not build api for linux/amd64"
  is "$(ask '.repositories.api.images')" '[]'
}

@test "a login that fails ends it" {
  account '.fails["ecr get-login-password"] = "An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: not authorized"'
  script 1-push-images.sh
  ends_with 1
  says "docker could not log in to registry.example:5000"
  says "AccessDeniedException"
}

@test "another's repository is refused" {
  account '.repositories.users = {ours: false, images: []}'
  script 1-push-images.sh
  ends_with 1
  says "the repository users belongs to something else"
  says "aws ecr tag-resource"
}
