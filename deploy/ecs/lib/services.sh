# shellcheck shell=bash
# The ECS services: made from their files, brought up to date, scaled, waited for.

# service prints what ECS tells of a service, or nothing if there is none.
service() { # NAME
  local answer
  answer=$(look_for ClusterNotFoundException ecs describe-services --cluster "${value[CLUSTER]}" --services "$1")
  jq -c '.services[0]? // empty | select(.status != "INACTIVE")' <<<"${answer:-"{}"}"
}

# ensure_service makes a service from its file, or gives it the task definition and the
# settings that the file has now. The number of its tasks is raised to the file's, unless
# the service rests on purpose.
ensure_service() { # NAME [rests]
  local name=$1 input found changes
  input=$(filled "services/$name.json")
  found=$(service "$name")
  if [[ -n $found && $(jq -r .status <<<"$found") == DRAINING ]]; then
    wait_until "the old service $name is gone" 300 explain_service service_gone "$name"
    found=''
  fi
  if [[ -z $found ]]; then
    input=$(jq -c --arg stack "$stack" '.tags = (.tags // []) + [{key: "splitboard:stack", value: $stack}]' <<<"$input")
    change ecs create-service --cli-input-json "$input" >/dev/null
    dry_run || say "created the service $name"
    return
  fi
  changes=$(service_changes "$input" "$found" "${2:-}")
  if [[ -z $changes ]]; then
    say "the service $name is as the file says"
    return
  fi
  change ecs update-service --cli-input-json "$changes" >/dev/null
  dry_run || say "updated the service $name: $(jq -r 'del(.cluster, .service) | keys | join(", ")' <<<"$changes")"
}

# service_changes prints the input of update-service that makes a service what the file
# says, or nothing if it is that already.
service_changes() { # INPUT FOUND [rests]
  jq -nc --argjson want "$1" --argjson have "$2" --arg rests "${3:-}" '
    def covers($a; $b): if ($a | type) == "object" then all($a | keys[]; . as $k | covers($a[$k]; $b[$k]?)) else $a == $b end;
    ($want | {taskDefinition, deploymentConfiguration, healthCheckGracePeriodSeconds, placementConstraints, placementStrategy,
      desiredCount: (if $rests != "" then $have.desiredCount else [.desiredCount, $have.desiredCount] | max end)}
      | with_entries(select(.value != null))
      | with_entries(select(.key as $k | covers(.value; $have[$k]) | not)))
    | if . == {} then empty else {cluster: $want.cluster, service: $want.serviceName} + . end'
}

# scale sets the number of a service's tasks, unless it is that already.
scale() { # NAME NUMBER
  local found
  found=$(service "$1")
  if [[ $(jq -r .desiredCount <<<"${found:-"{}"}") == "$2" ]]; then
    say "the service $1 has $2 tasks already"
    return
  fi
  change ecs update-service --cluster "${value[CLUSTER]}" --service "$1" --desired-count "$2" >/dev/null
  dry_run || say "the service $1 is to have $2 tasks"
}

service_gone() { # NAME
  local found
  found=$(service "$1")
  if [[ -z $found ]]; then echo yes; else echo "no $(jq -r '"\(.status), \(.runningCount) running"' <<<"$found")"; fi
}

# steady, for jq: whether all of a service's tasks run what it was told last, and none runs
# anything else.
# shellcheck disable=SC2016 # these are variables of jq
steady='def steady($wanted): (.deployments[] | select(.status == "PRIMARY")) as $now
    | if $now.rolloutState == "FAILED" then "never the deployment failed: \($now.rolloutStateReason // "no reason given")"
      elif $wanted != "" and $now.taskDefinition != $wanted then "never ECS went back to \($now.taskDefinition | split("/") | last), as the tasks of \($wanted | split("/") | last) did not become healthy"
      elif $now.rolloutState == "COMPLETED" and .runningCount == .desiredCount and .pendingCount == 0 and (.deployments | length) == 1 then "yes"
      else "no \(.runningCount) of \(.desiredCount) running, \(.pendingCount) starting, rollout \($now.rolloutState // "unknown")" end;'

