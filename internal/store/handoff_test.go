package store

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/splitboard/splitboard/gen/splitboard/store/v1"
)

var someHandoff = Handoff{From: "m-1", To: "u-2", Time: time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)}

func TestPositionIsWhereTheStoreStands(t *testing.T) {
	s := openNew(t, Options{})
	for i := range 3 {
		mustChange(t, s, steps(put("k", string(rune('a'+i))), addItem))
		info, err := s.Info()
		if err != nil {
			t.Fatal(err)
		}
		want := Position{UUID: info.UUID, Epoch: 1, Sequence: uint64(i + 1), Checksum: info.Checksum}
		if got := positionOf(t, s); got != want || want.Checksum == 0 {
			t.Errorf("Position = %+v, want %+v", got, want)
		}
	}
}

func TestAHandoffIsRecordedAndMovesNothing(t *testing.T) {
	path := newPath(t)
	s := openAt(t, path, testSchema, Options{})
	if info, err := s.Info(); err != nil || info.LastHandoff != (Handoff{}) {
		t.Errorf("a new store was last handed over %+v, %v", info.LastHandoff, err)
	}
	mustChange(t, s, put("k", "v"))
	h := someHandoff
	for epoch := uint64(1); epoch < 4; epoch++ {
		shut(t, s)
		before := positionOf(t, s)
		if err := s.RecordHandoff(h); err != nil {
			t.Fatal(err)
		}
		if after := positionOf(t, s); after != before {
			t.Errorf("the record moved the store from %+v to %+v", before, after)
		}
		closeStore(t, s)
		reopen(t, s)
		want := h
		want.Epoch = epoch
		if info, err := s.Info(); err != nil || info.LastHandoff != want {
			t.Errorf("LastHandoff = %+v, %v; want %+v", info.LastHandoff, err, want)
		}
		h.From, h.To, h.Time = h.To, h.From, h.Time.Add(time.Minute)
	}
}

func TestAHandoffIsRecordedBehindTheGateOnly(t *testing.T) {
	s := openNew(t, Options{})
	if err := s.RecordHandoff(someHandoff); !errors.Is(err, ErrOpen) {
		t.Errorf("RecordHandoff with the gate open = %v, want ErrOpen", err)
	}
	closeStore(t, s)
	if err := s.RecordHandoff(someHandoff); !errors.Is(err, ErrClosed) {
		t.Errorf("RecordHandoff of a closed store = %v, want ErrClosed", err)
	}
	reopen(t, s)
	if info, err := s.Info(); err != nil || info.LastHandoff != (Handoff{}) {
		t.Errorf("LastHandoff = %+v, %v; want none", info.LastHandoff, err)
	}
}

func TestARecordWithoutRoomIsRolledBack(t *testing.T) {
	s := openNew(t, Options{})
	mustChange(t, s, put("k", "v"))
	shut(t, s)
	before := positionOf(t, s)
	failOnce(s, writeError(syscall.ENOSPC))
	if err := s.RecordHandoff(someHandoff); !errors.Is(err, ErrFull) {
		t.Errorf("RecordHandoff = %v, want ErrFull", err)
	}
	if after := positionOf(t, s); after != before {
		t.Errorf("the store went from %+v to %+v", before, after)
	}
	s.OpenGate()
	if info, err := s.Info(); err != nil || info.LastHandoff != (Handoff{}) {
		t.Errorf("LastHandoff = %+v, %v; want none", info.LastHandoff, err)
	}
	mustChange(t, s, put("k", "w"))
}

func TestARecordWithAnUnknownOutcomeIsFatal(t *testing.T) {
	fatal := make(chan error, 1)
	s := openNew(t, Options{Fatal: func(err error) { fatal <- err }})
	shut(t, s)
	failOnce(s, &fs.PathError{Op: "sync", Path: "p", Err: syscall.EIO})
	if err := s.RecordHandoff(someHandoff); !errors.Is(err, syscall.EIO) {
		t.Errorf("RecordHandoff = %v, want EIO", err)
	}
	if err := <-fatal; !errors.Is(err, syscall.EIO) {
		t.Errorf("Fatal was given %v, want EIO", err)
	}
}

// A record that cannot be read keeps nobody from the store.
func TestADamagedHandoffIsToldByTheCheck(t *testing.T) {
	bad, err := proto.Marshal(&storev1.Handoff{From: "f", Time: &timestamppb.Timestamp{Nanos: -1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string][]byte{"no proto": {0xff}, "no time": {}, "a bad time": bad} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			buildSound(t, path)
			if err := writeBolt(path, func(tx *bbolt.Tx) error { return metaPut(metaHandoff, value)(tx) }); err != nil {
				t.Fatal(err)
			}
			if problems, err := Check(path, testSchema); err != nil || len(problems) != 1 {
				t.Errorf("Check = %q, %v; want one problem", problems, err)
			}
			s := New(path, testSchema, Options{})
			reopen(t, s)
			if info, err := s.Info(); err != nil || info.LastHandoff != (Handoff{}) {
				t.Errorf("LastHandoff = %+v, %v", info.LastHandoff, err)
			}
			closeStore(t, s)
		})
	}
}
