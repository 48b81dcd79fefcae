package boardtest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// The checks must be able to fail: these give them answers that are wrong.

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		got, template string
		ok            bool
	}{
		{`{"id":5}`, `{"id":{id}}`, true},
		{`{"id":05}`, `{"id":{id}}`, false},
		{`{"id":5} `, `{"id":{id}}`, false},
		{`{"id":5,"x":1}`, `{"id":{id}}`, false},
		{`5 5`, `{id:a} {id:a}`, true},
		{`5 6`, `{id:a} {id:a}`, false},
		{`5 6`, `{id} {id}`, true},
		{`7`, `{id:known}`, true},
		{`8`, `{id:known}`, false},
		{`2026-11-21T05:14:02Z`, `{time}`, true},
		{`2026-11-21T05:14:02.196Z`, `{time}`, true},
		{`2026-11-21T05:14:02.196718Z`, `{time}`, false},
		{`2026-11-21T05:14:02.196+01:00`, `{time}`, false},
		{`a.c`, `a.c`, true},
		{`abc`, `a.c`, false},
		{"a\nb", `{any}`, true},
	} {
		v := newVars(t, nil)
		v.known["id:known"] = "7"
		if err := v.match(c.got, c.template); (err == nil) != c.ok {
			t.Errorf("%q against %q: %v", c.got, c.template, err)
		}
	}
	v := newVars(t, nil)
	if err := v.match("/api/users/12", "/api/users/{id:a}"); err != nil || v.expand("{id:a}") != "12" {
		t.Errorf("{id:a} stands for %q, %v", v.known["id:a"], err)
	}
}

func TestCheck(t *testing.T) {
	const failure = `{"code":5,"message":"there is no such user","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"USER_NOT_FOUND","domain":"splitboard"}]}`
	const invalid = `{"code":3,"message":"bad","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_FIELD","domain":"splitboard"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"name","description":"is empty","reason":"INVALID_FIELD"}]}]}`
	notFound := exchange{reason: "USER_NOT_FOUND"}
	invalidName := exchange{reason: "INVALID_FIELD", fields: []string{"name"}}
	success := exchange{status: 200, answer: []string{"X-A: 1", "-X-B"}, want: `{}`}
	for _, c := range []struct {
		name   string
		x      exchange
		method string
		status int
		body   string
		header []string // beside those of every answer; "-Name" takes one away
		ok     bool
	}{
		{"a failure", notFound, "GET", 404, failure, nil, true},
		{"another status", notFound, "GET", 400, failure, nil, false},
		{"another code", notFound, "GET", 404, strings.Replace(failure, "5", "3", 1), nil, false},
		{"another reason", notFound, "GET", 404, strings.Replace(failure, "USER_", "POST_", 1), nil, false},
		{"another domain", notFound, "GET", 404, strings.Replace(failure, `"splitboard"`, `"x"`, 1), nil, false},
		{"one more field in the failure", notFound, "GET", 404, strings.Replace(failure, `{"code"`, `{"x":1,"code"`, 1), nil, false},
		{"no message", notFound, "GET", 404, strings.Replace(failure, "there is no such user", "", 1), nil, false},
		{"a cause in the message", notFound, "GET", 404, strings.Replace(failure, "such", "strconv.ParseInt:", 1), nil, false},
		{"violations", invalidName, "GET", 400, invalid, nil, true},
		{"another violation", invalidName, "GET", 400, strings.Replace(invalid, `"name"`, `"bio"`, 1), nil, false},
		{"no violation", invalidName, "GET", 400, strings.Replace(invalid, `{"field":"name","description":"is empty","reason":"INVALID_FIELD"}`, "", 1), nil, false},
		{"a violation too many", exchange{reason: "INVALID_FIELD"}, "GET", 400, invalid, nil, false},
		{"a violation without a description", invalidName, "GET", 400, strings.Replace(invalid, "is empty", " ", 1), nil, false},
		{"a success", success, "GET", 200, `{}`, []string{"X-A: 1"}, true},
		{"another body", success, "GET", 200, `{ }`, []string{"X-A: 1"}, false},
		{"another header", success, "GET", 200, `{}`, []string{"X-A: 2"}, false},
		{"a header missing", success, "GET", 200, `{}`, nil, false},
		{"a header twice", success, "GET", 200, `{}`, []string{"X-A: 1", "X-A: 1"}, false},
		{"a header too many", success, "GET", 200, `{}`, []string{"X-A: 1", "X-B: 1"}, false},
		{"no Content-Length", success, "GET", 200, `{}`, []string{"X-A: 1", "-Content-Length"}, false},
		{"a wrong Content-Length", success, "GET", 200, `{}`, []string{"X-A: 1", "-Content-Length", "Content-Length: 3"}, false},
		{"no request id", success, "GET", 200, `{}`, []string{"X-A: 1", "-X-Request-Id"}, false},
		{"a gateway's header", success, "GET", 200, `{}`, []string{"X-A: 1", "Grpc-Metadata-X: 1"}, false},
		{"another media type", success, "GET", 200, `{}`, []string{"X-A: 1", "-Content-Type", "Content-Type: application/json"}, false},
		{"a body that is not to be there", exchange{status: 204}, "DELETE", 204, ``, nil, false},
		{"no body", exchange{status: 204}, "DELETE", 204, ``, []string{"-Content-Type", "-Content-Length"}, true},
	} {
		header := http.Header{"X-Request-Id": {"r"}, "Content-Type": {jsonType}, "Content-Length": {strconv.Itoa(len(c.body))}}
		for _, line := range c.header {
			if name, gone := strings.CutPrefix(line, "-"); gone {
				header.Del(name)
				continue
			}
			name, value, _ := strings.Cut(line, ": ")
			header.Add(name, value)
		}
		problems := c.x.check(newVars(t, nil), c.method, &answer{status: c.status, header: header, body: c.body})
		if (len(problems) == 0) != c.ok {
			t.Errorf("%s: %q", c.name, problems)
		}
	}
}

func TestWalkCheck(t *testing.T) {
	posts := func(ids ...int64) (list []*postsv1.Post) {
		for _, id := range ids {
			list = append(list, &postsv1.Post{Id: id, Thread: id % 2, User: 1})
		}
		return list
	}
	w := &walk{kept: posts(2, 4, 5, 8)}
	all, inThread := listing{name: "posts"}, listing{name: "posts in thread"}
	for _, c := range []struct {
		name       string
		l          listing
		seen       []*postsv1.Post
		descending bool
		ok         bool
	}{
		{"all", all, posts(2, 4, 5, 8), false, true},
		{"all and others", all, posts(1, 2, 4, 5, 7, 8, 9), false, true},
		{"in reverse", all, posts(9, 8, 5, 4, 2), true, true},
		{"in a thread", inThread, posts(2, 4, 6, 8), false, true},
		{"one missing", all, posts(2, 4, 8), false, false},
		{"the last missing", all, posts(2, 4, 5), false, false},
		{"one twice", all, posts(2, 4, 4, 5, 8), false, false},
		{"out of order", all, posts(2, 5, 4, 8), false, false},
		{"the wrong way round", all, posts(8, 5, 4, 2), false, false},
		{"another thread's", inThread, posts(2, 4, 5, 8), false, false},
		{"nothing", all, nil, false, false},
	} {
		if err := w.check(c.l, c.seen, c.descending); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
