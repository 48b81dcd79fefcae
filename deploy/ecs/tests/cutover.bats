#!/usr/bin/env bats
# 4-cutover.sh and rollback.sh

load setup

@test "all: routes, stores, and the monolith rests" {
  deployed 3
  script 4-cutover.sh
  ends_with 0
  is "$(changes)" "ecs run-task status --json
elbv2 delete-rule api
ecs run-task handoff users --to service
ecs run-task handoff threads --to service
ecs run-task handoff posts --to service
ecs update-service board-cluster api 0
elbv2 modify-listener fixed-response
ecs run-task status --json"
  is "$(ask '.owners | [.users, .threads, .posts] | join(" ")')" "users threads posts"
  says "users    users v1"
  says "to go back: ./rollback.sh eu-central-1 board all"
}

@test "a second cutover only asks who owns the stores" {
  deployed 4
  script 4-cutover.sh
  ends_with 0
  is "$(changes)" "ecs run-task status --json
ecs run-task status --json"
}

@test "one service after another" {
  deployed 3
  script 4-cutover.sh -- users
  ends_with 0
  is "$(changes)" "ecs run-task status --json
elbv2 set-rule-priorities 10 13 14
ecs run-task handoff users --to service
ecs run-task status --json"
  script 4-cutover.sh -- threads
  ends_with 0
  is "$(changes | sed -n 2p)" "elbv2 set-rule-priorities 3"
  script 4-cutover.sh -- posts
  ends_with 0
  is "$(changes | sed -n 2,4p)" "elbv2 set-rule-priorities 4
elbv2 delete-rule api
ecs run-task handoff posts --to service"
  says "4-cutover.sh eu-central-1 board all lets it rest"
  is "$(ask .services.api.desiredCount)" 1
  script 4-cutover.sh -- all
  is "$(changes)" "ecs run-task status --json
ecs update-service board-cluster api 0
elbv2 modify-listener fixed-response
ecs run-task status --json"
}

@test "a service that does not serve is not cut over to" {
  for wrong in '.health.posts = "unhealthy"' '.rollout.posts = "IN_PROGRESS"' '.services.posts.desiredCount = 0' 'del(.services.posts)'; do
    deployed 3
    account "$wrong"
    script 4-cutover.sh
    ends_with 1
    says "not cut over: posts does not serve as it should"
    says "3-deploy-services.sh"
    is "$(changes)" ''
  done
}

@test "another service's trouble does not stop the cutover of one" {
  deployed 3
  account '.health.posts = "unhealthy"'
  script 4-cutover.sh -- users
  ends_with 0
}

@test "a service that cannot take its store is not cut over to" {
  deployed 3
  account '.refusals.threads = "the store needs a newer binary"'
  script 4-cutover.sh
  ends_with 1
  says "threads cannot take its store over"
  says "the store needs a newer binary"
  is "$(changes)" "ecs run-task status --json"
}

@test "different versions are pointed out" {
  deployed 3
  account '(.definitions[] | select(.family == "users")).image |= sub(":.*"; ":v0")'
  script 4-cutover.sh --dry-run
  says "they do not all run the same version"
}

@test "a handoff that is broken off is tried again" {
  deployed 3
  account '.handoff_codes = [4, 4]'
  script 4-cutover.sh
  ends_with 0
  says "broken off before anything changed"
  is "$(changes | grep -c 'handoff users')" 3
}

@test "a handoff that is broken off each time ends the cutover, and the way back is told" {
  deployed 3
  account '.handoff_codes = [0, 4, 4, 4]'
  script 4-cutover.sh
  ends_with 1
  says "3 handoffs were broken off"
  says "stopped in step 4: Move the stores"
  says "To go back: ./rollback.sh eu-central-1 board all"
  is "$(ask .services.api.desiredCount)" 1
}

