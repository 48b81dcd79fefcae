#!/usr/bin/env bash
# Module 1: build the images and push them to the account's registry.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

usage() {
  cat <<'END'
usage: 1-push-images.sh [options] <region> <stack>

Builds the images api (the monolith), users, threads and posts with docker or podman, and
pushes each to a repository of its name, which is created if there is none.

  --tag TAG           the images' tag; the default is the commit, with -dirty and a
                      number where files are changed
  --platform LIST     the default is linux/amd64,linux/arm64
  --dry-run           show each command that would change something, and change nothing
  --endpoint-url URL  send all calls to URL instead of AWS
  --help              show this

GO_IMAGE and GOPROXY in the environment are passed on to the build.
END
}

accepts=(tag= platform=)
parse_board "$@"
no_more_words
IFS=, read -ra platforms <<<"${option[platform]-linux/amd64,linux/arm64}"
declare -A seen=()
for each in "${platforms[@]:-}"; do
  [[ -z ${seen[_$each]:-} ]] || bad_usage "the platform $each is named twice"
  seen[_$each]=yes
  [[ $each =~ ^linux/(amd64|arm64)$ ]] || bad_usage "not a platform: '$each'; linux/amd64 or linux/arm64"
done

step "Look at the account and the tools"
need_aws
who_am_i
choose_tag
choose_engine

step "Find or create the repositories"
find_repositories
for name in api "${services[@]}"; do ensure_repository "$name"; done

step "Log in to the registry"
log_in "${repository[api]%%/*}"

for name in api "${services[@]}"; do
  step "Push the image $name"
  push_image "$name" "${platforms[@]}"
done

step "The images"
show_images
say "next: ./2-deploy-monolith.sh $region $stack"
