#!/usr/bin/env bats
# 2-deploy-monolith.sh

load setup

@test "the stack, the stores, the routes, the service, in this order" {
  deployed 1
  script 2-deploy-monolith.sh
  ends_with 0
  is "$(changes)" "cloudformation deploy ecs.yml board CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset
ecs register-task-definition api
ecs run-task auto none
ecs stop-task board-cluster 2 the stores are made
ec2 create-tags vol-0a1 Key=splitboard:stores,Value=created
elbv2 create-target-group api
elbv2 modify-target-group-attributes api
elbv2 modify-load-balancer-attributes
elbv2 modify-listener forward
elbv2 create-rule 1 api
ecs create-service api desired=1"
  says "The board is at http://board.example"
  is "$(ask '.definitions[0].image')" "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:0123456789ab"
}

@test "a second run deploys the stack and changes nothing else" {
  deployed 2
  script 2-deploy-monolith.sh
  ends_with 0
  is "$(changes)" "cloudformation deploy ecs.yml board CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset"
}

@test "another tag is another revision, and the service gets it" {
  deployed 2
  account '.repositories.api.images += ["v2"]'
  script 2-deploy-monolith.sh --tag v2
  ends_with 0
  is "$(changes | tail -n +2)" "ecs register-task-definition api
ecs update-service api"
  is "$(ask '.services.api.taskDefinition')" "$(ask '.definitions[-1].arn')"
}

@test "a service with more tasks keeps them; one without any gets one" {
  deployed 2
  account '.services.api.desiredCount = 2'
  script 2-deploy-monolith.sh
  is "$(ask '.services.api.desiredCount')" 2
  account '.services.api.desiredCount = 0'
  script 2-deploy-monolith.sh
  ends_with 0
  is "$(ask '.services.api.desiredCount')" 1
}

@test "a board that is cut over stays so" {
  deployed 4
  account '.repositories.api.images += ["v2"]'
  script 2-deploy-monolith.sh --tag v2
  ends_with 0
  says "the board is cut over"
  is "$(changes | tail -n +2)" "ecs register-task-definition api
ecs update-service api"
  is "$(ask '.services.api.desiredCount')" 0
  is "$(ask .default)" drop
}

@test "--sample fills the stores once" {
  deployed 1
  script 2-deploy-monolith.sh --sample
  ends_with 0
  run changes
  says "ecs run-task auto sample"
  script 2-deploy-monolith.sh --sample
  ends_with 0
  says "so --sample changes nothing"
}

@test "an image that has not been pushed is named, and nothing is begun" {
  script 2-deploy-monolith.sh --tag v9
  ends_with 1
  says "the image api:v9 has not been pushed"
  says "./1-push-images.sh --tag v9 eu-central-1 board"
  is "$(changes)" ''
}

@test "a stack that fails shows what failed in it" {
  deployed 1
  account '.fails["cloudformation deploy"] = "Failed to create/update the stack" | .stack = {status: "ROLLBACK_COMPLETE"}'
  account '.stack.status = "UPDATE_ROLLBACK_COMPLETE"'
  script 2-deploy-monolith.sh
  ends_with 1
  says "Vpc CREATE_FAILED: too many VPCs"
  says "the stack board was not deployed"
  says "stopped in step 2: Deploy the stack board"
}

@test "what is left of a first deployment that failed is deleted" {
  deployed 1
  account '.stack = {status: "ROLLBACK_COMPLETE"}'
  script 2-deploy-monolith.sh
  ends_with 0
  says "its first deployment failed and was undone"
  is "$(changes | head -n 2)" "cloudformation delete-stack board
cloudformation deploy ecs.yml board CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset"
}

@test "a stack that cannot be used says what to do" {
  deployed 2
  account '.stack.status = "DELETE_FAILED"'
  script 2-deploy-monolith.sh
  ends_with 1
  says "./5-clean-up.sh eu-central-1 board"
  account '.stack.status = "UPDATE_ROLLBACK_FAILED"'
  script 2-deploy-monolith.sh
  ends_with 1
  says "continue-update-rollback"
  is "$(changes)" ''
}

@test "another's stack is refused" {
  deployed 2
  account '.stack.description = "Our payroll"'
  for each in 2-deploy-monolith.sh 3-deploy-services.sh 4-cutover.sh rollback.sh '5-clean-up.sh'; do
    script "$each"
    ends_with 1
    says "the stack board is not a board"
  done
  is "$(changes)" ''
}

