#!/usr/bin/env bash
# Module 3: the three services beside the monolith, which goes on getting all requests.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

usage() {
  cat <<'END'
usage: 3-deploy-services.sh [options] <region> <stack>

Runs users, threads and posts as services of their own, each with a target group and a rule
behind the monolith's /api*. Given again, it brings them up to date.

  --tag TAG           the images' tag; the default is the commit, with -dirty if it is changed
  --dry-run           show each command that would change something, and change nothing
  --endpoint-url URL  send all calls to URL instead of AWS
  --help              show this
END
}

accepts=(tag=)
parse_board "$@"
no_more_words

step "Look at the account, the stack and the images"
need_aws
who_am_i
choose_tag
for name in "${services[@]}"; do need_image "$name"; done
use_stack
load_routes
found=$(service api)
[[ -n $found ]] || die_or_dry "the monolith has not been deployed" "the services begin on its stores" "./2-deploy-monolith.sh $region $stack"
mapfile -t gone < <(cut_over)

for name in "${services[@]}"; do
  step "Run the service $name"
  register_task "$name"
  ensure_target_group "$name"
  route "${gone[@]}"
  ensure_service "$name"
  wait_until_serving "$name"
done

step "The services"
dry_run || show_services
show_routes
say "next: ./4-cutover.sh $region $stack, or one service first: ./4-cutover.sh $region $stack users"
