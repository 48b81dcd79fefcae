package load

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A scripted server answers each connection's requests as a test wants it to.
func scripted(t *testing.T, serve func(conn net.Conn, r *bufio.Reader)) (face *restFace) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serve(conn, bufio.NewReader(conn))
			_ = conn.Close()
		}
	}()
	face = newRESTFace(func(string) string { return ln.Addr().String() })
	t.Cleanup(func() {
		face.close()
		_ = ln.Close()
		<-done
	})
	return face
}

const (
	answered = "HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n" + `{"id":7,"text":"a","etag":"\"1\"","username":""}`
	closing  = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 48\r\n\r\n" + `{"id":7,"text":"a","etag":"\"1\"","username":""}`
)

// take reads a request; it tells whether there was one.
func take(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	var body strings.Builder
	_, err = bufio.NewReader(req.Body).WriteTo(&body)
	return err == nil
}

func get(f *restFace) answer {
	return f.send(&request{kind: GetPost, id: 7}, f.at(Posts), 10*time.Second)
}

func TestKeepAlive(t *testing.T) {
	var conns atomic.Int32
	f := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		conns.Add(1)
		for take(r) {
			_, _ = conn.Write([]byte(answered))
		}
	})
	for range 3 {
		if a := get(f); a.err != "" || a.item != (item{id: 7, content: "a", etag: `"1"`}) {
			t.Fatalf("%+v", a)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("3 requests took %d connections", conns.Load())
	}
}

// TestConnectionClose has a server that says that it will close, and then takes what
// comes all the same: nothing must.
func TestConnectionClose(t *testing.T) {
	var conns, more atomic.Int32
	f := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		conns.Add(1)
		if take(r) {
			_, _ = conn.Write([]byte(closing))
		}
		if take(r) {
			more.Add(1)
		}
	})
	for range 3 {
		if a := get(f); a.err != "" {
			t.Fatalf("%+v", a)
		}
	}
	if len(f.conns) > 0 {
		t.Error("a connection is kept that is to close")
	}
	f.close()
	if conns.Load() != 3 || more.Load() != 0 {
		t.Errorf("3 requests took %d connections, %d came after the last", conns.Load(), more.Load())
	}
}

// TestIdleConnectionIsClosed has a server that closes connections between two requests,
// without a word: nothing is lost by that.
func TestIdleConnectionIsClosed(t *testing.T) {
	for name, parting := range map[string]string{
		"silently": "",
		// As some servers do to say why.
		"with an answer to no request": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var taken atomic.Int32
			f := scripted(t, func(conn net.Conn, r *bufio.Reader) {
				if take(r) {
					taken.Add(1)
					_, _ = conn.Write([]byte(answered + parting))
				}
			})
			for range 5 {
				if a := get(f); a.err != "" {
					t.Fatalf("%+v", a)
				}
				c := f.conns[f.at(Posts)]
				deadline := time.Now().Add(10 * time.Second)
				for c.r.Buffered() == 0 && c.peek.Usable() {
					if time.Now().After(deadline) {
						t.Fatal("the end of the connection is not seen")
					}
				}
			}
			if taken.Load() != 5 {
				t.Errorf("5 requests came in %d times", taken.Load())
			}
		})
	}
}

// TestConnectionBreaks has a server that takes a request and closes: it must not come
// again.
func TestConnectionBreaks(t *testing.T) {
	var taken atomic.Int32
	f := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		if !take(r) {
			return
		}
		switch taken.Add(1) {
		case 2:
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Le"))
		case 3:
			_, _ = conn.Write([]byte(answered[:len(answered)-5]))
		}
	})
	for n := range int32(3) {
		if a := get(f); a.err == "" {
			t.Errorf("request %d succeeded: %+v", n, a)
		}
		// A GET, and one with a key: these are what net/http would send again.
		if taken.Load() != n+1 {
			t.Fatalf("request %d came in %d times", n, taken.Load()-n)
		}
	}
}

// TestLateAnswer has a server that answers after the client has gone: the answer must
// not be taken for another request's.
func TestLateAnswer(t *testing.T) {
	late := make(chan struct{})
	first := true
	f := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		if !take(r) {
			return
		}
		if first {
			first = false
			<-late
		}
		_, _ = conn.Write([]byte(answered))
	})
	a := f.send(&request{kind: GetPost, id: 8}, f.at(Posts), 50*time.Millisecond)
	if a.err != "no answer in time" {
		t.Errorf("%+v", a)
	}
	close(late)
	if a := get(f); a.err != "" {
		t.Errorf("%+v", a)
	}
}

func TestNobodyListens(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newRESTFace(func(string) string { return ln.Addr().String() })
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if a := get(f); !strings.HasPrefix(a.err, "connecting: ") || strings.Contains(a.err, "127.0.0.1") {
		t.Errorf("%+v", a)
	}
}
