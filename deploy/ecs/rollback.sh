#!/usr/bin/env bash
# The way back: requests and stores go from the services to the monolith, under traffic.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

usage() {
  cat <<'END'
usage: rollback.sh [options] <region> <stack> [users|threads|posts|all]

Undoes 4-cutover.sh for one service or for all (the default), however far it came: the
monolith runs again, gets the requests and owns the stores. The services stay beside it.

  --dry-run           show each command that would change something, and change nothing
  --endpoint-url URL  send all calls to URL instead of AWS
  --help              show this
END
}

accepts=()
parse_board "$@"
parse_services

step "Look at what there is"
need_aws
who_am_i
use_stack
load_routes
found=$(service api)
[[ -n $found ]] || die_or_dry "there is no monolith to go back to" "ECS has no service api" "./2-deploy-monolith.sh $region $stack"
show_routes

step "Run the monolith"
# The load balancer looks after targets only if something leads to them.
set_default api
[[ $(jq -r .desiredCount <<<"${found:-"{}"}") != 0 ]] || scale api 1
wait_until_serving api

step "Before"
ask_owners
show_owners

step "Send the requests of ${chosen[*]} to the monolith"
keep=()
for name in $(cut_over); do in_list "$name" "${chosen[@]}" || keep+=("$name"); done
route "${keep[@]}"

step "Move the stores"
for name in "${chosen[@]}"; do move "$name" monolith; done

step "After"
read_rules
show_routes
ask_owners
show_owners
owned_by monolith "${chosen[@]}"
say "to cut over again: ./4-cutover.sh $region $stack ${words[0]:-all}"
