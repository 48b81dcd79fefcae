package cast

import (
	"bytes"
	"encoding/json"
	"sync"
	"sync/atomic"
)

// tailSize is how much of a process's log is kept at least.
const tailSize = 64 << 10

// ready is what a program logs when it is.
type ready struct {
	Msg      string `json:"msg"`
	HTTP     string `json:"http"`
	GRPC     string `json:"grpc"`
	Instance string `json:"instance"`
}

// A logWatch keeps the end of what a program logs, and tells when that says that the
// program is ready.
type logWatch struct {
	ready chan ready

	mu   sync.Mutex
	said []byte
	cut  bool // said does not begin with the first line
	line lines
}

func newLogWatch() *logWatch { return &logWatch{ready: make(chan ready, 1)} }

func (w *logWatch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, b...)
	if len(w.said) > 2*tailSize {
		w.said = append(w.said[:0], w.said[len(w.said)-tailSize:]...)
		w.cut = true
	}
	w.line.add(b, func(line []byte) {
		var r ready
		if !bytes.Contains(line, []byte(`"ready"`)) || json.Unmarshal(line, &r) != nil || r.Msg != "ready" {
			return
		}
		select {
		case w.ready <- r:
		default: // it has said so before
		}
	})
	return len(b), nil
}

// String gives the end of the log.
func (w *logWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return "...\n" + string(w.said)
	}
	return string(w.said)
}

// An accessCounter counts the requests in an access log that are for the board's API:
// neither load balancers' health checks, nor gRPC's own services, nor the operator's.
type accessCounter struct {
	requests *atomic.Int64
	also     func(line []byte) // nil for nobody
	line     lines
}

func (c *accessCounter) Write(b []byte) (int, error) {
	c.line.add(b, func(line []byte) {
		if isAPI(line) {
			c.requests.Add(1)
			if c.also != nil {
				c.also(line)
			}
		}
	})
	return len(b), nil
}

var (
	pathField = []byte(`"path":"`)
	apiPaths  = [][]byte{
		[]byte("/api/users"), []byte("/api/threads"), []byte("/api/posts"),
		[]byte("/splitboard.users."), []byte("/splitboard.threads."), []byte("/splitboard.posts."),
	}
)

func isAPI(line []byte) bool {
	_, path, ok := bytes.Cut(line, pathField)
	if !ok {
		return false
	}
	for _, api := range apiPaths {
		if bytes.HasPrefix(path, api) {
			return true
		}
	}
	return false
}

// lines cuts what is written piece by piece into lines.
type lines struct{ rest []byte }

// add calls whole for each line that b ends, without its newline.
func (l *lines) add(b []byte, whole func(line []byte)) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			l.rest = append(l.rest, b...)
			return
		}
		if len(l.rest) == 0 {
			whole(b[:i])
		} else {
			whole(append(l.rest, b[:i]...))
			l.rest = l.rest[:0]
		}
		b = b[i+1:]
	}
}
