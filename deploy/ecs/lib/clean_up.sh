# shellcheck shell=bash
# Finding what a board has in an account, and deleting it. Only what is tagged with the
# stack's name, or belongs to its cluster, is touched; what is gone already is left out.

declare -a live_services=() live_tasks=() groups=() active=() inactive=() repositories=()

# find_all finds what there is, prints it as a table, and says in $anything whether it is
# anything at all.
# shellcheck disable=SC2034 # 5-clean-up.sh reads it
find_all() {
  local name rows=$'WHAT\tWHICH' numbers=()
  strangers=left_alone
  rest_stack
  set_value CLUSTER "${output[ClusterName]:-}"
  set_value LISTENER_ARN "${output[ListenerArn]:-}"
  find_services
  load_routes
  find_repositories
  for name in api "${services[@]}"; do
    ! known "TARGET_GROUP_ARN:$name" || groups+=("$name")
    [[ -z ${rule[$name]:-} ]] || numbers+=("${number[$name]}")
    [[ -z ${repository[$name]:-} ]] || repositories+=("$name")
    find_task_definitions "$name"
  done
  find_volume

  add_row services "${live_services[@]}"
  add_row "other tasks" "${live_tasks[@]##*/}"
  add_row rules "${numbers[@]}"
  add_row "target groups" "${groups[@]}"
  add_row "task definitions" "${active[@]##*/}" "${inactive[@]##*/}"
  add_row "repositories, with their images" "${repositories[@]}"
  add_row "stack, with its logs" ${stack_now:+"$stack ($stack_now)"}
  if [[ -n ${option[delete-data]:-} ]]; then
    add_row "data volume, WITH ALL DATA" ${volume:+"$volume ($volume_size GiB)"}
  fi
  if [[ $rows == $'WHAT\tWHICH' ]]; then
    anything=''
    say "there is nothing to delete"
  else
    anything=yes
    table <<<"$rows"
  fi
}

add_row() { # WHAT WHICH…
  local what=$1
  shift
  [[ -z $* ]] || rows+=$'\n'"$what"$'\t'"$*"
}

find_services() {
  local name answer
  known CLUSTER || return 0
  answer=$(live api "${services[@]}")
  [[ -z $answer ]] || mapfile -t live_services < <(cut -d' ' -f1 <<<"$answer")
  answer=$(look_for ClusterNotFoundException ecs list-tasks --cluster "${value[CLUSTER]}")
  [[ -n $answer ]] || return 0
  answer=$(jq -r '.taskArns[]' <<<"$answer")
  [[ -n $answer ]] || return 0
  mapfile -t live_tasks <<<"$answer"
  answer=$(look ecs describe-tasks --cluster "${value[CLUSTER]}" --tasks "${live_tasks[@]}")
  # The services' own tasks end with them.
  answer=$(jq -r '.tasks[] | select(.group // "" | startswith("service:") | not) | .taskArn' <<<"$answer")
  live_tasks=()
  [[ -z $answer ]] || mapfile -t live_tasks <<<"$answer"
}

find_task_definitions() { # FAMILY
  local status answer arn
  for status in ACTIVE INACTIVE; do
    answer=$(look ecs list-task-definitions --family-prefix "$1" --status "$status")
    answer=$(jq -r --arg family "$1" '.taskDefinitionArns[] | select(split("/")[-1] | split(":")[0] == $family)' <<<"$answer")
    for arn in $answer; do
      answer=$(look_for 'ClientException' ecs describe-task-definition --task-definition "$arn" --include TAGS)
      ours "$answer" || continue
      if [[ $status == ACTIVE ]]; then active+=("$arn"); else inactive+=("$arn"); fi
    done
  done
}

# confirm asks whether to go on.
confirm() {
  local answer=''
  [[ -z ${option[yes]:-} ]] && ! dry_run || return 0
  printf '\n   Type the name of the stack, %s, to delete all of this: ' "$stack" >&3
  read -r answer || true
  if [[ $answer != "$stack" ]]; then
    gave_up=yes
    printf '\nNothing was deleted.\n' >&2
    exit 1
  fi
}

