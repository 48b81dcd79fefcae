package cast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Status is what `status --json` prints.
type Status struct {
	Stores    []StoreStatus   `json:"stores"`
	Processes []ProcessStatus `json:"processes"`
}

// Store gives the status of a service's store.
func (s Status) Store(service string) (StoreStatus, bool) {
	for _, st := range s.Stores {
		if st.Service == service {
			return st, true
		}
	}
	return StoreStatus{}, false
}

// StoreStatus is a store, and who serves it.
type StoreStatus struct {
	Service string    `json:"service"`
	Served  bool      `json:"served"`
	Error   string    `json:"error"` // why it is not served
	Owner   Identity  `json:"owner"`
	Store   StoreInfo `json:"store"`
}

// Identity is who a process is.
type Identity struct {
	Instance  string    `json:"instance"`
	Binary    string    `json:"binary"`
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	StartTime time.Time `json:"startTime"`
}

// StoreInfo is what a store's owner knows of it.
type StoreInfo struct {
	UUID            string    `json:"uuid"`
	Epoch           uint64    `json:"epoch"`
	Sequence        uint64    `json:"sequence"`
	Checksum        string    `json:"checksum"`
	SizeBytes       int64     `json:"sizeBytes"`
	SchemaVersion   int       `json:"schemaVersion"`
	MinReader       int       `json:"minReader"`
	OpenTime        time.Time `json:"openTime"`
	AnswersFromKeys uint64    `json:"answersFromKeys"`
}

// ProcessStatus is a process, and what it is to each of its stores.
type ProcessStatus struct {
	Identity

	Draining bool         `json:"draining"`
	Stores   []RoleStatus `json:"stores"`
}

// RoleStatus is what a process is to a store, and what it has done for it.
type RoleStatus struct {
	Service     string   `json:"service"`
	State       string   `json:"state"` // OWNER, FORWARDER, CANDIDATE or MOVING
	Owner       string   `json:"owner"` // the owner's instance, as far as the process knows
	Held        int64    `json:"held"`
	Forwarded   int64    `json:"forwarded"`
	LongestHold Duration `json:"longestHold"`
}

// Move is the move of a store that `handoff --json` tells of.
type Move struct {
	Service  string   `json:"service"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Epoch    uint64   `json:"epoch"`
	Sequence uint64   `json:"sequence"`
	Checksum string   `json:"checksum"`
	Held     int64    `json:"held"` // how many requests were held meanwhile
	HoldP50  Duration `json:"holdP50"`
	HoldP99  Duration `json:"holdP99"`
	HoldMax  Duration `json:"holdMax"`
	Took     Duration `json:"took"`
}

// parseMoves takes the moves out of the lines that `handoff --json` prints: those that
// name the epoch which a move has begun. The others are its steps.
func parseMoves(out []byte) ([]Move, error) {
	var moves []Move
	for line := range bytes.Lines(out) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var m Move
		if err := json.Unmarshal(line, &m); err != nil {
			return moves, fmt.Errorf("what handoff prints: %q: %w", line, err)
		}
		if m.Epoch > 0 {
			moves = append(moves, m)
		}
	}
	return moves, nil
}

// Duration is a duration in JSON: "1.2ms".
type Duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

func (d Duration) String() string { return time.Duration(d).String() }

// Event is a line of a store's journal.
type Event struct {
	Time     time.Time `json:"time"`
	Event    string    `json:"event"` // as "owns" or "hands-over"
	Instance string    `json:"instance"`
	Binary   string    `json:"binary"`
	Epoch    uint64    `json:"epoch"`
	Sequence uint64    `json:"sequence"`
	To       string    `json:"to"` // whom it hands over to
	Why      string    `json:"why"`
}

// Journal reads the journal of a service's store: none if there is no file, and without
// a last line that is still being written.
func Journal(data, service string) ([]Event, error) {
	var events []Event
	// A journal that has grown long is put aside, and another one begun.
	for _, name := range []string{"journal.jsonl.1", "journal.jsonl"} {
		path := filepath.Join(data, service, name)
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			if !bytes.HasSuffix(line, []byte("\n")) {
				break
			}
			var e Event
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", path, line, err)
			}
			events = append(events, e)
		}
	}
	return events, nil
}