service_steady() { # NAME
  local found
  found=$(service "$1")
  if [[ -z $found ]]; then
    echo "never there is no service $1"
  else
    jq -r --arg wanted "${value[TASK_DEFINITION_ARN:$1]:-}" "$steady"' steady($wanted)' <<<"$found"
  fi
}

# explain_service prints what ECS says of a service, and why its last task ended.
explain_service() { # NAME
  local found tasks last
  found=$(service "$1")
  jq -r '.events[:6][]? | "ECS: \(.message)"' <<<"${found:-"{}"}" | indented
  tasks=$(look_for 'ClusterNotFound|ServiceNotFound' ecs list-tasks --cluster "${value[CLUSTER]}" --service-name "$1" --desired-status STOPPED)
  last=$(jq -r '.taskArns[0] // ""' <<<"${tasks:-"{}"}")
  [[ -n $last ]] || return 0
  explain_stopped "$1" "$last"
}

# --- Targets

targets_healthy() { # NAME
  local answer
  if ! known "TARGET_GROUP_ARN:$1"; then
    echo "never there is no target group $1"
    return
  fi
  answer=$(look elbv2 describe-target-health --target-group-arn "${value[TARGET_GROUP_ARN:$1]}")
  jq -r '[.TargetHealthDescriptions[].TargetHealth | select(.State != "draining")]
    | if length > 0 and all(.State == "healthy") then "yes"
      elif length == 0 then "no there is none yet"
      else "no " + (group_by(.State) | map("\(length) \(.[0].State)") | join(", ")) end' <<<"$answer"
}

explain_targets() { # NAME
  local answer
  answer=$(look elbv2 describe-target-health --target-group-arn "${value[TARGET_GROUP_ARN:$1]}")
  jq -r '.TargetHealthDescriptions[] | "target \(.Target.Id):\(.Target.Port): \(.TargetHealth.State), \(.TargetHealth.Reason // "") \(.TargetHealth.Description // "")"' <<<"$answer" | indented
  explain_service "$1"
}

# wait_until_serving waits until a service is steady and the load balancer finds it healthy.
wait_until_serving() { # NAME
  wait_until "the service $1 is steady" 900 explain_service service_steady "$1"
  wait_until "the targets of $1 are healthy" 180 explain_targets targets_healthy "$1"
}

# --- For people

# show_services prints a table of the monolith and the services, and sets unserving to those
# that do not serve as they should.
show_services() {
  local answer name tasks steadiness definition targets image tags='' rows=$'SERVICE\tTASKS\tDEPLOYMENT\tTARGETS\tIMAGE'
  unserving=()
  answer=$(look_for ClusterNotFoundException ecs describe-services --cluster "${value[CLUSTER]}" --services api "${services[@]}")
  answer=$(jq -r "$steady"'
    (.services // [] | map(select(.status != "INACTIVE") | {(.serviceName): .}) | add // {}) as $found
    | $ARGS.positional[] as $name | $found[$name]
    | if . == null then [$name, "-", "never there is none", "-"]
      else [$name, "\(.runningCount) of \(.desiredCount)", steady("") + (if .runningCount == 0 then ", none runs" else "" end), .taskDefinition] end
    | @tsv' --args -- api "${services[@]}" <<<"${answer:-"{}"}")
  while IFS=$'\t' read -r name tasks steadiness definition; do
    targets=- image=-
    if [[ $definition != - ]]; then
      targets=$(targets_healthy "$name")
      image=$(image_of "$definition")
      tags+=${image#*:}$'\n'
    fi
    [[ $steadiness == yes && $targets == yes ]] || unserving+=("$name")
    steadiness=${steadiness/#yes/is steady} targets=${targets/#yes/all healthy}
    rows+=$'\n'$name$'\t'$tasks$'\t'${steadiness#* }$'\t'${targets#* }$'\t'$image
  done <<<"$answer"
  table <<<"$rows"
  [[ $(sort -u <<<"${tags%$'\n'}" | wc -l) == 1 ]] || warn "they do not all run the same version, which works as long as nobody ran migrate"
}

# image_of prints the image that a task definition names.
image_of() { # TASK-DEFINITION
  look ecs describe-task-definition --task-definition "$1" | jq -r '.taskDefinition.containerDefinitions[0].image | split("/") | last'
}