# live prints the name, the status and the number of tasks of those services that there are.
live() { # NAME…
  local answer
  answer=$(look_for ClusterNotFoundException ecs describe-services --cluster "${value[CLUSTER]}" --services "$@")
  jq -r '.services[]? | select(.status != "INACTIVE") | "\(.serviceName) \(.status) \(.runningCount + .pendingCount)"' <<<"${answer:-"{}"}"
}

end_services() {
  local name answer status tasks
  if ((${#live_services[@]} > 0)); then
    for name in "${live_services[@]}"; do scale "$name" 0; done
    wait_until "their tasks have ended" 300 explain_services services_empty "${live_services[@]}"
    answer=$(live "${live_services[@]}")
    while read -r name status tasks; do
      [[ $status != ACTIVE ]] || change ecs delete-service --cluster "${value[CLUSTER]}" --service "$name" >/dev/null
    done <<<"$answer"
    wait_until "the services are gone" 300 explain_services services_gone "${live_services[@]}"
  fi
  for name in "${live_tasks[@]}"; do
    change ecs stop-task --cluster "${value[CLUSTER]}" --task "$name" --reason "the board is deleted" >/dev/null
    wait_until "the task ${name##*/} has ended" 120 explain_task task_stopped "$name"
  done
}

services_empty() { # NAME…
  local answer
  answer=$(live "$@")
  awk '$3 > 0 { left = left ", " $3 " of " $1 } END { print left ? "no still running: " substr(left, 3) : "yes" }' <<<"$answer"
}

services_gone() { # NAME…
  local answer
  answer=$(live "$@")
  awk 'NF { left = left ", " $1 " " $2 } END { print left ? "no " substr(left, 3) : "yes" }' <<<"$answer"
}

explain_services() { # NAME…
  local name
  for name; do explain_service "$name"; done
}

delete_routes() {
  local name
  # The monolith's last: without it alone, the board would look cut over.
  for name in "${services[@]}" api; do delete_rule "$name"; done
  [[ $default_action != api ]] || set_default drop
  for name in "${groups[@]}"; do
    change elbv2 delete-target-group --target-group-arn "${value[TARGET_GROUP_ARN:$name]}" >/dev/null
    dry_run || say "deleted the target group $name"
  done
}

delete_task_definitions() {
  local arn answer i
  for arn in "${active[@]}"; do
    change ecs deregister-task-definition --task-definition "$arn" >/dev/null
  done
  inactive+=("${active[@]}")
  for ((i = 0; i < ${#inactive[@]}; i += 10)); do # as many as one call takes
    if dry_run; then
      change ecs delete-task-definitions --task-definitions "${inactive[@]:i:10}" >/dev/null
      continue
    fi
    if ! answer=$(aws_cli ecs delete-task-definitions --task-definitions "${inactive[@]:i:10}"); then
      grep -qi 'invalid choice' "$work/stderr" || aws_failed ecs delete-task-definitions
      warn "this AWS CLI is too old to delete task definitions: they stay, inactive, and cost nothing"
      return
    fi
    answer=$(jq -r '.failures[]? | "\(.arn): \(.reason)"' <<<"$answer")
    [[ -z $answer ]] || die "task definitions were not deleted" "$answer"
  done
  dry_run || say "deleted ${#inactive[@]} task definitions"
}

delete_repositories() {
  local name
  for name in "${repositories[@]}"; do
    change ecr delete-repository --repository-name "$name" --force >/dev/null
    dry_run || say "deleted the repository $name with its images"
  done
}

# end_volume deletes the data volume if that was asked for, and else says what it is.
end_volume() {
  if [[ -z $volume ]]; then
    say "there is no data volume"
  elif [[ -n ${option[delete-data]:-} ]]; then
    wait_until "the data volume is free" 300 nothing_more volume_detached
    change ec2 delete-volume --volume-id "$volume" >/dev/null
    dry_run || say "deleted the data volume $volume"
  else
    say "the data volume $volume ($volume_size GiB, $volume_zone) stays, with all data; it costs about $(monthly "$volume_size") dollars a month"
    say "./2-deploy-monolith.sh $region $stack takes it again; ./5-clean-up.sh --delete-data $region $stack deletes it"
  fi
}

# monthly prints what a volume costs: 0.08 dollars for each GiB of gp3 in most regions.
monthly() { # GIB
  printf '%d.%02d' $(($1 * 8 / 100)) $(($1 * 8 % 100))
}
