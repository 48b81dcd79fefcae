# shellcheck shell=bash
# Which requests go to the monolith and which to the services: target groups, the
# listener's rules, and its default action.
#
# All of it follows from the set of services that are cut over:
#   none   /api* is rule 1 and leads to the monolith; the services' rules stand behind it
#   some   /api* is rule 10; the rules of those that are cut over stand before it, the
#          others' behind it
#   all    there is no rule for /api*
#
# What no rule matches goes to the monolith as long as it has tasks, and is dropped when it
# rests: ECS takes a task for unhealthy whose target group gets no requests from anywhere.

# --- Target groups

# find_target_groups makes the target groups known to the files that there are and are ours.
find_target_groups() {
  local answer tags name arn
  local -a arns
  for name in api "${services[@]}"; do set_value "TARGET_GROUP_ARN:$name" ''; done
  # To ask for those four by name would fail if one of them were not there.
  answer=$(look elbv2 describe-target-groups)
  answer=$(jq -r '.TargetGroups[] | select(.TargetGroupName | IN($ARGS.positional[])) | "\(.TargetGroupName) \(.TargetGroupArn)"' --args -- api "${services[@]}" <<<"$answer")
  [[ -n $answer ]] || return 0
  mapfile -t arns < <(cut -d' ' -f2 <<<"$answer")
  tags=$(look elbv2 describe-tags --resource-arns "${arns[@]}")
  while read -r name arn; do
    if ours "$(jq --arg arn "$arn" '.TagDescriptions[] | select(.ResourceArn == $arn)' <<<"$tags")"; then
      set_value "TARGET_GROUP_ARN:$name" "$arn"
    elif [[ $strangers == refused ]]; then
      die "the target group $name belongs to something else" "it has no tag splitboard:stack=$stack; there can be one board for each account and region" \
        "if it may be deleted: aws elbv2 delete-target-group --region $region --target-group-arn $arn"
    fi
  done <<<"$answer"
}

# ensure_target_group makes a target group from its file if there is none, and gives it the
# attributes in target-group-attributes.json.
ensure_target_group() { # NAME
  local input answer
  if known "TARGET_GROUP_ARN:$1"; then
    say "the target group $1 is there"
  else
    input=$(filled "target-groups/$1.json")
    input=$(jq -c --arg stack "$stack" '.Tags = [{Key: "splitboard:stack", Value: $stack}]' <<<"$input")
    answer=$(change elbv2 create-target-group --cli-input-json "$input" | jq -r '.TargetGroups[0].TargetGroupArn? // ""')
    set_value "TARGET_GROUP_ARN:$1" "$answer"
    dry_run || say "created the target group $1"
  fi
  set_value TARGET_GROUP_ARN "${value[TARGET_GROUP_ARN:$1]}"
  input=$(filled target-group-attributes.json)
  answer=$(look_for TargetGroupNotFound elbv2 describe-target-group-attributes --target-group-arn "${value[TARGET_GROUP_ARN]}")
  set_attributes modify-target-group-attributes "$input" "$answer"
}

ensure_load_balancer_attributes() {
  local input answer
  input=$(filled load-balancer-attributes.json)
  answer=$(look_for LoadBalancerNotFound elbv2 describe-load-balancer-attributes --load-balancer-arn "${value[LOAD_BALANCER_ARN]}")
  set_attributes modify-load-balancer-attributes "$input" "$answer"
}

# set_attributes makes the call if what is there differs from what it would set.
set_attributes() { # OPERATION INPUT FOUND
  [[ $(jq -n --argjson want "$2" --argjson have "${3:-"{}"}" '($want.Attributes - ($have.Attributes // [])) == []') == true ]] && return
  change elbv2 "$1" --cli-input-json "$2" >/dev/null
  dry_run || say "set $(jq -r '[.Attributes[].Key] | join(", ")' <<<"$2")"
}

# --- What is there

declare -A rule=()   # a rule's ARN, by the name of the target group it leads to
declare -A number=() # its priority
default_action=''    # api, drop, or anything else

# load_routes reads what there is.
load_routes() {
  find_target_groups
  read_rules
}

