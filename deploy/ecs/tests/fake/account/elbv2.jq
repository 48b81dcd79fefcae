def group_name($arn): .groups | to_entries[] | select(.value.arn == $arn) | .key;
def group_used($name): .default == $name or any(.rules[]; .group == $name);

if $call == "elbv2 describe-target-groups" then
  answer({TargetGroups: [.groups | to_entries[] | {TargetGroupName: .key, TargetGroupArn: .value.arn}]})
elif $call == "elbv2 describe-tags" then
  . as $a | answer({TagDescriptions: [$given["resource-arns"][] as $arn | {ResourceArn: $arn, Tags: $a.groups[$a | group_name($arn)].tags}]})
elif $call == "elbv2 create-target-group" then
  input as $in | arn("elasticloadbalancing"; "targetgroup/\($in.Name)/\($in.Name)") as $arn
  | .groups[$in.Name] = {arn: $arn, tags: $in.Tags, attributes: []} | answer({TargetGroups: [{TargetGroupArn: $arn}]})
elif $call == "elbv2 describe-target-group-attributes" then
  group_name($given["target-group-arn"][0]) as $name | answer({Attributes: .groups[$name].attributes})
elif $call == "elbv2 modify-target-group-attributes" then
  group_name(input.TargetGroupArn) as $name | .groups[$name].attributes = input.Attributes | answer({})
elif $call == "elbv2 describe-load-balancer-attributes" then answer({Attributes: (.attributes // [])})
elif $call == "elbv2 modify-load-balancer-attributes" then .attributes = input.Attributes | answer({})
elif $call == "elbv2 delete-target-group" then
  group_name($given["target-group-arn"][0]) as $name
  | if group_used($name) then refuse("ResourceInUse"; "\($name) is in use") else del(.groups[$name]) | answer("") end
elif $call == "elbv2 describe-target-health" then
  group_name($given["target-group-arn"][0]) as $name
  | (if group_used($name) then .health[$name] // "healthy" else "unused" end) as $state
  | answer({TargetHealthDescriptions: [if (.services[$name].desiredCount // 0) > 0 then
      {Target: {Id: "i-1", Port: 32768}, TargetHealth: {State: $state, Reason: "Target.FailedHealthChecks", Description: "503"}} else empty end]})
elif $call == "elbv2 describe-rules" then
  . as $a | answer({Rules: [(.rules[] | {RuleArn: .arn, Priority: (.priority | tostring), IsDefault: false, Actions: [{Type: "forward", TargetGroupArn: $a.groups[.group].arn}]}),
    {RuleArn: "arn:default", Priority: "default", IsDefault: true, Actions: [
      if .default == "drop" then {Type: "fixed-response"} else {Type: "forward", TargetGroupArn: .groups[.default].arn} end]}]})
elif $call == "elbv2 create-rule" then
  input as $in | group_name($in.Actions[0].TargetGroupArn) as $name | arn("elasticloadbalancing"; "listener-rule/app/board/1/1/\($name)") as $arn
  | if any(.rules[]; .priority == $in.Priority) then refuse("PriorityInUse"; "\($in.Priority)")
    else .rules += [{arn: $arn, priority: $in.Priority, group: $name}] | answer({Rules: [{RuleArn: $arn}]}) end
elif $call == "elbv2 set-rule-priorities" then
  reduce input.RulePriorities[] as $p (.; (.rules[] | select(.arn == $p.RuleArn)).priority = $p.Priority) | answer({})
elif $call == "elbv2 delete-rule" then .rules |= map(select(.arn != $given["rule-arn"][0])) | answer("")
elif $call == "elbv2 modify-listener" then
  input.DefaultActions[0] as $action | .default = (if $action.Type == "fixed-response" then "drop" else group_name($action.TargetGroupArn) end) | answer({})
