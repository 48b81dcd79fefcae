package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/disk"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Errors that the operator may see.
var (
	// ErrNoStore says that the process does not serve the store that was asked for.
	ErrNoStore = apierr.New(codes.NotFound, errorsv1.Reason_REASON_PATH_NOT_FOUND,
		"this process does not serve that store")
	// ErrBackupRuns says that the store is being copied already.
	ErrBackupRuns = apierr.ErrOverloaded.Message("a backup of this store is running already; try again later")
	// ErrNoRoom says that a copy would fill the disk that the store needs.
	ErrNoRoom = apierr.New(codes.FailedPrecondition, errorsv1.Reason_REASON_STORE_FULL,
		"there is not enough room in the data folder for a copy of this store")
)

const (
	// chunkSize is the most bytes in a piece of a copy.
	chunkSize = 256 << 10
	// spareRoom is what a copy leaves of the disk for the store to grow.
	spareRoom = 64 << 20
)

// A Process says who serves.
type Process struct {
	Instance string
	Binary   string
	Version  string
	Start    time.Time
	// Draining tells whether it is stopping.
	Draining func() bool
}

// A Store is one that the process answers for.
type Store struct {
	// Dir is the service's data folder.
	Dir   string
	Store *store.Store
	Lease *lease.Lease
}

// Server answers the admin RPCs.
type Server struct {
	adminv1.UnsafeAdminServiceServer
	process Process
	order   []string
	stores  map[string]served
	// free gives the bytes free on a folder's disk.
	free func(dir string) (uint64, error)
}

type served struct {
	Store
	backup chan struct{} // holds one token while a backup runs
}

var _ adminv1.AdminServiceServer = (*Server)(nil)

// NewServer returns a server for a process that answers for the named stores, in order.
func NewServer(p Process, order []string, stores map[string]Store) *Server {
	s := &Server{process: p, order: order, stores: make(map[string]served, len(stores)), free: freeBytes}
	for name, st := range stores {
		s.stores[name] = served{Store: st, backup: make(chan struct{}, 1)}
	}
	return s
}

// GetStatus tells about the process and its stores.
func (s *Server) GetStatus(context.Context, *adminv1.GetStatusRequest) (*adminv1.GetStatusResponse, error) {
	resp := &adminv1.GetStatusResponse{
		Instance: s.process.Instance, Binary: s.process.Binary, Version: s.process.Version,
		Pid: int64(os.Getpid()), StartTime: timestamppb.New(s.process.Start), Draining: s.process.Draining(),
	}
	for _, name := range s.order {
		st, err := s.stores[name].status(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		resp.Stores = append(resp.Stores, st)
	}
	return resp, nil
}

// status tells about one store.
func (s served) status(name string) (*adminv1.StoreStatus, error) {
	is := s.Lease.Status()
	st := &adminv1.StoreStatus{
		Service: name, State: adminv1.StoreState(is.State), Owner: is.Owner, Held: is.Held, Forwarded: is.Forwarded, //nolint:gosec // the states are few
		LongestHold: durationpb.New(is.LongestHold), Refusal: is.Refusal, AnswersFromKeys: int64(s.Store.Store.AnswersFromKeys()), //nolint:gosec // far below 2^63
	}
	if is.State != lease.StateOwner {
		return st, nil
	}
	info, err := s.Store.Store.Info()
	if errors.Is(err, store.ErrClosed) {
		st.State = adminv1.StoreState_STORE_STATE_MOVING // since it was asked
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	st.Uuid, st.Checksum, st.SizeBytes = info.UUID, info.Checksum, info.SizeBytes
	st.Epoch, st.Sequence = int64(info.Epoch), int64(info.Sequence)                   //nolint:gosec // counters far below 2^63
	st.SchemaVersion, st.MinReader = int32(info.SchemaVersion), int32(info.MinReader) //nolint:gosec // as above
	st.OpenTime = timestamppb.New(info.OpenTime)
	return st, nil
}

// Backup sends a consistent copy of a store. It returns ErrNoStore, ErrBackupRuns,
// ErrNoRoom, store.ErrClosed with nothing sent, ctx's error or what the file system said.
func (s *Server) Backup(req *adminv1.BackupRequest, stream grpc.ServerStreamingServer[adminv1.BackupResponse]) error {
	st, ok := s.stores[req.GetService()]
	if !ok {
		return ErrNoStore
	}
	select {
	case st.backup <- struct{}{}:
		defer func() { <-st.backup }()
	default:
		return ErrBackupRuns
	}
	f, err := s.copyAside(stream.Context(), st)
	if err != nil {
		return err
	}
	return errors.Join(send(stream, f), f.Close())
}

// copyAside copies the store to a file beside it and returns the file, which has lost
// its name already. The receiver's pace is the network's, and no transaction may be
// open so long: the pages that are freed meanwhile could not be used again.
func (s *Server) copyAside(ctx context.Context, st served) (*os.File, error) {
	if err := s.checkRoom(st); err != nil {
		return nil, err
	}
	path := filepath.Join(st.Dir, s.process.Instance+lease.BackupSuffix)
	if err := st.Store.Store.BackupTo(ctx, path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, store.ErrClosed // the store has moved since, and its next owner has swept up
	}
	if err := errors.Join(err, disk.Remove(path)); err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return nil, err
	}
	return f, nil
}

func (s *Server) checkRoom(st served) error {
	info, err := st.Store.Store.Info()
	if err != nil {
		return err
	}
	free, err := s.free(st.Dir)
	if err != nil {
		return err
	}
	if need := uint64(info.SizeBytes) + spareRoom; free < need { //nolint:gosec // a size is not negative
		return ErrNoRoom.Message(fmt.Sprintf("a copy of this store needs %d MiB free in the data folder, which has %d MiB", need>>20, free>>20))
	}
	return nil
}

func send(stream grpc.ServerStreamingServer[adminv1.BackupResponse], f io.Reader) error {
	// gRPC has encoded a message when Send returns, so one buffer does for all.
	buf := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(f, buf)
		if n > 0 {
			if err := stream.Send(&adminv1.BackupResponse{Chunk: buf[:n]}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
