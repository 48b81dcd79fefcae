package files

import (
	"fmt"
	"slices"
	"strings"
)

// withoutResource are the actions that IAM cannot restrict to a resource.
var withoutResource = []string{
	"ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint", "ssm:UpdateInstanceInformation",
	"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
}

// checkPermissions wants every role to have what it is for and nothing else.
func checkPermissions(s *set, say report) {
	for _, role := range s.template.ofType("AWS::IAM::Role") {
		if role.property("ManagedPolicyArns") != nil {
			say(templateFile, "%s has a managed policy, which gives more than it needs and changes without notice", role.name)
		}
		for _, statement := range role.statements() {
			for _, action := range texts(dig(statement, "Action")) {
				if strings.Contains(action, "*") {
					say(templateFile, "%s may do %s", role.name, action)
				}
				if slices.Contains(texts(dig(statement, "Resource")), "*") && !slices.Contains(withoutResource, action) {
					say(templateFile, "%s may do %s to everything", role.name, action)
				}
			}
		}
		switch trusted := role.text("AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service"); trusted {
		case "ecs-tasks.amazonaws.com":
			checkTaskRole(role, strings.TrimPrefix(role.text("RoleName"), "splitboard-"+anyRegion+"-"), say)
		case "ec2.amazonaws.com":
			checkInstanceRole(role, say)
		default:
			say(templateFile, "%s is for %s", role.name, trusted)
		}
	}
}

func (r resource) statements() []any {
	policies := list(r.property("Policies"))
	all := make([]any, 0, len(policies))
	for _, policy := range policies {
		all = append(all, list(dig(policy, "PolicyDocument", "Statement"))...)
	}
	return all
}

// checkTaskRole: a task may do nothing; ECS pulls its image and writes its log for it.
func checkTaskRole(role resource, name string, say report) {
	condition := role.property("AssumeRolePolicyDocument", "Statement", 0, "Condition")
	if dig(condition, "StringEquals", "aws:SourceAccount") != "123456789012" ||
		dig(condition, "ArnLike", "aws:SourceArn") != "arn:aws:ecs:"+anyRegion+":123456789012:*" {
		say(templateFile, "%s can be taken for tasks of another account or region", role.name)
	}
	service, purpose, _ := strings.Cut(name, "-")
	if !slices.Contains(names, service) {
		say(templateFile, "%s is for no service: %q", role.name, name)
	}
	if purpose == "task" {
		if len(role.statements()) > 0 {
			say(templateFile, "%s may do something, and the programs ask AWS for nothing", role.name)
		}
		return
	}
	want := []string{
		"[ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer] arn:aws:ecr:" + anyRegion + ":123456789012:repository/" + service,
		"[ecr:GetAuthorizationToken] *",
		"[logs:CreateLogStream logs:PutLogEvents] <" + strings.ToUpper(service[:1]) + service[1:] + "LogGroup.Arn>",
	}
	var got []string
	for _, statement := range role.statements() {
		got = append(got, fmt.Sprintf("%v %v", texts(dig(statement, "Action")), dig(statement, "Resource")))
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		say(templateFile, "%s may do %v, not pull its own image and write its own log: %v", role.name, got, want)
	}
}

// checkInstanceRole: the agent's calls for its own cluster, and this volume to this stack's
// instances.
func checkInstanceRole(role resource, say report) {
	for _, statement := range role.statements() {
		resource := fmt.Sprint(dig(statement, "Resource"))
		for _, action := range texts(dig(statement, "Action")) {
			service, _, _ := strings.Cut(action, ":")
			switch {
			case slices.Contains(withoutResource, action):
			case service == "ecs":
				if resource != "<ECSCluster.Arn>" && dig(statement, "Condition", "ArnEquals", "ecs:cluster") != "<ECSCluster.Arn>" {
					say(templateFile, "%s may do %s to other clusters", role.name, action)
				}
			case action == "ec2:AttachVolume":
				tagged := dig(statement, "Condition", "StringEquals", "aws:ResourceTag/splitboard:stack") == "STACK"
				if !strings.HasSuffix(resource, ":volume/<DataVolume>") && (!strings.HasSuffix(resource, ":instance/*") || !tagged) {
					say(templateFile, "%s may attach other volumes, or to other instances: %s", role.name, resource)
				}
			default:
				say(templateFile, "%s may do %s, which the instance has no use for", role.name, action)
			}
		}
	}
}
