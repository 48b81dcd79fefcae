package cast

import (
	"strings"
	"sync/atomic"
	"testing"
)

func TestAccessCounter(t *testing.T) {
	log := strings.Join([]string{
		`{"msg":"request","protocol":"http","method":"GET","path":"/api/users","status":200}`,
		`{"msg":"request","protocol":"http","method":"GET","path":"/","status":200}`,
		`{"msg":"request","protocol":"http","method":"GET","path":"/api","status":200}`,
		`{"msg":"request","protocol":"http","method":"GET","path":"/api/","status":200}`,
		`{"msg":"request","protocol":"grpc","method":"POST","path":"/splitboard.posts.v1.PostsService/GetPost","code":"OK"}`,
		`{"msg":"request","protocol":"grpc","method":"POST","path":"/grpc.health.v1.Health/Check","code":"OK"}`,
		`{"msg":"request","protocol":"grpc","method":"POST","path":"/splitboard.admin.v1.AdminService/GetStatus","code":"OK"}`,
		`{"msg":"request","protocol":"http","method":"DELETE","path":"/api/posts/7","status":204}`,
		`{"msg":"request","protocol":"http","method":"GET","path":"/api/threads","status":200}`,
	}, "\n")
	for _, size := range []int{1, 7, 100, len(log) + 1} {
		var n atomic.Int64
		var told []string
		c := &accessCounter{requests: &n, also: func(line []byte) { told = append(told, string(line)) }}
		for rest := log + "\n"; rest != ""; {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			if wrote, err := c.Write([]byte(piece)); err != nil || wrote != len(piece) {
				t.Fatal(wrote, err)
			}
		}
		if n.Load() != 4 {
			t.Errorf("counted %d requests in pieces of %d bytes, want 4", n.Load(), size)
		}
		if len(told) != 4 || !strings.Contains(log, told[3]) {
			t.Errorf("told of %q in pieces of %d bytes", told, size)
		}
	}
}

func TestLogWatch(t *testing.T) {
	w := newLogWatch()
	say := func(s string) {
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	say("no JSON\n" + `{"msg":"not \"ready\" yet"}` + "\n" + `{"msg":"ready","http":"a","gr`)
	select {
	case r := <-w.ready:
		t.Fatalf("ready too early: %v", r)
	default:
	}
	say(`pc":"b","instance":"i"}` + "\n")
	if got, want := <-w.ready, (ready{Msg: "ready", HTTP: "a", GRPC: "b", Instance: "i"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for range 1000 {
		say(strings.Repeat("x", 999) + "\n")
	}
	say("the end\n")
	if tail := w.String(); len(tail) < tailSize || len(tail) > 3*tailSize || !strings.HasSuffix(tail, "the end\n") {
		t.Errorf("kept %d bytes, ending with %q", len(tail), tail[len(tail)-20:])
	}
}
