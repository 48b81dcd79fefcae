#!/usr/bin/env bash
# Module 2: the cluster, and the monolith on it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

usage() {
  cat <<'END'
usage: 2-deploy-monolith.sh [options] <region> <stack>

Deploys the stack (ecs.yml), makes the stores at the first start, and runs the monolith as
the service api behind the load balancer. Given again, it brings all of it up to date.

  --tag TAG           the images' tag; the default is the commit, with -dirty if it is changed
  --sample            fill the new stores with the sample board; the default is an empty board
  --dry-run           show each command that would change something, and change nothing
  --endpoint-url URL  send all calls to URL instead of AWS
  --help              show this
END
}

accepts=(tag= sample)
parse_board "$@"
no_more_words

step "Look at the account and the image"
need_aws
who_am_i
choose_tag
need_image api

step "Deploy the stack $stack"
deploy_stack
use_stack
wait_until "an instance has the data volume and takes tasks" 900 explain_instance instance_ready

step "Register the task definition api"
register_task api

step "Make the stores, once"
seed=none
[[ -z ${option[sample]:-} ]] || seed=sample
make_stores "$seed"

step "Lead requests to the monolith"
load_routes
ensure_target_group api
ensure_load_balancer_attributes
mapfile -t gone < <(cut_over)
if ((${#gone[@]} == ${#services[@]})) && [[ $default_action == drop ]]; then
  warn "the board is cut over, so its routes and the monolith's tasks stay as they are; ./rollback.sh $region $stack leads back"
  resting=yes
else
  route "${gone[@]}"
  resting=''
fi

step "Run the service api"
ensure_service api $resting
if [[ -n $resting ]]; then
  wait_until "the service api is steady" 900 explain_service service_steady api
else
  wait_until_serving api
fi

step "The board is at $(url)"
say "try: curl $(url)/api/users"
say "it costs about 64 dollars a month until ./5-clean-up.sh, nearly half of it the instance"
say "next: ./3-deploy-services.sh $region $stack"
