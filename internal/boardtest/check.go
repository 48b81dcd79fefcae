package boardtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
)

// outcome is how a reason is told: its gRPC code and its HTTP status.
type outcome struct {
	code   codes.Code
	status int
}

// outcomes is what proto/splitboard/errors/v1/reason.proto says of each reason.
var outcomes = map[string]outcome{
	"INVALID_FIELD":           {codes.InvalidArgument, http.StatusBadRequest},
	"INVALID_ID":              {codes.InvalidArgument, http.StatusBadRequest},
	"INVALID_BODY":            {codes.InvalidArgument, http.StatusBadRequest},
	"INVALID_PAGE_TOKEN":      {codes.InvalidArgument, http.StatusBadRequest},
	"INVALID_IDEMPOTENCY_KEY": {codes.InvalidArgument, http.StatusBadRequest},
	"IDEMPOTENCY_KEY_REUSED":  {codes.FailedPrecondition, http.StatusUnprocessableEntity},
	"USER_NOT_FOUND":          {codes.NotFound, http.StatusNotFound},
	"THREAD_NOT_FOUND":        {codes.NotFound, http.StatusNotFound},
	"POST_NOT_FOUND":          {codes.NotFound, http.StatusNotFound},
	"USERNAME_TAKEN":          {codes.AlreadyExists, http.StatusConflict},
	"ETAG_MISMATCH":           {codes.Aborted, http.StatusPreconditionFailed},
	"REFERENCE_NOT_FOUND":     {codes.FailedPrecondition, http.StatusBadRequest},
	"PEER_UNAVAILABLE":        {codes.Unavailable, http.StatusServiceUnavailable},
	"DEADLINE_EXCEEDED":       {codes.DeadlineExceeded, http.StatusGatewayTimeout},
	"PATH_NOT_FOUND":          {codes.NotFound, http.StatusNotFound},
	"METHOD_NOT_ALLOWED":      {codes.Unimplemented, http.StatusMethodNotAllowed},
	"UNSUPPORTED_MEDIA_TYPE":  {codes.InvalidArgument, http.StatusUnsupportedMediaType},
	"BODY_TOO_LARGE":          {codes.ResourceExhausted, http.StatusRequestEntityTooLarge},
}

const (
	jsonType = "application/json; charset=utf-8"
	textType = "text/plain; charset=utf-8"
)

// check gives all that is wrong with an answer.
func (x exchange) check(v *vars, method string, got *answer) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	status := x.status
	if x.reason != "" {
		status = outcomes[x.reason].status
	}
	if got.status != status {
		problem("status %d, want %d; the body is %s", got.status, status, clip(got.body))
		return problems
	}
	for _, line := range x.answer {
		if name, absent := strings.CutPrefix(line, "-"); absent {
			if values := got.header.Values(name); values != nil {
				problem("header %s is there: %q", name, values)
			}
			continue
		}
		name, want, _ := strings.Cut(line, ": ")
		switch values := got.header.Values(name); len(values) {
		case 0:
			problem("header %s is missing", name)
		case 1:
			if err := v.match(values[0], want); err != nil {
				problem("header %s: %v", name, err)
			}
		default:
			problem("header %s is there %d times", name, len(values))
		}
	}
	fromBoard := x.reason != "" || status < http.StatusBadRequest
	if fromBoard {
		problems = append(problems, checkForm(method, got)...)
	}
	switch {
	case method == http.MethodHead || !fromBoard && x.want == "":
	case x.reason != "":
		if err := checkFailure(got.body, x.reason, x.fields); err != nil {
			problem("%v", err)
		}
	default:
		if err := v.match(got.body, x.want); err != nil {
			problem("body:\n%v", err)
		}
	}
	return problems
}

