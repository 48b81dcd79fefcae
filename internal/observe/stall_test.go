package observe

import (
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A log that nobody reads holds a request up for maxStall at most, and then none at all;
// what was dropped is told when it is read again.
func TestAStalledLogDropsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe() // a write waits until it is read
		var mu sync.Mutex
		var told []error
		l := NewAccessLog(w, Text, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err)
		})
		line := make([]byte, bufferSize/2)
		l.add(line)
		l.add(line)
		go l.Flush()    // waits for a reader
		synctest.Wait() // and has the first buffer
		l.add(line)
		l.add(line) // the second is full too
		start := time.Now()
		l.add(line)
		if took := time.Since(start); took != maxStall {
			t.Errorf("the first line without room took %v, want %v", took, maxStall)
		}
		start = time.Now()
		l.add(line)
		if took := time.Since(start); took != 0 {
			t.Errorf("the next one took %v", took)
		}

		read := make(chan int64)
		go func() {
			n, _ := io.Copy(io.Discard, r)
			read <- n
		}()
		synctest.Wait()
		l.add(line) // there is room again
		l.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if n := <-read; n != 5*bufferSize/2 {
			t.Errorf("read %d bytes, want those of 5 lines", n)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 1 || told[0].Error() != "nobody read the log: 2 lines were dropped" {
			t.Errorf("told %v, want once that 2 lines were dropped", told)
		}
	})
}
