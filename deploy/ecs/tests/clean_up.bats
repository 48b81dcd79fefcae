#!/usr/bin/env bats
# 5-clean-up.sh

load setup

everything="ecs update-service board-cluster api 0
ecs update-service board-cluster users 0
ecs update-service board-cluster threads 0
ecs update-service board-cluster posts 0
ecs delete-service board-cluster api
ecs delete-service board-cluster users
ecs delete-service board-cluster threads
ecs delete-service board-cluster posts
elbv2 delete-rule users
elbv2 delete-rule threads
elbv2 delete-rule posts
elbv2 delete-rule api
elbv2 modify-listener fixed-response
elbv2 delete-target-group api
elbv2 delete-target-group users
elbv2 delete-target-group threads
elbv2 delete-target-group posts
ecs deregister-task-definition api:1
ecs deregister-task-definition users:3
ecs deregister-task-definition threads:4
ecs deregister-task-definition posts:5
ecs delete-task-definitions api:1 users:3 threads:4 posts:5
ecr delete-repository api --force
ecr delete-repository users --force
ecr delete-repository threads --force
ecr delete-repository posts --force
cloudformation delete-stack board"

left() { ask '[.stack, .services, .groups, .rules, .definitions, .repositories]'; }
nothing='[null,{},{},[],[],{}]'

@test "everything but the data volume, in an order in which nothing is in use any more" {
  deployed 3
  script 5-clean-up.sh --yes
  ends_with 0
  is "$(changes)" "$everything"
  is "$(left)" "$nothing"
  is "$(ask .volume.VolumeId)" vol-0a1
  says "the data volume vol-0a1 (10 GiB, eu-central-1a) stays, with all data; it costs about 0.80 dollars a month"
}

@test "after the cutover as well" {
  deployed 4
  script 5-clean-up.sh --yes
  ends_with 0
  is "$(left)" "$nothing"
}

@test "it asks, and takes nothing but the stack's name for a yes" {
  deployed 3
  before=$(ask .)
  for answer in no yes ''; do
    run bash -c '"$1" eu-central-1 board <<<"$2"' _ "$ECS/5-clean-up.sh" "$answer"
    ends_with 1
    says "services                         api users threads posts"
    says "Nothing was deleted."
  done
  run bash -c '"$1" eu-central-1 board </dev/null' _ "$ECS/5-clean-up.sh"
  ends_with 1
  is "$(changes)" ''
  is "$(ask .)" "$before"
  run bash -c '"$1" eu-central-1 board <<<board' _ "$ECS/5-clean-up.sh"
  ends_with 0
  is "$(left)" "$nothing"
}

@test "--delete-data deletes the volume, also later" {
  deployed 2
  script 5-clean-up.sh --yes
  ends_with 0
  script 5-clean-up.sh --yes
  ends_with 0
  says "there is nothing to delete"
  is "$(ask .volume.VolumeId)" vol-0a1
  script 5-clean-up.sh --yes --delete-data
  ends_with 0
  says "data volume, WITH ALL DATA  vol-0a1 (10 GiB)"
  is "$(ask .volume)" null
}

@test "a volume that is still in use is waited for, but not for ever" {
  deployed 2
  script 5-clean-up.sh --yes
  account '.volume.State = "in-use"'
  script 5-clean-up.sh --yes --delete-data
  ends_with 1
  says "waited 300 s in vain until the data volume is free"
  is "$(ask .volume.VolumeId)" vol-0a1
}

@test "where nothing was ever made" {
  script 5-clean-up.sh --yes
  ends_with 0
  says "there is nothing to delete"
  says "there is no data volume"
  is "$(changes)" ''
}

@test "half way, after a call that failed" {
  for call in "ecs delete-service" "elbv2 delete-target-group" "ecs delete-task-definitions" "cloudformation delete-stack"; do
    deployed 3
    account ".fails[\"$call\"] = \"An error occurred (InternalError) when calling the operation: try later\""
    script 5-clean-up.sh --yes
    ends_with 1
    says "aws $call failed"
    account '.fails = {}'
    script 5-clean-up.sh --yes
    ends_with 0
    is "$(left)" "$nothing"
  done
}

@test "when the stack is gone already" {
  deployed 3
  account '.stack = null | .services = {} | .rules = [] | .default = "drop"'
  script 5-clean-up.sh --yes
  ends_with 0
  is "$(left)" "$nothing"
}

@test "a stack that cannot be deleted shows why" {
  deployed 1
  account '.stack = {status: "ROLLBACK_COMPLETE"} | .undeletable = true'
  script 5-clean-up.sh --yes
  ends_with 1
  says "Vpc CREATE_FAILED: too many VPCs"
  says "its status is DELETE_FAILED"
}

@test "what others own is left alone" {
  account '.repositories.users = {ours: false, images: []} | .groups.api = {arn: "arn:other/api", tags: []}
    | .definitions = [{arn: "arn:other:task-definition/users:3", family: "users", status: "ACTIVE", tags: []},
      {arn: "arn:other:task-definition/users-batch:1", family: "users-batch", status: "ACTIVE", tags: [{key: "splitboard:stack", value: "board"}]}]'
  script 5-clean-up.sh --yes --delete-data
  ends_with 0
  says "there is nothing to delete"
  is "$(changes)" ''
}

@test "other tasks in the cluster are stopped" {
  deployed 3
  account '.tasks["arn:task/77"] = {startedBy: "splitboard-first-start", lastStatus: "RUNNING", healthStatus: "HEALTHY"}
    | .tasks["arn:task/78"] = {group: "service:api", lastStatus: "RUNNING"}'
  script 5-clean-up.sh --yes
  ends_with 0
  run changes
  says "ecs stop-task board-cluster 77 the board is deleted"
  [[ $output != *"stop-task board-cluster 78"* ]]
}

@test "tasks that do not end are waited for, but not for ever" {
  deployed 3
  account '.running_on = true'
  script 5-clean-up.sh --yes
  ends_with 1
  says "waited 300 s in vain until their tasks have ended"
  says "still running: 1 of api, 1 of users, 1 of threads, 1 of posts"
  is "$(ask '.services | length')" 4
}

@test "an AWS CLI that cannot delete task definitions leaves them inactive" {
  deployed 3
  account '.fails["ecs delete-task-definitions"] = "aws: error: argument operation: Invalid choice, valid choices are:"'
  script 5-clean-up.sh --yes
  ends_with 0
  says "they stay, inactive, and cost nothing"
  is "$(ask '[.definitions[].status] | unique')" '["INACTIVE"]'
  is "$(ask .stack)" null
}
