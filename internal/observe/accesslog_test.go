package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
)

func example() *entry {
	return &entry{
		end:    time.Date(2026, 11, 21, 9, 30, 0, 7_654_321, time.FixedZone("", 3600)),
		method: "GET", path: "/api/users/7", status: 200, bytes: 131, duration: 153 * time.Microsecond,
		requestID: "d2ac47a4ac10195bcec528336f871d29", remote: "127.0.0.1:40000",
	}
}

func TestLine(t *testing.T) {
	e := example()
	want := "time=2026-11-21T08:30:00.007Z level=INFO msg=request protocol=http method=GET path=/api/users/7 status=200 bytes=131 duration_us=153 request_id=d2ac47a4ac10195bcec528336f871d29 remote=127.0.0.1:40000\n"
	if got := string(e.appendText(nil)); got != want {
		t.Errorf("text\n got %s\nwant %s", got, want)
	}
	want = `{"time":"2026-11-21T08:30:00.007Z","level":"INFO","msg":"request","protocol":"http","method":"GET","path":"/api/users/7","status":200,"bytes":131,"duration_us":153,"request_id":"d2ac47a4ac10195bcec528336f871d29","remote":"127.0.0.1:40000"}` + "\n"
	if got := string(e.appendJSON(nil)); got != want {
		t.Errorf("json\n got %s\nwant %s", got, want)
	}
	e.grpc, e.method, e.path, e.code = true, "POST", "/splitboard.users.v1.UsersService/GetUser", codes.NotFound
	want = "time=2026-11-21T08:30:00.007Z level=INFO msg=request protocol=grpc method=POST path=/splitboard.users.v1.UsersService/GetUser code=NotFound bytes=131 duration_us=153 request_id=d2ac47a4ac10195bcec528336f871d29 remote=127.0.0.1:40000\n"
	if got := string(e.appendText(nil)); got != want {
		t.Errorf("grpc text\n got %s\nwant %s", got, want)
	}
	if got := string(e.appendJSON(nil)); !strings.Contains(got, `"code":"NotFound","bytes":131`) || !json.Valid([]byte(got)) {
		t.Errorf("grpc json: %s", got)
	}
}

// What a client chooses must not end a line, a value or a JSON string.
func TestLineIsNotForged(t *testing.T) {
	hostile := []string{
		"/a\nb", "/a\r\nlevel=ERROR msg=forged", "/\x00\x1b[31m", `/"quoted"`, `/back\slash`, "/ü/\u2028", "/ space status=500",
		"/%0a", "/\xff\xfe", "/" + strings.Repeat("x", 5000), "/" + strings.Repeat("\n", 5000),
	}
	textLine := regexp.MustCompile(`^time=\S+ level=INFO msg=request protocol=http method=\S+ path=/[!#-\[\]-~]* status=200 bytes=131 duration_us=153 request_id=("([^"\\]|\\.)+"|[!-~]+) remote=\S+\n$`)
	for _, path := range hostile {
		for _, id := range []string{"plain", `quo"te`, `back\slash`, "a=b", strings.Repeat(`"`, maxRequestID)} {
			e := example()
			e.path, e.requestID = path, id
			text := string(e.appendText(nil))
			if !textLine.MatchString(text) {
				t.Errorf("path %.20q id %.20q: text line %q", path, id, text)
			}
			line := e.appendJSON(nil)
			var fields map[string]any
			if err := json.Unmarshal(line, &fields); err != nil || bytes.Count(line, []byte("\n")) != 1 {
				t.Errorf("path %.20q id %.20q: json line %q: %v", path, id, line, err)
			}
			if fields["request_id"] != id || len(fields) != 11 {
				t.Errorf("path %.20q id %.20q: json fields %v", path, id, fields)
			}
			if n := len(line); n > 4096 {
				t.Errorf("path %.20q: a line has %d bytes", path, n)
			}
		}
	}
}