@test "a volume that is left is taken again, with its stores" {
  deployed 2
  account '.stack = null | .volume.State = "available" | .services = {} | .groups = {} | .rules = [] | .default = "drop"'
  script 2-deploy-monolith.sh
  ends_with 0
  says "the stores are on the volume already"
  run changes
  says "DataVolumeId=vol-0a1 DataVolumeZone=eu-central-1a"
  [[ $output != *run-task* ]]
}

@test "two volumes are for a person to decide" {
  deployed 1
  account '.volume = {VolumeId: "vol-0a1", State: "available", CreateTime: "2026-01-01"} | .second_volume = {VolumeId: "vol-0b2", State: "available", CreateTime: "2026-02-02"}'
  script 2-deploy-monolith.sh
  ends_with 1
  says "more than one data volume"
  says "vol-0b2, made 2026-02-02"
  is "$(changes)" ''
}

@test "an instance that does not come up is waited for, but not for ever" {
  deployed 1
  account '.no_instance = true'
  script 2-deploy-monolith.sh
  ends_with 1
  says "waited 900 s in vain until an instance has the data volume"
  says "get-console-output"
  is "$(slept)" 900
}

@test "a first start that does not start says why, and the volume is not marked" {
  deployed 1
  account '.never_starts = true'
  script 2-deploy-monolith.sh
  ends_with 1
  says "CannotPullContainerError"
  is "$(ask '[.volume.Tags[].Key]')" '["splitboard:stack"]'
}

@test "a first start that ends badly does not mark the volume" {
  deployed 1
  account '.stop_code = 137'
  script 2-deploy-monolith.sh
  ends_with 1
  says "its exit code is 137"
  is "$(ask '[.volume.Tags[].Key]')" '["splitboard:stack"]'
}

@test "a first start that was left running is taken up" {
  deployed 1
  account '.tasks["arn:task/77"] = {startedBy: "splitboard-first-start", lastStatus: "RUNNING", healthStatus: "HEALTHY"}'
  script 2-deploy-monolith.sh
  ends_with 0
  run changes
  [[ $output != *run-task* ]]
  says "ecs stop-task board-cluster 77"
}

@test "no room for a task is said in words" {
  deployed 1
  account '.run_failure = "RESOURCE:MEMORY"'
  script 2-deploy-monolith.sh
  ends_with 1
  says "the instance has no memory left"
}

@test "a deployment that fails shows what ECS says" {
  deployed 2
  account '.rollout.api = "FAILED"'
  script 2-deploy-monolith.sh
  ends_with 1
  says "ECS: (service api) was unable to place a task"
  says "the deployment failed: tasks failed to start"
}

@test "a deployment that ECS takes back is a failure" {
  deployed 2
  account '.repositories.api.images += ["v2"] | .went_back.api = "arn:aws:ecs:eu-central-1:123456789012:task-definition/api:1"'
  script 2-deploy-monolith.sh --tag v2
  ends_with 1
  says "ECS went back to api:1"
}

@test "a target that never gets healthy is waited for, but not for ever" {
  deployed 2
  account '.health.api = "unhealthy"'
  script 2-deploy-monolith.sh
  ends_with 1
  says "target i-1:32768: unhealthy, Target.FailedHealthChecks 503"
  says "waited 180 s in vain until the targets of api are healthy"
  is "$(slept)" 180
}

@test "another's target group is refused" {
  deployed 1
  account '.groups.api = {arn: "arn:other/api", tags: [{Key: "team", Value: "other"}], attributes: []}'
  script 2-deploy-monolith.sh
  ends_with 1
  says "the target group api belongs to something else"
}

@test "a placeholder that nothing is known for is an error" {
  cp -r "$ECS" "$BATS_TEST_TMPDIR/ecs"
  ECS=$BATS_TEST_TMPDIR/ecs
  sed -i 's/{ACCOUNT_ID}/{ACOUNT_ID}/' "$ECS/task-definitions/api.json"
  deployed 1
  script 2-deploy-monolith.sh --tag 0123456789ab
  ends_with 1
  says "deploy/ecs/task-definitions/api.json cannot be used"
  says "nothing is known for {ACOUNT_ID}"
}
