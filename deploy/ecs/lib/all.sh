# shellcheck shell=bash
# All that the scripts share, in the order in which it builds on what came before.

ecs=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) # the folder deploy/ecs
readonly ecs
. "$ecs/lib/common.sh"   # arguments, what is said, how a script ends
. "$ecs/lib/aws.sh"      # calls of the AWS CLI, waiting
. "$ecs/lib/files.sh"    # the values in the files' braces
. "$ecs/lib/stack.sh"    # the stack, its outputs, the data volume, the instance
. "$ecs/lib/images.sh"   # building, pushing
. "$ecs/lib/tasks.sh"    # task definitions, tasks that run once
. "$ecs/lib/services.sh" # ECS services and their targets
. "$ecs/lib/routes.sh"   # target groups, rules, the default action
. "$ecs/lib/stores.sh"   # who owns the stores, moving them
. "$ecs/lib/clean_up.sh" # finding and deleting everything
