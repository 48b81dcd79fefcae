package alb

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
)

// CheckGroup refuses a target group that is not in the account as haproxy has it: haproxy
// was told by the files.
func (b *Balancer) CheckGroup(ctx context.Context, arn string) error {
	name, err := GroupOf(arn)
	if err != nil {
		return err
	}
	groups, err := b.api.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
	if err != nil {
		return err
	}
	attributes, err := b.api.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &arn})
	if err != nil {
		return err
	}
	g := groups.TargetGroups[0]
	got := balancer.TargetGroup{Name: aws.ToString(g.TargetGroupName), Health: balancer.HealthCheck{
		Path:     aws.ToString(g.HealthCheckPath),
		Interval: seconds(g.HealthCheckIntervalSeconds), Timeout: seconds(g.HealthCheckTimeoutSeconds),
		Healthy: int(aws.ToInt32(g.HealthyThresholdCount)), Unhealthy: int(aws.ToInt32(g.UnhealthyThresholdCount)),
	}}
	if g.Matcher != nil {
		got.Health.Codes = aws.ToString(g.Matcher.HttpCode)
	}
	for _, a := range attributes.Attributes {
		if aws.ToString(a.Key) == "deregistration_delay.timeout_seconds" {
			n, err := strconv.Atoi(aws.ToString(a.Value))
			if err != nil {
				return err
			}
			got.DeregistrationDelay = time.Duration(n) * time.Second
		}
	}
	if want := b.setup.Groups[name]; got != want {
		return fmt.Errorf("the target group %s is %+v in the account, and %+v in the files", name, got, want)
	}
	return nil
}

func seconds(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }
