package lease

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"
)

const (
	journalFile = "journal.jsonl"
	// journalLimit is how long the journal grows before it is begun anew. The one
	// before is kept beside it, as journal.jsonl.1.
	journalLimit = 1 << 20
	// journalWithin bounds the writing of a line.
	journalWithin = 100 * time.Millisecond
)

// Events of the journal.
const (
	eventOwns      = "owns"       // it took the lock, opened the store and admits requests
	eventHandsOver = "hands-over" // it closed the store for another that waits for the lock
	eventAborts    = "aborts"     // it broke a handoff off and goes on as the owner
	eventReleases  = "releases"   // it stopped, or closed a store that it found wrong
)

// An event is a line of a store's journal.
type event struct {
	Time     time.Time `json:"time"`
	Event    string    `json:"event"`
	Instance string    `json:"instance"`
	Binary   string    `json:"binary"`
	Epoch    uint64    `json:"epoch,omitempty"`
	Sequence uint64    `json:"sequence,omitempty"`
	To       string    `json:"to,omitempty"`
	Why      string    `json:"why,omitempty"`
}

// write appends the event to the journal in dir. Only the lock's holder may. It returns an
// error if that takes longer than journalWithin: who holds a lock waits for no file that is
// for people.
func (e event) write(dir string) error {
	return inTime(journalWithin, func() error { return e.append(dir) })
}

func (e event) append(dir string) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, journalFile)
	if fi, err := os.Stat(path); err == nil && fi.Size() > journalLimit {
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
