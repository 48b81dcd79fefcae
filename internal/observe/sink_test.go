package observe_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/splitboard/splitboard/internal/observe"
)

func TestSinkKeepsOrder(t *testing.T) {
	var out strings.Builder
	s := observe.NewSink(&out)
	var want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	s.Flush(10 * time.Second)
	if out.String() != want.String() {
		t.Errorf("%d bytes came out of %d, or in another order", out.Len(), want.Len())
	}
}

// Nobody waits for a reader who has stopped, and he is told what he missed.
func TestSinkWithoutAReader(t *testing.T) {
	r, w := io.Pipe()
	s := observe.NewSink(w)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	var writing sync.WaitGroup
	for range 8 {
		writing.Go(func() {
			for range 100 {
				_, _ = s.Write(line)
			}
		})
	}
	written := make(chan struct{})
	go func() { writing.Wait(); close(written) }()
	select {
	case <-written:
	case <-time.After(10 * time.Second):
		t.Fatal("writing waits for the reader")
	}
	began := time.Now()
	s.Flush(20 * time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("flushing took %v", took)
	}
	read := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		read <- string(all)
	}()
	s.Flush(10 * time.Second)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all := <-read
	if kept := strings.Count(all, "x\n"); kept == 0 || kept == 800 || !strings.Contains(all, fmt.Sprintf("%d lines were dropped", 800-kept)) {
		t.Errorf("%d of 800 lines were kept; the end is %q", kept, all[max(0, len(all)-60):])
	}
}
