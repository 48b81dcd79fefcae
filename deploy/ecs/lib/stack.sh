# shellcheck shell=bash
# The CloudFormation stack, what it tells of itself, and the volume that outlives it.

declare -A output=() # the stack's outputs
stack_now=''         # its status; empty if there is none
stack_id=''          # it tells of the stack when its name no longer does

stack_absent='ValidationError.*does not exist'

# load_stack reads the stack's status and its outputs.
load_stack() {
  local answer name text
  output=() stack_now='' stack_id=''
  answer=$(look_for "$stack_absent" cloudformation describe-stacks --stack-name "$stack")
  [[ -n $answer ]] || return 0
  answer=$(jq -r '.Stacks[0] | ["description", .Description // "-"], ["status", .StackStatus], ["id", .StackId], (.Outputs // [] | .[] | [.OutputKey, .OutputValue]) | @tsv' <<<"$answer")
  while IFS=$'\t' read -r name text; do output[$name]=$text; done <<<"$answer"
  stack_now=${output[status]} stack_id=${output[id]}
  [[ ${output[description]} == Splitboard* || $stack_now == REVIEW_IN_PROGRESS ]] ||
    die "the stack $stack is not a board" "its template is not ecs.yml" "give another name"
}

# use_stack makes the stack's outputs known to the files. It needs a stack that stands,
# except in a dry run.
use_stack() {
  local name
  load_stack
  case $stack_now in
    CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_COMPLETE_CLEANUP_IN_PROGRESS | UPDATE_ROLLBACK_COMPLETE) ;;
    *) die_or_dry "the stack $stack cannot be used" "its status is ${stack_now:-that there is none}" "./2-deploy-monolith.sh $region $stack" ;;
  esac
  for name in ClusterName Url ALBArn VPCId ListenerArn DataVolumeId ApiRegistryArn UsersRegistryArn ThreadsRegistryArn PostsRegistryArn; do
    [[ -n ${output[$name]:-} ]] || die_or_dry "the stack $stack has no output $name" "it was made from another template" "./2-deploy-monolith.sh $region $stack"
  done
  set_value CLUSTER "${output[ClusterName]:-}"
  set_value VPC_ID "${output[VPCId]:-}"
  set_value LOAD_BALANCER_ARN "${output[ALBArn]:-}"
  set_value LISTENER_ARN "${output[ListenerArn]:-}"
  set_value REGISTRY_ARN:api "${output[ApiRegistryArn]:-}"
  set_value REGISTRY_ARN:users "${output[UsersRegistryArn]:-}"
  set_value REGISTRY_ARN:threads "${output[ThreadsRegistryArn]:-}"
  set_value REGISTRY_ARN:posts "${output[PostsRegistryArn]:-}"
  set_value DATA_VOLUME_ID "${output[DataVolumeId]:-}"
}

# url prints where the board is.
url() {
  local at=${output[Url]:-"{URL}"}
  at=${at%/}
  [[ $at == http*://* ]] || at=http://$at
  echo "$at"
}

# deploy_stack makes the stack from the template, or brings it up to date. An existing
# volume is used again; the parameters of an existing stack stay as they are.
deploy_stack() {
  local why
  local -a parameters=()
  rest_stack
  case $stack_now in
    ROLLBACK_COMPLETE | ROLLBACK_FAILED)
      warn "its first deployment failed and was undone; what is left of it is deleted, but not a data volume"
      delete_stack
      ;;
    DELETE_FAILED | UPDATE_ROLLBACK_FAILED)
      (explain_stack) >&2 || true
      die "the stack $stack is in the status $stack_now" "see above" "$(stack_way_out)"
      ;;
  esac
  if [[ -z $stack_now || $stack_now == REVIEW_IN_PROGRESS ]]; then
    find_volume
    [[ -z $volume ]] || parameters=(--parameter-overrides "DataVolumeId=$volume" "DataVolumeZone=$volume_zone")
  fi
  say "cloudformation deploy: some minutes the first time"
  parameters=(cloudformation deploy --template-file "$ecs/ecs.yml" --stack-name "$stack" --capabilities CAPABILITY_NAMED_IAM
    --no-fail-on-empty-changeset "${parameters[@]}")
  if dry_run; then
    change "${parameters[@]}" >/dev/null
  elif ! aws_cli "${parameters[@]}" >/dev/null; then
    why=$(tail -n 4 "$work/stderr")
    load_stack
    (explain_stack) >&2 || true
    die "the stack $stack was not deployed" "$why" "mend what is named above and run the same command again"
  else
    done_ "the stack is deployed"
  fi
}

stack_way_out() {
  case $stack_now in
    DELETE_FAILED) echo "./5-clean-up.sh $region $stack" ;;
    *) echo "aws cloudformation continue-update-rollback --region $region --stack-name $stack" ;;
  esac
}

# rest_stack reads what the stack is when nothing is under way with it any more.
rest_stack() {
  load_stack
  if under_way "$stack_now"; then
    wait_until "the stack is at rest" 1800 explain_stack stack_rests
    load_stack
  fi
}

