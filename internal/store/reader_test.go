package store

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// A reader that stays open must not stop the writer, however far the file grows: bbolt
// remaps a file that outgrows its mapping, and waits for every reader to do so.
func TestAnOpenReaderDoesNotStopTheWriter(t *testing.T) {
	const (
		target  = 128 << 20 // several times what bbolt would map by itself at first
		perRow  = 60_000
		perStep = 20
	)
	s := openNew(t, Options{})
	mustChange(t, s, put("k", "before"))
	reading, release, read := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		read <- s.View(func(tx *bbolt.Tx) error {
			k := tx.Bucket(rowsBucket).Get([]byte("k"))
			close(reading)
			<-release
			// The old bytes still stand where they stood.
			if got := string(k); got != "before" {
				return fmt.Errorf("the open reader now reads %q", got)
			}
			if got := string(tx.Bucket(rowsBucket).Get([]byte("k"))); got != "before" {
				return fmt.Errorf("the open reader's row is now %q", got)
			}
			return nil
		})
	}()
	<-reading
	written := make(chan error, 1)
	go func() {
		for i := 0; i*perRow*perStep < target; i++ {
			if err := do(t.Context(), s, func(tx *Tx) error {
				for j := range perStep {
					if err := tx.Put(itemsBucket, be(uint64(i*perStep+j)), make([]byte, perRow)); err != nil {
						return err
					}
				}
				return put("k", strconv.Itoa(i))(tx)
			}); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	timeout := time.NewTimer(2 * time.Minute)
	defer timeout.Stop()
	select {
	case err := <-written:
		if err != nil {
			t.Error(err)
		}
		if stat, err := os.Stat(s.path); err != nil || stat.Size() < target {
			t.Errorf("the file is %v, %v; want at least %d bytes", stat, err, target)
		}
	case <-timeout.C:
		t.Error("the writer stands still while a reader is open")
	}
	close(release)
	if err := <-read; err != nil {
		t.Error(err)
	}
}
