# A service as ECS tells of it. .rollout and .running say how deployments go in this test.
def told($name): .services[$name] as $s | (.rollout[$name] // "COMPLETED") as $rollout
  | (if .running_on then 1 elif $rollout == "COMPLETED" then $s.desiredCount else 0 end) as $running
  | {serviceName: $name, status: $s.status, desiredCount: $s.desiredCount, runningCount: $running, pendingCount: 0,
     taskDefinition: $s.taskDefinition, deploymentConfiguration: $s.deploymentConfiguration,
     healthCheckGracePeriodSeconds: $s.healthCheckGracePeriodSeconds,
     events: [{message: "(service \($name)) was unable to place a task"}],
     deployments: [{status: "PRIMARY", rolloutState: $rollout, rolloutStateReason: "tasks failed to start",
       taskDefinition: (.went_back[$name] // $s.taskDefinition)}]};

# What the board's own commands print and do.
def board_status: .refusals as $refusals | {
  stores: [.owners | to_entries[] | {service: .key, served: true,
    owner: {binary: .value, version: "v1", instance: "i-\(.value)"}, store: {epoch: 1, sequence: 7, checksum: "00ff"}}],
  processes: ([.services | to_entries[] | select(.value.desiredCount > 0) | .key] | map(. as $name | {
    binary: (if . == "api" then "monolith" else . end), draining: false,
    stores: (if . == "api" then ["users", "threads", "posts"] else [.] end)
      | map({service: ., state: "CANDIDATE"} + (if $refusals[$name] then {refusal: $refusals[$name]} else {} end))}))};
def board($command; $arn):
  if $command[0] == "status" then .logs[$arn] = (board_status | ["a warning", "{", "\"stores\": \(.stores | tojson),", "\"processes\": \(.processes | tojson)", "}"]) | .tasks[$arn].exitCode = 0
  elif $command[0] == "handoff" then
    (.handoff_codes[0] // 0) as $code | .handoff_codes |= .[1:]
    | (if $command[3] == "service" then $command[1] else "monolith" end) as $to
    | .tasks[$arn].exitCode = $code
    | if $code == 0 then .owners[$command[1]] = $to | .logs[$arn] = ["\($command[1]): moved to \($to)"]
      else .logs[$arn] = ["\($command[1]): the handoff ended with \($code)"] end
  else . end;

if $call == "ecs register-task-definition" then
  input as $in | number | arn("ecs"; "task-definition/\($in.family):\(.count)") as $arn
  | .definitions += [{arn: $arn, family: $in.family, status: "ACTIVE", tags: $in.tags, image: $in.containerDefinitions[0].image}]
  | answer({taskDefinition: {taskDefinitionArn: $arn}})
elif $call == "ecs describe-task-definition" then
  $given["task-definition"][0] as $which
  | ([.definitions[] | select(.arn == $which or (.family == $which and .status == "ACTIVE"))] | last) as $d
  | if $d == null then refuse("ClientException"; "Unable to describe task definition.")
    else answer({tags: $d.tags, taskDefinition: {taskDefinitionArn: $d.arn, status: $d.status, containerDefinitions: [{image: $d.image}]}}) end
elif $call == "ecs list-task-definitions" then
  answer({taskDefinitionArns: [.definitions[] | select(.family | startswith($given["family-prefix"][0])) | select(.status == $given.status[0]) | .arn]})
elif $call == "ecs deregister-task-definition" then
  (.definitions[] | select(.arn == $given["task-definition"][0])).status = "INACTIVE" | answer({})
elif $call == "ecs delete-task-definitions" then
  .definitions |= map(select(.arn | IN($given["task-definitions"][]) | not)) | answer({failures: []})

elif ($call | startswith("ecs ")) and (.stack == null) then refuse("ClusterNotFoundException"; "Cluster not found.")
elif $call == "ecs describe-services" then
  . as $a | answer({services: [$given.services[] as $name | $a | if .services[$name] then told($name) else empty end]})
elif $call == "ecs create-service" then
  input as $in | .services[$in.serviceName] = $in + {status: "ACTIVE"} | answer({})
elif $call == "ecs update-service" then
  given("service"; "service") as $name | .services[$name] += (input | del(.cluster, .service))
  | if $given["desired-count"] then .services[$name].desiredCount = ($given["desired-count"][0] | tonumber) else . end | answer({})
elif $call == "ecs delete-service" then del(.services[$given.service[0]]) | answer({})
elif $call == "ecs list-container-instances" then
  answer({containerInstanceArns: (if .no_instance then [] else ["arn:instance/1"] end)})
elif $call == "ecs describe-container-instances" then answer({containerInstances: [{agentConnected: true}]})
elif $call == "ecs run-task" then
  if .run_failure then answer({tasks: [], failures: [{reason: .run_failure}]})
  else
    input.overrides.containerOverrides[0] as $o | number | "arn:task/\(.count)" as $arn
    | .tasks[$arn] = {startedBy: input.startedBy, command: $o.command, environment: $o.environment}
    | if $o.command then .tasks[$arn].lastStatus = "STOPPED" | board($o.command; $arn)
      elif .never_starts then .tasks[$arn] += {lastStatus: "STOPPED", stoppedReason: "CannotPullContainerError: no such image"}
      else .tasks[$arn] += {lastStatus: "RUNNING", healthStatus: "HEALTHY"} end
    | answer({tasks: [{taskArn: $arn}], failures: []}) end
elif $call == "ecs stop-task" then
  .tasks[$given.task[0]] += {lastStatus: "STOPPED", exitCode: (.stop_code // 0)} | answer({})
elif $call == "ecs list-tasks" then
  answer({taskArns: [.tasks | to_entries[] | select(.value.lastStatus == ($given["desired-status"][0] // "RUNNING"))
    | select($given["started-by"] == null or .value.startedBy == $given["started-by"][0]) | select($given["service-name"] == null) | .key]})
elif $call == "ecs describe-tasks" then
  . as $a | answer({tasks: [$given.tasks[] | $a.tasks[.] as $t
    | {taskArn: ., group: ($t.group // "family:api"), lastStatus: $t.lastStatus, healthStatus: $t.healthStatus, stoppedReason: $t.stoppedReason,
       containers: [{name: "api", exitCode: $t.exitCode}]}]})