@test "a handoff without an able target ends the cutover at once" {
  deployed 3
  account '.handoff_codes = [5]'
  script 4-cutover.sh
  ends_with 1
  says "there is no such target, or it is not able: users: the handoff ended with 5"
  is "$(changes | grep -c 'handoff users')" 1
  is "$(ask .services.api.desiredCount)" 1
}

@test "any other end of a handoff is told with its code" {
  deployed 3
  account '.handoff_codes = [1]'
  script 4-cutover.sh
  ends_with 1
  says "exit code 1"
  says "docs/OPERATIONS.md"
}

@test "a command for which there is no room is not waited for" {
  deployed 3
  account '.run_failure = "RESOURCE:CPU"'
  script 4-cutover.sh
  ends_with 1
  says "no CPU units left"
  run grep elbv2 <(changes)
  is "$output" ''
}

@test "a cutover that stopped half way goes on, and goes back" {
  deployed 3
  account '.handoff_codes = [0, 5]'
  script 4-cutover.sh
  ends_with 1
  changes >/dev/null
  half=$(ask .)
  script 4-cutover.sh
  ends_with 0
  is "$(changes)" "ecs run-task status --json
ecs run-task handoff threads --to service
ecs run-task handoff posts --to service
ecs update-service board-cluster api 0
elbv2 modify-listener fixed-response
ecs run-task status --json"
  echo "$half" >"$FAKE/account.json"
  script rollback.sh
  ends_with 0
  is "$(changes)" "ecs run-task status --json
elbv2 create-rule 1 api
ecs run-task handoff users --to monolith
ecs run-task status --json"
}

@test "rollback: the monolith is there before the requests come" {
  deployed 4
  script rollback.sh
  ends_with 0
  is "$(changes)" "elbv2 modify-listener forward
ecs update-service board-cluster api 1
ecs run-task status --json
elbv2 create-rule 1 api
ecs run-task handoff users --to monolith
ecs run-task handoff threads --to monolith
ecs run-task handoff posts --to monolith
ecs run-task status --json"
  is "$(ask '.owners | [.users, .threads, .posts] | unique | join(" ")')" monolith
  script rollback.sh
  ends_with 0
  is "$(changes)" "ecs run-task status --json
ecs run-task status --json"
}

@test "rollback of one service leaves the others cut over" {
  deployed 4
  script rollback.sh -- users
  ends_with 0
  is "$(changes)" "elbv2 modify-listener forward
ecs update-service board-cluster api 1
ecs run-task status --json
elbv2 create-rule 10 api
elbv2 set-rule-priorities 12
ecs run-task handoff users --to monolith
ecs run-task status --json"
  is "$(ask '.owners | [.users, .threads, .posts] | join(" ")')" "monolith threads posts"
}

@test "rollback does not send requests to a monolith that is not healthy" {
  deployed 4
  account '.health.api = "unhealthy"'
  script rollback.sh
  ends_with 1
  says "waited 180 s in vain until the targets of api are healthy"
  run changes
  [[ $output != *create-rule* && $output != *handoff* ]]
}

@test "rollback without a monolith says how to get one" {
  deployed 4
  account 'del(.services.api)'
  script rollback.sh
  ends_with 1
  says "./2-deploy-monolith.sh eu-central-1 board"
  is "$(changes)" ''
}

@test "a log is read to its end" {
  deployed 3
  account '.paged = true'
  script 4-cutover.sh
  ends_with 0
  says "users: moved to users"
}

@test "the commands run in the version that the monolith has" {
  deployed 3
  account '.definitions += [{arn: "arn:aws:ecs:eu-central-1:123456789012:task-definition/api:99", family: "api", status: "ACTIVE", tags: [], image: "api:never-pushed"}]'
  script 4-cutover.sh -- users
  ends_with 0
  run grep -c 'run-task.*"taskDefinition":"arn:aws:ecs:eu-central-1:123456789012:task-definition/api:1"' "$FAKE/calls"
  is "$output" 3
}
