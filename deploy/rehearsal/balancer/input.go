package balancer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// The inputs of the AWS CLI's commands, as far as the files in deploy/ecs use them. What
// is not here is refused.
type (
	createRuleInput struct {
		ListenerArn string           `json:"ListenerArn"`
		Priority    int              `json:"Priority"`
		Conditions  []conditionInput `json:"Conditions"`
		Actions     []actionInput    `json:"Actions"`
	}
	conditionInput struct {
		Field             string            `json:"Field"`
		PathPatternConfig *pathPatternInput `json:"PathPatternConfig,omitempty"`
	}
	pathPatternInput struct {
		Values []string `json:"Values"`
	}
	actionInput struct {
		Type                string              `json:"Type"`
		TargetGroupArn      string              `json:"TargetGroupArn,omitempty"`
		FixedResponseConfig *fixedResponseInput `json:"FixedResponseConfig,omitempty"`
	}
	fixedResponseInput struct {
		StatusCode  string `json:"StatusCode"`
		ContentType string `json:"ContentType,omitempty"`
		MessageBody string `json:"MessageBody,omitempty"`
	}
	createTargetGroupInput struct {
		Name                       string       `json:"Name"`
		Protocol                   string       `json:"Protocol"`
		ProtocolVersion            string       `json:"ProtocolVersion"`
		Port                       int          `json:"Port"`
		VpcID                      string       `json:"VpcId"`
		TargetType                 string       `json:"TargetType"`
		HealthCheckProtocol        string       `json:"HealthCheckProtocol"`
		HealthCheckPort            string       `json:"HealthCheckPort"`
		HealthCheckPath            string       `json:"HealthCheckPath"`
		HealthCheckIntervalSeconds int          `json:"HealthCheckIntervalSeconds"`
		HealthCheckTimeoutSeconds  int          `json:"HealthCheckTimeoutSeconds"`
		HealthyThresholdCount      int          `json:"HealthyThresholdCount"`
		UnhealthyThresholdCount    int          `json:"UnhealthyThresholdCount"`
		Matcher                    matcherInput `json:"Matcher"`
	}
	matcherInput struct {
		HTTPCode string `json:"HttpCode"`
	}
	attributeInput struct {
		Key   string `json:"Key"`
		Value string `json:"Value"`
	}
	groupAttributesInput struct {
		TargetGroupArn string           `json:"TargetGroupArn"`
		Attributes     []attributeInput `json:"Attributes"`
	}
	loadBalancerAttributesInput struct {
		LoadBalancerArn string           `json:"LoadBalancerArn"`
		Attributes      []attributeInput `json:"Attributes"`
	}
	modifyListenerInput struct {
		ListenerArn    string        `json:"ListenerArn"`
		DefaultActions []actionInput `json:"DefaultActions"`
	}
	setRulePrioritiesInput struct {
		RulePriorities []rulePriorityInput `json:"RulePriorities"`
	}
	rulePriorityInput struct {
		RuleArn  string `json:"RuleArn"`
		Priority int    `json:"Priority"`
	}
)

// decodeStrict reads one JSON value and refuses what the AWS CLI would not take or what
// would go unnoticed: unknown or missing fields, names in another case, a field twice,
// anything after the value.
func decodeStrict(data []byte, input any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(input); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the JSON value")
	}
	if err := uniqueFields(json.NewDecoder(bytes.NewReader(data))); err != nil {
		return err
	}
	// The same again from what was understood shows what encoding/json lets pass.
	again, err := json.Marshal(input)
	if err != nil {
		return err
	}
	var want, got any
	if err := errors.Join(json.Unmarshal(data, &want), json.Unmarshal(again, &got)); err != nil {
		return err
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("a field is missing, empty, null, or written in another case; read as %s", again)
	}
	return nil
}

// uniqueFields reads one JSON value and refuses an object that has a field twice.
func uniqueFields(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[json.Token]bool{}
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if seen[name] {
				return fmt.Errorf("the field %q is there twice", name)
			}
			seen[name] = true
		}
		if err := uniqueFields(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
