#!/usr/bin/env bash
# Pins the image that the Dockerfile builds with to what its tag names today.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

usage() {
  cat <<'END'
usage: pin-go-image.sh [options] [IMAGE]

Asks the registry which digest IMAGE has, and writes IMAGE@DIGEST into the Dockerfile as the
default of ARG GO_IMAGE. The default for IMAGE is what stands there, for a newer digest.

  --dry-run  show the line, and write nothing
  --help     show this
END
}

# digest_of prints the digest of the list that a tag names, which covers all platforms.
digest_of() { # IMAGE
  if command -v docker >/dev/null && docker buildx version >/dev/null 2>&1; then
    docker buildx imagetools inspect --format '{{json .Manifest}}' "$1" 2>"$work/stderr" | jq -r .digest
  elif command -v skopeo >/dev/null; then
    skopeo inspect --no-tags --format '{{.Digest}}' "docker://$(full_name "$1")" 2>"$work/stderr"
  else
    die "neither docker with buildx nor skopeo is installed" "" "install one of them"
  fi
}

# full_name adds what docker takes for granted: golang:1.26 is docker.io/library/golang:1.26.
full_name() { # IMAGE
  case $1 in
    *.*/* | *:*/* | localhost/*) echo "$1" ;;
    */*) echo "docker.io/$1" ;;
    *) echo "docker.io/library/$1" ;;
  esac
}

accepts=(dry-run)
parse "$@"
((${#words[@]} <= 1)) || bad_usage "one argument too many: '${words[1]}'"

step "Find the image's digest"
need jq "install jq"
dockerfile=$root/Dockerfile
[[ $(grep -c '^ARG GO_IMAGE=' "$dockerfile") == 1 ]] || die "the Dockerfile has not one line that begins with ARG GO_IMAGE="
image=${words[0]:-$(sed -n 's/^ARG GO_IMAGE=//p' "$dockerfile")}
image=${image%@*}
[[ $image =~ ^[a-z0-9][a-zA-Z0-9._:/-]*:[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || bad_usage "not an image with a tag: '$image'; one looks like golang:1.26"
digest=$(digest_of "$image") || die "the registry named no digest for $image" "$(tail -n 3 "$work/stderr")" "look at the network and at the image's name"
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || die "that is no digest: '$digest'"
say "ARG GO_IMAGE=$image@$digest"

step "Write it into the Dockerfile"
if dry_run; then
  warn "a dry run: nothing is written"
else
  sed "s|^ARG GO_IMAGE=.*|ARG GO_IMAGE=$image@$digest|" "$dockerfile" >"$work/Dockerfile"
  cat "$work/Dockerfile" >"$dockerfile"
  done_ "git diff Dockerfile shows it"
fi