under_way() { # STATUS
  [[ $1 == *_IN_PROGRESS && $1 != REVIEW_IN_PROGRESS && $1 != UPDATE_COMPLETE_CLEANUP_IN_PROGRESS ]]
}

# stack_status prints the stack's status, or nothing if there is no such stack.
stack_status() {
  local answer
  answer=$(look_for "$stack_absent" cloudformation describe-stacks --stack-name "${stack_id:-$stack}")
  [[ -z $answer ]] || jq -r '.Stacks[0].StackStatus' <<<"$answer"
}

stack_rests() {
  local status
  status=$(stack_status)
  if under_way "$status"; then echo "no $status"; else echo yes; fi
}

# delete_stack deletes the stack, which load_stack has read, and waits until it is gone.
delete_stack() {
  change cloudformation delete-stack --stack-name "$stack" >/dev/null
  wait_until "the stack is deleted" 1800 explain_stack stack_gone
  stack_now='' stack_id=''
}

stack_gone() {
  local status
  status=$(stack_status)
  case $status in
    '' | DELETE_COMPLETE) echo yes ;;
    DELETE_FAILED) echo "never its status is DELETE_FAILED" ;;
    *) echo "no $status" ;;
  esac
}

# explain_stack prints what failed in the stack most recently.
explain_stack() {
  local answer
  answer=$(look_for "$stack_absent" cloudformation describe-stack-events --stack-name "${stack_id:-$stack}" --max-items 200)
  [[ -n $answer ]] || return 0
  jq -r '[.StackEvents[] | select(.ResourceStatus | endswith("_FAILED"))][:8][]
    | "\(.LogicalResourceId) \(.ResourceStatus): \(.ResourceStatusReason // "no reason given")"' <<<"$answer" | indented
}

# --- The data volume

volume='' volume_zone='' volume_size='' volume_state=''

# find_volume finds the volume of this stack's stores by its tag, also when there is no
# stack any more.
find_volume() {
  local answer
  answer=$(look ec2 describe-volumes --filters "Name=tag:splitboard:stack,Values=$stack" "Name=status,Values=creating,available,in-use")
  case $(jq '.Volumes | length' <<<"$answer") in
    0)
      volume=''
      return
      ;;
    1) ;;
    *)
      die "there is more than one data volume of $stack" "$(jq -r '.Volumes[] | "\(.VolumeId), made \(.CreateTime), \(.State)"' <<<"$answer")" \
        "decide which one has the stores, and take the tag from the others: aws ec2 delete-tags --region $region --resources VOLUME --tags Key=splitboard:stack"
      ;;
  esac
  IFS=$'\t' read -r volume volume_zone volume_size volume_state < <(jq -r '.Volumes[0] | [.VolumeId, .AvailabilityZone, .Size, .State] | @tsv' <<<"$answer")
  [[ $volume =~ ^vol-[0-9a-f]+$ ]] || die "that is no volume: '$volume'"
}

volume_detached() {
  find_volume
  case $volume_state in
    '' | available) echo yes ;;
    *) echo "no it is $volume_state" ;;
  esac
}

# stores_created tells whether the volume is marked as one on which the stores were made.
stores_created() {
  local answer
  answer=$(look_for 'InvalidVolume' ec2 describe-volumes --volume-ids "${value[DATA_VOLUME_ID]}")
  [[ -n $answer ]] || die_or_dry "the data volume ${value[DATA_VOLUME_ID]} does not exist"
  jq -r '[.Volumes[]?.Tags[]? | select(.Key == "splitboard:stores" and .Value == "created")] | if . == [] then "no" else "yes" end' <<<"${answer:-"{}"}"
}

die_or_dry() { dry_run || die "$@"; }

# --- The instance

# instance_ready answers when an instance has the volume mounted and takes tasks.
instance_ready() {
  local answer
  local -a arns
  answer=$(look ecs list-container-instances --cluster "${value[CLUSTER]}" --status ACTIVE --filter 'attribute:splitboard.stores == yes')
  if [[ $(jq '.containerInstanceArns | length' <<<"$answer") == 0 ]]; then
    echo "no none has come up with its volume yet"
    return
  fi
  mapfile -t arns < <(jq -r '.containerInstanceArns[]' <<<"$answer")
  answer=$(look ecs describe-container-instances --cluster "${value[CLUSTER]}" --container-instances "${arns[@]}")
  if [[ $(jq '[.containerInstances[] | select(.agentConnected)] | length' <<<"$answer") == 0 ]]; then
    echo "no its agent is not connected"
  else
    echo yes
  fi
}

explain_instance() {
  printf '%s\n' "the instance mounts the volume before its ECS agent starts; its console tells how far it came:" \
    "aws ec2 get-console-output --region $region --latest --output text --instance-id \$(aws ec2 describe-instances --region $region --filters Name=tag:splitboard:stack,Values=$stack Name=instance-state-name,Values=pending,running --query 'Reservations[0].Instances[0].InstanceId' --output text)" | indented
}
