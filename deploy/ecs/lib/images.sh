# shellcheck shell=bash
# Images: their tag, the registry's repositories, building and pushing.

# choose_tag takes --tag, or names the commit.
choose_tag() {
  local changes
  revision=$(git -C "$root" rev-parse HEAD 2>/dev/null) || revision=''
  tag=${option[tag]:-}
  if [[ -z $tag ]]; then
    need git "install git, or give the images' tag with --tag"
    tag=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null) ||
      die "there is no commit to name the images by" "$root is not a git repository" "give a tag with --tag"
    changes=$(git -C "$root" status --porcelain)
    [[ -z $changes ]] || tag+=-dirty-$(fingerprint)
  fi
  set_value TAG "$tag"
  say "images are tagged $tag"
}

# fingerprint prints a number for what is not committed, so that another state of it is
# another tag: a tag is never pushed twice.
fingerprint() {
  {
    git -C "$root" diff HEAD --binary
    git -C "$root" ls-files --others --exclude-standard
    git -C "$root" ls-files --others --exclude-standard -z | (cd "$root" && xargs -0 -r cat)
  } | cksum | cut -d' ' -f1
}

# strangers says what to do about things that have the names of ours: they are refused,
# but for the clean-up, which leaves them alone.
strangers=refused

declare -A repository=() # its address, for each that there is and is ours

find_repositories() {
  local answer tags name arn uri
  # To ask for those four by name would fail if one of them were not there.
  answer=$(look ecr describe-repositories)
  answer=$(jq -r '.repositories[] | select(.repositoryName | IN($ARGS.positional[])) | "\(.repositoryName) \(.repositoryArn) \(.repositoryUri)"' --args -- api "${services[@]}" <<<"$answer")
  [[ -n $answer ]] || return 0
  while read -r name arn uri; do
    tags=$(look ecr list-tags-for-resource --resource-arn "$arn")
    if ours "$tags"; then
      repository[$name]=$uri
    elif [[ $strangers == refused ]]; then
      die "the repository $name belongs to something else" "it has no tag splitboard:stack=$stack; there can be one board for each account and region" \
        "if it may be used: aws ecr tag-resource --region $region --resource-arn $arn --tags Key=splitboard:stack,Value=$stack"
    fi
  done <<<"$answer"
}

# ensure_repository creates a repository if there is none.
ensure_repository() { # NAME
  local answer
  if [[ -n ${repository[$1]:-} ]]; then
    say "the repository $1 is there"
    return
  fi
  answer=$(change ecr create-repository --repository-name "$1" --image-tag-mutability IMMUTABLE \
    --image-scanning-configuration scanOnPush=true --tags "Key=splitboard:stack,Value=$stack")
  repository[$1]=$(jq -r --arg default "$account.dkr.ecr.$region.amazonaws.com/$1" '.repository.repositoryUri // $default' <<<"$answer")
  dry_run || say "created the repository $1"
}

# image_digest prints an image's digest, or nothing if the registry does not have it.
image_digest() { # NAME TAG
  local answer
  answer=$(look_for 'ImageNotFoundException|RepositoryNotFoundException' ecr describe-images --repository-name "$1" --image-ids "imageTag=$2")
  [[ -z $answer ]] || jq -r '.imageDetails[0].imageDigest' <<<"$answer"
}

# need_image ends the script if an image has not been pushed.
need_image() { # NAME
  local digest
  digest=$(image_digest "$1" "$tag")
  if [[ -n $digest ]]; then
    say "the image $1:$tag is there: $digest"
  else
    ! dry_run || warn "the image $1:$tag has not been pushed"
    die_or_dry "the image $1:$tag has not been pushed" "" "./1-push-images.sh --tag $tag $region $stack, or give the tag of one that has been with --tag"
  fi
}

