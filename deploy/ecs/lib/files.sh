# shellcheck shell=bash
# The files in deploy/ecs are inputs of the AWS CLI in which what exists only in an account
# stands in braces: {CLUSTER}, {TARGET_GROUP_ARN:users}. Here these get their values.

declare -A value=()

# set_value says what stands for a name in braces. An empty value is one that a dry run
# cannot know yet: the name stays.
set_value() { # NAME VALUE
  [[ -z $2 || $2 =~ ^[A-Za-z0-9:/._{}@-]+$ ]] || die "$1 has a value that is no name in AWS: '$2'"
  value[$1]=${2:-"{$1}"}
}

# known tells whether a name has a value.
known() { [[ ${value[$1]:-"{"} != "{"* ]]; } # NAME

# filled prints a file as JSON with all values in it.
filled() { # FILE
  local name
  local -a pairs=()
  [[ -r $ecs/$1 ]] || die "there is no file deploy/ecs/$1"
  for name in "${!value[@]}"; do pairs+=("{$name}" "${value[$name]}"); done
  jq -c '
    ($ARGS.positional | [range(0; length; 2) as $i | {key: .[$i], value: .[$i + 1]}] | from_entries) as $values
    | ([.. | strings | scan("\\{[A-Z_]+(?::[a-z]+)?\\}")] - ($values | keys)) as $unknown
    | if $unknown != [] then error("nothing is known for \($unknown | join(", "))") else . end
    | (.. | strings) |= reduce ($values | to_entries[]) as $v (.; split($v.key) | join($v.value))
  ' "$ecs/$1" --args -- "${pairs[@]}" 2>"$work/jq" || die "deploy/ecs/$1 cannot be used" "$(sed 's/^jq: error[^:]*: //' "$work/jq")"
}
