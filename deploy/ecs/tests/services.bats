#!/usr/bin/env bats
# 3-deploy-services.sh

load setup

@test "each service: task definition, target group, rule, service" {
  deployed 2
  script 3-deploy-services.sh
  ends_with 0
  wanted=$(
    number=2
    for name in users threads posts; do
      printf '%s\n' "ecs register-task-definition $name" "elbv2 create-target-group $name" "elbv2 modify-target-group-attributes $name" \
        "elbv2 create-rule $number $name" "ecs create-service $name desired=1"
      number=$((number + 1))
    done
  )
  is "$(changes)" "$wanted"
  says "threads  1 of 1  steady      healthy  threads:0123456789ab"
  is "$(ask .default)" api
}

@test "a second run changes nothing" {
  deployed 3
  script 3-deploy-services.sh
  ends_with 0
  is "$(changes)" ''
}

@test "a new version is a new revision and an update, one service after another" {
  deployed 3
  account '.repositories[].images += ["v2"]'
  script 3-deploy-services.sh --tag v2
  ends_with 0
  is "$(changes)" "ecs register-task-definition users
ecs update-service users
ecs register-task-definition threads
ecs update-service threads
ecs register-task-definition posts
ecs update-service posts"
}

@test "a setting that has changed in the file is changed" {
  deployed 3
  account '.services.users.healthCheckGracePeriodSeconds = 5'
  script 3-deploy-services.sh
  ends_with 0
  says "updated the service users: healthCheckGracePeriodSeconds"
  is "$(changes)" "ecs update-service users"
}

@test "nothing is rerouted when it is run after the cutover" {
  deployed 4
  account '.repositories[].images += ["v2"]'
  script 3-deploy-services.sh --tag v2
  ends_with 0
  run changes
  [[ $output != *elbv2* ]]
}

@test "without the monolith it is not begun" {
  deployed 2
  account '.services = {}'
  script 3-deploy-services.sh
  ends_with 1
  says "the monolith has not been deployed"
  is "$(changes)" ''
}

@test "without a stack, or in one that has failed, it is not begun" {
  deployed 1
  script 3-deploy-services.sh
  ends_with 1
  says "its status is that there is none"
  account '.stack = {status: "ROLLBACK_COMPLETE"}'
  script 3-deploy-services.sh
  ends_with 1
  says "its status is ROLLBACK_COMPLETE"
  is "$(changes)" ''
}

@test "a service that does not get steady stops it before the next" {
  deployed 2
  account '.rollout.users = "IN_PROGRESS"'
  script 3-deploy-services.sh
  ends_with 1
  says "waited 900 s in vain until the service users is steady"
  says "ECS: (service users) was unable to place a task"
  is "$(ask '.services | keys')" '["api","users"]'
  account '.rollout = {}'
  script 3-deploy-services.sh
  ends_with 0
  is "$(ask '.services | keys')" '["api","posts","threads","users"]'
}

@test "a service that is still being deleted is waited for, and made anew" {
  deployed 3
  account '.services.users.status = "DRAINING"'
  script 3-deploy-services.sh
  ends_with 1
  says "waited 300 s in vain until the old service users is gone"
}

@test "a call that is refused says what it was" {
  deployed 2
  account '.fails["ecs create-service"] = "An error occurred (AccessDeniedException) when calling the CreateService operation: not authorized"'
  script 3-deploy-services.sh
  ends_with 1
  says "aws ecs create-service failed"
  says "AccessDeniedException"
  says "use credentials that are allowed"
  says "stopped in step 2: Run the service users"
}
