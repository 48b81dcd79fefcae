package scheduler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/splitboard/splitboard/deploy/verify/account/front"
)

var (
	errClusterNotFound = &front.Error{Code: "ClusterNotFoundException", Message: "Cluster not found."}
	errServiceNotFound = &front.Error{Code: "ServiceNotFoundException", Message: "Service not found."}
)

func invalid(format string, args ...any) error {
	return &front.Error{Code: "InvalidParameterException", Message: fmt.Sprintf(format, args...)}
}

// decode reads the body of a request into the SDK's own type of the input.
func decode(body []byte, input any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(input); err != nil {
		return invalid("%v", err)
	}
	return nil
}

// only refuses a value that has other fields than the known ones.
func only(value any, known ...string) error {
	v := reflect.Indirect(reflect.ValueOf(value))
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.IsExported() && !v.Field(i).IsZero() && !slices.Contains(known, field.Name) {
			return fmt.Errorf("%s.%s is not emulated", v.Type().Name(), field.Name)
		}
	}
	return nil
}
