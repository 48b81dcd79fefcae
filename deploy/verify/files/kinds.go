package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// A kind is a command that a file is the input of.
type kind struct {
	operation string
	casing    func(string) string
	query     bool // sent as a form, else as JSON
	// send gives the body of the request that the SDK makes of an input.
	send func(value any) (string, error)
}

var (
	registerTaskDefinition = kind{"RegisterTaskDefinition", lowerFirst, false, through(func(c context.Context, t *capture, in *ecs.RegisterTaskDefinitionInput) error {
		_, err := t.ecs().RegisterTaskDefinition(c, in)
		return err
	})}
	createService = kind{"CreateService", lowerFirst, false, through(func(c context.Context, t *capture, in *ecs.CreateServiceInput) error {
		_, err := t.ecs().CreateService(c, in)
		return err
	})}
	createRule = kind{"CreateRule", asIs, true, through(func(c context.Context, t *capture, in *elb.CreateRuleInput) error {
		_, err := t.elb().CreateRule(c, in)
		return err
	})}
	createTargetGroup = kind{"CreateTargetGroup", asIs, true, through(func(c context.Context, t *capture, in *elb.CreateTargetGroupInput) error {
		_, err := t.elb().CreateTargetGroup(c, in)
		return err
	})}
	modifyListener = kind{"ModifyListener", asIs, true, through(func(c context.Context, t *capture, in *elb.ModifyListenerInput) error {
		_, err := t.elb().ModifyListener(c, in)
		return err
	})}
	setRulePriorities = kind{"SetRulePriorities", asIs, true, through(func(c context.Context, t *capture, in *elb.SetRulePrioritiesInput) error {
		_, err := t.elb().SetRulePriorities(c, in)
		return err
	})}
	modifyTargetGroupAttributes = kind{"ModifyTargetGroupAttributes", asIs, true, through(func(c context.Context, t *capture, in *elb.ModifyTargetGroupAttributesInput) error {
		_, err := t.elb().ModifyTargetGroupAttributes(c, in)
		return err
	})}
	modifyLoadBalancerAttributes = kind{"ModifyLoadBalancerAttributes", asIs, true, through(func(c context.Context, t *capture, in *elb.ModifyLoadBalancerAttributesInput) error {
		_, err := t.elb().ModifyLoadBalancerAttributes(c, in)
		return err
	})}
)

// ECS's fields begin with a small letter, the load balancer's are as the SDK's.
func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }
func asIs(name string) string       { return name }

// through makes a send of a call with the SDK's client.
func through[I any](call func(context.Context, *capture, *I) error) func(any) (string, error) {
	return func(value any) (string, error) {
		in, ok := value.(*I)
		if !ok {
			return "", fmt.Errorf("%T is not this command's input", value)
		}
		t := new(capture)
		if err := call(context.Background(), t, in); !errors.Is(err, errCaptured) {
			return "", err
		}
		return t.body, nil
	}
}

// A capture keeps the body of a request instead of sending it.
type capture struct{ body string }

var errCaptured = errors.New("captured")

func (t *capture) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	t.body = string(body)
	return nil, errCaptured
}

// Nothing leaves the machine, so any credentials sign it.
var nobody = credentials.NewStaticCredentialsProvider("nobody", "nothing", "")

func (t *capture) ecs() *ecs.Client {
	return ecs.New(ecs.Options{Region: "us-east-1", Credentials: nobody, HTTPClient: t, Retryer: aws.NopRetryer{}})
}

func (t *capture) elb() *elb.Client {
	return elb.New(elb.Options{Region: "us-east-1", Credentials: nobody, HTTPClient: t, Retryer: aws.NopRetryer{}})
}
