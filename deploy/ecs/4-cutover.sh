#!/usr/bin/env bash
# Module 4: requests and stores go from the monolith to the services, under traffic.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

usage() {
  cat <<'END'
usage: 4-cutover.sh [options] <region> <stack> [users|threads|posts|all]

Sends the requests of one service, or of all (the default), to it instead of the monolith,
and moves its store. After all, the monolith has no task left. rollback.sh leads back.

  --dry-run           show each command that would change something, and change nothing
  --endpoint-url URL  send all calls to URL instead of AWS
  --help              show this
END
}

accepts=()
parse_board "$@"
parse_services

step "Check that the services are able"
need_aws
who_am_i
use_stack
load_routes
show_services
for name in "${chosen[@]}"; do
  ! in_list "$name" "${unserving[@]}" || die_or_dry "not cut over: $name does not serve as it should" "see the table" "./3-deploy-services.sh $region $stack"
done
ask_owners
for name in "${chosen[@]}"; do
  why=$(unable "$name" "$name")
  [[ -z $why ]] || die_or_dry "not cut over: $name cannot take its store over" "$why" "look at its log: $(log_command "$name")"
done

step "Before"
show_routes
show_owners
way_back="To go back: ./rollback.sh $region $stack ${words[0]:-all}"

step "Send the requests of ${chosen[*]} to the services"
mapfile -t gone < <(cut_over; printf '%s\n' "${chosen[@]}")
mapfile -t gone < <(printf '%s\n' "${gone[@]}" | sort -u)
route "${gone[@]}"

step "Move the stores"
for name in "${chosen[@]}"; do move "$name" service; done

if ((${#chosen[@]} == ${#services[@]})); then
  step "Let the monolith rest"
  scale api 0
  wait_until "the monolith has ended" 300 explain_service service_steady api
  set_default drop
fi

step "After"
read_rules
show_routes
ask_owners
show_owners
owned_by service "${chosen[@]}"
way_back=''
if ((${#gone[@]} < ${#services[@]})); then
  say "next: another service, or all: ./4-cutover.sh $region $stack all"
elif ((${#chosen[@]} < ${#services[@]})); then
  say "all three are cut over, and the monolith has nothing to do: ./4-cutover.sh $region $stack all lets it rest"
fi
say "to go back: ./rollback.sh $region $stack ${words[0]:-all}"
