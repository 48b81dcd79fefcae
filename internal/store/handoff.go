package store

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/splitboard/splitboard/gen/splitboard/store/v1"
)

// A Position is where a store stands. Two processes that see the same position see the
// same store.
type Position struct {
	// UUID was given when the store was created.
	UUID string
	// Epoch counts how often the store was opened to be served.
	Epoch uint64
	// Sequence is the number of the last change.
	Sequence uint64
	// Checksum is the rolling checksum of the rows.
	Checksum uint64
}

// A Handoff is a planned move of a store from one process to another.
type Handoff struct {
	// From and To are the processes' instances.
	From, To string
	// Time is when it was recorded, just before the store was closed.
	Time time.Time
	// Epoch is the one that it ended. RecordHandoff fills it in.
	Epoch uint64
}

// Position tells where the open store stands, whether its gate is closed or not. It is
// not called inside a View or a change. It returns ErrClosed if the store is closed.
func (s *Store) Position() (Position, error) {
	s.life.Lock()
	defer s.life.Unlock()
	if s.file == nil {
		return Position{}, ErrClosed
	}
	var info Info
	err := s.file.db.View(func(tx *bbolt.Tx) (err error) {
		info, err = readInfo(tx)
		return err
	})
	return Position{UUID: info.UUID, Epoch: info.Epoch, Sequence: info.Sequence, Checksum: info.Checksum}, err
}

// RecordHandoff writes into the store that it is handed over, which leaves its position
// as it is. The gate is closed and nobody is inside. It returns ErrOpen if the gate is
// open, ErrClosed if the store is closed, and ErrFull if there was no room and the
// record was rolled back. After any other error the record may be there or not; if it
// came from the commit, Fatal has been called.
func (s *Store) RecordHandoff(h Handoff) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.file == nil {
		return ErrClosed
	}
	if !s.gate.isClosed() {
		return fmt.Errorf("%w: a handoff is recorded with the gate closed", ErrOpen)
	}
	tx, err := s.file.db.Begin(true)
	if err != nil {
		return err
	}
	if err := putHandoff(tx, h); err != nil {
		return rollback(tx, err)
	}
	if err := s.commitOrFail(tx); err != nil {
		if rolledBack := s.explainFailedCommit(s.file, err); rolledBack != nil {
			return rolledBack
		}
		s.opts.Fatal(err)
		return err
	}
	return nil
}

func putHandoff(tx *bbolt.Tx, h Handoff) error {
	meta := tx.Bucket(metaBucket)
	value, err := proto.Marshal(&storev1.Handoff{
		From: h.From, To: h.To, Time: timestamppb.New(h.Time), Epoch: number(meta.Get(metaEpoch)),
	})
	if err != nil {
		return err
	}
	return meta.Put(metaHandoff, value)
}

// errNoHandoff says that a value is no handoff's.
var errNoHandoff = errors.New("it is not the record of a handoff")

// readHandoff reads what putHandoff wrote. A missing value is a zero Handoff.
func readHandoff(value []byte) (Handoff, error) {
	if value == nil {
		return Handoff{}, nil
	}
	var h storev1.Handoff
	if err := proto.Unmarshal(value, &h); err != nil || !h.GetTime().IsValid() {
		return Handoff{}, errors.Join(errNoHandoff, err)
	}
	return Handoff{From: h.GetFrom(), To: h.GetTo(), Time: h.GetTime().AsTime(), Epoch: h.GetEpoch()}, nil
}
