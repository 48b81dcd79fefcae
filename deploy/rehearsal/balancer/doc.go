// Package balancer puts a load balancer in front of the board's processes that behaves as
// an Application Load Balancer (ALB) does with the files in deploy/ecs: it reads those
// very files, and rules, targets and the default action change while it runs. There are
// two: [StandIn], which is written here, and [HAProxy], which is not.
//
// # The files
//
// Each file is the input of one command of the AWS CLI, given as --cli-input-json:
//
//	rules/NAME.json                     elbv2 create-rule
//	target-groups/NAME.json             elbv2 create-target-group
//	target-group-attributes.json        elbv2 modify-target-group-attributes, for each group
//	load-balancer-attributes.json       elbv2 modify-load-balancer-attributes
//	listener/forward-to-monolith.json   elbv2 modify-listener, before the cutover and to go back
//	listener/drop-traffic.json          elbv2 modify-listener, after the cutover
//	listener/strangler-priorities.json  elbv2 set-rule-priorities
//
// What exists only in an account stands in braces and is filled in before a file is used:
// {LISTENER_ARN}, {LOAD_BALANCER_ARN} and {VPC_ID}; {TARGET_GROUP_ARN:NAME} and
// {RULE_ARN:NAME} are what was made of target-groups/NAME.json and rules/NAME.json;
// {TARGET_GROUP_ARN} is each target group in turn.
//
// The tutorial's order: /api* is rule 1 and leads to the monolith, the services' rules
// come after it, and deleting it is the cutover. The strangler's order puts one service
// after another above it: strangler-priorities.json moves /api* down, and then each of the
// services' rules takes effect as soon as it is created.
//
// # The numbers
//
// A health check every 6 s (5 s to answer, the ALB asks for less than the interval) and
// two in a row for a change. A target that leaves has 10 s for what it is still answering:
// twice the 5 s that a process drains for (--drain), so that the process ends its
// connections in good order before the load balancer cuts them, and not the 300 s that
// would hold up each step of a deployment. The idle timeout of 60 s is below the 75 s
// of the board's REST listener, so that it is never the target that closes an idle
// connection just when a request is on its way.
package balancer
