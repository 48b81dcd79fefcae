# shellcheck shell=bash
# Task definitions, and tasks that are run once.

# register_task makes a revision of a task definition from its file, unless the newest one
# was made from the very same input, which its tag tells: then the service is not deployed
# again for nothing.
register_task() { # NAME
  local name=$1 input digest answer
  input=$(filled "task-definitions/$name.json")
  digest=$(jq -cS . <<<"$input" | sha256sum)
  digest=${digest%% *}
  answer=$(look_for 'ClientException.*[Uu]nable to describe' ecs describe-task-definition --task-definition "$name" --include TAGS)
  if [[ $(jq -r --arg digest "$digest" 'any(.tags[]?; .key == "splitboard:input" and .value == $digest) and .taskDefinition.status == "ACTIVE"' <<<"${answer:-"{}"}") == true ]]; then
    answer=$(jq -r .taskDefinition.taskDefinitionArn <<<"$answer")
    say "the task definition ${answer##*/} is as the file says"
  else
    input=$(jq -c --arg stack "$stack" --arg digest "$digest" \
      '.tags = (.tags // []) + [{key: "splitboard:stack", value: $stack}, {key: "splitboard:input", value: $digest}]' <<<"$input")
    answer=$(change ecs register-task-definition --cli-input-json "$input" | jq -r '.taskDefinition.taskDefinitionArn // ""')
    dry_run || say "registered the task definition ${answer##*/}"
  fi
  set_value "TASK_DEFINITION_ARN:$name" "$answer"
}

# --- The first start

readonly first_start=splitboard-first-start

# make_stores starts the monolith once with leave to make stores where there are none, and
# stops it again. From then on no task has that leave: a disk that is not mounted cannot
# become an empty board.
make_stores() { # SEED
  local made running
  made=$(stores_created)
  if [[ $made == yes ]]; then
    say "the stores are on the volume already"
    [[ $1 == none ]] || warn "so --sample changes nothing"
    return
  fi
  running=$(look_for ClusterNotFoundException ecs list-tasks --cluster "${value[CLUSTER]}" --started-by "$first_start")
  task=$(jq -r '.taskArns[0] // ""' <<<"${running:-"{}"}")
  [[ -n $task ]] || start_task "$first_start" "${value[TASK_DEFINITION_ARN:api]}" "$(jq -nc --arg seed "$1" \
    '{environment: [{name: "SPLITBOARD_CREATE", value: "auto"}, {name: "SPLITBOARD_SEED", value: $seed}]}')"
  wait_until "the first start has made the stores" 300 explain_task task_healthy "$task"
  change ecs stop-task --cluster "${value[CLUSTER]}" --task "$task" --reason "the stores are made" >/dev/null
  wait_until "the first start has closed the stores" 120 explain_task task_stopped "$task"
  if ! dry_run; then
    running=$(exit_code "$task")
    if [[ $running != 0 ]]; then
      (explain_task "$task") >&2 || true
      die "the first start did not end well" "its exit code is ${running:-none}" "see its log: $(log_command api)"
    fi
  fi
  change ec2 create-tags --resources "${value[DATA_VOLUME_ID]}" --tags Key=splitboard:stores,Value=created >/dev/null
  dry_run || done_ "the stores are made, and the volume is marked with it"
}

# --- Tasks that are run once

task='' # the one that is meant

# start_task starts one task of the monolith with its container's settings overridden.
start_task() { # STARTED-BY TASK-DEFINITION OVERRIDES
  local input answer failed
  input=$(jq -nc --arg cluster "${value[CLUSTER]}" --arg by "$1" --arg definition "$2" --argjson overrides "$3" \
    '{cluster: $cluster, taskDefinition: $definition, launchType: "EC2", count: 1, startedBy: $by,
      overrides: {containerOverrides: [{name: "api"} + $overrides]}}')
  answer=$(change ecs run-task --cli-input-json "$input")
  read -r task failed < <(jq -r '"\(.tasks[0].taskArn // "{TASK_ARN}") \(.failures[0].reason // "")"' <<<"$answer")
  [[ -z $failed ]] || die "ECS started no task" "$(placement_failure "$failed")" "look at the instances: aws ecs list-container-instances --region $region --cluster ${value[CLUSTER]}"
  [[ $task != '{TASK_ARN}' ]] || die_or_dry "ECS started no task" "it gave no reason"
}

