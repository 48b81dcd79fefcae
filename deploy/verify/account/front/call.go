package front

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A Call is one call of an API.
type Call struct {
	Service string // as in the CLI: "ecs", "elasticloadbalancing"
	Action  string // "CreateService"
	// Parameters is what it was given, as JSON objects have it; a query's are flat, with
	// names as "Actions.member.1.Type".
	Parameters map[string]any
	Failed     string // why it failed; empty if it did not
}

// reading is how the names of actions begin that change nothing.
var reading = []string{"Describe", "List", "Get", "BatchGet", "BatchCheck", "Validate", "Filter", "Lookup", "Discover"}

// Changing tells whether the call is one that changes the account.
func (c *Call) Changing() bool {
	return !slices.ContainsFunc(reading, func(begin string) bool { return strings.HasPrefix(c.Action, begin) })
}

// String is for people, and for lists of calls.
func (c *Call) String() string {
	text, err := json.Marshal(c.Parameters)
	if err != nil {
		text = []byte(err.Error())
	}
	line := fmt.Sprintf("%s %s %s", c.Service, c.Action, text)
	if c.Failed != "" {
		line += " FAILED: " + c.Failed
	}
	return line
}

var scope = regexp.MustCompile(`Credential=[^/]+/\d+/[\w-]+/([\w.-]+)/aws4_request`)

// parseCall finds out which call a request is, in any of AWS's protocols that the
// services at hand speak.
func parseCall(r *http.Request, body []byte) (Call, error) {
	signed := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	if signed == nil {
		return Call{}, fmt.Errorf("%s %s is not signed", r.Method, r.URL.Path)
	}
	c := Call{Service: signed[1], Parameters: map[string]any{}}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.Action = target[strings.LastIndexByte(target, '.')+1:]
		if err := json.Unmarshal(body, &c.Parameters); err != nil {
			return c, fmt.Errorf("%s %s: %w", c.Service, c.Action, err)
		}
		return c, nil
	}
	if _, action, ok := strings.Cut(r.URL.Path, "/operation/"); ok { // CBOR, which nobody here reads
		c.Action = action
		return c, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return c, fmt.Errorf("%s: %w", c.Service, err)
	}
	for name, values := range form {
		switch name {
		case "Action":
			c.Action = values[0]
		case "Version":
		default:
			c.Parameters[name] = values[0]
		}
	}
	if c.Action == "" {
		return c, fmt.Errorf("%s: a request that names no action: %s %s", c.Service, r.Method, r.URL)
	}
	return c, nil
}