# choose_engine takes docker if its engine answers, else podman.
choose_engine() {
  if command -v docker >/dev/null && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
    engine=docker
  elif command -v podman >/dev/null; then
    engine=podman
  elif command -v docker >/dev/null; then
    die "docker's engine does not answer" "$(docker version 2>&1 >/dev/null | tail -n 1)" "start it, or install podman"
  else
    die "neither docker nor podman is installed" "" "install one: https://docs.docker.com/engine/install or https://podman.io/docs/installation"
  fi
  builder=()
  if [[ $engine == podman ]]; then
    # What docker says by itself, podman 4.3 wants to be told.
    builder=(--build-arg "BUILDPLATFORM=$(podman info --format '{{.Host.OS}}/{{.Host.Arch}}')")
  fi
  # An image by itself, not a list of it and of how it was built: that makes the lists below.
  export BUILDX_NO_DEFAULT_ATTESTATIONS=1
  say "images are built with $engine"
}

# run_engine runs the engine, or shows the command in a dry run.
run_engine() { # WHAT ARGUMENT…
  local what=$1
  shift
  if dry_run; then
    show_command "$engine" "$@"
    return
  fi
  "$engine" "$@" >"$work/engine" 2>&1 ||
    die "$engine could not $what" "$(tail -n 15 "$work/engine")" "mend it and run the same command again: what was pushed is not pushed twice"
}

# log_in lets the engine push. The password goes from one to the other without being
# written or shown.
log_in() { # REGISTRY
  if dry_run; then
    say "would log $engine in to $1"
    return
  fi
  aws_cli ecr get-login-password | "$engine" login --username AWS --password-stdin "$1" >"$work/engine" 2>&1 ||
    die "$engine could not log in to $1" "$(grep -hiv password "$work/stderr" "$work/engine" | tail -n 3)"
  say "$engine is logged in to $1"
}

# push_image builds an image for each platform and pushes it as NAME:TAG-ARCHITECTURE, and
# then the list of these as NAME:TAG. What the registry has is not built again.
push_image() { # NAME PLATFORM…
  local name=$1 uri=${repository[$1]} platform each there
  local -a parts=()
  shift
  there=$(image_digest "$name" "$tag")
  if [[ -n $there ]]; then
    done_ "$name:$tag is there already"
    return
  fi
  for platform; do
    each=$tag-${platform##*/}
    parts+=("$uri:$each")
    there=$(image_digest "$name" "$each")
    if [[ -n $there ]]; then
      say "$name:$each is there already"
      continue
    fi
    say "$name for $platform: building"
    run_engine "build $name for $platform" build --platform "$platform" --target "$name" --file "$root/Dockerfile" \
      --tag "$uri:$each" "${builder[@]}" --build-arg "VERSION=$tag" ${revision:+--build-arg "REVISION=$revision"} ${GO_IMAGE:+--build-arg "GO_IMAGE=$GO_IMAGE"} ${GOPROXY:+--build-arg "GOPROXY=$GOPROXY"} "$root"
    say "$name for $platform: pushing"
    run_engine "push $name for $platform" push "$uri:$each"
  done
  push_list "$uri" "${parts[@]}"
  dry_run || done_ "$name:$tag is pushed"
}

# push_list pushes a manifest list of images that are in the registry. An earlier attempt
# may have left one of the same name here.
push_list() { # URI IMAGE…
  local to=$1:$tag list=$1:$tag part
  shift
  # podman would take a list of the same name as an image that somebody pulled for that image.
  [[ $engine == docker ]] || list=localhost/splitboard-list/${to##*/}
  dry_run || "$engine" manifest rm "$list" >/dev/null 2>&1 || true
  if [[ $engine == docker ]]; then
    run_engine "make the list $list" manifest create "$list" "$@"
    run_engine "push the list $list" manifest push "$list"
  else
    # Only `add` reads REGISTRY_AUTH_FILE; `create` with images does not.
    run_engine "make the list $list" manifest create "$list"
    for part; do run_engine "put $part in the list" manifest add "$list" "docker://$part"; done
    run_engine "push the list $to" manifest push --all "$list" "docker://$to"
  fi
}

# show_images prints a table of what the registry has.
show_images() {
  local name answer rows=$'IMAGE\tDIGEST\tPUSHED'
  ! dry_run || return 0
  for name in api "${services[@]}"; do
    answer=$(look ecr describe-images --repository-name "$name" --image-ids "imageTag=$tag")
    rows+=$'\n'"$name:$tag"$'\t'$(jq -r '.imageDetails[0] | "\(.imageDigest[:19])\t\(.imagePushedAt | if type == "number" then todate else . end)"' <<<"$answer")
  done
  table <<<"$rows"
}
