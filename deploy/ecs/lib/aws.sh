# shellcheck shell=bash
# Calls of the AWS CLI, and waiting for what they begin.

export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off
export AWS_RETRY_MODE=${AWS_RETRY_MODE:-standard} AWS_MAX_ATTEMPTS=${AWS_MAX_ATTEMPTS:-5}

account='' # its number

# aws_cli is the one place that calls the AWS CLI.
aws_cli() {
  local -a where=(--region "$region" --output json)
  [[ -z ${option[endpoint-url]:-} ]] || where+=(--endpoint-url "${option[endpoint-url]}")
  aws "$@" "${where[@]}" 2>"$work/stderr"
}

# aws_failed ends the script with what the call before said.
aws_failed() { # SERVICE OPERATION …
  local why todo=''
  why=$(grep -v '^[[:space:]]*$' "$work/stderr" | tail -n 8) || why='it said nothing'
  case $why in
    *AccessDenied* | *UnauthorizedOperation* | *"not authorized"*) todo="use credentials that are allowed to do this: see 'What you need' in deploy/ecs/README.md" ;;
    *ExpiredToken* | *"token has expired"* | *"Unable to locate credentials"*) todo="log in again: aws sso login, or aws configure" ;;
    *Throttling* | *TooManyRequests*) todo="wait a minute and run the same command again" ;;
    *"Could not connect to the endpoint"*) todo="look at the network, and whether there is a region $region" ;;
  esac
  die "aws $1 $2 failed" "$why" "$todo"
}

# look prints the answer to a question.
look() {
  aws_cli "$@" || aws_failed "$@"
}

# look_for prints the answer to a question, or nothing if what it asks for does not exist,
# which is when the error matches the pattern. A dry run does not ask for what an earlier
# step would have made: it is still a name in braces.
look_for() { # PATTERN SERVICE OPERATION …
  local absent=$1
  shift
  if dry_run && [[ "$*" =~ \{[A-Z_]+(:[a-z]+)?\} ]]; then return; fi
  aws_cli "$@" || grep -Eq "$absent" "$work/stderr" || aws_failed "$@"
}

# change makes a call that changes something, and prints the answer. A dry run shows the
# call instead, and the answer is {}.
change() {
  if dry_run; then
    show_command aws "$@" --region "$region" ${option[endpoint-url]:+--endpoint-url "${option[endpoint-url]}"}
    echo '{}'
  else
    aws_cli "$@" || aws_failed "$@"
  fi
}

# ours tells whether what a call has told of something has the tag that all have that is
# made for this board.
ours() { # JSON
  jq -e --arg stack "$stack" 'any(.. | objects; (.Key // .key) == "splitboard:stack" and (.Value // .value) == $stack)' <<<"${1:-null}" >/dev/null
}

# show_command prints a command as a shell takes it.
show_command() {
  local word shown=''
  for word; do
    if [[ $word =~ ^[A-Za-z0-9_./:=@,+-]+$ ]]; then
      shown+=" $word"
    else
      shown+=" '${word//\'/\'\\\'\'}'"
    fi
  done
  printf '   %swould run:%s%s\n' "$yellow" "$off" "$shown" >&3
}

# who_am_i finds out whose account it is, and that there are credentials at all.
who_am_i() {
  local me
  if ! me=$(aws_cli sts get-caller-identity); then
    die "there are no credentials that AWS takes" "$(grep -v '^[[:space:]]*$' "$work/stderr" | tail -n 3)" \
      "aws configure, or aws sso login, or set AWS_PROFILE; then try: aws sts get-caller-identity"
  fi
  read -r account me < <(jq -r '"\(.Account) \(.Arn)"' <<<"$me")
  [[ $account =~ ^[0-9]{12}$ ]] || die "AWS named no account" "it said: $account $me"
  say "account $account, $me, region $region, stack $stack"
  ! dry_run || warn "a dry run: nothing is changed"
  set_value ACCOUNT_ID "$account"
  set_value REGION "$region"
}

# --- Waiting

# wait_until asks until the answer is yes. An answer is "yes", "no TEXT" with how far it is,
# or "never TEXT" with why it cannot be any more. Then, and when the time is over, EXPLAIN
# is called with the same arguments.
wait_until() { # WHAT SECONDS EXPLAIN QUESTION [ARGUMENT…]
  local what=$1 limit=$2 explain=$3 question=$4
  shift 4
  local answer last='' waited=0 pause began=$SECONDS
  if dry_run; then
    say "would wait until $what, up to $limit s"
    return
  fi
  while :; do
    answer=$("$question" "$@")
    case $answer in
      yes) break ;;
      never*)
        ("$explain" "$@") >&2 || true
        die "gave up waiting until $what" "${answer#never }"
        ;;
    esac
    answer=${answer#no }
    [[ -n $last ]] || say "waiting until $what, up to $limit s"
    if [[ $answer != "$last" ]]; then
      printf '   %5d s  %s\n' "$((SECONDS - began))" "$answer" >&3
      last=$answer
    fi
    # The seconds that questions take count, too.
    if ((waited >= limit || SECONDS - began >= limit)); then
      ("$explain" "$@") >&2 || true
      die "waited $limit s in vain until $what" "$answer"
    fi
    pause=$((waited < 60 ? 3 : 10))
    sleep "$pause"
    waited=$((waited + pause))
  done
  done_ "$what${last:+, after $((SECONDS - began)) s}"
}

# nothing_more is for a wait whose answers say all there is to say.
nothing_more() { :; }