placement_failure() { # REASON
  case $1 in
    RESOURCE:MEMORY) echo "$1: the instance has no memory left; another deployment may be under way" ;;
    RESOURCE:CPU) echo "$1: the instance has no CPU units left; another deployment may be under way" ;;
    RESOURCE:*) echo "$1: the instance has none left of it" ;;
    AGENT) echo "$1: the instance's ECS agent is not connected" ;;
    *) echo "$1" ;;
  esac
}

task_state() { # ARN
  local answer
  answer=$(look ecs describe-tasks --cluster "${value[CLUSTER]}" --tasks "$1")
  jq -c '.tasks[0] // {lastStatus: "STOPPED", stoppedReason: "ECS knows nothing of it any more"}' <<<"$answer"
}

task_healthy() { # ARN
  task_state "$1" | jq -r 'if .lastStatus == "STOPPED" then "never \(.stoppedReason // "it stopped")"
    elif .healthStatus == "HEALTHY" then "yes" else "no \(.lastStatus), \(.healthStatus // "UNKNOWN")" end'
}

task_stopped() { # ARN
  task_state "$1" | jq -r 'if .lastStatus == "STOPPED" then "yes" else "no \(.lastStatus)" end'
}

# exit_code prints the code that a stopped task's container ended with, or nothing if it
# never ran.
exit_code() { # ARN
  task_state "$1" | jq -r '.containers[0].exitCode // ""'
}

explain_task() { explain_stopped api "$1"; } # ARN

# explain_stopped prints why a task stopped, and the end of its log.
explain_stopped() { # FAMILY ARN
  local state
  state=$(task_state "$2")
  jq -r '"task \(.taskArn // "" | split("/") | last): \(.lastStatus), \(.stoppedReason // "no reason given")",
    (.containers[]? | "container \(.name): exit code \(.exitCode // "none")\(if .reason then ", \(.reason)" else "" end)")' <<<"$state" | indented
  task_log "$1" "$2" | tail -n 10 | indented
}

# task_log prints the lines that a task of a family has logged.
task_log() { # FAMILY ARN
  local answer token='' next
  # A page may be empty and not the last: that one leads to itself.
  while :; do
    answer=$(look_for ResourceNotFoundException logs get-log-events --log-group-name "/splitboard/$1" \
      --log-stream-name "$1/$1/${2##*/}" --start-from-head ${token:+--next-token "$token"})
    [[ -n $answer ]] || return 0
    answer=$(jq -r '.nextForwardToken // "", .events[].message' <<<"$answer")
    next=${answer%%$'\n'*}
    [[ $answer == "$next" ]] || printf '%s\n' "${answer#*$'\n'}"
    [[ -n $next && $next != "$token" ]] || return 0
    token=$next
  done
}

# log_command prints the command that shows what a service has logged.
log_command() { # NAME
  echo "aws logs filter-log-events --region $region --log-group-name /splitboard/$1 --query 'events[].message' --output text"
}

# run_once runs a command of the board in a task of its own, beside those that serve, as
# the images have no shell. It sets code to its exit code; what it printed is in $said, all
# of it when COMPLETE says so.
said=$work/said
run_once() { # WHAT COMPLETE WORD…
  local what=$1 complete=$2 command
  shift 2
  command=$(jq -nc '{command: $ARGS.positional, cpu: 64, memory: 64}' --args -- "$@")
  find_program
  rm -f "$said" "$work/ended"
  code=0
  start_task splitboard-command "$program" "$command"
  wait_until "$what" 180 explain_task has_said "$task" "$complete"
  dry_run || code=$(<"$work/ended")
}

# find_program finds the task definition that the service api has now: what was registered
# later need not be able to run.
program=''
find_program() {
  local found
  [[ -z $program ]] || return 0
  found=$(service api)
  program=$(jq -r '.taskDefinition // "api"' <<<"${found:-"{}"}")
}

# has_said answers when a task has ended and all that it printed is in its log, which may
# come late and in parts.
has_said() { # ARN COMPLETE
  local state
  if [[ ! -e $work/ended ]]; then
    state=$(task_state "$1" | jq -r 'if .lastStatus == "STOPPED" then .containers[0].exitCode // "none" else "no \(.lastStatus)" end')
    case $state in
      none) echo "never its container did not run" && return ;;
      no*) echo "$state" && return ;;
      *) echo "$state" >"$work/ended" ;;
    esac
  fi
  task_log api "$1" >"$work/log"
  if "$2"; then echo yes; else echo "no it has ended; reading its log"; fi
  mv "$work/log" "$said"
}

# same_again: what was read is what was read before.
same_again() { [[ -s $work/log ]] && cmp -s "$work/log" "$said"; }
