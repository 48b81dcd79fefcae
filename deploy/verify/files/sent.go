package files

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
)

// checkSent compares each file with what the SDK makes of it: in JSON for ECS, in a form
// for the load balancer. The SDK also checks that what a command needs is there.
func checkSent(s *set, say report) {
	for _, in := range s.inputs {
		body, err := in.kind.send(in.value)
		if err != nil {
			say(in.file, "the SDK does not send it: %v", err)
			continue
		}
		if in.kind.query {
			compareForm(in, body, say)
		} else {
			compareJSON(in, body, say)
		}
	}
}

func compareJSON(in input, body string, say report) {
	want, err := parseJSON(in.data)
	if err != nil {
		say(in.file, "%v", err)
		return
	}
	got, err := parseJSON([]byte(body))
	if err != nil || !reflect.DeepEqual(want, got) {
		say(in.file, "the SDK sends something else: %s", body)
	}
}

func compareForm(in input, body string, say report) {
	value, err := parseJSON(in.data)
	if err != nil {
		say(in.file, "%v", err)
		return
	}
	want := map[string]string{"Action": in.kind.operation, "Version": "2015-12-01"}
	flatten(value, "", want)
	sent, err := url.ParseQuery(body)
	if err != nil {
		say(in.file, "%v", err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got := sent.Get(name); got != want[name] {
			say(in.file, "the SDK sends %s=%q, the file has %q", name, got, want[name])
		}
		sent.Del(name)
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		say(in.file, "the SDK sends %s=%q, which is not in the file", name, sent.Get(name))
	}
}

// flatten writes a value as the form of AWS's query protocol: A.member.1.B=C.
func flatten(v any, prefix string, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			flatten(e, dotted(prefix, name), into)
		}
	case []any:
		for i, e := range v {
			flatten(e, dotted(prefix, "member."+strconv.Itoa(i+1)), into)
		}
	case json.Number:
		into[prefix] = v.String()
	default:
		into[prefix] = fmt.Sprint(v)
	}
}

func dotted(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}
