# shellcheck shell=bash
# What every script begins with: its arguments, what it says, and how it ends.

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  echo "error: this needs bash 4.4 or newer; this one is $BASH_VERSION" >&2
  exit 1
fi
shopt -s inherit_errexit # a failure inside $(…) is one outside, too

script=${0##*/}
root=$(cd "$ecs/../.." && pwd) # the repository
readonly script root

# The three services, in the tutorial's order. The monolith is the service api.
readonly services=(users threads posts)

exec 3>&1 # for what people read, also inside $(…)

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' off=$'\e[0m'
else
  bold='' red='' green='' yellow='' off=''
fi
readonly bold red green yellow off

# --- Saying

steps=0
step_title=''
gave_up=''  # the person did
way_back='' # what to do instead of going on

step() { # TITLE
  steps=$((steps + 1)) step_title=$1
  printf '\n%s%d. %s%s\n' "$bold" "$steps" "$1" "$off" >&3
}

say() { printf '   %s\n' "$*" >&3; }
done_() { printf '   %sok%s %s\n' "$green" "$off" "$*" >&3; }
warn() { printf '   %snote:%s %s\n' "$yellow" "$off" "$*" >&3; }

# indented prefixes each line of its input.
indented() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do printf '   %s\n' "$line"; done
}

# die says what failed, why, and what to do, and ends the script.
die() { # WHAT [WHY [DO]]
  printf '%serror:%s %s\n' "$red" "$off" "$1" >&2
  [[ -z ${2:-} ]] || printf '  why: %s\n' "${2//$'\n'/$'\n'       }" >&2
  [[ -z ${3:-} ]] || printf '  do:  %s\n' "${3//$'\n'/$'\n'       }" >&2
  exit 1
}

# table prints lines of fields separated by tabs in columns.
table() {
  local -a lines=() fields=() widths=()
  local line i
  while IFS= read -r line; do
    lines+=("$line")
    IFS=$'\t' read -ra fields <<<"$line"
    for i in "${!fields[@]}"; do
      ((${#fields[i]} <= ${widths[i]:-0})) || widths[i]=${#fields[i]}
    done
  done
  for line in "${lines[@]}"; do
    IFS=$'\t' read -ra fields <<<"$line"
    line=''
    for i in "${!fields[@]}"; do
      printf -v line '%s%-*s  ' "$line" "${widths[i]}" "${fields[i]}"
    done
    printf '   %s\n' "${line%"${line##*[! ]}"}"
  done >&3
}

# --- Ending

work=$(mktemp -d)
readonly work

# ended says, after a failure, where it was and that the same command may be given again.
ended() {
  local status=$?
  rm -rf "$work"
  if ((status != 0 && steps > 0)) && [[ -z $gave_up ]]; then
    printf '\n%s%s stopped in step %d: %s.%s\n' "$red" "$script" "$steps" "$step_title" "$off" >&2
    printf 'Running the same command again is safe: what is done is found and left as it is.\n' >&2
    [[ -z $way_back ]] || printf '%s\n' "$way_back" >&2
  fi
  exit "$status"
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- Arguments

declare -A option=() # what was given, by the option's name
declare -a words=()  # what was given after <region> <stack>
region='' stack=''

bad_usage() { # MESSAGE
  gave_up=yes
  printf '%s: %s\n\n' "$script" "$1" >&2
  usage >&2
  exit 2
}

# parse reads options into option, and all else into words. The array accepts names the
# options that the script takes: "tag=" has a value, "yes" has none.
parse() {
  local name takes
  while (($# > 0)); do
    case $1 in
      --help | -h)
        usage
        exit 0
        ;;
      --)
        shift
        words+=("$@")
        return
        ;;
      -*)
        name=${1%%=*} name=${name#--} takes=''
        case " ${accepts[*]} " in
          *" $name= "*) takes=value ;;
          *" $name "*) takes=nothing ;;
          *) bad_usage "unknown option $1" ;;
        esac
        if [[ $takes == nothing ]]; then
          [[ $1 != *=* ]] || bad_usage "--$name takes no value"
          option[$name]=yes
        elif [[ $1 == *=* ]]; then
          option[$name]=${1#*=}
        else
          (($# > 1)) || bad_usage "--$name needs a value"
          option[$name]=$2
          shift
        fi
        ;;
      *) words+=("$1") ;;
    esac
    shift
  done
}

# parse_board is parse for the scripts that work on a board: <region> <stack> first.
parse_board() {
  accepts+=(dry-run endpoint-url=)
  parse "$@"
  ((${#words[@]} >= 2)) || bad_usage "a region and a stack's name are needed"
  region=${words[0]} stack=${words[1]}
  words=("${words[@]:2}")
  # The files name images and roles as the partition "aws" does.
  [[ $region =~ ^[a-z]{2}(-[a-z]+)+-[0-9]$ && $region != cn-* && $region != us-gov-* && $region != *-iso* ]] ||
    bad_usage "not a region: '$region'; one looks like eu-central-1"
  [[ $stack =~ ^[A-Za-z][A-Za-z0-9-]{0,127}$ ]] ||
    bad_usage "not a name for a stack: '$stack'; letters, digits and hyphens, beginning with a letter"
  [[ -z ${option[tag]+x} || ${option[tag]} =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,119}$ ]] ||
    bad_usage "not a tag for an image: '${option[tag]}'; letters, digits, '.', '_' and '-', at most 120"
  [[ -z ${option[endpoint-url]+x} || ${option[endpoint-url]} =~ ^https?://[^[:space:]]+$ ]] ||
    bad_usage "not a URL: '${option[endpoint-url]}'"
  readonly region stack
}

no_more_words() { ((${#words[@]} == 0)) || bad_usage "one argument too many: '${words[0]}'"; }

# parse_services sets chosen to the services that the argument after <region> <stack> means.
# shellcheck disable=SC2034 # those scripts read it that have this argument
parse_services() {
  ((${#words[@]} <= 1)) || bad_usage "one argument too many: '${words[1]}'"
  case ${words[0]:-all} in
    all) chosen=("${services[@]}") ;;
    users | threads | posts) chosen=("${words[0]}") ;;
    *) bad_usage "not a service: '${words[0]}'; users, threads, posts or all" ;;
  esac
}

dry_run() { [[ -n ${option[dry-run]:-} ]]; }

# --- Tools

need() { # TOOL HOW-TO-GET-IT
  command -v "$1" >/dev/null || die "$1 is not installed" "" "$2"
}

need_aws() {
  need aws "install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
  need jq "install jq: apt-get install jq, dnf install jq or brew install jq"
}

# in_list tells whether the first argument is among the others.
in_list() {
  local wanted=$1 each
  shift
  for each; do [[ $each != "$wanted" ]] || return 0; done
  return 1
}
