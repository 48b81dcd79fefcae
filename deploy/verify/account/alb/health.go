package alb

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/splitboard/splitboard/deploy/rehearsal/balancer"
	"github.com/splitboard/splitboard/deploy/verify/account/front"
)

// Played are the calls that haproxy answers instead of the emulator.
func (b *Balancer) Played() map[string]front.Play {
	return map[string]front.Play{"elasticloadbalancing DescribeTargetHealth": b.describeTargetHealth}
}

// reasons are what AWS gives beside a target's state.
var reasons = map[balancer.State]string{
	balancer.Initial:   "<Reason>Elb.RegistrationInProgress</Reason><Description>Target registration is in progress</Description>",
	balancer.Healthy:   "",
	balancer.Unhealthy: "<Reason>Target.FailedHealthChecks</Reason><Description>Health checks failed</Description>",
	balancer.Draining:  "<Reason>Target.DeregistrationInProgress</Reason><Description>Target deregistration is in progress</Description>",
	Unused:             "<Reason>Target.NotInUse</Reason><Description>Target group is not configured to receive traffic from the load balancer</Description>",
}

func (b *Balancer) describeTargetHealth(ctx context.Context, body []byte) (any, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	arn := form.Get("TargetGroupArn")
	group, err := GroupOf(arn)
	if err != nil {
		return nil, &front.Error{Code: "ValidationError", Message: err.Error()}
	}
	if _, err := b.api.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}}); err != nil {
		return nil, &front.Error{Code: "TargetGroupNotFound", Message: err.Error()}
	}
	targets, err := b.targets(group)
	if err != nil {
		return nil, err
	}
	var members strings.Builder
	for _, t := range targets {
		host, port, err := net.SplitHostPort(t.Target)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&members, "<member><HealthCheckPort>%s</HealthCheckPort><Target><Id>%s</Id><Port>%s</Port></Target><TargetHealth><State>%s</State>%s</TargetHealth></member>",
			port, host, port, t.State, reasons[t.State])
	}
	return front.XML(`<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeTargetHealthResult><TargetHealthDescriptions>` +
		members.String() + `</TargetHealthDescriptions></DescribeTargetHealthResult><ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata></DescribeTargetHealthResponse>`), nil
}
