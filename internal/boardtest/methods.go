package boardtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// paths are all the kinds of path that the board has, and the methods each takes.
var paths = []struct{ path, allow string }{
	{"/", allowText},
	{"/api", allowText}, {"/api/", allowText},
	{"/api/users", allowCollection}, {"/api/users/", allowCollection},
	{"/api/users/1", allowObject}, {"/api/users/1/", allowObject},
	{"/api/threads", allowCollection}, {"/api/threads/", allowCollection},
	{"/api/threads/1", allowObject}, {"/api/threads/1/", allowObject},
	{"/api/posts", allowCollection}, {"/api/posts/", allowCollection},
	{"/api/posts/1", allowPost}, {"/api/posts/1/", allowPost},
	{"/api/posts/in-thread/1", allowText}, {"/api/posts/in-thread/1/", allowText},
	{"/api/posts/by-user/1", allowText}, {"/api/posts/by-user/1/", allowText},
}

// runMethods tries each method that a path does not take.
func runMethods(t *testing.T, b *clients) {
	methods := []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW", "get"}
	for _, p := range paths {
		taken := strings.Split(strings.TrimPrefix(p.allow, "Allow: "), ", ")
		for _, method := range methods {
			if slices.Contains(taken, method) {
				continue
			}
			t.Run(method+" "+p.path, func(t *testing.T) {
				t.Parallel()
				x := exchange{
					send: method + " " + p.path, reason: "METHOD_NOT_ALLOWED",
					answer: []string{p.allow, "-ETag", "-Location"},
				}
				if problems := x.run(t, b, newVars(t, b)); len(problems) > 0 {
					t.Error(strings.Join(problems, "\n"))
				}
			})
		}
	}
}

// runHead holds HEAD against GET: the same status and headers, without the body.
func runHead(t *testing.T, b *clients) {
	targets := []struct{ path, allow string }{
		{path: "/api/users?pageSize=2"}, {path: "/api/posts?orderBy=id+desc&pageSize=3"}, {path: "/api/users/99"}, {path: "/api/users/abc"},
		{path: "/api/users?pageSize=x"}, {path: "/api/posts/in-thread/99"}, {path: "/nothing"},
	}
	for _, p := range slices.Concat(paths, targets) {
		target := p.path
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			answers := map[string]*answer{}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got, err := send(t.Context(), b.REST, exchange{send: method + " " + target}.request(newVars(t, b)))
				if err != nil {
					t.Fatal(method, err)
				}
				got.header.Del("Date")
				got.header.Del("X-Request-ID")
				answers[method] = got
			}
			get, head := answers[http.MethodGet], answers[http.MethodHead]
			if get.status != head.status || fmt.Sprint(get.header) != fmt.Sprint(head.header) {
				t.Errorf("GET %d %v\nHEAD %d %v", get.status, get.header, head.status, head.header)
			}
			if get.body == "" || head.body != "" || head.extra != "" {
				t.Errorf("GET has a body of %d bytes, HEAD of %d", len(get.body), len(head.body)+len(head.extra))
			}
		})
	}
}