func TestLoggedPath(t *testing.T) {
	for target, want := range map[string]string{
		"/api/users?pageToken=secret":      "/api/users",
		"/api/users/a%2Fb":                 "/api/users/a%2Fb",
		"/api/users/%0Alevel=ERROR":        "/api/users/%0Alevel=ERROR",
		"/api/%22":                         "/api/%22",
		"/api/ü":                           "/api/%C3%BC",
		"http://user:secret@host/api?x=1":  "/api",
		"/api/%25":                         "/api/%25",
		"/" + strings.Repeat("a", maxPath): "/" + strings.Repeat("a", maxPath-1) + "...",
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		path, escaped := loggedPath(u)
		if got := string(appendPath(nil, path, escaped)); got != want {
			t.Errorf("%s is logged as %s, want %s", target, got, want)
		}
	}
}

// syncBuffer is a writer that tests can look into.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	n  int
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *syncBuffer) writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func TestFlushAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		l := NewAccessLog(&out, Text, nil)
		for range 3 {
			l.log(example())
			l.log(example())
			before := out.writes()
			<-time.After(flushAfter - time.Millisecond)
			synctest.Wait()
			if out.writes() != before {
				t.Fatal("lines are not gathered")
			}
			<-time.After(2 * time.Millisecond)
			synctest.Wait()
			if out.writes() != before+1 {
				t.Fatalf("%d writes %v after the first line, want 1", out.writes()-before, flushAfter)
			}
			<-time.After(time.Minute) // an idle log writes nothing
		}
		if n := strings.Count(out.String(), "\n"); n != 6 || out.writes() != 3 {
			t.Errorf("%d lines in %d writes, want 6 in 3", n, out.writes())
		}
		l.log(example())
		l.Close()
		if n := strings.Count(out.String(), "\n"); n != 7 {
			t.Errorf("%d lines after Close, want 7", n)
		}
		if l.timer.Stop() {
			t.Error("the timer runs on after Close")
		}
		l.log(example())
		if n := strings.Count(out.String(), "\n"); n != 8 {
			t.Errorf("%d lines after a late one, want 8", n)
		}
	})
}

func TestFlushWhenFull(t *testing.T) {
	var out syncBuffer
	l := NewAccessLog(&out, JSON, nil)
	const writers, each = 8, 500
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				l.log(example())
			}
		})
	}
	wg.Wait()
	if out.String() == "" {
		t.Error("a full buffer was not written")
	}
	l.Close()
	lines := strings.SplitAfter(out.String(), "\n")
	if n := len(lines) - 1; n != writers*each {
		t.Errorf("%d lines, want %d", n, writers*each)
	}
	want := string(example().appendJSON(nil))
	for _, line := range lines[:len(lines)-1] {
		if line != want {
			t.Fatalf("a broken line: %q", line)
		}
	}
	if least := len(out.String()) / bufferSize; out.writes() < least || out.writes() > 4*least {
		t.Errorf("%d bytes in %d writes", len(out.String()), out.writes())
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteFails(t *testing.T) {
	full := errors.New("disk full")
	var told []error
	l := NewAccessLog(brokenWriter{full}, Text, func(err error) { told = append(told, err) })
	l.log(example())
	l.Close()
	if len(told) != 1 || !errors.Is(told[0], full) {
		t.Errorf("told of %v, want once %v", told, full)
	}
}

func BenchmarkAccessLog(b *testing.B) {
	for _, f := range []Format{Text, JSON} {
		b.Run(string(f), func(b *testing.B) {
			l := NewAccessLog(io.Discard, f, nil)
			defer l.Close()
			e := example()
			b.ReportAllocs()
			for b.Loop() {
				l.log(e)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		l := NewAccessLog(io.Discard, Text, nil)
		defer l.Close()
		b.RunParallel(func(pb *testing.PB) {
			e := example()
			for pb.Next() {
				l.log(e)
			}
		})
	})
}
