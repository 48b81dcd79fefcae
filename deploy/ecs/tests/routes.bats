#!/usr/bin/env bats
# The routes as a function of the set of services that are cut over.

load setup

# numbers prints the priorities when some services are cut over.
numbers() {
  bash -c '
    set -euo pipefail
    . "$1/lib/all.sh"
    shift
    read_files
    for name in api users threads posts; do echo "$name=$(wanted_number "$name" "$@")"; done' _ "$ECS" "$@" | paste -sd' '
}

@test "the priorities of all eight sets" {
  is "$(numbers)" "api=1 users=2 threads=3 posts=4"
  is "$(numbers users)" "api=10 users=2 threads=13 posts=14"
  is "$(numbers threads)" "api=10 users=12 threads=3 posts=14"
  is "$(numbers posts)" "api=10 users=12 threads=13 posts=4"
  is "$(numbers users threads)" "api=10 users=2 threads=3 posts=14"
  is "$(numbers users posts)" "api=10 users=2 threads=13 posts=4"
  is "$(numbers threads posts)" "api=10 users=12 threads=3 posts=4"
  is "$(numbers posts users threads)" "api= users=2 threads=3 posts=4"
}

# routes prints what the account's listener does, as RULE:GROUP.
routes() { ask '[(.rules | sort_by(.priority)[] | "\(.priority):\(.group)"), "else:\(.default)"] | join(" ")'; }

# in_account runs some of the library's functions on the account.
in_account() { # COMMANDS [WORD…]
  local commands=$1
  shift
  bash -c '
    set -euo pipefail
    . "$1/lib/all.sh"
    commands=$2
    shift 2
    accepts=()
    parse_board eu-central-1 board
    who_am_i
    use_stack
    load_routes
    eval "$commands"' _ "$ECS" "$commands" "$@"
}

# to leads requests to a set of services.
to() { in_account 'route "$@"' "$@"; }

wanted() { # CUT-OVER…
  case "$*" in
    '') echo "1:api 2:users 3:threads 4:posts else:api" ;;
    users) echo "2:users 10:api 13:threads 14:posts else:api" ;;
    threads) echo "3:threads 10:api 12:users 14:posts else:api" ;;
    posts) echo "4:posts 10:api 12:users 13:threads else:api" ;;
    'users threads') echo "2:users 3:threads 10:api 14:posts else:api" ;;
    'users posts') echo "2:users 4:posts 10:api 13:threads else:api" ;;
    'threads posts') echo "3:threads 4:posts 10:api 12:users else:api" ;;
    'users threads posts') echo "2:users 3:threads 4:posts else:api" ;;
  esac
}

sets=('' users threads posts 'users threads' 'users posts' 'threads posts' 'users threads posts')

@test "from every set to every set, each by at most one change of the order" {
  deployed 3
  : >"$FAKE/calls"
  # shellcheck disable=SC2016 # in_account expands it
  in_account '
    for from; do
      for set; do
        route $from
        : >"$FAKE/calls"
        route $set
        echo "$from>$set>$(grep -c set-rule-priorities "$FAKE/calls")>$(wc -l <"$FAKE/calls")>$(cat "$FAKE/account.json")" >&4
      done
    done' "${sets[@]}" 4>"$BATS_TEST_TMPDIR/moves"
  while IFS='>' read -r from set moves changed account; do
    echo "$account" >"$FAKE/account.json"
    is "$(routes)" "$(wanted "$set")"
    ((moves <= 1))
    [[ $from != "$set" ]] || ((changed == 0))
  done <"$BATS_TEST_TMPDIR/moves"
  is "$(wc -l <"$BATS_TEST_TMPDIR/moves")" 64
}

@test "what is cut over is read from the rules" {
  deployed 3
  for set in 'users threads' ''; do
    # shellcheck disable=SC2086 # a set is several words
    to $set
    is "$(in_account 'cut_over | paste -sd" " >&4' 4>&1 >/dev/null)" "$set"
  done
}

@test "two rules that lead to one target group are refused" {
  deployed 3
  account '.rules += [{arn: "arn:mine", priority: 50, group: "users"}]'
  script 4-cutover.sh
  ends_with 1
  says "more than one rule leads to the target group users"
  is "$(changes)" ''
}

@test "another's rules are left alone" {
  deployed 3
  account '.rules += [{arn: "arn:mine", priority: 50, group: "other"}] | .groups.other = {arn: "arn:other/other", tags: []}'
  script 4-cutover.sh
  ends_with 0
  is "$(ask '.rules[] | select(.arn == "arn:mine") | .priority')" 50
}
