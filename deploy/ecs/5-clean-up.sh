#!/usr/bin/env bash
# Module 5: delete everything but the data, however far the other modules came.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/all.sh"

usage() {
  cat <<'END'
usage: 5-clean-up.sh [options] <region> <stack>

Shows what there is of the board, asks, and deletes it: services, rules, target groups, task
definitions, repositories and the stack. The data volume stays unless its deletion is asked
for, too.

  --yes               do not ask
  --delete-data       delete the data volume, too; nothing can bring the data back
  --dry-run           show each command that would change something, and change nothing
  --endpoint-url URL  send all calls to URL instead of AWS
  --help              show this
END
}

accepts=(yes delete-data)
parse_board "$@"
no_more_words

step "Look at what there is"
need_aws
who_am_i
find_all

if [[ -n $anything ]]; then
  confirm

  step "End the services"
  end_services

  step "Delete rules and target groups"
  delete_routes

  step "Delete task definitions"
  delete_task_definitions

  step "Delete repositories"
  delete_repositories

  step "Delete the stack $stack"
  [[ -z $stack_now ]] || delete_stack
fi

step "What remains"
end_volume
