if $call == "cloudformation describe-stacks" then
  if .stack == null then refuse("ValidationError"; "Stack with id \($given["stack-name"][0]) does not exist")
  else answer({Stacks: [{StackId: "arn:stack/board/1", Description: (.stack.description // "Splitboard on ECS"), StackStatus: .stack.status, Outputs: [
    ({ClusterName: "board-cluster", Url: "http://board.example", ALBArn: arn("elasticloadbalancing"; "loadbalancer/app/board/1"),
      VPCId: "vpc-1", ListenerArn: arn("elasticloadbalancing"; "listener/app/board/1/1"), DataVolumeId: .volume.VolumeId,
      ApiRegistryArn: arn("servicediscovery"; "service/srv-api"), UsersRegistryArn: arn("servicediscovery"; "service/srv-users"),
      ThreadsRegistryArn: arn("servicediscovery"; "service/srv-threads"), PostsRegistryArn: arn("servicediscovery"; "service/srv-posts")}
      | to_entries[] | {OutputKey: .key, OutputValue: .value})]}]}) end
elif $call == "cloudformation deploy" then
  .volume //= {VolumeId: "vol-0a1", AvailabilityZone: "eu-central-1a", Size: 10, State: "in-use", CreateTime: "2026-01-01", Tags: [{Key: "splitboard:stack", Value: "board"}]}
  | .volume.State = "in-use" | .stack = {status: (if .stack then "UPDATE_COMPLETE" else "CREATE_COMPLETE" end)} | answer({})
elif $call == "cloudformation delete-stack" then
  if .undeletable then .stack.status = "DELETE_FAILED" else .stack = null | if .volume then .volume.State = "available" else . end end | answer("")
elif $call == "cloudformation describe-stack-events" then
  answer({StackEvents: [{LogicalResourceId: "Vpc", ResourceStatus: "CREATE_FAILED", ResourceStatusReason: "too many VPCs"}]})