// checkForm holds an answer against what is true of all of them.
func checkForm(method string, got *answer) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	one := func(name string) string {
		values := got.header.Values(name)
		if len(values) > 1 {
			problem("header %s is there %d times", name, len(values))
		}
		return strings.Join(values, "")
	}
	if got.extra != "" {
		problem("%q came after the answer", clip(got.extra))
	}
	if id := one("X-Request-Id"); id == "" || len(id) > 128 {
		problem("X-Request-Id is %q", id)
	}
	for name := range got.header {
		if strings.HasPrefix(name, "Grpc-") || name == "Trailer" || name == "Server" {
			problem("header %s is no business of a client's", name)
		}
	}
	contentType, length := one("Content-Type"), one("Content-Length")
	switch got.status {
	case http.StatusNoContent, http.StatusNotModified:
		if contentType != "" || length != "" {
			problem("an answer without a body has Content-Type %q and Content-Length %q", contentType, length)
		}
		return problems
	}
	if contentType != jsonType && contentType != textType {
		problem("Content-Type is %q", contentType)
	}
	if got.status >= http.StatusBadRequest && contentType != jsonType {
		problem("a failure has Content-Type %q", contentType)
	}
	if n, err := strconv.Atoi(length); err != nil || method != http.MethodHead && n != len(got.body) {
		problem("Content-Length is %q, the body has %d bytes", length, len(got.body))
	}
	return problems
}

// leaks are words of what the board is made of: no sentence to a client has them.
var leaks = []string{
	"strconv", "proto:", "protojson", "json:", "invalid character", "looking for", "bbolt", "bucket", "rpc error",
	"unexpected EOF", "syntax error", "goroutine", "runtime", ".go", "http:", "cannot unmarshal", "%!", "<nil>",
}

// checkFailure holds the body of a failure against its reason and the fields it must
// name, in any order.
func checkFailure(body, reason string, fields []string) error {
	var failure struct {
		Code    codes.Code        `json:"code"`
		Message string            `json:"message"`
		Details []json.RawMessage `json:"details"`
	}
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&failure); err != nil || dec.More() {
		return fmt.Errorf("the failure is no google.rpc.Status (%w): %s", err, clip(body))
	}
	var gotReason string
	var gotFields []string
	sentences := []string{failure.Message}
	for _, raw := range failure.Details {
		var detail struct {
			Type            string `json:"@type"`
			Reason          string `json:"reason"`
			Domain          string `json:"domain"`
			FieldViolations []struct {
				Field       string `json:"field"`
				Description string `json:"description"`
				Reason      string `json:"reason"`
			} `json:"fieldViolations"`
		}
		if err := json.Unmarshal(raw, &detail); err != nil {
			return fmt.Errorf("detail %s: %w", raw, err)
		}
		switch detail.Type {
		case "type.googleapis.com/google.rpc.ErrorInfo":
			gotReason = detail.Reason
			if detail.Domain != "splitboard" {
				return fmt.Errorf("the domain is %q", detail.Domain)
			}
		case "type.googleapis.com/google.rpc.BadRequest":
			for _, violation := range detail.FieldViolations {
				gotFields = append(gotFields, violation.Field)
				sentences = append(sentences, violation.Description)
				if violation.Reason != reason {
					return fmt.Errorf("the violation of %s has reason %q", violation.Field, violation.Reason)
				}
			}
		default:
			return fmt.Errorf("a detail of type %q", detail.Type)
		}
	}
	if gotReason != reason || failure.Code != outcomes[reason].code {
		return fmt.Errorf("reason %q, code %d; want %s, %d: %s", gotReason, failure.Code, reason, outcomes[reason].code, clip(body))
	}
	if err := sameFields(gotFields, fields); err != nil {
		return fmt.Errorf("%w: %s", err, clip(body))
	}
	return checkSentences(sentences)
}

func sameFields(got, want []string) error {
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		return fmt.Errorf("the violated fields are %q, want %q", got, want)
	}
	return nil
}

// checkSentences looks at what a client is told.
func checkSentences(sentences []string) error {
	for _, sentence := range sentences {
		if strings.TrimSpace(sentence) == "" {
			return fmt.Errorf("an empty message in %q", sentences)
		}
		for _, leak := range leaks {
			if strings.Contains(sentence, leak) {
				return fmt.Errorf("%q lets %q out", sentence, leak)
			}
		}
	}
	return nil
}