# read_rules reads the listener's rules. A rule is known by the target group that it leads to.
read_rules() {
  local answer name arn priority
  local -a groups=()
  rule=() number=() default_action=''
  known LISTENER_ARN || return 0
  answer=$(look_for ListenerNotFound elbv2 describe-rules --listener-arn "${value[LISTENER_ARN]}")
  [[ -n $answer ]] || return 0
  for name in api "${services[@]}"; do groups+=("$name" "${value[TARGET_GROUP_ARN:$name]}"); done
  answer=$(jq -r '
    ($ARGS.positional | [range(0; length; 2) as $i | {key: .[$i + 1], value: .[$i]}] | from_entries) as $names
    | .Rules[]
    | ([.Actions[] | .TargetGroupArn, .ForwardConfig.TargetGroups[]?.TargetGroupArn | values | $names[.] | values] | unique) as $to
    | if .IsDefault then "else \(if .Actions[0].Type == "fixed-response" then "drop" else $to[0] // "elsewhere" end) -"
      else "\($to[]) \(.RuleArn) \(.Priority)" end' --args -- "${groups[@]}" <<<"$answer")
  while read -r name arn priority; do
    if [[ $name == else ]]; then
      default_action=$arn
    elif [[ -n ${rule[$name]:-} ]]; then
      die "more than one rule leads to the target group $name" "${rule[$name]}"$'\n'"$arn" "delete the one that was added: aws elbv2 delete-rule --region $region --rule-arn ARN"
    else
      rule[$name]=$arn number[$name]=$priority
    fi
  done <<<"$answer"
}

# cut_over prints the services whose requests do not go to the monolith.
cut_over() {
  local name
  for name in "${services[@]}"; do
    [[ -n ${number[$name]:-} ]] || continue
    ((${number[api]:-100000} < number[$name])) || echo "$name"
  done
}

show_routes() {
  local rows=$'RULE\tPATHS\tGO TO\n' name
  read_files
  for name in "${!number[@]}"; do rows+=${number[$name]}$'\t'${paths[$name]}$'\t'$name$'\n'; done
  case $default_action in
    drop) name='nobody: 503 drop traffic' ;;
    *) name=${default_action:--} ;;
  esac
  rows=$(sort -s -n -k1,1 <<<"${rows%$'\n'}")
  table <<<"$rows"$'\n'"else"$'\tall others\t'"$name"
}

# --- What shall be

declare -A own_number=() # the priority in a rule's file
declare -A paths=()      # its paths
api_behind=''            # the priority of /api* while some services are cut over

# read_files reads these from the files.
read_files() {
  local answer name own path
  [[ -z $api_behind ]] || return 0
  answer=$(jq -r '[(input_filename | split("/")[-1] | rtrimstr(".json")), .Priority // .RulePriorities[0].Priority, .Conditions[0].PathPatternConfig.Values[0]?] | @tsv' \
    "$ecs"/rules/{api,users,threads,posts}.json "$ecs/listener/strangler-priorities.json")
  while IFS=$'\t' read -r name own path; do
    if [[ $name == strangler-priorities ]]; then api_behind=$own; else own_number[$name]=$own paths[$name]=$path; fi
  done <<<"$answer"
}

# wanted_number prints the priority of a rule when the services after it are cut over, or
# nothing if there shall be no such rule.
wanted_number() { # NAME CUT-OVER…
  local name=$1 own=${own_number[$1]}
  shift
  if (($# == ${#services[@]})); then
    [[ $name == api ]] || echo "$own"
  elif (($# == 0)); then
    echo "$own"
  elif [[ $name == api ]]; then
    echo "$api_behind"
  elif in_list "$name" "$@"; then
    echo "$own"
  else
    echo $((own + api_behind))
  fi
}

# route sends the requests of the named services to them, and all others to the monolith.
# Each path has a rule or the default action at every moment: what is missing is made
# first, then the order is changed, by one call, and last what is too much is taken away.
route() { # CUT-OVER…
  local name wanted moves='' moved=()
  read_files
  (($# == ${#services[@]})) || set_default api
  for name in api "${services[@]}"; do
    wanted=$(wanted_number "$name" "$@")
    if [[ -z $wanted ]] || ! will_have_target_group "$name"; then continue; fi
    if [[ -z ${rule[$name]:-} ]]; then
      create_rule "$name" "$wanted"
    elif [[ ${number[$name]} != "$wanted" ]]; then
      moves+="${moves:+,}{\"RuleArn\":\"${rule[$name]}\",\"Priority\":$wanted}"
      moved+=("$name to $wanted")
      number[$name]=$wanted
    fi
  done
  if [[ -n $moves ]]; then
    change elbv2 set-rule-priorities --cli-input-json "{\"RulePriorities\":[$moves]}" >/dev/null
    dry_run || say "moved rules: ${moved[*]}"
  fi
  (($# < ${#services[@]})) || delete_rule api
}

will_have_target_group() { known "TARGET_GROUP_ARN:$1" || { dry_run && [[ -n ${value[TASK_DEFINITION_ARN:$1]:-} ]]; }; }

create_rule() { # NAME NUMBER
  local input answer
  input=$(filled "rules/$1.json")
  input=$(jq -c --argjson number "$2" --arg stack "$stack" '.Priority = $number | .Tags = [{Key: "splitboard:stack", Value: $stack}]' <<<"$input")
  answer=$(change elbv2 create-rule --cli-input-json "$input")
  rule[$1]=$(jq -r --arg unknown "{RULE_ARN:$1}" '.Rules[0].RuleArn? // $unknown' <<<"$answer") number[$1]=$2
  dry_run || say "created rule $2: ${paths[$1]} goes to $1"
}

delete_rule() { # NAME
  [[ -n ${rule[$1]:-} ]] || return 0
  change elbv2 delete-rule --rule-arn "${rule[$1]}" >/dev/null
  dry_run || say "deleted rule ${number[$1]}, which led to $1"
  unset "rule[$1]" "number[$1]"
}

# set_default says what happens to requests that no rule matches.
set_default() { # api|drop
  local file=forward-to-monolith input
  [[ $default_action != "$1" ]] || return 0
  [[ $1 == api ]] || file=drop-traffic
  input=$(filled "listener/$file.json")
  change elbv2 modify-listener --cli-input-json "$input" >/dev/null
  default_action=$1
  dry_run || say "the listener's default action is that of listener/$file.json"
}
